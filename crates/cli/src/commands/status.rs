//! `status`: state, users, where data lies.

use serde_json::json;
use vestibule::event::{EventKind, GetInformationEvent};

use super::{Invocation, shown, user_json};
use crate::open_sdk::OpenSdk;
use crate::output::{Ending, Lines, Outcome, Report, state_in_words};

/// `status` has no flags of its own.
#[derive(Debug, clap::Args)]
pub(crate) struct Status {}

impl Status {
    pub(super) async fn run(self, invocation: &Invocation) -> Ending {
        let settings = &invocation.settings;
        OpenSdk::serve(invocation, None, async |opened| {
            let places = Lines::default()
                .with("issuer", &opened.issuer_template)
                .with("records", shown(&settings.data_dir))
                .with("device key", shown(&settings.state_dir));
            // A storage that cannot be read ends the command: where it lies is then the first thing to know.
            invocation.output.progress(&places);
            opened.start().await?;
            let answer = opened.sdk.send(GetInformationEvent).await?;
            let information = &answer.outcome;
            let json = json!({
                "sdk_version": information.sdk_version,
                "users": information.users.iter().map(user_json).collect::<Vec<_>>(),
                "issuer": opened.issuer_template,
                "development_idp": opened.is_development,
                "data_dir": settings.data_dir,
                "state_dir": settings.state_dir,
            });
            let lines = Lines::default()
                .with("version", information.sdk_version)
                .with("state", state_in_words(information.sdk_state));
            let lines = information
                .users
                .iter()
                .fold(lines, |lines, user| lines.with("user", user.to_string()));
            let outcome = Outcome::new(json, lines);
            Ok(Report::done(EventKind::GetInformation, answer.sdk_state, outcome))
        })
        .await
    }
}
