//! Suspend, Resume and ClearIamTokenCache, by state and mode, and what a disk that changed meanwhile makes of a resume.

use vestibule::AuthenticationMode::{Biometric, No, Password};
use vestibule::SdkState::{self, ActivationRequired, LoggedIn, LoginRequired, NotStarted, Suspended};
use vestibule::ports::StorageError;
use vestibule::record::{OutdatedCause, Stage, Unreadable};
use vestibule::status::StatusType as S;

use crate::before::Before;
use crate::call_log::Call::{Describe, List, Open};
use crate::plants;
use crate::rows::{Event, Row, Table, Twist, first, given, nothing, row};
use crate::world::{PLAIN, RECOVERABLE};

#[test]
fn a_suspend_asks_nobody_and_touches_no_disk_whatever_the_state() {
    let states = [
        (Before::Started, ""),
        (Before::User, "active+grant"),
        (Before::LoggedIn, "active+grant"),
        (Before::Suspended, "active+grant"),
    ];
    for (before, disk) in states {
        let away = given(|world| world.disk.set_unavailable(Some("planned")));
        Table::new(PLAIN, before, Event::Suspend).check([
            row("suspended", nothing(), (S::Ok, Suspended), "", disk, ""),
            row("suspended, the disk is away", away, (S::Ok, Suspended), "", disk, ""),
        ]);
    }
}

#[test]
fn a_resume_where_nothing_is_suspended_is_ok_and_changes_nothing() {
    let states: [(Before, SdkState, &str); 4] = [
        (Before::NotStarted, NotStarted, ""),
        (Before::Started, ActivationRequired, ""),
        (Before::User, LoginRequired, "active+grant"),
        (Before::LoggedIn, LoggedIn, "active+grant"),
    ];
    for (before, state, disk) in states {
        let away = given(|world| world.disk.set_unavailable(Some("planned")));
        Table::new(PLAIN, before, Event::Resume).check([
            row("nothing to resume", nothing(), (S::Ok, state), "", disk, ""),
            row("the disk is away", away, (S::Ok, state), "", disk, ""),
        ]);
    }
}

#[test]
fn a_resume_opens_mode_no_silently_and_leaves_every_other_mode_to_its_user() {
    let offline = || given(|world| world.idp.set_unreachable(true));
    let resumed = |twist, state| row("resumed", twist, (S::Ok, state), "", "active+grant", "");
    for (mode, state) in [(No, LoggedIn), (Password, LoginRequired), (Biometric, LoginRequired)] {
        let table = Table::new(RECOVERABLE, Before::Suspended, Event::Resume).in_mode(mode);
        table.check([resumed(nothing(), state), resumed(offline(), state)]);
    }
    Table::new(PLAIN, Before::SuspendedEmpty, Event::Resume).check([row(
        "nobody was there",
        nothing(),
        (S::Ok, ActivationRequired),
        "",
        "",
        "",
    )]);
}

#[test]
#[rustfmt::skip]
fn a_resume_opens_only_what_is_still_the_same_session() {
    let closed = |name, twist: Twist, state, disk, told| -> Row { row(name, twist, (S::Ok, state), "", disk, told) };
    let outdated = given(|world| plants::write_again(world, |header, write| {
        let user = header.stage.user().unwrap().clone();
        header.next(write, Stage::Outdated { user, cause: OutdatedCause::Refused })
    }));
    Table::new(PLAIN, Before::Suspended, Event::Resume).check([
        closed("removed", given(plants::removed), ActivationRequired, "", "SessionEnded"),
        closed("re-protected", given(plants::reprotected), LoginRequired, "active+grant", "SessionEnded"),
        closed("being deleted", given(plants::deleting), ActivationRequired, "deleting-nobody+grant", "SessionEnded"),
        closed("found outdated", outdated, LoginRequired, "outdated+grant", ""),
        closed("rotated by another process", given(|world| plants::write_again(world, |header, write| header.next(write, header.stage.clone()))), LoggedIn, "active+grant", ""),
        closed("another process is at work", given(|world| plants::rotating_by(world, Some(plants::living_owner(world)))), LoggedIn, "rotating+grant", ""),
        closed("unreadable", given(|world| plants::unreadable(world, Unreadable::Corrupted)), LoginRequired, "", ""),
        closed("newer", given(|world| plants::unreadable(world, Unreadable::NewerFormat)), LoginRequired, "", ""),
        closed("on another device", given(|world| world.disk.set_on_another_device(true)), LoginRequired, "active+grant", ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_storage_that_does_not_say_what_lies_there_leaves_the_sdk_suspended() {
    let stays = |name, twist: Twist| row(name, twist, (S::StorageUnavailable, Suspended), "", "active+grant", "");
    let away = || StorageError::Unavailable("planned");
    Table::new(PLAIN, Before::Suspended, Event::Resume).check([
        stays("at the look", first(Describe, away())),
        stays("at the opening", first(Open, away())),
    ]);
    Table::new(PLAIN, Before::Suspended, Event::Resume).in_mode(Password).check([
        stays("at the list", first(List, away())),
    ]);
}

#[test]
fn the_token_cache_is_cleared_without_asking_anybody() {
    for (before, state) in [(Before::User, LoginRequired), (Before::LoggedIn, LoggedIn)] {
        Table::new(PLAIN, before, Event::ClearCache).check([row(
            "cleared",
            nothing(),
            (S::Ok, state),
            "",
            "active+grant",
            "",
        )]);
    }
}
