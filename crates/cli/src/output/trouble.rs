//! Why a command failed: what happened, whether it was certainly not done, whether trying again helps, what to do.

use std::fmt::Debug;

use vestibule::lockout::{FIRST_DELAYED_GUESS, LONGEST_DELAY, delay_after};
use vestibule::record::Unreadable;
use vestibule::status::{Cause, Certainty, Retry, StatusType};
use vestibule::{OpenError, SdkState};
use vestibule_dev_idp::StartError;

use super::Lines;
use crate::settings_layer::InvalidSettings;

/// The cause where a password is needed and nobody can be asked.
const NO_TERMINAL: &str = "NoTerminal";

/// Why a command failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Trouble {
    /// The status that a script branches on.
    pub(crate) status: StatusType,
    /// The name of the cause as in Rust; what it holds stands after a dot where that is the real cause.
    pub(crate) cause: String,
    /// What happened.
    pub(crate) message: String,
    /// What to do.
    pub(crate) advice: String,
    /// Whether it was certainly not done.
    pub(crate) not_done: bool,
    /// Whether trying again helps.
    pub(crate) retry: Retry,
    /// The arguments of a command that leads on.
    pub(crate) next: Option<&'static str>,
}

impl Trouble {
    /// What was typed is no command.
    pub(crate) fn of_usage(error: &clap::Error) -> Self {
        let text = error.to_string();
        let first = text.lines().next().unwrap_or_default();
        let message = first.strip_prefix("error: ").unwrap_or(first);
        Self::at_once(StatusType::InvalidParameter, "Usage", message, "See --help.")
    }

    /// A password is needed, and nobody can be asked.
    pub(crate) fn of_missing_terminal() -> Self {
        Self::at_once(
            StatusType::InvalidParameter,
            NO_TERMINAL,
            "a password is needed, and there is no terminal to ask for it",
            "Run it at a terminal, or hand the password over: --password-stdin, one line each.",
        )
    }

    /// Whether it is that one.
    pub(crate) fn is_missing_terminal(&self) -> bool {
        self.cause == NO_TERMINAL
    }

    /// A line of standard input, from 1, is no password.
    pub(crate) fn of_password_input(line: usize, name: &str, why: &str) -> Self {
        Self::at_once(
            StatusType::InvalidParameter,
            "PasswordStdin",
            format!("line {line} of standard input is not {name}: {why}"),
            "Give one line for each password: enroll the new one; mode --to password the current and the new one, from \
             mode no the new one alone; every other command the current one.",
        )
    }

    /// A signal came while standard input was waited for.
    pub(crate) fn of_closed_input() -> Self {
        Self {
            not_done: true,
            ..Self::from(&Cause::ShutDown)
        }
    }

    /// A mode that this build cannot keep.
    pub(crate) fn of_missing_gate() -> Self {
        Self::from(&Cause::BiometricUnavailable(
            "this build has no platform gate; the command line knows the modes no and password",
        ))
    }

    /// A record that only a newer version can read is not deleted by the way.
    pub(crate) fn of_newer_record() -> Self {
        Self {
            advice: "Use the version that wrote it; or give up what it holds: delete --even-newer.".into(),
            ..Self::from(&Cause::Unreadable(Unreadable::NewerFormat))
        }
    }

    /// The system refused what every command needs.
    pub(crate) fn of_system(what: &str, error: &std::io::Error) -> Self {
        let message = format!("{what}: {error}");
        Self::at_once(
            StatusType::InternalError,
            "System",
            message,
            "Look at the limits of this process.",
        )
    }

    /// The same after a signal, which is why the SDK shut down or interrupted what it was at.
    pub(crate) fn after_signal(self) -> Self {
        if !matches!(self.status, StatusType::ShutDown | StatusType::Busy) {
            return self;
        }
        Self {
            not_done: self.not_done,
            retry: Retry::Later,
            ..Self::at_once(
                StatusType::ShutDown,
                "Signal",
                "ended by a signal",
                "Run the command again: it goes on where this one ended.",
            )
        }
    }

    /// For a person.
    pub(crate) fn to_lines(&self, sdk_state: SdkState) -> Lines {
        let done = if self.not_done {
            "certainly not done"
        } else {
            "may have been done; asking again is safe and finds out"
        };
        let again = match self.retry {
            Retry::No => "does not help without a change".into(),
            Retry::Later => "may help, later".into(),
            Retry::After(wait) => format!("helps after {} s", wait.as_secs().max(1)),
        };
        Lines::default()
            .with("status", format!("{}: {}", self.status, self.message))
            .with("state", sdk_state.as_str())
            .with("done", done)
            .with("again", again)
            .with("advice", &self.advice)
    }

    /// Something that failed before anything was done.
    fn at_once(status: StatusType, cause: &str, message: impl Into<String>, advice: &str) -> Self {
        Self {
            status,
            cause: cause.into(),
            message: message.into(),
            advice: advice.into(),
            not_done: true,
            retry: Retry::No,
            next: None,
        }
    }
}

impl From<&Cause> for Trouble {
    fn from(cause: &Cause) -> Self {
        Self {
            status: cause.status(),
            cause: name_of(cause),
            message: cause.to_string(),
            advice: advice_on(cause),
            not_done: cause.certainty() == Certainty::NotDone,
            retry: cause.retry(),
            next: leads_on(cause),
        }
    }
}

impl From<&OpenError> for Trouble {
    fn from(error: &OpenError) -> Self {
        Self {
            message: error.to_string(),
            not_done: true,
            ..Self::from(&error.cause())
        }
    }
}

impl From<InvalidSettings> for Trouble {
    fn from(error: InvalidSettings) -> Self {
        Self::at_once(
            StatusType::InvalidParameter,
            "Settings",
            error.to_string(),
            "Correct the setting.",
        )
    }
}

impl From<&StartError> for Trouble {
    fn from(error: &StartError) -> Self {
        let (status, cause, advice) = match error {
            StartError::Locked { .. } => (StatusType::Busy, "DevIdp.Locked", "Use it there, or end that process."),
            StartError::PortTaken { .. } => (
                StatusType::NotReachable,
                "DevIdp.PortTaken",
                "End the program on that port, or move the development IdP once: dev-idp --port PORT.",
            ),
            StartError::StateFile { .. } => (
                StatusType::StorageUnavailable,
                "DevIdp.StateFile",
                "Make the state directory usable, or name another one with --state-dir.",
            ),
            StartError::NotBound { .. } | _ => (
                StatusType::NotReachable,
                "DevIdp.NotBound",
                "Name another port: dev-idp --port PORT.",
            ),
        };
        let message = format!("the development IdP did not start: {error}");
        Self {
            retry: Retry::Later,
            ..Self::at_once(status, cause, message, advice)
        }
    }
}

/// The names of a cause and of what it holds, without the values in it.
fn name_of(cause: &Cause) -> String {
    let inner = match cause {
        Cause::AccessDenied { denial, .. } => first_word(denial),
        Cause::Outdated(why) => first_word(why),
        Cause::UntrustedResponse(why) => first_word(why),
        Cause::Unreadable(why) => first_word(why),
        _ => return first_word(cause),
    };
    format!("{}.{inner}", first_word(cause))
}

/// The name of a variant.
fn first_word(value: &impl Debug) -> String {
    let text = format!("{value:?}");
    text.split(|letter: char| !letter.is_alphanumeric())
        .next()
        .unwrap_or_default()
        .into()
}

/// What to do; in the words of a command line where the SDK speaks to an app.
fn advice_on(cause: &Cause) -> String {
    match cause {
        Cause::WrongPassword => format!(
            "Try again. The {FIRST_DELAYED_GUESS}th wrong one in a row is followed by a wait of {} s, each one more by a \
             longer one, {} minutes at last.",
            delay_after(FIRST_DELAYED_GUESS).as_secs(),
            LONGEST_DELAY.as_secs() / 60,
        ),
        _ => cause.advice().into(),
    }
}

fn leads_on(cause: &Cause) -> Option<&'static str> {
    match cause {
        Cause::SlotTaken => Some("login"),
        Cause::NoToken
        | Cause::InvalidState {
            state: SdkState::ActivationRequired,
            ..
        } => Some("enroll"),
        Cause::NoSuchRecord => Some("list"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use vestibule::identifiers::InvalidParameter;
    use vestibule::record::OutdatedCause;
    use vestibule::status::{Denial, Hint, Untrusted};

    use super::*;

    #[test]
    fn a_cause_is_named_without_the_values_in_it() {
        let field = InvalidParameter {
            field: "tenant_id",
            why: "is empty",
        };
        let denied = |denial| Cause::AccessDenied {
            denial,
            hint: Hint::new("secret words"),
        };
        let table = [
            (Cause::SlotTaken, "SlotTaken"),
            (Cause::InvalidParameter(field), "InvalidParameter"),
            (Cause::StorageUnavailable("why"), "StorageUnavailable"),
            (Cause::ClockSkewed { ahead_ms: Some(7) }, "ClockSkewed"),
            (denied(Denial::ClientUnknown), "AccessDenied.ClientUnknown"),
            (Cause::Outdated(OutdatedCause::Refused), "Outdated.Refused"),
            (
                Cause::UntrustedResponse(Untrusted::Redirect("leads away")),
                "UntrustedResponse.Redirect",
            ),
            (
                Cause::Unreadable(Unreadable::RestoredWithoutKey),
                "Unreadable.RestoredWithoutKey",
            ),
        ];
        for (cause, name) in table {
            assert_eq!(Trouble::from(&cause).cause, name);
        }
    }

    #[test]
    fn the_development_idp_fails_with_a_status_for_each_reason() {
        let system = || std::io::Error::other("no");
        let table = [
            (StartError::Locked { port: 7 }, StatusType::Busy),
            (StartError::PortTaken { port: 7 }, StatusType::NotReachable),
            (
                StartError::NotBound {
                    port: 7,
                    source: system(),
                },
                StatusType::NotReachable,
            ),
            (
                StartError::StateFile {
                    path: "/s".into(),
                    reason: "full".into(),
                },
                StatusType::StorageUnavailable,
            ),
        ];
        for (error, status) in table {
            let trouble = Trouble::from(&error);
            assert_eq!((trouble.status, trouble.not_done), (status, true), "{error}");
            assert!(trouble.message.contains(&error.to_string()));
        }
    }
}
