//! Modes that ask a person: before anything is written or sent, so that a cancel costs nothing.

use vestibule::AuthenticationMode::{Biometric, No, Password};
use vestibule::SdkState::{ActivationRequired, LoggedIn, LoginRequired};
use vestibule::ports::{GateError, PromptError, StorageError};
use vestibule::record::StageKind;
use vestibule::status::StatusType as S;

use crate::before::Before;
use crate::call_log::Call::{Available, Choose, Fill, Open, Unlock, Unwrap, Wrap, Write};
use crate::call_log::End;
use crate::rows::{Event, Row, Table, Twist, first, given, nothing, row};
use crate::world::{PLAIN, RECOVERABLE};

/// Every end of a prompt for a password.
fn prompts() -> [(&'static str, PromptError, S); 2] {
    [
        ("cancelled", PromptError::Cancelled, S::UserCancel),
        ("timed out", PromptError::TimedOut, S::UserConfirmationTimeout),
    ]
}

/// Every end of a prompt of the gate.
fn fingers() -> [(&'static str, GateError, S); 4] {
    [
        ("cancelled", GateError::Cancelled, S::UserCancel),
        ("timed out", GateError::TimedOut, S::UserConfirmationTimeout),
        (
            "unavailable",
            GateError::Unavailable("planned"),
            S::BiometricUnavailable,
        ),
        ("invalidated", GateError::Invalidated, S::BiometricInvalidated),
    ]
}

#[test]
#[rustfmt::skip]
fn a_new_credential_is_chosen_before_anything_is_written_or_sent() {
    let refused = |name, twist: Twist, status, done| row(name, twist, (status, ActivationRequired), done, "", "");
    let enrolled = |name, done| row(name, nothing(), (S::Ok, LoggedIn), done, "active+grant", "");
    let password = Table::new(PLAIN, Before::Started, Event::Enroll(Password));
    password.check(prompts().map(|(name, error, status)| refused(name, first(Choose, error), status, "choose!")));
    password.check([enrolled("chosen", "choose enrolling ENROLL active")]);
    let biometric = Table::new(PLAIN, Before::Started, Event::Enroll(Biometric));
    biometric.check(fingers().map(|(name, error, status)| refused(name, first(Wrap, error), status, "wrap!")));
    biometric.check([
        enrolled("wrapped", "wrap enrolling ENROLL active"),
        refused("not ready", first(Available, End::GateNotReady), S::BiometricUnavailable, ""),
        refused("no randomness for the gate's key", first(Fill, End::NoEntropy), S::InternalError, ""),
    ]);
    Table::new(PLAIN, Before::Started, Event::Enroll(No)).check([enrolled("mode no asks nobody", "enrolling ENROLL active")]);
}

#[test]
#[rustfmt::skip]
fn a_credential_is_chosen_once_even_where_the_slot_is_tried_for_twice() {
    let overtaken = || first(Write(StageKind::Enrolling), StorageError::Conflict);
    for (mode, asks) in [(Password, "choose"), (Biometric, "wrap")] {
        let done = format!("{asks} enrolling! enrolling ENROLL active").leak();
        Table::new(PLAIN, Before::Started, Event::Enroll(mode)).check([
            row("overtaken once", overtaken(), (S::Ok, LoggedIn), done, "active+grant", ""),
        ]);
    }
}

#[test]
#[rustfmt::skip]
fn a_login_unlocks_before_it_writes_or_sends_and_a_cancel_leaves_everything() {
    let untouched = |name, twist: Twist, status, done| row(name, twist, (status, LoginRequired), done, "active+grant", "");
    let ok = |name, twist, done| row(name, twist, (S::Ok, LoggedIn), done, "active+grant", "TokenRefreshed");
    let password = Table::new(PLAIN, Before::User, Event::Login).in_mode(Password);
    password.check(prompts().map(|(name, error, status)| untouched(name, first(Unlock, error), status, "unlock!")));
    password.check([
        ok("unlocked", nothing(), "unlock rotating REFRESH active"),
        untouched("wrong", first(Open, StorageError::WrongCredential), S::WrongCredentials, "unlock"),
        untouched("locked out", first(Open, StorageError::LockedOut(std::time::Duration::from_secs(30))), S::LockedUser, "unlock"),
    ]);
    let biometric = Table::new(PLAIN, Before::User, Event::Login).in_mode(Biometric);
    biometric.check(fingers().map(|(name, error, status)| untouched(name, first(Unwrap, error), status, "unwrap!")));
    biometric.check([
        ok("released", nothing(), "unwrap rotating REFRESH active"),
        untouched("a new finger destroyed the key", given(|world| world.gate.invalidate()), S::BiometricInvalidated, "unwrap!"),
        untouched("not ready", first(Available, End::GateNotReady), S::BiometricUnavailable, ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_token_for_an_audience_never_prompts() {
    for mode in [Password, Biometric] {
        Table::new(PLAIN, Before::LoggedIn, Event::Exchange).in_mode(mode).check([
            row("an expired token", nothing(), (S::Ok, LoggedIn), "rotating REFRESH active", "active+grant", "TokenRefreshed"),
        ]);
    }
}

/// What resuming in a mode asks for, by the recorded mode.
fn asks(recorded: vestibule::AuthenticationMode, wished: vestibule::AuthenticationMode) -> Vec<&'static str> {
    let unlocks = match recorded {
        No => None,
        Password => Some("unlock"),
        Biometric => Some("unwrap"),
    };
    let chooses = match wished {
        same if same == recorded => None,
        No => None,
        Password => Some("choose"),
        Biometric => Some("wrap"),
    };
    unlocks.into_iter().chain(chooses).collect()
}

#[test]
fn resuming_asks_for_the_recorded_mode_and_a_changed_mode_for_both_before_the_request() {
    for recorded in [No, Password, Biometric] {
        for wished in [No, Password, Biometric] {
            let mut words = asks(recorded, wished);
            words.push("enrolling");
            words.extend((recorded == Biometric && wished != Biometric).then_some("forget"));
            words.extend(["ENROLL", "active"]);
            let done = words.join(" ").leak();
            let table = Table::new(RECOVERABLE, Before::Unfinished, Event::Enroll(wished)).in_mode(recorded);
            table.check([row("resumed", nothing(), (S::Ok, LoggedIn), done, "active+grant", "")]);
        }
    }
}

#[test]
#[rustfmt::skip]
fn a_cancel_while_resuming_leaves_the_unfinished_record() {
    let untouched = |name, twist: Twist, status, done: &'static str| -> Row {
        row(name, twist, (status, ActivationRequired), done, "enrolling-nobody", "")
    };
    let resume = |recorded, wished| Table::new(RECOVERABLE, Before::Unfinished, Event::Enroll(wished)).in_mode(recorded);
    resume(Password, Password).check(prompts().map(|(name, error, status)| untouched(name, first(Unlock, error), status, "unlock!")));
    resume(Password, Biometric).check(fingers().map(|(name, error, status)| untouched(name, first(Wrap, error), status, "unlock wrap!")));
    resume(Biometric, Password).check(prompts().map(|(name, error, status)| untouched(name, first(Choose, error), status, "unwrap choose!")));
    resume(Biometric, No).check(fingers().map(|(name, error, status)| untouched(name, first(Unwrap, error), status, "unwrap!")));
    resume(Password, No).check([untouched("forgotten", first(Open, StorageError::WrongCredential), S::WrongCredentials, "unlock")]);
}
