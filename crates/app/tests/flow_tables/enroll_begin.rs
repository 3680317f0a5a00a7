//! EnrollAnonymousUser in a slot that is proven free: every call on the way, and every answer of the IdP.

use std::time::Duration;

use vestibule::AuthenticationMode::No;
use vestibule::SdkState::{ActivationRequired, LoggedIn};
use vestibule::identifiers::InvalidParameter;
use vestibule::ports::StorageError;
use vestibule::record::{StageKind, Unreadable};
use vestibule::status::StatusType as S;

use crate::before::Before;
use crate::call_log::Call::{Describe, Enroll, Enter, Fill, List, Realm, Remove, Write};
use crate::call_log::End;
use crate::idp_errors::{all, named};
use crate::rows::{Event, Row, Table, always, both, first, given, nothing, nth, row};
use crate::world::RECOVERABLE;

const UNAVAILABLE: StorageError = StorageError::Unavailable("planned");
const UNCLEAR: StorageError = StorageError::Unclear;
const ENROLLING: crate::call_log::Call = Write(StageKind::Enrolling);
const ACTIVE: crate::call_log::Call = Write(StageKind::Active);

fn table() -> Table {
    Table::new(RECOVERABLE, Before::Started, Event::Enroll(No))
}

/// A failure that costs nothing: no request, no write.
fn refused(name: &'static str, twist: crate::rows::Twist, status: S) -> Row {
    row(name, twist, (status, ActivationRequired), "", "", "")
}

#[test]
#[rustfmt::skip]
fn what_cannot_be_proven_free_is_never_enrolled() {
    let parameter = InvalidParameter { field: "planned", why: "planned" };
    let describing = [
        ("conflict", StorageError::Conflict, S::Busy),
        ("unavailable", UNAVAILABLE, S::StorageUnavailable),
        ("unclear", UNCLEAR, S::StorageUnavailable),
        ("corrupted", StorageError::Unreadable(Unreadable::Corrupted), S::StorageCorrupted),
        ("newer", StorageError::Unreadable(Unreadable::NewerFormat), S::NewerFormat),
        ("without key", StorageError::Unreadable(Unreadable::RestoredWithoutKey), S::RestoredWithoutKey),
        ("another device", StorageError::DeviceChanged, S::DeviceChanged),
        ("locked", StorageError::WrongCredential, S::WrongCredentials),
        ("locked out", StorageError::LockedOut(Duration::from_secs(30)), S::LockedUser),
        ("unsupported", StorageError::Unsupported(parameter), S::InvalidParameter),
        ("not there", StorageError::NotThere, S::InvalidUserId),
    ];
    table().check(describing.map(|(name, error, status)| refused(name, always(Describe, error), status)));
}

#[test]
#[rustfmt::skip]
fn what_fails_before_the_request_sends_none() {
    let away = given(|world| world.disk.set_unavailable(Some("planned")));
    let parameter = InvalidParameter { field: "authentication_mode", why: "planned" };
    table().check([
        refused("no such realm", first(Realm, named("InvalidRequest")), S::InvalidParameter),
        refused("the disk is away", away, S::StorageUnavailable),
        refused("no randomness for the key", first(Fill, End::NoEntropy), S::InternalError),
        refused("no randomness for the record id", nth(2, Fill, End::NoEntropy), S::InternalError),
        refused("no randomness for the write id", nth(3, Fill, End::NoEntropy), S::InternalError),
        refused("presence fails", first(Enter, End::NoPresence), S::StorageUnavailable),
        row("the slot is taken meanwhile", first(ENROLLING, StorageError::Conflict), (S::Ok, LoggedIn), "enrolling! enrolling ENROLL active", "active+grant", ""),
        row("the slot is taken for ever", always(ENROLLING, StorageError::Conflict), (S::Busy, ActivationRequired), "enrolling!*", "", ""),
        row("the lease is not written", first(ENROLLING, UNAVAILABLE), (S::StorageUnavailable, ActivationRequired), "enrolling!", "", ""),
        row("the mode is not kept there", first(ENROLLING, StorageError::Unsupported(parameter)), (S::InvalidParameter, ActivationRequired), "enrolling!", "", ""),
        row("the lease is unclear for ever", always(ENROLLING, UNCLEAR), (S::StorageUnavailable, ActivationRequired), "enrolling?x3", "", ""),
        row("the lease stands, unclear for ever", always(ENROLLING, End::DoneButUnclear), (S::StorageUnavailable, ActivationRequired), "enrolling?x3", "enrolling", ""),
        row("the lease is unclear once", first(ENROLLING, UNCLEAR), (S::Ok, LoggedIn), "enrolling? enrolling ENROLL active", "active+grant", ""),
        row("the lease stands, unclear once", first(ENROLLING, End::DoneButUnclear), (S::Ok, LoggedIn), "enrolling? enrolling ENROLL active", "active+grant", ""),
        row("no room for the answer", first(ENROLLING, End::DoneWithoutRoom), (S::StorageUnavailable, ActivationRequired), "enrolling remove", "", ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn each_error_of_the_idp_has_its_status_and_keeps_the_key_unless_nothing_can_exist_of_it() {
    // columns: error, status, what follows the request, what lies on disk
    let undone = ("remove", "");
    let kept = ("enrolling-nobody", "enrolling-nobody");
    let again = ("enrolling ENROLL! enrolling-nobody", "enrolling-nobody");
    let table_of_errors = [
        ("InvalidRequest", S::InvalidParameter, undone),
        ("AudienceRefused", S::AccessDenied, undone),
        ("Unreachable", S::NotReachable, undone),
        ("RateLimited", S::RateLimited, undone),
        ("Interrupted early", S::Busy, undone),
        ("Interrupted late", S::Busy, again),
        ("UntrustedServer", S::UntrustedServer, undone),
        ("Misconfigured", S::UntrustedResponse, undone),
        ("ClockSkewed", S::ClockSkewed, undone),
        ("Denied", S::AccessDenied, undone),
        ("AuthorizationRefused", S::CannotAcquireAuthorizationCode, undone),
        ("CodeRefused", S::CannotAcquireAccessTokenForAuthorizationCode, kept),
        ("GrantRefused", S::TokenDataIsOutdated, kept),
        ("ProofRefused", S::CannotAcquireTokenData, kept),
        ("RefreshRefused", S::CannotAcquireTokenData, kept),
        ("AnswerLost", S::NotReachable, again),
        ("UntrustedResponse", S::UntrustedResponse, again),
    ];
    assert_eq!(table_of_errors.map(|row| row.0), all().map(|(name, _)| name));
    table().check(table_of_errors.map(|(name, status, (follows, disk))| {
        let done = format!("enrolling ENROLL! {follows}").leak();
        row(name, always(Enroll, named(name)), (status, ActivationRequired), done, disk, "")
    }));
}

#[test]
#[rustfmt::skip]
fn an_unclear_answer_is_asked_for_once_more_and_never_undone() {
    let lost_then = |name: &'static str| both(first(Enroll, named("AnswerLost")), nth(2, Enroll, named(name)));
    let failed = |name, status| {
        let done = "enrolling ENROLL! enrolling ENROLL! enrolling-nobody";
        row(name, lost_then(name), (status, ActivationRequired), done, "enrolling-nobody", "")
    };
    let renewal_fails = |error: End| both(first(Enroll, named("AnswerLost")), nth(2, ENROLLING, error));
    table().check([
        row("lost, then granted", first(Enroll, named("AnswerLost")), (S::Ok, LoggedIn), "enrolling ENROLL! enrolling ENROLL active", "active+grant", ""),
        row("untrusted, then granted", first(Enroll, named("UntrustedResponse")), (S::Ok, LoggedIn), "enrolling ENROLL! enrolling ENROLL active", "active+grant", ""),
        failed("Unreachable", S::NotReachable),
        failed("Denied", S::AccessDenied),
        failed("ClockSkewed", S::ClockSkewed),
        failed("CodeRefused", S::CannotAcquireAccessTokenForAuthorizationCode),
        failed("UntrustedServer", S::UntrustedServer),
        row("the lease is not renewed", renewal_fails(UNAVAILABLE.into()), (S::StorageUnavailable, ActivationRequired), "enrolling ENROLL! enrolling! enrolling-nobody", "enrolling-nobody", ""),
        row("the lease is taken", renewal_fails(StorageError::Conflict.into()), (S::Busy, ActivationRequired), "enrolling ENROLL! enrolling! enrolling-nobody", "enrolling-nobody", ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_fresh_failure_that_cannot_be_undone_leaves_its_key() {
    let unreachable = |twist| both(first(Enroll, named("Unreachable")), twist);
    let rows = [
        row("describe fails", unreachable(nth(2, Describe, UNAVAILABLE)), (S::NotReachable, ActivationRequired), "enrolling ENROLL!", "enrolling", ""),
        row("remove fails", unreachable(first(Remove, UNAVAILABLE)), (S::NotReachable, ActivationRequired), "enrolling ENROLL! remove!", "enrolling", ""),
        row("remove is unclear", unreachable(first(Remove, End::DoneButUnclear)), (S::NotReachable, ActivationRequired), "enrolling ENROLL! remove?", "", ""),
        row("the lease is not given away", both(always(Enroll, named("CodeRefused")), nth(2, ENROLLING, UNAVAILABLE)), (S::CannotAcquireAccessTokenForAuthorizationCode, ActivationRequired), "enrolling ENROLL! enrolling-nobody!", "enrolling", ""),
    ];
    table().check(rows);
}

#[test]
#[rustfmt::skip]
fn a_grant_is_written_until_it_stands_and_the_user_is_told_then() {
    let granted = |name, twist, done| row(name, twist, (S::Ok, LoggedIn), done, "active+grant", "");
    table().check([
        granted("all goes well", nothing(), "enrolling ENROLL active"),
        granted("not written once", first(ACTIVE, UNAVAILABLE), "enrolling ENROLL active! active"),
        granted("unclear once", first(ACTIVE, UNCLEAR), "enrolling ENROLL active? active"),
        granted("stands, unclear once", first(ACTIVE, End::DoneButUnclear), "enrolling ENROLL active? active"),
        granted("not remembered", nth(2, Describe, UNAVAILABLE), "enrolling ENROLL active"),
        granted("no list is needed", always(List, UNAVAILABLE), "enrolling ENROLL active"),
        row("never written", always(ACTIVE, UNAVAILABLE), (S::StorageUnavailable, ActivationRequired), "enrolling ENROLL active!*", "enrolling", ""),
        row("unclear for ever", always(ACTIVE, UNCLEAR), (S::StorageUnavailable, ActivationRequired), "enrolling ENROLL active?*", "enrolling", ""),
    ]);
}
