//! `delete`: takes a user or a record off this device, and ends its session at the IdP where that is possible.

use serde_json::json;
use vestibule::event::{DeleteUserEvent, EventKind, RecordRef};
use vestibule::record::Unreadable;
use vestibule::status::StatusType;
use vestibule::{Answer, Deleted, KnownRecord};

use super::Invocation;
use super::list::record_json;
use crate::open_sdk::OpenSdk;
use crate::output::{Ending, Lines, Outcome, Report, Trouble, revocation_in_words, revocation_name, state_in_words};
use crate::passwords::{Asked, Needed, PasswordOptions};
use crate::record_choice::{find, mode_of, parse_user};

/// Flags of `delete`.
#[derive(Debug, clap::Args)]
pub(crate) struct Delete {
    /// What is deleted: tenant/user_id or record:HEX, as `list` shows them
    #[arg(value_name = "USER", value_parser = parse_user)]
    user: RecordRef,
    /// Ask for no password. Then the session cannot be revoked: it stays at the IdP until its idle end
    #[arg(long)]
    without_credential: bool,
    /// Delete it even where a newer version wrote it, and this one cannot read what is lost
    #[arg(long)]
    even_newer: bool,
    #[command(flatten)]
    passwords: PasswordOptions,
}

impl Delete {
    pub(super) async fn run(self, invocation: &Invocation) -> Ending {
        OpenSdk::serve(invocation, Some(self.passwords), async |opened| {
            let started = opened.start().await?;
            let known = &started.outcome.known;
            if is_newer(known, &self.user) && !self.even_newer {
                let trouble = Trouble::of_newer_record();
                return Err(Report::failed(Some(EventKind::Start), started.sdk_state, trouble));
            }
            let mut event = DeleteUserEvent::new(self.user.clone());
            if self.without_credential {
                event = event.without_credential();
            } else {
                let needed = Needed::to_open(mode_of(known, &self.user));
                let prepared = opened.prepare(needed, Asked::Once, started.sdk_state).await;
                prepared.map_err(with_way_out)?;
            }
            let step = format!("deleting {}; its session is at {}", self.user, opened.host());
            let answer = opened.during(&step, opened.sdk.send(event)).await;
            let answer = answer.map_err(|failure| with_way_out(failure.into()))?;
            Ok(report(&answer, &self.user))
        })
        .await
    }
}

fn is_newer(known: &[KnownRecord], user: &RecordRef) -> bool {
    find(known, user).is_some_and(|record| record.content == Err(Unreadable::NewerFormat))
}

/// Who does not have the credential is told how to go on without it.
fn with_way_out(report: Report) -> Report {
    let lacks_credential = |trouble: &Trouble| match trouble.status {
        StatusType::WrongCredentials
        | StatusType::LockedUser
        | StatusType::UserCancel
        | StatusType::UserConfirmationTimeout
        | StatusType::BiometricUnavailable
        | StatusType::BiometricInvalidated => true,
        _ => trouble.is_missing_terminal(),
    };
    let result = report.result.map_err(|mut trouble| {
        if lacks_credential(&trouble) {
            trouble.advice += " Or delete --without-credential: then nothing is revoked.";
        }
        trouble
    });
    Report { result, ..report }
}

fn report(answer: &Answer<Deleted>, user: &RecordRef) -> Report {
    let Deleted {
        remaining, revocation, ..
    } = &answer.outcome;
    let json = json!({
        "deleted": user.to_string(),
        "revocation": revocation_name(*revocation),
        "remaining": remaining.iter().map(record_json).collect::<Vec<_>>(),
    });
    let lines = Lines::default()
        .with("status", "Ok")
        .with("state", state_in_words(answer.sdk_state))
        .with("deleted", user.to_string())
        .with("session", revocation_in_words(*revocation));
    let lines = match remaining.as_slice() {
        [] => lines.with("left", "nothing"),
        left => left
            .iter()
            .fold(lines, |lines, record| lines.with("left", name_of(record))),
    };
    let mut outcome = Outcome::new(json, lines);
    outcome.next = remaining.is_empty().then(|| "enroll".into());
    Report::done(EventKind::DeleteUser, answer.sdk_state, outcome)
}

fn name_of(record: &KnownRecord) -> String {
    let handle = RecordRef::Handle(record.handle).to_string();
    match (&record.content, record.user()) {
        (_, Some(user)) => user.to_string(),
        (Ok(_), None) => format!("{handle}, an unfinished enrolment"),
        (Err(_), None) => format!("{handle}, which cannot be read"),
    }
}
