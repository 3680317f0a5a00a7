//! `list`: the records of this device.

use serde_json::{Value, json};
use vestibule::KnownRecord;
use vestibule::event::{EventKind, RecordRef};
use vestibule::status::Cause;

use super::{Invocation, user_json};
use crate::open_sdk::OpenSdk;
use crate::output::{Ending, Lines, Outcome, Report, mode_in_words, stage_in_words, state_in_words};

/// `list` has no flags of its own.
#[derive(Debug, clap::Args)]
pub(crate) struct List {}

impl List {
    pub(super) async fn run(self, invocation: &Invocation) -> Ending {
        OpenSdk::serve(invocation, None, async |opened| {
            let started = opened.start().await?;
            let known = &started.outcome.known;
            let json = json!({"records": known.iter().map(record_json).collect::<Vec<_>>()});
            let lines = Lines::default().with("state", state_in_words(started.sdk_state));
            let outcome = Outcome::new(json, known.iter().fold(lines, record_lines));
            Ok(Report::done(EventKind::Start, started.sdk_state, outcome))
        })
        .await
    }
}

pub(super) fn record_json(record: &KnownRecord) -> Value {
    let handle = RecordRef::Handle(record.handle).to_string();
    match &record.content {
        Ok(content) => json!({
            "record": handle,
            "user_identifier": content.user.as_ref().map(user_json),
            "tenant_id": content.tenant_id.as_str(),
            "client_id": content.client_id.as_str(),
            "authentication_mode": content.authentication_mode.as_str(),
            "stage": format!("{:?}", content.stage),
        }),
        Err(why) => json!({"record": handle, "unreadable": format!("{why:?}")}),
    }
}

fn record_lines(lines: Lines, record: &KnownRecord) -> Lines {
    let handle = RecordRef::Handle(record.handle).to_string();
    let lines = lines.with("", "");
    match &record.content {
        Ok(content) => {
            let user = content
                .user
                .as_ref()
                .map_or_else(|| "none yet".into(), ToString::to_string);
            lines
                .with("user", user)
                .with("record", handle)
                .with("tenant", content.tenant_id.as_str())
                .with("client", content.client_id.as_str())
                .with("mode", mode_in_words(content.authentication_mode))
                .with("stage", stage_in_words(content.stage))
        }
        Err(why) => lines
            .with("record", handle)
            .with("unreadable", Cause::from(*why).to_string()),
    }
}
