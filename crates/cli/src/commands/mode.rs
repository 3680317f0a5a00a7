//! `mode`: how the stored token is kept from now on; also a new password.

use serde_json::json;
use vestibule::event::{EventKind, GetInformationEvent, RecordRef, SetAuthenticationModeEvent};
use vestibule::{AuthenticationMode, Information};

use super::login::{choose_record, log_in};
use super::{Invocation, user_json};
use crate::open_sdk::OpenSdk;
use crate::output::{Ending, Lines, Outcome, Report, Trouble, mode_in_words, state_in_words};
use crate::passwords::{Asked, Needed, PasswordOptions};
use crate::record_choice::parse_user;

/// Flags of `mode`.
#[derive(Debug, clap::Args)]
pub(crate) struct Mode {
    /// How the token is kept from now on: no, password (also to change it) or biometric (not in this build)
    #[arg(long, value_name = "MODE", value_parser = AuthenticationMode::parse)]
    to: AuthenticationMode,
    /// Whose: tenant/user_id or record:HEX, as `list` shows them (default: the only one)
    #[arg(value_name = "USER", value_parser = parse_user)]
    user: Option<RecordRef>,
    #[command(flatten)]
    passwords: PasswordOptions,
}

impl Mode {
    pub(super) async fn run(self, invocation: &Invocation) -> Ending {
        if self.to == AuthenticationMode::Biometric {
            let refused = Report::before_any_event(Trouble::of_missing_gate());
            return invocation.output.conclude(&refused);
        }
        OpenSdk::serve(invocation, Some(self.passwords), async |opened| {
            let chosen = choose_record(opened, self.user).await?;
            let needed = Needed::to_change(chosen.mode, self.to);
            // The login opens the record, and the change opens it again.
            opened.prepare(needed, Asked::Repeatedly, chosen.sdk_state).await?;
            log_in(opened, chosen).await?;
            let event = SetAuthenticationModeEvent::new(self.to);
            let step = format!("sealing the token in mode {}", self.to);
            let answer = opened.during(&step, opened.sdk.send(event)).await?;
            let information = opened.sdk.send(GetInformationEvent).await?.outcome;
            let outcome = outcome(&information, self.to);
            Ok(Report::done(
                EventKind::SetAuthenticationMode,
                answer.sdk_state,
                outcome,
            ))
        })
        .await
    }
}

fn outcome(information: &Information, mode: AuthenticationMode) -> Outcome {
    let user = information.logged_in.as_ref();
    let json = json!({
        "user_identifier": user.map(user_json),
        "authentication_mode": mode.as_str(),
    });
    let lines = Lines::default()
        .with("status", "Ok")
        .with("state", state_in_words(information.sdk_state))
        .with("user", user.map(ToString::to_string).unwrap_or_default())
        .with("mode", mode_in_words(mode));
    Outcome::new(json, lines)
}
