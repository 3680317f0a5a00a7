//! `token`: an access token for one audience, to hand to a third party.

use serde_json::json;
use vestibule::event::{EventKind, ExchangeIamTokenEvent, RecordRef};
use vestibule::ports::Clock as _;
use vestibule::{IamToken, SystemClock};

use super::Invocation;
use super::login::{choose_record, log_in};
use crate::open_sdk::OpenSdk;
use crate::output::{Ending, Lines, Outcome, Report, rfc3339, time_in_words};
use crate::passwords::{Asked, Needed, PasswordOptions};
use crate::record_choice::parse_user;

/// Flags of `token`.
#[derive(Debug, clap::Args)]
pub(crate) struct Token {
    /// Who the token is for (at the development IdP: orders or billing)
    #[arg(long)]
    audience: String,
    /// Whose token: tenant/user_id or record:HEX, as `list` shows them (default: the only one)
    #[arg(value_name = "USER", value_parser = parse_user)]
    user: Option<RecordRef>,
    /// Ask the IdP even where a valid token is cached
    #[arg(long)]
    force: bool,
    /// Print the token, alone on stdout. Whoever reads it can use it
    #[arg(long)]
    reveal: bool,
    #[command(flatten)]
    passwords: PasswordOptions,
}

impl Token {
    pub(super) async fn run(self, invocation: &Invocation) -> Ending {
        let mut event = ExchangeIamTokenEvent::new(self.audience);
        event.force_update = self.force;
        OpenSdk::serve(invocation, Some(self.passwords), async |opened| {
            let chosen = choose_record(opened, self.user).await?;
            let needed = Needed::to_open(chosen.mode);
            opened.prepare(needed, Asked::Once, chosen.sdk_state).await?;
            log_in(opened, chosen).await?;
            let step = format!("asking {} for a token", opened.host());
            let answer = opened.during(&step, opened.sdk.send(event)).await?;
            let outcome = outcome(&answer.outcome, self.reveal);
            Ok(Report::done(EventKind::ExchangeIamToken, answer.sdk_state, outcome))
        })
        .await
    }
}

fn outcome(token: &IamToken, reveal: bool) -> Outcome {
    let mut json = json!({
        "audience": token.audience.as_str(),
        "scope": token.scope,
        "expires_at": rfc3339(token.expires_at),
    });
    let mut lines = Lines::default()
        .with("status", "Ok")
        .with("audience", token.audience.as_str())
        .with("scope", token.scope.join(" "))
        .with("expires", time_in_words(token.expires_at, SystemClock.wall()));
    let revealed = reveal.then(|| token.value.expose().to_owned());
    match (&revealed, json.as_object_mut()) {
        (Some(value), Some(object)) => {
            object.insert("token".into(), value.as_str().into());
        }
        (Some(_), None) => {}
        (None, _) => lines = lines.with("token", "not shown; --reveal prints it"),
    }
    let mut outcome = Outcome::new(json, lines);
    outcome.bare = revealed;
    outcome
}
