//! How a command ended, for persons and for programs.

use serde::Serialize;
use serde_json::Value;
use vestibule::event::EventKind;
use vestibule::status::{Retry, StatusType};
use vestibule::{Failure, SdkState};

use super::{Ending, Lines, Trouble};

/// How a command ended.
#[derive(Clone, Debug)]
pub(crate) struct Report {
    /// The last event that the SDK answered.
    pub(crate) event: Option<EventKind>,
    /// The state after it.
    pub(crate) sdk_state: SdkState,
    /// What came of it.
    pub(crate) result: Result<Outcome, Trouble>,
}

/// What a command achieved.
#[derive(Clone, Debug)]
pub(crate) struct Outcome {
    /// For a program.
    pub(crate) json: Value,
    /// For a person.
    pub(crate) lines: Lines,
    /// What a person may want to have alone on stdout.
    pub(crate) bare: Option<String>,
    /// The arguments of a command that may come next.
    pub(crate) next: Option<String>,
}

impl Outcome {
    /// An outcome for both, with nothing to add.
    pub(crate) const fn new(json: Value, lines: Lines) -> Self {
        Self {
            json,
            lines,
            bare: None,
            next: None,
        }
    }
}

impl Report {
    /// It failed before the SDK was asked anything.
    pub(crate) const fn before_any_event(trouble: Trouble) -> Self {
        Self::failed(None, SdkState::NotStarted, trouble)
    }

    /// The SDK, or this program in its place, said no.
    pub(crate) const fn failed(event: Option<EventKind>, sdk_state: SdkState, trouble: Trouble) -> Self {
        Self {
            event,
            sdk_state,
            result: Err(trouble),
        }
    }

    /// The SDK answered.
    pub(crate) const fn done(event: EventKind, sdk_state: SdkState, outcome: Outcome) -> Self {
        Self {
            event: Some(event),
            sdk_state,
            result: Ok(outcome),
        }
    }

    /// The same after a signal: what the SDK then refuses was refused because of it.
    pub(crate) fn after_signal(mut self) -> Self {
        self.result = self.result.map_err(Trouble::after_signal);
        self
    }

    /// The status.
    pub(crate) fn status(&self) -> StatusType {
        self.result
            .as_ref()
            .map_or_else(|trouble| trouble.status, |_| StatusType::Ok)
    }

    /// How the process ends.
    pub(crate) fn ending(&self) -> Ending {
        Ending::Status(self.status())
    }

    /// One JSON object on one line.
    pub(crate) fn to_json(&self) -> String {
        let object = Object {
            event: self.event.map(EventKind::as_str),
            status: self.status().to_string(),
            sdk_state: self.sdk_state.as_str(),
            outcome: self.result.as_ref().ok().map(|outcome| &outcome.json),
            failure: self.result.as_ref().err().map(FailureObject::of),
        };
        // Nothing in it has a key that is no string.
        serde_json::to_string(&object).unwrap_or_default()
    }
}

impl From<Failure> for Report {
    fn from(failure: Failure) -> Self {
        Self::failed(Some(failure.event), failure.sdk_state, Trouble::from(&failure.cause))
    }
}

#[derive(Serialize)]
struct Object<'a> {
    event: Option<&'static str>,
    status: String,
    sdk_state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureObject<'a>>,
}

#[derive(Serialize)]
struct FailureObject<'a> {
    cause: &'a str,
    message: &'a str,
    advice: &'a str,
    not_done: bool,
    retryable: bool,
    retry_after_s: Option<u64>,
}

impl<'a> FailureObject<'a> {
    fn of(trouble: &'a Trouble) -> Self {
        Self {
            cause: &trouble.cause,
            message: &trouble.message,
            advice: &trouble.advice,
            not_done: trouble.not_done,
            retryable: trouble.retry != Retry::No,
            retry_after_s: match trouble.retry {
                // A part of a second is one more: whoever waits so long has waited long enough.
                Retry::After(wait) => Some(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)),
                Retry::No | Retry::Later => None,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use serde_json::json;
    use vestibule::status::{Cause, Denial, Hint};

    use super::*;

    #[test]
    fn a_program_gets_one_object_with_the_promised_fields() {
        let failed = |cause: Cause| Report {
            event: Some(EventKind::ExchangeIamToken),
            sdk_state: SdkState::LoggedIn,
            result: Err(Trouble::from(&cause)),
        };
        let after = |ms| Cause::RateLimited {
            retry_after: Some(Duration::from_millis(ms)),
        };
        let denied = Cause::AccessDenied {
            denial: Denial::AudienceNotGranted,
            hint: Hint::new("no scope"),
        };
        let outcome = Outcome::new(json!({"x": 1}), Lines::default().with("x", "one"));
        let failure = |cause: &Cause, name: &str, retryable: bool, after: Option<u64>| {
            json!({
                "cause": name, "message": cause.to_string(), "advice": cause.advice(),
                "not_done": true, "retryable": retryable, "retry_after_s": after,
            })
        };
        let table = [
            (
                Report::done(EventKind::EnrollAnonymousUser, SdkState::LoggedIn, outcome),
                json!({
                    "event": "EnrollAnonymousUser", "status": "Ok", "sdk_state": "LoggedIn", "outcome": {"x": 1}
                }),
            ),
            (
                failed(denied.clone()),
                json!({
                    "event": "ExchangeIamToken", "status": "AccessDenied", "sdk_state": "LoggedIn",
                    "failure": failure(&denied, "AccessDenied.AudienceNotGranted", false, None),
                }),
            ),
            (
                failed(after(1500)),
                json!({
                    "event": "ExchangeIamToken", "status": "RateLimited", "sdk_state": "LoggedIn",
                    "failure": failure(&after(1500), "RateLimited", true, Some(2)),
                }),
            ),
            (
                Report::before_any_event(Trouble::from(&Cause::SlotTaken)),
                json!({
                    "event": null, "status": "UserIdAlreadyExists", "sdk_state": "NotStarted",
                    "failure": failure(&Cause::SlotTaken, "SlotTaken", false, None),
                }),
            ),
        ];
        for (report, expected) in table {
            let text = report.to_json();
            assert_eq!(text.lines().count(), 1, "{text}");
            assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
        }
    }
}
