//! `enroll`: makes an anonymous user for this device.

use serde_json::json;
use vestibule::event::{EnrollAnonymousUserEvent, EventKind, RecordRef};
use vestibule::ports::Clock as _;
use vestibule::record::StageKind;
use vestibule::{Answer, AuthenticationMode, EnrolledUser, KnownContent, KnownRecord, SystemClock};

use super::{Invocation, shown, user_json};
use crate::open_sdk::OpenSdk;
use crate::output::{Ending, Lines, Outcome, Report, Trouble, mode_in_words, rfc3339, state_in_words, time_in_words};
use crate::passwords::{Asked, Needed, PasswordOptions};
use crate::record_choice::parse_user;

/// Flags of `enroll`.
#[derive(Debug, clap::Args)]
pub(crate) struct Enroll {
    /// Tenant to enrol at (at the development IdP any name is one; default there: acme)
    #[arg(long)]
    tenant: Option<String>,
    /// Client that the IdP knows this app by (default: AstDeviceEnrollment)
    #[arg(long)]
    client_id: Option<String>,
    /// How the token is kept: no, password (asked for twice) or biometric (not in this build)
    #[arg(long, default_value = "no", value_parser = AuthenticationMode::parse)]
    mode: AuthenticationMode,
    /// Give up this user (tenant/user_id or record:HEX) for a new one
    #[arg(long, value_name = "USER", value_parser = parse_user)]
    replace: Option<RecordRef>,
    #[command(flatten)]
    passwords: PasswordOptions,
}

impl Enroll {
    pub(super) async fn run(self, invocation: &Invocation) -> Ending {
        if self.mode == AuthenticationMode::Biometric {
            return invocation
                .output
                .conclude(&Report::before_any_event(Trouble::of_missing_gate()));
        }
        let settings = &invocation.settings;
        let tenant = match self.tenant.map_or_else(|| settings.tenant().map(Into::into), Ok) {
            Ok(tenant) => tenant,
            Err(invalid) => return invocation.output.conclude(&Report::before_any_event(invalid.into())),
        };
        let client_id = self.client_id.unwrap_or_else(|| settings.client_id().into());
        let mut event = EnrollAnonymousUserEvent::new(&tenant, self.mode).with_client_id(&client_id);
        event.replace = self.replace;
        OpenSdk::serve(invocation, Some(self.passwords), async |opened| {
            let started = opened.start().await?;
            // One that was begun in another mode is opened with what it was begun with.
            let begun = unfinished_mode(&started.outcome.known, &tenant, &client_id);
            let needed = match Needed::to_change(AuthenticationMode::No, self.mode) {
                Needed::Nothing => Needed::to_open(begun),
                needed => needed,
            };
            opened.prepare(needed, Asked::Repeatedly, started.sdk_state).await?;
            let issuer = opened.issuer_template.replace("{tenant}", &tenant);
            let progress = Lines::default().with("state", state_in_words(started.sdk_state)).with(
                "enrolling",
                format!("at {issuer} as client {client_id}; nobody is asked for anything"),
            );
            invocation.output.progress(&progress);
            let step = format!("enrolling at {}", opened.host());
            let answer = opened.during(&step, opened.sdk.send(event)).await?;
            Ok(report(&answer, invocation, opened))
        })
        .await
    }
}

/// The mode of an enrolment that was begun here and not finished.
fn unfinished_mode(known: &[KnownRecord], tenant: &str, client_id: &str) -> AuthenticationMode {
    let here = |content: &&KnownContent| {
        let names = (content.tenant_id.as_str(), content.client_id.as_str());
        content.stage == StageKind::Enrolling && names == (tenant, client_id)
    };
    let begun = known
        .iter()
        .filter_map(|record| record.content.as_ref().ok())
        .find(here);
    begun.map_or(AuthenticationMode::No, |content| content.authentication_mode)
}

fn report(answer: &Answer<EnrolledUser>, invocation: &Invocation, opened: &OpenSdk) -> Report {
    let enrolled = &answer.outcome;
    let json = json!({
        "user_identifier": user_json(&enrolled.user_identifier),
        "authentication_mode": enrolled.authentication_mode.as_str(),
        "recoverable": enrolled.recoverable,
        "session_expires_at": enrolled.session_expires_at.map(rfc3339),
    });
    let mut outcome = Outcome::new(json, lines(answer, invocation));
    outcome.next = opened
        .audiences
        .first()
        .map(|audience| format!("token --audience {audience}"));
    Report::done(EventKind::EnrollAnonymousUser, answer.sdk_state, outcome)
}

fn lines(answer: &Answer<EnrolledUser>, invocation: &Invocation) -> Lines {
    let enrolled = &answer.outcome;
    let recoverable = if enrolled.recoverable {
        "yes: the device's key is the account. Lose the token, keep the user"
    } else {
        "no: this IdP does not tie the user to the device's key; the stored token is the account"
    };
    let session = enrolled.session_expires_at.map_or_else(
        || "no end is known".into(),
        |ends| format!("ends {} unless it is used", time_in_words(ends, SystemClock.wall())),
    );
    let settings = &invocation.settings;
    Lines::default()
        .with("status", "Ok")
        .with("state", state_in_words(answer.sdk_state))
        .with("user", enrolled.user_identifier.to_string())
        .with("mode", mode_in_words(enrolled.authentication_mode))
        .with("recoverable", recoverable)
        .with("session", session)
        .with(
            "kept in",
            format!(
                "{}, its key in {}",
                shown(&settings.data_dir),
                shown(&settings.state_dir)
            ),
        )
}
