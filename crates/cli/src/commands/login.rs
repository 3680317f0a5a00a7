//! `login`: unlocks the stored token and proves it at the IdP.

use serde_json::json;
use vestibule::event::{EventKind, GetInformationEvent, OfflineLoginEvent, RecordRef};
use vestibule::ports::Clock as _;
use vestibule::status::Cause;
use vestibule::{Answer, Information, SdkState, SystemClock};

use super::{Invocation, user_json};
use crate::open_sdk::OpenSdk;
use crate::output::{Ending, Lines, Outcome, Report, Trouble, rfc3339, state_in_words, time_in_words};
use crate::record_choice::{is_candidate, only_one, parse_user};

/// Flags of `login`.
#[derive(Debug, clap::Args)]
pub(crate) struct Login {
    /// Who logs in: tenant/user_id or record:HEX, as `list` shows them (default: the only one)
    #[arg(value_name = "USER", value_parser = parse_user)]
    user: Option<RecordRef>,
}

impl Login {
    pub(super) async fn run(self, invocation: &Invocation) -> Ending {
        OpenSdk::serve(invocation, async |opened| {
            let answer = log_in(opened, self.user).await?;
            let information = opened.sdk.send(GetInformationEvent).await?.outcome;
            let outcome = Outcome::new(json(&information), lines(&information));
            Ok(Report::done(EventKind::OfflineLogin, answer.sdk_state, outcome))
        })
        .await
    }
}

/// Starts the SDK and logs somebody in: whoever is named, or the only one.
pub(super) async fn log_in(opened: &OpenSdk, user: Option<RecordRef>) -> Result<Answer<()>, Report> {
    let started = opened.start().await?;
    let candidates = || {
        let known = started.outcome.known.iter();
        known.filter(|record| is_candidate(record)).map(|record| record.handle)
    };
    let chosen = match user {
        Some(named) => Ok(Some(named)),
        None => only_one(candidates()),
    };
    let refuse = |cause: Cause| Report::failed(Some(EventKind::OfflineLogin), started.sdk_state, Trouble::from(&cause));
    match chosen {
        Ok(Some(record)) => Ok(opened.sdk.send(OfflineLoginEvent::new(record)).await?),
        // What the SDK would say, if it could be asked about nobody.
        Ok(None) => Err(refuse(Cause::InvalidState {
            event: EventKind::OfflineLogin,
            state: SdkState::ActivationRequired,
        })),
        Err(several) => Err(refuse(Cause::InvalidParameter(several))),
    }
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
