//! OfflineLogin: a stored token is unlocked, and proven by one rotation; what it answers is on disk before it is used.

use std::time::Duration;

use vestibule::SdkState::{ActivationRequired, LoggedIn, LoginRequired, NotStarted};
use vestibule::identifiers::{InvalidParameter, UserId};
use vestibule::ports::testing::IdpKind;
use vestibule::ports::{Refreshed, StorageError};
use vestibule::record::{StageKind, Unreadable};
use vestibule::status::{StatusType as S, Untrusted};

use crate::before::Before;
use crate::call_log::Call::{self, Describe, Enter, Fill, List, Of, Open, Refresh, Remove, Write};
use crate::call_log::End;
use crate::idp_errors::{all, named};
use crate::plants::{GONE, deleting, living_owner, removed, reprotected, rotating_by, unreadable};
use crate::rows::{
    Event, Row, Table, Twist, always, both, first, given, nothing, nth, refreshed, row, while_refreshing,
};
use crate::world::{PLAIN, RECOVERABLE};

const UNAVAILABLE: StorageError = StorageError::Unavailable("planned");
const ROTATING: Call = Write(StageKind::Rotating);
const ACTIVE: Call = Write(StageKind::Active);
const STANDS: &str = "active+grant";

fn table(kind: IdpKind) -> Table {
    Table::new(kind, Before::User, Event::Login)
}

/// A failure that leaves everything as it was.
fn untouched(name: &'static str, twist: Twist, status: S) -> Row {
    row(name, twist, (status, LoginRequired), "", STANDS, "")
}

fn ok(name: &'static str, twist: Twist, done: &'static str) -> Row {
    row(name, twist, (S::Ok, LoggedIn), done, STANDS, "TokenRefreshed")
}

/// An answer that can never be written: the caller is not kept waiting for more than it would be anyway, and the write ends.
#[test]
fn a_failure_that_no_repeat_mends_ends_the_repeated_write_with_what_it_is() {
    let unsupported = vestibule::identifiers::InvalidParameter {
        field: "place",
        why: "planned",
    };
    for (error, status) in [
        (StorageError::Unreadable(Unreadable::Corrupted), S::StorageCorrupted),
        (StorageError::Unreadable(Unreadable::NewerFormat), S::NewerFormat),
        (StorageError::Unsupported(unsupported), S::InvalidParameter),
        (StorageError::DeviceChanged, S::DeviceChanged),
    ] {
        Table::new(PLAIN, Before::User, Event::Login).check([row(
            "never written",
            always(Write(StageKind::Active), error),
            (status, LoginRequired),
            "rotating REFRESH active!*",
            "rotating+grant",
            "",
        )]);
    }
}

#[test]
#[rustfmt::skip]
fn what_cannot_be_found_or_opened_sends_nothing() {
    let parameter = InvalidParameter { field: "planned", why: "planned" };
    let reading = || [
        ("conflict", StorageError::Conflict, S::Busy),
        ("unavailable", UNAVAILABLE, S::StorageUnavailable),
        ("unclear", StorageError::Unclear, S::StorageUnavailable),
        ("corrupted", StorageError::Unreadable(Unreadable::Corrupted), S::StorageCorrupted),
        ("newer", StorageError::Unreadable(Unreadable::NewerFormat), S::NewerFormat),
        ("without key", StorageError::Unreadable(Unreadable::RestoredWithoutKey), S::RestoredWithoutKey),
        ("another device", StorageError::DeviceChanged, S::DeviceChanged),
        ("wrong credential", StorageError::WrongCredential, S::WrongCredentials),
        ("locked out", StorageError::LockedOut(Duration::from_secs(30)), S::LockedUser),
        ("unsupported", StorageError::Unsupported(parameter), S::InvalidParameter),
        ("not there", StorageError::NotThere, S::InvalidUserId),
    ];
    for call in [List, Describe, Open] {
        table(RECOVERABLE).check(reading().map(|(name, error, status)| untouched(name, first(call, error), status)));
    }
    let gone = |name, twist, status| row(name, twist, (status, LoginRequired), "", "", "");
    table(RECOVERABLE).check([
        untouched("presence fails", first(Enter, End::NoPresence), S::StorageUnavailable),
        untouched("no randomness", first(Fill, End::NoEntropy), S::InternalError),
        gone("unreadable by now", given(|world| unreadable(world, Unreadable::Corrupted)), S::StorageCorrupted),
    ]);
}

#[test]
#[rustfmt::skip]
fn only_a_user_is_logged_in() {
    Table::new(RECOVERABLE, Before::User, Event::LoginSomebodyElse).check([untouched("somebody unknown", nothing(), S::InvalidUserId)]);
    Table::new(RECOVERABLE, Before::UnfinishedReplacement, Event::LoginByHandle).check([
        row("an unfinished enrolment", nothing(), (S::NoTokenDataAvailable, LoginRequired), "", "aside:active+grant enrolling-nobody", ""),
    ]);
    let begun = |twist| both(given(deleting), twist);
    Table::new(RECOVERABLE, Before::User, Event::LoginByHandle).check([
        ok("by its handle", nothing(), "rotating REFRESH active"),
        row("a deletion is finished first", begun(nothing()), (S::InvalidUserId, LoginRequired), "revoking remove forget REVOKE remove", "", "RevocationPending RevocationDone"),
        row("and fails", begun(first(Remove, UNAVAILABLE)), (S::StorageUnavailable, LoginRequired), "revoking remove! REVOKE remove", "deleting-nobody+grant", "RevocationPending RevocationDone"),
        row("an unreadable record", given(|world| unreadable(world, Unreadable::NewerFormat)), (S::NewerFormat, LoginRequired), "", "", ""),
        row("no such handle", given(removed), (S::InvalidUserId, LoginRequired), "", "", ""),
    ]);
    for (before, state) in [(Before::NotStarted, NotStarted), (Before::Started, ActivationRequired)] {
        Table::new(RECOVERABLE, before, Event::LoginSomebodyElse).check([row("refused", nothing(), (S::InvalidState, state), "", "", "")]);
    }
    Table::new(RECOVERABLE, Before::LoggedIn, Event::Login).check([row("logged in already", nothing(), (S::InvalidState, LoggedIn), "", STANDS, "")]);
}

#[test]
#[rustfmt::skip]
fn the_lease_is_taken_where_nobody_else_lives_and_its_failure_sends_nothing() {
    let held = |name, twist, status, done, disk| row(name, twist, (status, LoginRequired), done, disk, "");
    table(RECOVERABLE).check([
        ok("a gone owner's", given(|world| rotating_by(world, Some(GONE))), "rotating REFRESH active"),
        ok("nobody's, just written", given(|world| rotating_by(world, None)), "rotating REFRESH active"),
        held("a living owner's", given(|world| rotating_by(world, Some(living_owner(world)))), S::Busy, "", "rotating+grant"),
        held("of whom nothing is known", both(given(|world| rotating_by(world, Some(GONE))), always(Of, End::NoPresence)), S::Busy, "", "rotating+grant"),
        ok("overtaken once", first(ROTATING, StorageError::Conflict), "rotating! rotating REFRESH active"),
        held("overtaken for ever", always(ROTATING, StorageError::Conflict), S::Busy, "rotating!*", STANDS),
        held("not written", first(ROTATING, UNAVAILABLE), S::StorageUnavailable, "rotating!", STANDS),
        held("unclear for ever", always(ROTATING, StorageError::Unclear), S::StorageUnavailable, "rotating?x3", STANDS),
        held("it stands, unclear for ever", always(ROTATING, End::DoneButUnclear), S::StorageUnavailable, "rotating?x3", "rotating+grant"),
        ok("unclear once", first(ROTATING, End::DoneButUnclear), "rotating? rotating REFRESH active"),
        held("no room", first(ROTATING, End::DoneWithoutRoom), S::StorageUnavailable, "rotating active", STANDS),
        held("no room, over a lease that may have been used", both(given(|world| rotating_by(world, Some(GONE))), first(ROTATING, End::DoneWithoutRoom)), S::StorageUnavailable, "rotating rotating-nobody", "rotating-nobody+grant"),
        held("no room, and it cannot be given back", both(first(ROTATING, End::DoneWithoutRoom), first(ACTIVE, UNAVAILABLE)), S::StorageUnavailable, "rotating active!", "rotating+grant"),
    ]);
}

#[test]
#[rustfmt::skip]
fn each_error_of_the_idp_has_its_status_and_its_stage() {
    let back = ("active", STANDS);
    let again = ("rotating REFRESH! rotating-nobody", "rotating-nobody+grant");
    // columns: error, status, what follows the request, what lies on disk
    let errors = [
        ("InvalidRequest", S::InvalidParameter, back),
        ("AudienceRefused", S::AccessDenied, back),
        ("Unreachable", S::NotReachable, back),
        ("RateLimited", S::RateLimited, back),
        ("Interrupted early", S::Busy, back),
        ("Interrupted late", S::Busy, back),
        ("UntrustedServer", S::UntrustedServer, back),
        ("Misconfigured", S::UntrustedResponse, back),
        ("ClockSkewed", S::ClockSkewed, back),
        ("Denied", S::AccessDenied, back),
        ("AuthorizationRefused", S::CannotAcquireAuthorizationCode, back),
        ("CodeRefused", S::CannotAcquireAccessTokenForAuthorizationCode, back),
        ("ProofRefused", S::CannotAcquireTokenData, back),
        ("RefreshRefused", S::CannotAcquireTokenData, back),
        ("AnswerLost", S::NotReachable, again),
        ("UntrustedResponse", S::UntrustedResponse, again),
    ];
    assert_eq!(errors.len() + 1, all().len(), "all but GrantRefused, which has a table of its own");
    for kind in [RECOVERABLE, PLAIN] {
        table(kind).check(errors.map(|(name, status, (follows, disk))| {
            let done = format!("rotating REFRESH! {follows}").leak();
            row(name, always(Refresh, named(name)), (status, LoginRequired), done, disk, "")
        }));
    }
    let then = |second: &'static str| both(first(Refresh, named("AnswerLost")), nth(2, Refresh, named(second)));
    let unclear = |name, status| row(name, then(name), (status, LoginRequired), "rotating REFRESH! rotating REFRESH! rotating-nobody", "rotating-nobody+grant", "");
    table(PLAIN).check([
        ok("lost, then granted", first(Refresh, named("AnswerLost")), "rotating REFRESH! rotating REFRESH active"),
        unclear("Unreachable", S::NotReachable),
        unclear("RefreshRefused", S::CannotAcquireTokenData),
        unclear("ProofRefused", S::CannotAcquireTokenData),
        row("not given back", both(first(Refresh, named("Unreachable")), first(ACTIVE, UNAVAILABLE)), (S::NotReachable, LoginRequired), "rotating REFRESH! active!", "rotating+grant", ""),
        row("the lease is not renewed", both(first(Refresh, named("AnswerLost")), nth(2, ROTATING, UNAVAILABLE)), (S::StorageUnavailable, LoginRequired), "rotating REFRESH! rotating! rotating-nobody", "rotating-nobody+grant", ""),
        row("a lease was taken over: not given back", both(given(|world| rotating_by(world, None)), first(Refresh, named("Unreachable"))), (S::NotReachable, LoginRequired), "rotating REFRESH! rotating-nobody", "rotating-nobody+grant", ""),
    ]);
    Table::new(PLAIN, Before::Outdated, Event::Login).check([
        row("an outdated grant works again", nothing(), (S::Ok, LoggedIn), "rotating REFRESH active", STANDS, "TokenRefreshed"),
        row("not sent: what was found is given back", first(Refresh, named("Unreachable")), (S::NotReachable, LoginRequired), "rotating REFRESH! outdated", "outdated+grant", ""),
        row("refused again", first(Refresh, named("GrantRefused")), (S::TokenDataIsOutdated, LoginRequired), "rotating REFRESH! outdated", "outdated+grant", "SessionEnded"),
    ]);
}

fn of_another_subject(mut answer: Refreshed) -> Refreshed {
    if let Some(Ok(identity)) = &mut answer.identity {
        identity.claims.subject = UserId::parse("somebody-else").unwrap();
    }
    answer
}

fn with_email(mut answer: Refreshed) -> Refreshed {
    if let Some(Ok(identity)) = &mut answer.identity {
        identity.claims.names.push("email".to_owned());
    }
    answer
}

fn untrusted(mut answer: Refreshed) -> Refreshed {
    answer.access_token = Err(Untrusted::TokenAnswer("planned"));
    answer
}

#[test]
#[rustfmt::skip]
fn a_successor_is_on_disk_before_it_is_judged() {
    let distrusted = |name, twist| row(name, twist, (S::UntrustedResponse, LoginRequired), "rotating REFRESH active", STANDS, "TokenRefreshed");
    let gone = |name, twist, done, disk| row(name, twist, (S::Busy, LoginRequired), done, disk, "");
    table(PLAIN).check([
        ok("granted", nothing(), "rotating REFRESH active"),
        distrusted("the access token is not trusted", refreshed(untrusted)),
        distrusted("another subject", refreshed(of_another_subject)),
        row("the user has registered", refreshed(with_email), (S::Ok, LoggedIn), "rotating REFRESH active", STANDS, "IdentityNoLongerAnonymous TokenRefreshed"),
        ok("not written once", first(ACTIVE, UNAVAILABLE), "rotating REFRESH active! active"),
        ok("unclear once", first(ACTIVE, StorageError::Unclear), "rotating REFRESH active? active"),
        row("never written", always(ACTIVE, UNAVAILABLE), (S::StorageUnavailable, LoginRequired), "rotating REFRESH active!*", "rotating+grant", ""),
        ok("a conflict though my own lease stands", first(ACTIVE, StorageError::Conflict), "rotating REFRESH active! active"),
        gone("removed meanwhile", while_refreshing(removed), "rotating REFRESH active!", ""),
        gone("re-protected meanwhile", while_refreshing(reprotected), "rotating REFRESH active!", "rotating+grant"),
        gone("being deleted meanwhile", while_refreshing(deleting), "rotating REFRESH active!", "deleting-nobody+grant"),
    ]);
}
