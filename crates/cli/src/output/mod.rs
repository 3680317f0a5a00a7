//! The one place that writes: what a person reads, or one JSON object; and the exit code that follows.

mod ending;
mod exit_code;
mod lines;
mod report;
mod trouble;
mod wording;

use std::ffi::OsString;
use std::io::Write;

use vestibule::notification::Notification;

use crate::steps::Steps;

pub(crate) use ending::Ending;
pub(crate) use exit_code::long_help;
pub(crate) use lines::Lines;
pub(crate) use report::{Outcome, Report};
pub(crate) use trouble::Trouble;
pub(crate) use wording::{
    mode_in_words, revocation_in_words, revocation_name, rfc3339, stage_in_words, state_in_words, tilde, time_in_words,
};

/// The name of this program where the system does not say how it was called.
const PROGRAM: &str = "vestibule";

/// How results are told.
#[derive(Clone, Debug)]
pub(crate) struct Output {
    json: bool,
    program: String,
    /// What the command is at, while it is at it.
    pub(crate) steps: Steps,
}

impl Output {
    /// To a program, as one JSON object, or to a person. `program` is how this one was called.
    pub(crate) fn new(json: bool, program: Option<&OsString>) -> Self {
        let program = program.map_or_else(|| PROGRAM.into(), |name| name.to_string_lossy().into_owned());
        let steps = Steps::never();
        Self { json, program, steps }
    }

    /// The same, showing steps where a person sees them.
    pub(crate) fn with_steps(self) -> Self {
        let steps = if self.json {
            Steps::never()
        } else {
            Steps::at_terminal()
        };
        Self { steps, ..self }
    }

    /// Says something beside the result, on stderr, to persons and programs alike.
    pub(crate) fn note(&self, text: &str) {
        write(&mut std::io::stderr().lock(), text);
    }

    /// Says how far the command is, to a person, in a paragraph of its own.
    pub(crate) fn progress(&self, lines: &Lines) {
        if !self.json {
            write(&mut std::io::stdout().lock(), &format!("{lines}\n"));
        }
    }

    /// Says what the SDK told without having been asked, where it is worth a line.
    pub(crate) fn notify(&self, notification: &Notification) {
        if let Some(text) = wording::notification_in_words(notification) {
            self.note(&format!("note: {text}"));
        }
    }

    /// Tells how it ended.
    pub(crate) fn conclude(&self, report: &Report) -> Ending {
        if self.json {
            write(&mut std::io::stdout().lock(), &report.to_json());
            return report.ending();
        }
        match &report.result {
            Ok(outcome) => self.conclude_well(outcome),
            Err(trouble) => {
                write(
                    &mut std::io::stderr().lock(),
                    &trouble.to_lines(report.sdk_state).to_string(),
                );
                self.hint(trouble.next);
            }
        }
        report.ending()
    }

    /// A bare value is alone on stdout, so that a shell can take it.
    fn conclude_well(&self, outcome: &Outcome) {
        let lines = outcome.lines.to_string();
        match &outcome.bare {
            Some(bare) => {
                if !lines.is_empty() {
                    write(&mut std::io::stderr().lock(), &lines);
                }
                write(&mut std::io::stdout().lock(), bare);
            }
            None => {
                write(&mut std::io::stdout().lock(), &lines);
                self.hint(outcome.next.as_deref());
            }
        }
    }

    fn hint(&self, next: Option<&str>) {
        if let Some(command) = next {
            self.note(&format!("\nnext: {} {command}", self.program));
        }
    }
}

/// A closed pipe is no reason to fail: whoever closed it wants to read no more.
fn write(to: &mut impl Write, text: &str) {
    writeln!(to, "{text}").and_then(|()| to.flush()).ok();
}
