//! Where passwords come from: the terminal, without echo, or standard input. Never from arguments or the environment,
//! which others can read.

mod password_line;
mod standard_input;
mod terminal;

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use tokio::sync::Notify;
use vestibule::AuthenticationMode;
use vestibule::ports::{PasswordPurpose, PasswordRequest, PasswordSource, PromptError};
use vestibule::secret::Password;

use crate::output::Trouble;
use crate::steps::Steps;
use password_line::LineFault;
use terminal::{Silence, Terminal};

/// So often is a question asked again whose answer cannot be used. Then it counts as cancelled.
pub(crate) const ROUNDS: u32 = 3;

/// The flag of every command that may need a password.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct PasswordOptions {
    /// Read passwords from standard input, one line each, instead of asking on the terminal
    #[arg(long)]
    pub(crate) password_stdin: bool,
}

/// The passwords that a command will be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needed {
    /// None.
    Nothing,
    /// The one of a stored record.
    Current,
    /// A new one.
    New,
    /// The one of a stored record, and a new one in its place.
    CurrentThenNew,
}

impl Needed {
    /// What opens a record of this mode.
    pub(crate) const fn to_open(mode: AuthenticationMode) -> Self {
        match mode {
            AuthenticationMode::Password => Self::Current,
            AuthenticationMode::No | AuthenticationMode::Biometric => Self::Nothing,
        }
    }

    /// What opens a record of one mode and seals it under another.
    pub(crate) const fn to_change(from: AuthenticationMode, to: AuthenticationMode) -> Self {
        match (Self::to_open(from), to) {
            (Self::Nothing, AuthenticationMode::Password) => Self::New,
            (_, AuthenticationMode::Password) => Self::CurrentThenNew,
            (open, AuthenticationMode::No | AuthenticationMode::Biometric) => open,
        }
    }

    /// What each of them is called, in the order of their lines.
    const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Nothing => &[],
            Self::Current => &["the current password"],
            Self::New => &["the new password"],
            Self::CurrentThenNew => &["the current password", "the new password"],
        }
    }
}

/// How often a command opens the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// Once: what was typed is not kept.
    Once,
    /// More than once: what was typed is kept until the command ends, so that a person types it once.
    Repeatedly,
}

/// Asks for passwords, and wipes them at the end.
pub(crate) struct Passwords {
    from_stdin: bool,
    steps: Steps,
    held: Mutex<Held>,
    closed: Notify,
}

#[derive(Default)]
struct Held {
    /// Lines of standard input that were not asked for yet.
    lines: VecDeque<Password>,
    /// The one that the record was opened with, where it will be asked for again.
    current: Option<Password>,
    keeps_current: bool,
}

impl Passwords {
    /// From standard input, or from the terminal.
    pub(crate) fn new(options: PasswordOptions, steps: Steps) -> Self {
        Self {
            from_stdin: options.password_stdin,
            steps,
            held: Mutex::default(),
            closed: Notify::new(),
        }
    }

    /// Sees that what is needed can be had, before anything is sent.
    pub(crate) async fn prepare(&self, needed: Needed, asked: Asked) -> Result<(), Trouble> {
        let names = needed.names();
        if names.is_empty() {
            return Ok(());
        }
        self.held().keeps_current = asked == Asked::Repeatedly;
        if !self.from_stdin {
            return Terminal::open().map(drop).map_err(|_| Trouble::of_missing_terminal());
        }
        let read = tokio::select! {
            biased;
            () = self.closed.notified() => return Err(Trouble::of_closed_input()),
            read = standard_input::read_lines(names.len()) => read,
        };
        let lines = read.map_err(|(line, why)| {
            let name = names.get(line).copied().unwrap_or("a password");
            Trouble::of_password_input(line + 1, name, &why.to_string())
        })?;
        self.held().lines = lines.into();
        Ok(())
    }

    /// Waits for no input any more.
    pub(crate) fn close(&self) {
        self.closed.notify_one();
    }

    /// Forgets every password.
    pub(crate) fn wipe(&self) {
        *self.held() = Held::default();
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask_on_terminal(&self, request: &PasswordRequest) -> Result<Password, PromptError> {
        let _pause = self.steps.pause();
        let terminal = Terminal::open().and_then(|terminal| terminal.silence());
        let terminal = terminal.map_err(|_| PromptError::Cancelled)?;
        for _ in 0..ROUNDS {
            let answer = match request.purpose {
                PasswordPurpose::Choose => choose(&terminal).await,
                PasswordPurpose::Unlock => terminal.ask(&question(request)).await.map_err(Refusal::Line),
            };
            match answer {
                Ok(password) => return Ok(password),
                Err(Refusal::Line(LineFault::Ended | LineFault::Unreadable(_))) => return Err(PromptError::Cancelled),
                Err(Refusal::Line(fault)) => terminal.say(&format!("It cannot be used: {fault}.\n")),
                Err(Refusal::Mismatch) => terminal.say("They differ.\n"),
            }
        }
        Err(PromptError::Cancelled)
    }
}

#[async_trait]
impl PasswordSource for Passwords {
    async fn ask(&self, request: PasswordRequest) -> Result<Password, PromptError> {
        if let Some(known) = self.held().answer(request.purpose) {
            return Ok(known);
        }
        if self.from_stdin {
            return Err(PromptError::Cancelled);
        }
        let typed = self.ask_on_terminal(&request).await?;
        self.held().keep(request.purpose, &typed);
        Ok(typed)
    }
}

impl Held {
    fn answer(&mut self, purpose: PasswordPurpose) -> Option<Password> {
        match purpose {
            PasswordPurpose::Unlock if self.current.is_some() => self.current.clone(),
            PasswordPurpose::Unlock | PasswordPurpose::Choose => {
                let line = self.lines.pop_front()?;
                self.keep(purpose, &line);
                Some(line)
            }
        }
    }

    fn keep(&mut self, purpose: PasswordPurpose, password: &Password) {
        if self.keeps_current && purpose == PasswordPurpose::Unlock {
            self.current = Some(password.clone());
        }
    }
}

/// Why an answer is asked for again.
enum Refusal {
    Line(LineFault),
    Mismatch,
}

/// A new password is typed twice: nobody sees what he types.
async fn choose(terminal: &Silence) -> Result<Password, Refusal> {
    let first = terminal.ask("New password: ").await.map_err(Refusal::Line)?;
    let second = terminal.ask("The same again: ").await.map_err(Refusal::Line)?;
    if first.expose() == second.expose() {
        Ok(first)
    } else {
        Err(Refusal::Mismatch)
    }
}

fn question(request: &PasswordRequest) -> String {
    let whose = request
        .user
        .as_ref()
        .map_or_else(|| "the unfinished enrolment".into(), ToString::to_string);
    format!("Password of {whose}: ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO: AuthenticationMode = AuthenticationMode::No;
    const PASSWORD: AuthenticationMode = AuthenticationMode::Password;
    const BIOMETRIC: AuthenticationMode = AuthenticationMode::Biometric;

    #[test]
    fn a_change_of_mode_needs_what_opens_the_record_and_what_seals_it() {
        let table = [
            (NO, NO, Needed::Nothing),
            (NO, PASSWORD, Needed::New),
            (NO, BIOMETRIC, Needed::Nothing),
            (PASSWORD, NO, Needed::Current),
            (PASSWORD, PASSWORD, Needed::CurrentThenNew),
            (PASSWORD, BIOMETRIC, Needed::Current),
            (BIOMETRIC, NO, Needed::Nothing),
            (BIOMETRIC, PASSWORD, Needed::New),
        ];
        for (from, to, needed) in table {
            assert_eq!(Needed::to_change(from, to), needed, "{from} to {to}");
        }
    }

    #[test]
    fn lines_are_given_in_order_and_once_and_only_a_current_one_that_is_needed_twice_is_kept() {
        use PasswordPurpose::{Choose, Unlock};
        let password = |text: &str| Password::new(text.into());
        /// Purposes, and what each is answered.
        type Asked<'a> = &'a [(PasswordPurpose, Option<&'a str>)];
        let table: [(bool, &[&str], Asked<'_>); 5] = [
            (false, &["one"], &[(Choose, Some("one")), (Choose, None)]),
            (false, &["one"], &[(Unlock, Some("one")), (Unlock, None)]),
            (
                true,
                &["old", "new"],
                &[
                    (Unlock, Some("old")),
                    (Unlock, Some("old")),
                    (Choose, Some("new")),
                    (Unlock, Some("old")),
                    (Choose, None),
                ],
            ),
            (true, &["new"], &[(Choose, Some("new")), (Unlock, None)]),
            (false, &[], &[(Unlock, None), (Choose, None)]),
        ];
        for (keeps_current, lines, asked) in table {
            let mut held = Held {
                lines: lines.iter().map(|line| password(line)).collect(),
                current: None,
                keeps_current,
            };
            for (number, (purpose, answer)) in asked.iter().enumerate() {
                let given = held.answer(*purpose);
                assert_eq!(
                    given.as_ref().map(Password::expose),
                    *answer,
                    "{lines:?}, question {number}"
                );
            }
        }
    }
}
