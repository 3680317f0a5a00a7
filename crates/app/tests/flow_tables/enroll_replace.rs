//! EnrollAnonymousUser over a user: only where `replace` names it, and the old record stays aside until the new user stands.

use vestibule::AuthenticationMode::No;
use vestibule::SdkState::{LoggedIn, LoginRequired};
use vestibule::ports::StorageError;
use vestibule::record::{StageKind, Unreadable};
use vestibule::status::StatusType as S;

use crate::before::Before;
use crate::call_log::Call::{self, Describe, Enroll, Enter, KeepAside, List, Of, PutBack, Remove, Write};
use crate::call_log::End;
use crate::idp_errors::{all, named};
use crate::plants::{GONE, living_owner, rotating_by, unreadable};
use crate::rows::{Event, Row, Table, Twist, always, both, first, given, nothing, row};
use crate::world::{PLAIN, RECOVERABLE};

const UNAVAILABLE: StorageError = StorageError::Unavailable("planned");
const ENROLLING: Call = Write(StageKind::Enrolling);
const STANDS: &str = "active+grant";
const ASIDE: &str = "aside:active+grant enrolling-nobody";

fn table() -> Table {
    Table::new(RECOVERABLE, Before::User, Event::Replace(No))
}

/// A failure that leaves the old user as it was.
fn untouched(name: &'static str, twist: Twist, status: S, done: &'static str) -> Row {
    row(name, twist, (status, LoginRequired), done, STANDS, "")
}

#[test]
#[rustfmt::skip]
fn a_slot_with_a_user_is_taken_unless_it_is_replaced_by_name() {
    for before in [Before::User, Before::Outdated] {
        let disk = if before == Before::User { STANDS } else { "outdated+grant" };
        Table::new(RECOVERABLE, before, Event::Enroll(No)).check([
            row("nothing named", nothing(), (S::UserIdAlreadyExists, LoginRequired), "", disk, ""),
            row("unreadable", given(|world| unreadable(world, Unreadable::Corrupted)), (S::StorageCorrupted, LoginRequired), "", "", ""),
            row("away", first(Describe, UNAVAILABLE), (S::StorageUnavailable, LoginRequired), "", disk, ""),
        ]);
        Table::new(RECOVERABLE, before, Event::ReplaceSomebodyElse).check([
            row("another user named", nothing(), (S::InvalidUserId, LoginRequired), "", disk, ""),
        ]);
    }
    Table::new(RECOVERABLE, Before::Started, Event::ReplaceSomebodyElse).check([
        row("a user named where nobody is", nothing(), (S::InvalidUserId, vestibule::SdkState::ActivationRequired), "", "", ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn what_fails_before_the_request_leaves_the_old_user() {
    let failed = |name, twist, status, done, disk| row(name, twist, (status, LoginRequired), done, disk, "");
    table().check([
        untouched("describe fails", first(Describe, UNAVAILABLE), S::StorageUnavailable, ""),
        untouched("the search for older copies fails", first(List, UNAVAILABLE), S::StorageUnavailable, ""),
        untouched("presence fails", first(Enter, End::NoPresence), S::StorageUnavailable, ""),
        untouched("no copy", first(KeepAside, UNAVAILABLE), S::StorageUnavailable, "aside!"),
        untouched("no copy, said unclearly", first(KeepAside, StorageError::Unclear), S::StorageUnavailable, "aside?"),
        untouched("no copy of what cannot be read", first(KeepAside, StorageError::Unreadable(Unreadable::Corrupted)), S::StorageCorrupted, "aside!"),
        failed("the lease is not written: a copy beside its original is harmless", first(ENROLLING, UNAVAILABLE), S::StorageUnavailable, "aside enrolling!", "active+grant aside:active+grant"),
        failed("the lease is unclear for ever", always(ENROLLING, StorageError::Unclear), S::StorageUnavailable, "aside enrolling?x3", "active+grant aside:active+grant"),
        untouched("no room", first(ENROLLING, End::DoneWithoutRoom), S::StorageUnavailable, "aside enrolling put-back"),
    ]);
}

#[test]
#[rustfmt::skip]
fn the_old_user_is_put_back_where_certainly_nothing_was_done_and_kept_aside_else() {
    let back = ("put-back", STANDS);
    let kept = ("enrolling-nobody", ASIDE);
    let again = ("enrolling ENROLL! enrolling-nobody", ASIDE);
    // columns: error, status, what follows the request, what lies on disk
    let errors = [
        ("InvalidRequest", S::InvalidParameter, back),
        ("AudienceRefused", S::AccessDenied, back),
        ("Unreachable", S::NotReachable, back),
        ("RateLimited", S::RateLimited, back),
        ("Interrupted early", S::Busy, back),
        ("Interrupted late", S::Busy, again),
        ("UntrustedServer", S::UntrustedServer, back),
        ("Misconfigured", S::UntrustedResponse, back),
        ("ClockSkewed", S::ClockSkewed, back),
        ("Denied", S::AccessDenied, back),
        ("AuthorizationRefused", S::CannotAcquireAuthorizationCode, back),
        ("CodeRefused", S::CannotAcquireAccessTokenForAuthorizationCode, kept),
        ("GrantRefused", S::TokenDataIsOutdated, kept),
        ("ProofRefused", S::CannotAcquireTokenData, kept),
        ("RefreshRefused", S::CannotAcquireTokenData, kept),
        ("AnswerLost", S::NotReachable, again),
        ("UntrustedResponse", S::UntrustedResponse, again),
    ];
    assert_eq!(errors.map(|row| row.0), all().map(|(name, _)| name));
    table().check(errors.map(|(name, status, (follows, disk))| {
        let done = format!("aside enrolling ENROLL! {follows}").leak();
        row(name, always(Enroll, named(name)), (status, LoginRequired), done, disk, "")
    }));
    let unreachable = |twist| both(first(Enroll, named("Unreachable")), twist);
    table().check([
        row("putting back fails", unreachable(first(PutBack, UNAVAILABLE)), (S::NotReachable, LoginRequired), "aside enrolling ENROLL! put-back!", "aside:active+grant enrolling", ""),
        row("putting back is unclear", unreachable(first(PutBack, End::DoneButUnclear)), (S::NotReachable, LoginRequired), "aside enrolling ENROLL! put-back?", STANDS, ""),
        row("the look before it fails", unreachable(crate::rows::nth(2, Describe, UNAVAILABLE)), (S::NotReachable, LoginRequired), "aside enrolling ENROLL!", "aside:active+grant enrolling", ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_new_user_that_stands_ends_the_copy_and_the_app_is_told() {
    let replaced = |name, twist, done, disk| row(name, twist, (S::Ok, LoggedIn), done, disk, "IdentityReplaced");
    table().check([
        replaced("all goes well", nothing(), "aside enrolling ENROLL active remove", STANDS),
        replaced("the copy cannot be looked at", crate::rows::nth(2, Describe, UNAVAILABLE), "aside enrolling ENROLL active", "active+grant aside:active+grant"),
        replaced("the copy is not removed", first(Remove, UNAVAILABLE), "aside enrolling ENROLL active remove!", "active+grant aside:active+grant"),
        replaced("overtaken once", first(ENROLLING, StorageError::Conflict), "aside enrolling! aside enrolling ENROLL active remove", STANDS),
        replaced("lost, then granted", first(Enroll, named("AnswerLost")), "aside enrolling ENROLL! enrolling ENROLL active remove", STANDS),
    ]);
    Table::new(RECOVERABLE, Before::Outdated, Event::Replace(No)).check([
        replaced("an outdated user", nothing(), "aside enrolling ENROLL active remove", STANDS),
    ]);
    Table::new(PLAIN, Before::UnfinishedReplacement, Event::Enroll(No)).check([
        replaced("a replacement that was begun", nothing(), "enrolling ENROLL active remove", STANDS),
        row("and still not granted", first(Enroll, named("Unreachable")), (S::NotReachable, LoginRequired), "enrolling ENROLL! enrolling-nobody", ASIDE, ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn nobody_is_replaced_while_somebody_is_at_work_on_it() {
    table().check([
        row("a living owner", given(|world| rotating_by(world, Some(living_owner(world)))), (S::Busy, LoginRequired), "", "rotating+grant", ""),
        row("of whom nothing is known", both(given(|world| rotating_by(world, Some(GONE))), always(Of, End::NoPresence)), (S::Busy, LoginRequired), "", "rotating+grant", ""),
        row("a gone one", given(|world| rotating_by(world, Some(GONE))), (S::Ok, LoggedIn), "aside enrolling ENROLL active remove", STANDS, "IdentityReplaced"),
        row("nobody's lease", given(|world| rotating_by(world, None)), (S::Ok, LoggedIn), "aside enrolling ENROLL active remove", STANDS, "IdentityReplaced"),
    ]);
}
