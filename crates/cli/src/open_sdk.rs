//! An SDK for one command: opened at the IdP that was configured or at the embedded one, ended by itself or by a signal.

use vestibule::event::StartEvent;
use vestibule::status::Cause;
use vestibule::{Answer, Notifications, Sdk, Started};

use crate::commands::Invocation;
use crate::embedded_idp::EmbeddedIdp;
use crate::interruption::{Ended, Signals};
use crate::output::{Ending, Report, Trouble};

/// What this app calls itself when it starts the SDK.
const APP_NAME: &str = "vestibule-cli";
/// The language of its texts.
const LOCALE: &str = "en";

/// An SDK for one command.
pub(crate) struct OpenSdk {
    pub(crate) sdk: Sdk,
    /// The issuers, with `{tenant}` in it where there are several.
    pub(crate) issuer_template: String,
    /// Whether the development IdP is used because no issuer is configured.
    pub(crate) is_development: bool,
    /// Whom tokens can be asked for.
    pub(crate) audiences: Vec<String>,
    notifications: Notifications,
    idp: Option<EmbeddedIdp>,
}

impl OpenSdk {
    /// Serves one command. Its answer is told whole or, after a second signal, not at all.
    pub(crate) async fn serve(
        invocation: &Invocation,
        work: impl AsyncFnOnce(&Self) -> Result<Report, Report>,
    ) -> Ending {
        let output = &invocation.output;
        let fail = |trouble| output.conclude(&Report::before_any_event(trouble));
        let mut signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => return fail(Trouble::of_system("signals cannot be waited for", &error)),
        };
        let mut opened = match Self::open(invocation).await {
            Ok(opened) => opened,
            Err(trouble) => return fail(trouble),
        };
        let work = async { work(&opened).await.unwrap_or_else(|failed| failed) };
        let ended = signals.or_done(&opened.sdk, work).await;
        while let Some(notification) = opened.notifications.try_next() {
            output.notify(&notification);
        }
        let ending = match ended {
            Ended::ByItself(report) => {
                opened.sdk.shutdown().await;
                output.conclude(&report)
            }
            Ended::BySignal(signal, report) => {
                let unknown = || Report::failed(None, opened.sdk.state(), Trouble::from(&Cause::ShutDown));
                output.conclude(&report.unwrap_or_else(unknown).after_signal());
                Ending::Signal(signal)
            }
        };
        if let Some(idp) = opened.idp {
            idp.shutdown().await;
        }
        ending
    }

    /// Starts the SDK: what is known on this device.
    pub(crate) async fn start(&self) -> Result<Answer<Started>, Report> {
        let event = StartEvent::new(APP_NAME, env!("CARGO_PKG_VERSION"), LOCALE);
        self.sdk.send(event).await.map_err(Report::from)
    }

    async fn open(Invocation { settings, output }: &Invocation) -> Result<Self, Trouble> {
        let (idp, issuer_template, sdk_settings) = match settings.issuer() {
            Some(issuer) => (None, issuer.to_owned(), settings.at_issuer(issuer)?),
            None => {
                let idp = EmbeddedIdp::find_or_start(&settings.state_dir).await;
                let idp = idp.map_err(|error| Trouble::from(&error))?;
                output.note(&idp.introduction());
                let issuer = idp.issuer_template.clone();
                let sdk_settings = settings.at_development_idp(&issuer)?;
                (Some(idp), issuer, sdk_settings)
            }
        };
        let sdk = Sdk::open(sdk_settings).map_err(|error| Trouble::from(&error))?;
        Ok(Self {
            notifications: sdk.notifications(),
            sdk,
            issuer_template,
            is_development: idp.is_some(),
            audiences: settings.audience_names(),
            idp,
        })
    }
}
