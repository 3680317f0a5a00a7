//! A refused grant: on a recoverable server the same key finds the same user, else the grant is kept as outdated.

use vestibule::SdkState::{LoggedIn, LoginRequired};
use vestibule::ports::testing::IdpKind;
use vestibule::ports::{Enrolled, StorageError};
use vestibule::record::StageKind;
use vestibule::secret::EnrolmentKey;
use vestibule::status::StatusType as S;

use crate::before::{Before, of_somebody_unproven};
use crate::call_log::Call::{self, Enroll, Of, Refresh, Write};
use crate::call_log::End;
use crate::idp_errors::{all, named};
use crate::plants::{removed, reprotected};
use crate::rows::{Event, Row, Table, Twist, always, both, enrolled, first, given, nothing, row, while_enrolling};
use crate::world::{PLAIN, RECOVERABLE, World};

const UNAVAILABLE: StorageError = StorageError::Unavailable("planned");
const ACTIVE: Call = Write(StageKind::Active);
const OUTDATED: Call = Write(StageKind::Outdated);
const REVOKING: Call = Write(StageKind::Revoking);

fn table(kind: IdpKind) -> Table {
    Table::new(kind, Before::User, Event::Login)
}

/// The grant is refused, and then this.
fn refused(twist: Twist) -> Twist {
    both(first(Refresh, named("GrantRefused")), twist)
}

/// The server breaks its promise: the key leads to another user from now on.
fn forget_the_key(world: &World) {
    let key = world.idp.journal().entries().iter().find_map(|entry| match entry {
        vestibule::ports::testing::JournalEntry::Opened { key, .. } => Some(EnrolmentKey::new(*key.expose())),
        _ => None,
    });
    world.idp.forget_key(&key.unwrap());
}

/// An admin deletes the user: the server makes it anew for its key.
fn delete_the_user(world: &World) {
    world.idp.delete_user(&world.idp.users()[0]);
}

fn with_email(mut answer: Enrolled) -> Enrolled {
    if let Ok(identity) = &mut answer.identity {
        identity.claims.names.push("email".to_owned());
    }
    answer
}

#[test]
#[rustfmt::skip]
fn a_grant_that_a_plain_server_refused_is_kept_as_outdated() {
    let outdated = |name, twist, done| row(name, refused(twist), (S::TokenDataIsOutdated, LoginRequired), done, "outdated+grant", "SessionEnded");
    table(PLAIN).check([
        outdated("refused", nothing(), "rotating REFRESH! outdated"),
        outdated("not written once", first(OUTDATED, UNAVAILABLE), "rotating REFRESH! outdated! outdated"),
        outdated("unclear once", first(OUTDATED, End::DoneButUnclear), "rotating REFRESH! outdated? outdated"),
        row("never written", refused(always(OUTDATED, UNAVAILABLE)), (S::StorageUnavailable, LoginRequired), "rotating REFRESH! outdated!*", "rotating+grant", ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn the_same_key_finds_the_same_user_and_no_other_answer_changes_anything() {
    let recovered = |name, twist, done, told| row(name, refused(twist), (S::Ok, LoggedIn), done, "active+grant", told);
    let outdated = |name, twist, done, disk, told| row(name, refused(twist), (S::TokenDataIsOutdated, LoginRequired), done, disk, told);
    let kept = "outdated+grant";
    let queued = "RevocationPending SessionEnded RevocationDone";
    table(RECOVERABLE).check([
        recovered("the same user", nothing(), "rotating REFRESH! ENROLL active", "UserRecovered"),
        recovered("the user was deleted and made anew", given(delete_the_user), "rotating REFRESH! ENROLL active", "IdentityReplaced"),
        recovered("the user has registered", enrolled(with_email), "rotating REFRESH! ENROLL active", "IdentityNoLongerAnonymous UserRecovered"),
        recovered("nobody can see whether I live: the lease is written again first", always(Of, End::NoPresence), "rotating REFRESH! rotating ENROLL active", "UserRecovered"),
        recovered("not written once", first(ACTIVE, UNAVAILABLE), "rotating REFRESH! ENROLL active! active", "UserRecovered"),
        row("never written", refused(always(ACTIVE, UNAVAILABLE)), (S::StorageUnavailable, LoginRequired), "rotating REFRESH! ENROLL active!*", "rotating+grant", ""),
        outdated("another user", given(forget_the_key), "rotating REFRESH! ENROLL revoking outdated REVOKE remove", kept, queued),
        outdated("nobody is proven", enrolled(of_somebody_unproven), "rotating REFRESH! ENROLL revoking outdated REVOKE remove", kept, queued),
        row("removed meanwhile", refused(while_enrolling(removed)), (S::Busy, LoginRequired), "rotating REFRESH! ENROLL active! revoking REVOKE remove", "", "RevocationPending RevocationDone"),
        row("re-protected meanwhile", refused(while_enrolling(reprotected)), (S::Busy, LoginRequired), "rotating REFRESH! ENROLL active! revoking REVOKE remove", "rotating+grant", "RevocationPending RevocationDone"),
        outdated("the queue fails once", both(given(forget_the_key), first(REVOKING, UNAVAILABLE)), "rotating REFRESH! ENROLL revoking! revoking outdated REVOKE remove", kept, queued),
    ]);
}

#[test]
#[rustfmt::skip]
fn each_error_of_a_recovery_leaves_the_old_grant() {
    let outdated: (S, &str, &str, &str) = (S::TokenDataIsOutdated, "outdated", "outdated+grant", "SessionEnded");
    let later = |status| (status, "rotating-nobody", "rotating-nobody+grant", "");
    // columns: error, (status, what follows the request, what lies on disk, what the app is told)
    let errors = [
        ("InvalidRequest", later(S::InvalidParameter)),
        ("AudienceRefused", later(S::AccessDenied)),
        ("Unreachable", later(S::NotReachable)),
        ("RateLimited", later(S::RateLimited)),
        ("Interrupted early", later(S::Busy)),
        ("Interrupted late", later(S::Busy)),
        ("UntrustedServer", later(S::UntrustedServer)),
        ("Misconfigured", later(S::UntrustedResponse)),
        ("ClockSkewed", later(S::ClockSkewed)),
        ("Denied", outdated),
        ("AuthorizationRefused", outdated),
        ("CodeRefused", outdated),
        ("GrantRefused", outdated),
        ("ProofRefused", later(S::CannotAcquireTokenData)),
        ("RefreshRefused", outdated),
        ("AnswerLost", later(S::NotReachable)),
        ("UntrustedResponse", later(S::UntrustedResponse)),
    ];
    assert_eq!(errors.map(|row| row.0), all().map(|(name, _)| name));
    let rows = errors.map(|(name, (status, follows, disk, told))| -> Row {
        let done = format!("rotating REFRESH! ENROLL! {follows}").leak();
        row(name, refused(always(Enroll, named(name))), (status, LoginRequired), done, disk, told)
    });
    table(RECOVERABLE).check(rows);
}
