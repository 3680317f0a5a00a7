//! `login`: unlocks the stored token and proves it at the IdP.

use serde_json::json;
use vestibule::event::{EventKind, GetInformationEvent, OfflineLoginEvent, RecordRef};
use vestibule::ports::Clock as _;
use vestibule::status::Cause;
use vestibule::{Answer, AuthenticationMode, Information, SdkState, SystemClock};

use super::{Invocation, user_json};
use crate::open_sdk::OpenSdk;
use crate::output::{Ending, Lines, Outcome, Report, Trouble, rfc3339, state_in_words, time_in_words};
use crate::passwords::{Asked, Needed, PasswordOptions};
use crate::record_choice::{is_candidate, mode_of, only_one, parse_user};

/// Flags of `login`.
#[derive(Debug, clap::Args)]
pub(crate) struct Login {
    /// Who logs in: tenant/user_id or record:HEX, as `list` shows them (default: the only one)
    #[arg(value_name = "USER", value_parser = parse_user)]
    user: Option<RecordRef>,
    #[command(flatten)]
    passwords: PasswordOptions,
}

impl Login {
    pub(super) async fn run(self, invocation: &Invocation) -> Ending {
        OpenSdk::serve(invocation, Some(self.passwords), async |opened| {
            let chosen = choose_record(opened, self.user).await?;
            let needed = Needed::to_open(chosen.mode);
            opened.prepare(needed, Asked::Once, chosen.sdk_state).await?;
            let answer = log_in(opened, chosen).await?;
            let information = opened.sdk.send(GetInformationEvent).await?.outcome;
            let outcome = Outcome::new(json(&information), lines(&information));
            Ok(Report::done(EventKind::OfflineLogin, answer.sdk_state, outcome))
        })
        .await
    }
}

/// The record that a command speaks of.
pub(super) struct Chosen {
    pub(super) record: RecordRef,
    /// Its mode, as its header says before anybody is asked.
    pub(super) mode: AuthenticationMode,
    /// The state after the start.
    pub(super) sdk_state: SdkState,
}

/// Starts the SDK and finds the record: of whoever is named, or the only one.
pub(super) async fn choose_record(opened: &OpenSdk, user: Option<RecordRef>) -> Result<Chosen, Report> {
    let Answer { outcome, sdk_state, .. } = opened.start().await?;
    let known = outcome.known;
    let candidates = || {
        known
            .iter()
            .filter(|record| is_candidate(record))
            .map(|record| record.handle)
    };
    let chosen = match user {
        Some(named) => Ok(Some(named)),
        None => only_one(candidates()),
    };
    let refuse = |cause: Cause| Report::failed(Some(EventKind::OfflineLogin), sdk_state, Trouble::from(&cause));
    match chosen {
        Ok(Some(record)) => Ok(Chosen {
            mode: mode_of(&known, &record),
            record,
            sdk_state,
        }),
        // What the SDK would say, if it could be asked about nobody.
        Ok(None) => Err(refuse(Cause::InvalidState {
            event: EventKind::OfflineLogin,
            state: SdkState::ActivationRequired,
        })),
        Err(several) => Err(refuse(Cause::InvalidParameter(several))),
    }
}

/// Logs somebody in.
pub(super) async fn log_in(opened: &OpenSdk, chosen: Chosen) -> Result<Answer<()>, Report> {
    let event = OfflineLoginEvent::new(chosen.record);
    let step = format!("logging in at {}", opened.host());
    Ok(opened.during(&step, opened.sdk.send(event)).await?)
}

fn json(information: &Information) -> serde_json::Value {
    json!({
        "user_identifier": information.logged_in.as_ref().map(user_json),
        "session_expires_at": information.session_expires_at.map(rfc3339),
    })
}

fn lines(information: &Information) -> Lines {
    let user = information.logged_in.as_ref().map(ToString::to_string);
    let session = information.session_expires_at.map_or_else(
        || "no end is known".into(),
        |ends| format!("ends {} unless it is used", time_in_words(ends, SystemClock.wall())),
    );
    Lines::default()
        .with("status", "Ok")
        .with("state", state_in_words(information.sdk_state))
        .with("user", user.unwrap_or_default())
        .with("session", session)
}
