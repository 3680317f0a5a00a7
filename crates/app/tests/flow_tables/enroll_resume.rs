//! EnrollAnonymousUser in a slot that holds an unfinished enrolment, or a deletion: the key that lies there is kept.

use std::time::Duration;

use vestibule::AuthenticationMode::No;
use vestibule::SdkState::{ActivationRequired, LoggedIn};
use vestibule::identifiers::InvalidParameter;
use vestibule::ports::{Enrolled, StorageError};
use vestibule::record::{StageKind, Unreadable};
use vestibule::status::StatusType as S;

use crate::before::{Before, of_unknown_key};
use crate::call_log::Call::{self, Describe, Enroll, Enter, Fill, List, Of, Open, PutBack, Refresh, Remove, Write};
use crate::call_log::End;
use crate::idp_errors::{all, named};
use crate::plants::{GONE, deleting, enrolling_by, living_owner, unreadable};
use crate::rows::{Event, Row, Table, Twist, always, both, first, given, nothing, nth, row};
use crate::world::RECOVERABLE;

const UNAVAILABLE: StorageError = StorageError::Unavailable("planned");
const ENROLLING: Call = Write(StageKind::Enrolling);

fn table(before: Before) -> Table {
    Table::new(RECOVERABLE, before, Event::Enroll(No))
}

/// A failure that changes nothing and sends nothing.
fn untouched(name: &'static str, twist: Twist, status: S) -> Row {
    row(name, twist, (status, ActivationRequired), "", "enrolling-nobody", "")
}

#[test]
#[rustfmt::skip]
fn what_fails_before_the_lease_leaves_the_unfinished_record_as_it_is() {
    let parameter = InvalidParameter { field: "planned", why: "planned" };
    let opening = [
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
    let opens = opening.map(|(name, error, status)| untouched(name, first(Open, error), status));
    let others = [
        untouched("describe fails", first(Describe, UNAVAILABLE), S::StorageUnavailable),
        untouched("presence fails", first(Enter, End::NoPresence), S::StorageUnavailable),
        untouched("no randomness", first(Fill, End::NoEntropy), S::InternalError),
        row("unreadable by now", given(|world| unreadable(world, Unreadable::NewerFormat)), (S::NewerFormat, ActivationRequired), "", "", ""),
    ];
    table(Before::Unfinished).check(opens.into_iter().chain(others));
}

#[test]
#[rustfmt::skip]
fn the_lease_is_taken_where_nobody_else_lives_and_its_failure_sends_nothing() {
    let resumed = |name, twist, done| row(name, twist, (S::Ok, LoggedIn), done, "active+grant", "");
    let failed = |name, twist, status, done, disk| row(name, twist, (status, ActivationRequired), done, disk, "");
    table(Before::Unfinished).check([
        resumed("nobody's lease", nothing(), "enrolling ENROLL active"),
        resumed("a gone owner's", given(|world| enrolling_by(world, Some(GONE))), "enrolling ENROLL active"),
        resumed("nobody's, just written", given(|world| enrolling_by(world, None)), "enrolling ENROLL active"),
        failed("a living owner's", given(|world| enrolling_by(world, Some(living_owner(world)))), S::Busy, "", "enrolling"),
        failed("an owner of whom nothing is known", both(given(|world| enrolling_by(world, Some(GONE))), always(Of, End::NoPresence)), S::Busy, "", "enrolling"),
        resumed("overtaken once", first(ENROLLING, StorageError::Conflict), "enrolling! enrolling ENROLL active"),
        failed("overtaken for ever", always(ENROLLING, StorageError::Conflict), S::Busy, "enrolling!*", "enrolling-nobody"),
        failed("not written", first(ENROLLING, UNAVAILABLE), S::StorageUnavailable, "enrolling!", "enrolling-nobody"),
        failed("unclear for ever", always(ENROLLING, StorageError::Unclear), S::StorageUnavailable, "enrolling?x3", "enrolling-nobody"),
        resumed("unclear once", first(ENROLLING, End::DoneButUnclear), "enrolling? enrolling ENROLL active"),
        failed("no room", first(ENROLLING, End::DoneWithoutRoom), S::StorageUnavailable, "enrolling enrolling-nobody", "enrolling-nobody"),
        failed("the search for a copy fails", first(List, UNAVAILABLE), S::StorageUnavailable, "", "enrolling-nobody"),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_key_that_was_asked_for_before_is_kept_whatever_the_idp_answers() {
    let kept = "enrolling-nobody";
    let again = "enrolling ENROLL! enrolling-nobody";
    // columns: error, status, what follows the request
    let errors = [
        ("InvalidRequest", S::InvalidParameter, kept),
        ("AudienceRefused", S::AccessDenied, kept),
        ("Unreachable", S::NotReachable, kept),
        ("RateLimited", S::RateLimited, kept),
        ("Interrupted early", S::Busy, kept),
        ("Interrupted late", S::Busy, again),
        ("UntrustedServer", S::UntrustedServer, kept),
        ("Misconfigured", S::UntrustedResponse, kept),
        ("ClockSkewed", S::ClockSkewed, kept),
        ("Denied", S::AccessDenied, kept),
        ("AuthorizationRefused", S::CannotAcquireAuthorizationCode, kept),
        ("CodeRefused", S::CannotAcquireAccessTokenForAuthorizationCode, kept),
        ("GrantRefused", S::TokenDataIsOutdated, kept),
        ("ProofRefused", S::CannotAcquireTokenData, kept),
        ("RefreshRefused", S::CannotAcquireTokenData, kept),
        ("AnswerLost", S::NotReachable, again),
        ("UntrustedResponse", S::UntrustedResponse, again),
    ];
    assert_eq!(errors.map(|row| row.0), all().map(|(name, _)| name));
    table(Before::Unfinished).check(errors.map(|(name, status, follows)| {
        let done = format!("enrolling ENROLL! {follows}").leak();
        row(name, always(Enroll, named(name)), (status, ActivationRequired), done, "enrolling-nobody", "")
    }));
}

#[test]
#[rustfmt::skip]
fn a_grant_that_lies_there_is_refreshed_before_anything_is_enrolled() {
    let kept = "enrolling-nobody";
    let again = "enrolling REFRESH! enrolling-nobody";
    // columns: error, status, what follows the refresh
    let errors = [
        ("InvalidRequest", S::InvalidParameter, kept),
        ("AudienceRefused", S::AccessDenied, kept),
        ("Unreachable", S::NotReachable, kept),
        ("RateLimited", S::RateLimited, kept),
        ("Interrupted early", S::Busy, kept),
        ("Interrupted late", S::Busy, kept),
        ("UntrustedServer", S::UntrustedServer, kept),
        ("Misconfigured", S::UntrustedResponse, kept),
        ("ClockSkewed", S::ClockSkewed, kept),
        ("Denied", S::AccessDenied, kept),
        ("AuthorizationRefused", S::CannotAcquireAuthorizationCode, kept),
        ("CodeRefused", S::CannotAcquireAccessTokenForAuthorizationCode, kept),
        ("ProofRefused", S::CannotAcquireTokenData, kept),
        ("RefreshRefused", S::CannotAcquireTokenData, kept),
        ("AnswerLost", S::NotReachable, again),
        ("UntrustedResponse", S::UntrustedResponse, again),
    ];
    assert_eq!(errors.len() + 1, all().len(), "all but GrantRefused, which is enrolled again");
    table(Before::UnfinishedWithGrant).check(errors.map(|(name, status, follows)| {
        let done = format!("enrolling REFRESH! {follows}").leak();
        row(name, always(Refresh, named(name)), (status, ActivationRequired), done, "enrolling-nobody+grant", "")
    }));
    let refused = |twist| both(first(Refresh, named("GrantRefused")), twist);
    table(Before::UnfinishedWithGrant).check([
        row("granted", nothing(), (S::Ok, LoggedIn), "enrolling REFRESH active", "active+grant", ""),
        row("lost, then granted", first(Refresh, named("AnswerLost")), (S::Ok, LoggedIn), "enrolling REFRESH! enrolling REFRESH active", "active+grant", ""),
        row("refused: the same key is enrolled again", refused(nothing()), (S::Ok, LoggedIn), "enrolling REFRESH! ENROLL active", "active+grant", ""),
        row("refused, and so is the key", refused(always(Enroll, named("CodeRefused"))), (S::CannotAcquireAccessTokenForAuthorizationCode, ActivationRequired), "enrolling REFRESH! ENROLL! enrolling-nobody", "enrolling-nobody+grant", ""),
        row("the renewal fails", both(first(Refresh, named("AnswerLost")), nth(2, ENROLLING, UNAVAILABLE)), (S::StorageUnavailable, ActivationRequired), "enrolling REFRESH! enrolling! enrolling-nobody", "enrolling-nobody+grant", ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_grant_that_is_marked_refused_is_queued_and_taken_out_and_never_sent() {
    let unknown = |world: &crate::world::World| world.idp.next_enroll_altered(|answer: Enrolled| of_unknown_key(answer));
    table(Before::UnfinishedWithRefusedGrant).check([
        row("then the key is enrolled under a lease", nothing(), (S::Ok, LoggedIn), "enrolling revoking enrolling ENROLL active REVOKE remove", "active+grant", "RevocationPending RevocationDone"),
        row("the queue fails", first(Write(StageKind::Revoking), UNAVAILABLE), (S::StorageUnavailable, ActivationRequired), "enrolling revoking! enrolling-nobody", "enrolling-nobody+grant", ""),
        row("a new grant of unknown key", given(unknown), (S::Ok, LoggedIn), "enrolling revoking enrolling ENROLL enrolling REFRESH active REVOKE remove", "active+grant", "RevocationPending RevocationDone"),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_deletion_that_was_begun_is_finished_before_the_slot_is_enrolled() {
    let begun = |twist| both(given(deleting), twist);
    let left = "deleting-nobody+grant";
    let failed = |name, twist, status, done, disk, told| row(name, begun(twist), (status, LoginRequired), done, disk, told);
    use vestibule::SdkState::LoginRequired;
    Table::new(RECOVERABLE, Before::User, Event::Enroll(No)).check([
        row("finished", begun(nothing()), (S::Ok, LoggedIn), "revoking remove forget enrolling ENROLL active REVOKE remove", "active+grant", "RevocationPending RevocationDone"),
        failed("open fails", first(Open, UNAVAILABLE), S::StorageUnavailable, "", left, ""),
        failed("the queue fails", first(Write(StageKind::Revoking), UNAVAILABLE), S::StorageUnavailable, "revoking!", left, ""),
        failed("the search for a copy fails", first(List, UNAVAILABLE), S::StorageUnavailable, "revoking REVOKE remove", "deleting-nobody+grant", "RevocationPending RevocationDone"),
        failed("remove fails", first(Remove, UNAVAILABLE), S::StorageUnavailable, "revoking remove! REVOKE remove", "deleting-nobody+grant", "RevocationPending RevocationDone"),
    ]);
    Table::new(RECOVERABLE, Before::UnfinishedReplacement, Event::Enroll(No)).check([
        row("what it replaced is put back, and then the slot is taken", begun(nothing()), (S::UserIdAlreadyExists, LoginRequired), "put-back forget", "active+grant", ""),
        row("put back fails", begun(first(PutBack, UNAVAILABLE)), (S::StorageUnavailable, LoginRequired), "put-back!", "aside:active+grant deleting-nobody", ""),
    ]);
}
