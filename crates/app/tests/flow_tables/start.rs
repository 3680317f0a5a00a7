//! Start and Restart: what lies on disk decides the state; what cannot be read is never taken for nothing.

use std::time::Duration;

use vestibule::SdkState::{ActivationRequired, LoginRequired, NotStarted};
use vestibule::identifiers::{InvalidParameter, RecordHandle};
use vestibule::ports::StorageError;
use vestibule::record::{Place, StageKind, Unreadable};
use vestibule::status::StatusType as S;

use crate::before::Before;
use crate::call_log::Call::{Describe, List, Open, Remove, Revoke, Write};
use crate::plants::{deleting, unreadable, unreadable_elsewhere};
use crate::rows::{Event, Row, Table, both, first, given, nothing, nth, row};
use crate::world::{PLAIN, RECOVERABLE, World};

const UNAVAILABLE: StorageError = StorageError::Unavailable("planned");

/// Every error of a listing, and the status that it gives.
fn errors() -> [(&'static str, StorageError, S); 11] {
    let parameter = InvalidParameter {
        field: "planned",
        why: "planned",
    };
    [
        ("conflict", StorageError::Conflict, S::Busy),
        ("unavailable", UNAVAILABLE, S::StorageUnavailable),
        ("unclear", StorageError::Unclear, S::StorageUnavailable),
        (
            "corrupted",
            StorageError::Unreadable(Unreadable::Corrupted),
            S::StorageCorrupted,
        ),
        (
            "newer",
            StorageError::Unreadable(Unreadable::NewerFormat),
            S::NewerFormat,
        ),
        (
            "without key",
            StorageError::Unreadable(Unreadable::RestoredWithoutKey),
            S::RestoredWithoutKey,
        ),
        ("another device", StorageError::DeviceChanged, S::DeviceChanged),
        ("wrong credential", StorageError::WrongCredential, S::WrongCredentials),
        (
            "locked out",
            StorageError::LockedOut(Duration::from_secs(30)),
            S::LockedUser,
        ),
        ("unsupported", StorageError::Unsupported(parameter), S::InvalidParameter),
        ("not there", StorageError::NotThere, S::InvalidUserId),
    ]
}

/// More records than one page holds.
fn many_records(world: &World) {
    for number in 0..300_u128 {
        let place = Place::Handle(RecordHandle::from_bytes(number.to_be_bytes()));
        world.disk.plant_unreadable(&place, Unreadable::Corrupted);
    }
}

#[test]
#[rustfmt::skip]
fn start_reads_the_disk_and_takes_nothing_unproven_for_absent() {
    let failing = errors().map(|(name, error, status)| row(name, first(List, error), (status, NotStarted), "", "", ""));
    let elsewhere = |why| given(move |world| unreadable_elsewhere(world, why));
    let rows = [
        row("empty", nothing(), (S::Ok, ActivationRequired), "", "", ""),
        row("corrupted", elsewhere(Unreadable::Corrupted), (S::Ok, LoginRequired), "", "", ""),
        row("newer", elsewhere(Unreadable::NewerFormat), (S::Ok, LoginRequired), "", "", ""),
        row("without key", elsewhere(Unreadable::RestoredWithoutKey), (S::Ok, LoginRequired), "", "", ""),
        row("two pages", given(many_records), (S::Ok, LoginRequired), "", "", ""),
        row(
            "the second page fails",
            both(given(many_records), nth(2, List, UNAVAILABLE)),
            (S::StorageUnavailable, NotStarted),
            "",
            "",
            "",
        ),
    ];
    Table::new(PLAIN, Before::NotStarted, Event::Start).check(failing.into_iter().chain(rows));
}

#[test]
#[rustfmt::skip]
fn start_in_a_new_process_finds_what_the_last_one_left() {
    let found = |before, rows: Vec<Row>| Table::new(RECOVERABLE, before, Event::Start).in_a_new_process().check(rows);
    found(
        Before::Unfinished,
        vec![row("only an unfinished enrolment", nothing(), (S::Ok, ActivationRequired), "", "enrolling-nobody", "")],
    );
    found(
        Before::Outdated,
        vec![row("an outdated user", nothing(), (S::Ok, LoginRequired), "", "outdated+grant", "")],
    );
    found(
        Before::User,
        vec![
            row("a user", nothing(), (S::Ok, LoginRequired), "", "active+grant", ""),
            row("a user, unreadable", given(|world| unreadable(world, Unreadable::Corrupted)), (S::Ok, LoginRequired), "", "", ""),
            row("a user, and no list", first(List, UNAVAILABLE), (S::StorageUnavailable, NotStarted), "", "active+grant", ""),
        ],
    );
}

#[test]
#[rustfmt::skip]
fn start_finishes_a_deletion_in_the_background() {
    let left = "deleting-nobody+grant";
    let after = |name, twist, done, disk, told| {
        row(name, both(given(deleting), twist), (S::Ok, ActivationRequired), done, disk, told)
    };
    Table::new(RECOVERABLE, Before::User, Event::Start).in_a_new_process().check([
        after("done", nothing(), "revoking remove forget REVOKE remove", "", "RevocationPending RevocationDone"),
        after("describe fails", first(Describe, UNAVAILABLE), "", left, ""),
        after("open fails", first(Open, UNAVAILABLE), "", left, ""),
        after("queueing fails", first(Write(StageKind::Revoking), UNAVAILABLE), "revoking!", left, ""),
        after("the search for a copy fails", nth(2, List, UNAVAILABLE), "revoking REVOKE remove", "deleting-nobody+grant", "RevocationPending RevocationDone"),
        after("remove fails", first(Remove, UNAVAILABLE), "revoking remove! REVOKE remove", "deleting-nobody+grant", "RevocationPending RevocationDone"),
    ]);
}

#[test]
#[rustfmt::skip]
fn start_works_off_queued_revocations_and_tries_again_what_fails() {
    let (left, again) = ("enrolling-nobody", "RevocationPending RevocationDone");
    let after = |name, twist, done, disk, told| row(name, twist, (S::Ok, ActivationRequired), done, disk, told);
    let refused = |error| first(Revoke, error);
    let mut rows = vec![
        after("done", nothing(), "REVOKE remove", left, "RevocationDone"),
        after("describe fails", first(Describe, UNAVAILABLE), "REVOKE remove", left, again),
        after("open fails", first(Open, UNAVAILABLE), "REVOKE remove", left, again),
        after("remove fails", first(Remove, UNAVAILABLE), "REVOKE remove! REVOKE remove", left, again),
    ];
    for (name, error) in crate::idp_errors::all() {
        rows.push(after(name, refused(error), "REVOKE! REVOKE remove", left, again));
    }
    Table::new(RECOVERABLE, Before::QueuedRevocation, Event::Start).in_a_new_process().check(rows);
}

#[test]
#[rustfmt::skip]
fn start_drops_a_copy_whose_slot_holds_another_user_and_no_other_copy() {
    let kept = "aside:active+grant enrolling-nobody";
    Table::new(RECOVERABLE, Before::UnfinishedReplacement, Event::Start).in_a_new_process().check([
        row("the replacement is unfinished", nothing(), (S::Ok, ActivationRequired), "", kept, ""),
    ]);
    let twice = "active+grant aside:active+grant";
    Table::new(RECOVERABLE, Before::ReplacedWithCopy, Event::Start).in_a_new_process().check([
        row("the new user stands", nothing(), (S::Ok, LoginRequired), "remove", "active+grant", ""),
        row("describe fails", first(Describe, UNAVAILABLE), (S::Ok, LoginRequired), "", twice, ""),
        row("remove fails", first(Remove, UNAVAILABLE), (S::Ok, LoginRequired), "remove!", twice, ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn restart_reads_the_disk_anew_and_changes_nothing_there() {
    let restart = |before, rows: Vec<Row>| Table::new(RECOVERABLE, before, Event::Restart).check(rows);
    let never_started = row("not started", nothing(), (S::InvalidState, NotStarted), "", "", "");
    restart(Before::NotStarted, vec![never_started]);
    restart(
        Before::Started,
        vec![
            row("empty", nothing(), (S::Ok, ActivationRequired), "", "", ""),
            row("unreadable", given(|world| unreadable_elsewhere(world, Unreadable::NewerFormat)), (S::Ok, LoginRequired), "", "", ""),
            row("no list", first(List, UNAVAILABLE), (S::StorageUnavailable, NotStarted), "", "", ""),
        ],
    );
    restart(
        Before::User,
        vec![
            row("a user", nothing(), (S::Ok, LoginRequired), "", "active+grant", ""),
            row("no list", first(List, UNAVAILABLE), (S::StorageUnavailable, NotStarted), "", "active+grant", ""),
        ],
    );
    restart(
        Before::LoggedIn,
        errors()
            .into_iter()
            .map(|(name, error, status)| row(name, first(List, error), (status, NotStarted), "", "active+grant", ""))
            .chain([row("logged in", nothing(), (S::Ok, LoginRequired), "", "active+grant", "")])
            .collect(),
    );
}

#[test]
#[rustfmt::skip]
fn logout_wipes_memory_and_touches_neither_disk_nor_idp() {
    let logout = |before, rows: Vec<Row>| Table::new(RECOVERABLE, before, Event::Logout).check(rows);
    let refused = |state| vec![row("not logged in", nothing(), (S::InvalidState, state), "", "", "")];
    logout(Before::NotStarted, refused(NotStarted));
    logout(Before::Started, refused(ActivationRequired));
    logout(
        Before::LoggedIn,
        vec![
            row("logged in", nothing(), (S::Ok, LoginRequired), "", "active+grant", ""),
            row("the disk is away", given(|world| world.disk.set_unavailable(Some("away"))), (S::Ok, LoginRequired), "", "active+grant", ""),
        ],
    );
}
