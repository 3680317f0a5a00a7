//! SetAuthenticationMode: to, from and within each mode. Old or new stands, never neither; a cancel costs nothing.

use std::time::Duration;

use vestibule::AuthenticationMode::{self, Biometric, No, Password};
use vestibule::SdkState::{LoggedIn, LoginRequired};
use vestibule::ports::{GateError, PromptError, StorageError};
use vestibule::record::{OutdatedCause, Stage, StageKind, Unreadable};
use vestibule::status::StatusType as S;

use crate::before::Before;
use crate::call_log::Call::{self, Available, Choose, Describe, Fill, Forget, Open, Unlock, Unwrap, Wrap, Write};
use crate::call_log::End;
use crate::plants;
use crate::rows::{Event, Row, Table, Twist, always, both, first, given, nothing, nth, row};
use crate::world::{PLAIN, World};

const ACTIVE: Call = Write(StageKind::Active);

fn change(recorded: AuthenticationMode, wished: AuthenticationMode) -> Table {
    Table::new(PLAIN, Before::LoggedIn, Event::SetMode(wished)).in_mode(recorded)
}

/// What is asked for, in order, by recorded and wished mode.
fn asks(recorded: AuthenticationMode, wished: AuthenticationMode) -> Vec<&'static str> {
    let unlocks = match recorded {
        No => None,
        Password => Some("unlock"),
        Biometric => Some("unwrap"),
    };
    let chooses = match wished {
        No => None,
        Password => Some("choose"),
        Biometric => Some("wrap"),
    };
    unlocks.into_iter().chain(chooses).collect()
}

#[test]
fn each_mode_changes_into_each_and_the_old_gate_key_goes_only_when_the_new_record_stands() {
    for recorded in AuthenticationMode::ALL {
        for wished in AuthenticationMode::ALL {
            let expected = if (recorded, wished) == (No, No) {
                row(
                    "nothing to change",
                    nothing(),
                    (S::Ok, LoggedIn),
                    "",
                    "active+grant",
                    "",
                )
            } else {
                let mut words = asks(recorded, wished);
                words.push("active");
                words.extend((recorded == Biometric).then_some("forget"));
                let done = words.join(" ").leak();
                row(
                    "changed",
                    nothing(),
                    (S::Ok, LoggedIn),
                    done,
                    "active+grant",
                    "StorageProtectionChanged",
                )
            };
            change(recorded, wished).check([expected]);
        }
    }
}

#[test]
#[rustfmt::skip]
fn a_cancel_at_either_prompt_changes_nothing_and_the_user_stays_logged_in() {
    let untouched = |name, twist: Twist, status, done| row(name, twist, (status, LoggedIn), done, "active+grant", "");
    let prompts = [(PromptError::Cancelled, S::UserCancel), (PromptError::TimedOut, S::UserConfirmationTimeout)];
    for (error, status) in prompts {
        change(Password, Password).check([
            untouched("at the old password", first(Unlock, error), status, "unlock!"),
            untouched("at the new password", first(Choose, error), status, "unlock choose!"),
        ]);
        change(Biometric, Password).check([untouched("at the new password", first(Choose, error), status, "unwrap choose!")]);
        change(No, Password).check([untouched("at the new password", first(Choose, error), status, "choose!")]);
    }
    let fingers = [
        (GateError::Cancelled, S::UserCancel),
        (GateError::TimedOut, S::UserConfirmationTimeout),
        (GateError::Unavailable("planned"), S::BiometricUnavailable),
        (GateError::Invalidated, S::BiometricInvalidated),
    ];
    for (error, status) in fingers {
        change(Biometric, No).check([untouched("at the old finger", first(Unwrap, error), status, "unwrap!")]);
        change(Biometric, Biometric).check([untouched("at the new finger", first(Wrap, error), status, "unwrap wrap!")]);
        change(Password, Biometric).check([untouched("at the new finger", first(Wrap, error), status, "unlock wrap!")]);
    }
    change(No, Biometric).check([
        untouched("not ready", first(Available, End::GateNotReady), S::BiometricUnavailable, ""),
        untouched("no randomness for the gate's key", first(Fill, End::NoEntropy), S::InternalError, ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn the_recorded_credential_is_proven_by_opening_before_a_new_one_is_asked_for() {
    let untouched = |name, twist: Twist, status, done| row(name, twist, (status, LoggedIn), done, "active+grant", "");
    let locked = StorageError::LockedOut(Duration::from_secs(30));
    for wished in AuthenticationMode::ALL {
        change(Password, wished).check([
            untouched("wrong", first(Open, StorageError::WrongCredential), S::WrongCredentials, "unlock"),
            untouched("locked out by then", first(Open, locked.clone()), S::LockedUser, "unlock"),
            untouched("locked out", given(|world| world.disk.set_locked_out(Some(Duration::from_secs(30)))), S::LockedUser, ""),
            untouched("moved to another device", given(|world| world.disk.set_on_another_device(true)), S::DeviceChanged, "unlock"),
            untouched("the disk is away", first(Describe, StorageError::Unavailable("planned")), S::StorageUnavailable, ""),
        ]);
        change(Biometric, wished).check([
            untouched("a new finger destroyed the key", given(|world| world.gate.invalidate()), S::BiometricInvalidated, "unwrap!"),
        ]);
    }
}

#[test]
#[rustfmt::skip]
fn a_write_that_fails_leaves_the_old_protection_and_its_gate_key() {
    let failed = |twist: Twist, status, done| row("not done", twist, (status, LoggedIn), done, "active+grant", "");
    let full = || first(ACTIVE, StorageError::Unavailable("planned"));
    change(No, Password).check([failed(full(), S::StorageUnavailable, "choose active!")]);
    change(Biometric, Password).check([failed(full(), S::StorageUnavailable, "unwrap choose active!")]);
    change(Password, Biometric).check([failed(full(), S::StorageUnavailable, "unlock wrap active! forget")]);
    change(Biometric, Biometric).check([failed(full(), S::StorageUnavailable, "unwrap wrap active! forget")]);
}

#[test]
#[rustfmt::skip]
fn a_lost_answer_is_repeated_as_the_very_same_write_until_it_is_definite() {
    let changed = |name, twist: Twist, done| -> Row {
        row(name, twist, (S::Ok, LoggedIn), done, "active+grant", "StorageProtectionChanged")
    };
    change(Password, Biometric).check([
        changed("done, unclear once", first(ACTIVE, End::DoneButUnclear), "unlock wrap active? active"),
        changed("not done, unclear once", first(ACTIVE, StorageError::Unclear), "unlock wrap active? active"),
        changed("unclear, then full, then well",
            both(first(ACTIVE, End::DoneButUnclear), nth(2, ACTIVE, StorageError::Unavailable("planned"))), "unlock wrap active? active! active"),
        changed("overtaken once", first(ACTIVE, StorageError::Conflict), "unlock wrap active! active"),
    ]);
    change(No, Password).check([
        row("unclear for ever", always(ACTIVE, StorageError::Unclear), (S::StorageUnavailable, LoggedIn), "choose active?*", "active+grant", ""),
        row("overtaken for ever", always(ACTIVE, StorageError::Conflict), (S::Busy, LoggedIn), "choose active!*", "active+grant", ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_forgotten_gate_key_that_the_gate_keeps_fails_nothing() {
    change(Biometric, No).check([
        row("kept", first(Forget, GateError::Unavailable("planned")), (S::Ok, LoggedIn), "unwrap active forget!", "active+grant", "StorageProtectionChanged"),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_change_waits_for_a_living_owner_and_keeps_an_abandoned_lease_open() {
    let changed = |name, twist: Twist, disk| row(name, twist, (S::Ok, LoggedIn), CHANGED[usize::from(disk != "active+grant")], disk, "StorageProtectionChanged");
    change(No, Password).check([
        row("somebody else lives", given(|world| plants::rotating_by(world, Some(plants::living_owner(world)))),
            (S::Busy, LoggedIn), "choose", "rotating+grant", ""),
        changed("somebody else is gone", given(|world| plants::rotating_by(world, Some(plants::GONE))), "rotating-nobody+grant"),
        changed("nobody's", given(|world| plants::rotating_by(world, None)), "rotating-nobody+grant"),
        changed("written since by another process", given(|world| plants::write_again(world, |header, write| header.next(write, header.stage.clone()))), "active+grant"),
    ]);
    let outdated = given(|world| plants::write_again(world, |header, write| {
        let user = header.stage.user().unwrap().clone();
        header.next(write, Stage::Outdated { user, cause: OutdatedCause::Refused })
    }));
    change(No, Password).check([
        row("found outdated by another process", outdated, (S::Ok, LoggedIn), "choose outdated", "outdated+grant", "StorageProtectionChanged"),
    ]);
}

const CHANGED: [&str; 2] = ["choose active", "choose rotating-nobody"];

#[test]
#[rustfmt::skip]
fn a_session_whose_record_is_not_the_same_any_more_ends_without_a_prompt() {
    let ended = |name, twist: Twist, disk| row(name, twist, (S::Busy, LoginRequired), "", disk, "SessionEnded");
    change(No, Password).check([
        ended("removed", given(plants::removed), ""),
        ended("re-protected", given(plants::reprotected), "active+grant"),
        ended("being deleted", given(plants::deleting), "deleting-nobody+grant"),
        row("unreadable", given(|world| plants::unreadable(world, Unreadable::Corrupted)), (S::StorageCorrupted, LoggedIn), "", "", ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_happens_while_somebody_types_is_seen_before_the_write() {
    let meanwhile = |name, change: fn(&World), status, state, disk, told| {
        row(name, given(move |world| { let there = world.clone(); world.log.at(Choose, move || change(&there)); }), (status, state), "choose", disk, told)
    };
    change(No, Password).check([
        meanwhile("removed", plants::removed, S::Busy, LoginRequired, "", "SessionEnded"),
        meanwhile("re-protected", plants::reprotected, S::Busy, LoginRequired, "active+grant", "SessionEnded"),
        meanwhile("being deleted", plants::deleting, S::Busy, LoginRequired, "deleting-nobody+grant", "SessionEnded"),
    ]);
    change(No, Biometric).check([row("the unused gate key is forgotten",
        given(|world| { let there = world.clone(); world.log.at(Wrap, move || plants::removed(&there)); }),
        (S::Busy, LoginRequired), "wrap forget", "", "SessionEnded")]);
}
