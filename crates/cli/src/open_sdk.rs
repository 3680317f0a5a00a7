//! An SDK for one command: opened at the IdP that was configured or at the embedded one, ended by itself or by a signal.

use std::sync::Arc;
use std::time::Duration;

use vestibule::event::{EventKind, GetInformationEvent, StartEvent};
use vestibule::notification::Notification;
use vestibule::ports::{Clock as _, PasswordSource};
use vestibule::status::Cause;
use vestibule::{Answer, Notifications, OpenError, Sdk, SdkState, Started, SystemClock};

use crate::commands::Invocation;
use crate::embedded_idp::EmbeddedIdp;
use crate::interruption::{Ended, Signals};
use crate::output::{Ending, Report, Trouble};
use crate::passwords::{Asked, Needed, PasswordOptions, Passwords};
use crate::steps::Steps;

/// What this app calls itself when it starts the SDK.
const APP_NAME: &str = "vestibule-cli";
/// The language of its texts.
const LOCALE: &str = "en";

/// So long does a command wait for sessions that are queued for revocation.
pub(crate) const REVOCATIONS_GET: Duration = Duration::from_secs(2);

/// An SDK for one command.
pub(crate) struct OpenSdk {
    pub(crate) sdk: Sdk,
    /// The issuers, with `{tenant}` in it where there are several.
    pub(crate) issuer_template: String,
    /// Whether the development IdP is used because no issuer is configured.
    pub(crate) is_development: bool,
    /// Whom tokens can be asked for.
    pub(crate) audiences: Vec<String>,
    /// Who is asked for passwords, where the command may ask at all.
    passwords: Option<Arc<Passwords>>,
    steps: Steps,
    notifications: Notifications,
    idp: Option<EmbeddedIdp>,
}

impl OpenSdk {
    /// Serves one command, which may ask for passwords where it has the options for it. Its answer is told whole or,
    /// after a second signal, not at all.
    pub(crate) async fn serve(
        invocation: &Invocation,
        passwords: Option<PasswordOptions>,
        work: impl AsyncFnOnce(&Self) -> Result<Report, Report>,
    ) -> Ending {
        let output = &invocation.output;
        let fail = |trouble| output.conclude(&Report::before_any_event(trouble));
        let mut signals = match Signals::listen() {
            Ok(signals) => signals,
            Err(error) => return fail(Trouble::of_system("signals cannot be waited for", &error)),
        };
        let mut opened = match Self::open(invocation, passwords).await {
            Ok(opened) => opened,
            Err(trouble) => return fail(trouble),
        };
        let work = async {
            let report = work(&opened).await.unwrap_or_else(|failed| failed);
            opened.work_off_revocations().await;
            report
        };
        let ended = signals.or_done(&opened.sdk, || opened.close_prompts(), work).await;
        opened.wipe_passwords();
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
        let started = self.during("starting", self.sdk.send(event)).await;
        started.map_err(Report::from)
    }

    /// Shows what the command is at, until it is done.
    pub(crate) async fn during<T>(&self, step: &str, work: impl Future<Output = T>) -> T {
        self.steps.during(step, work).await
    }

    /// Where the IdP is, for a person: without scheme and path.
    pub(crate) fn host(&self) -> &str {
        let rest = self.issuer_template.split_once("://").map_or("", |(_, rest)| rest);
        rest.split('/').next().unwrap_or_default()
    }

    /// Sees that the passwords that will be asked for can be had. Nothing was sent then but what a start needs.
    pub(crate) async fn prepare(&self, needed: Needed, asked: Asked, sdk_state: SdkState) -> Result<(), Report> {
        let Some(passwords) = &self.passwords else {
            return Ok(());
        };
        let prepared = passwords.prepare(needed, asked).await;
        prepared.map_err(|trouble| Report::failed(Some(EventKind::Start), sdk_state, trouble))
    }

    /// A short command would cut off what a start does in the background: a session that is queued for revocation gets a
    /// try, within [`REVOCATIONS_GET`].
    async fn work_off_revocations(&self) {
        let mut told = self.sdk.notifications();
        let tried = async {
            while self.revocations_queued().await > 0 {
                if matches!(told.next().await, Some(Notification::RevocationPending) | None) {
                    return;
                }
            }
        };
        let tried = async {
            tokio::select! {
                biased;
                () = tried => {}
                () = SystemClock.sleep(REVOCATIONS_GET) => {}
            }
        };
        self.during("revoking a session that has ended here", tried).await;
    }

    async fn revocations_queued(&self) -> usize {
        let told = self.sdk.send(GetInformationEvent).await;
        told.map_or(0, |answer| answer.outcome.revocations_queued)
    }

    fn close_prompts(&self) {
        self.passwords.iter().for_each(|passwords| passwords.close());
    }

    fn wipe_passwords(&self) {
        self.passwords.iter().for_each(|passwords| passwords.wipe());
    }

    async fn open(
        Invocation { settings, output }: &Invocation,
        passwords: Option<PasswordOptions>,
    ) -> Result<Self, Trouble> {
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
        let steps = output.steps.clone();
        let passwords = passwords.map(|options| Arc::new(Passwords::new(options, steps.clone())));
        let mut builder = Sdk::wire(sdk_settings).map_err(|error| Trouble::from(&error))?;
        if let Some(passwords) = &passwords {
            builder = builder.password_source(Arc::clone(passwords) as Arc<dyn PasswordSource>);
        }
        let sdk = builder
            .build()
            .map_err(|error| Trouble::from(&OpenError::from(error)))?;
        Ok(Self {
            passwords,
            steps,
            notifications: sdk.notifications(),
            sdk,
            issuer_template,
            is_development: idp.is_some(),
            audiences: settings.audience_names(),
            idp,
        })
    }
}
