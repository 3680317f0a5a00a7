//! `dev-idp`: the development IdP in the foreground.

use serde_json::json;
use vestibule::SdkState;

use super::{Invocation, shown};
use crate::embedded_idp::{STATE_FILE, start};
use crate::interruption::Signals;
use crate::output::{Ending, Lines, Outcome, Report, Trouble};

/// Flags of `dev-idp`.
#[derive(Debug, clap::Args)]
pub(crate) struct Serve {
    /// Port on 127.0.0.1, kept for later (default: the one it had, at first a free one)
    #[arg(long)]
    port: Option<u16>,
}

impl Serve {
    pub(super) async fn run(self, Invocation { settings, output }: &Invocation) -> Ending {
        let fail = |trouble| output.conclude(&Report::before_any_event(trouble));
        let mut signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => return fail(Trouble::of_system("signals cannot be waited for", &error)),
        };
        let idp = match start(&settings.state_dir, self.port).await {
            Ok(idp) => idp,
            Err(error) => return fail(Trouble::from(&error)),
        };
        let audiences = vestibule_dev_idp::scope::AUDIENCES;
        let lines = Lines::default()
            .with(
                "serving",
                format!("{} (any tenant name is a realm)", idp.issuer_template()),
            )
            .with("audiences", audiences.join(", "))
            .with("kept in", shown(&settings.state_dir.join(STATE_FILE)))
            .with("end", "Ctrl-C");
        let json = json!({"issuer": idp.issuer_template(), "port": idp.port(), "audiences": audiences});
        output.conclude(&Report {
            event: None,
            sdk_state: SdkState::NotStarted,
            result: Ok(Outcome::new(json, lines)),
        });
        let signal = signals.next().await;
        idp.shutdown().await;
        Ending::Signal(signal)
    }
}
