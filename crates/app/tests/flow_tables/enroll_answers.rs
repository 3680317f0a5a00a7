//! EnrollAnonymousUser when a grant came: one write first, then the identity is judged.

use vestibule::AuthenticationMode::No;
use vestibule::SdkState::{ActivationRequired, LoggedIn};
use vestibule::identifiers::RecordId;
use vestibule::instant::WallTime;
use vestibule::ports::{Enrolled, Refreshed, StorageError};
use vestibule::record::{Header, Stage, StageKind};
use vestibule::status::{StatusType as S, Untrusted};
use vestibule::{AnonymityPolicy, SdkSettings};

use crate::before::{Before, of_somebody_unproven, of_unknown_key};
use crate::call_log::Call::{self, Open, Refresh, Write};
use crate::call_log::End;
use crate::idp_errors::{all, named};
use crate::plants::{removed, standing, write_again};
use crate::rows::{
    Event, Row, Table, Twist, always, both, enrolled, first, given, nth, refreshed, row, while_enrolling,
};
use crate::world::{PLAIN, RECOVERABLE, World};

const UNAVAILABLE: StorageError = StorageError::Unavailable("planned");
const ACTIVE: Call = Write(StageKind::Active);
const ENROLLING: Call = Write(StageKind::Enrolling);
const REVOKING: Call = Write(StageKind::Revoking);

fn table() -> Table {
    Table::new(RECOVERABLE, Before::Started, Event::Enroll(No))
}

fn with_email(mut answer: Enrolled) -> Enrolled {
    if let Ok(identity) = &mut answer.identity {
        identity.claims.names.push("email".to_owned());
    }
    answer
}

fn with_unproven_refresh(mut answer: Refreshed) -> Refreshed {
    answer.identity = Some(Err(Untrusted::IdToken("planned")));
    answer
}

fn without_identity(mut answer: Refreshed) -> Refreshed {
    answer.identity = None;
    answer
}

/// Somebody else's record, as another process writes it over mine.
fn somebody_elses(stage: fn(&Stage) -> Stage) -> impl FnOnce(&Header, vestibule::identifiers::WriteId) -> Header {
    move |header, write_id| Header {
        record_id: RecordId::from_bytes([0xab; 16]),
        epoch: 2,
        write_id,
        stage: stage(&header.stage),
        ..header.clone()
    }
}

fn another_user(world: &World) {
    let user = vestibule::identifiers::UserId::parse("somebody-else").unwrap();
    let record = standing(world);
    assert_eq!(record.header.stage.kind(), StageKind::Enrolling);
    write_again(world, |header, write_id| Header {
        stage: Stage::Active { user },
        ..somebody_elses(Stage::clone)(header, write_id)
    });
}

fn another_enrolment(world: &World) {
    write_again(world, somebody_elses(Stage::clone));
}

#[test]
#[rustfmt::skip]
fn what_the_app_is_told_of_an_enrolment() {
    let session = |days: i64| move |world: &World| {
        let ends = WallTime::from_unix_ms(vestibule::ports::Clock::wall(&world.clock).unix_ms() + days * 86_400_000);
        world.idp.next_enroll_altered(move |answer| answer.with_session_end(ends));
    };
    let told = |name, twist: Twist, told| row(name, twist, (S::Ok, LoggedIn), "enrolling ENROLL active", "active+grant", told);
    table().check([
        told("a session of 29 days", given(session(29)), "ShortLivedSession"),
        told("a session of 30 days", given(session(30)), ""),
        told("a session without an end", given(|_| ()), ""),
        told("bound access tokens", enrolled(Enrolled::with_bound_access_tokens), "AccessTokensBound"),
    ]);
    let warn = Table { settings: warning(), ..table() };
    warn.check([told("user data, where the app only wants to know", enrolled(with_email), "IdentityNoLongerAnonymous")]);
}

fn warning() -> SdkSettings {
    let mut settings = SdkSettings::default();
    settings.anonymity = AnonymityPolicy::Warn;
    settings
}

#[test]
#[rustfmt::skip]
fn a_grant_whose_identity_is_not_proven_is_marked_queued_and_taken_out() {
    let refused = |name, twist: Twist, done, disk, told| row(name, twist, (S::UntrustedResponse, ActivationRequired), done, disk, told);
    let whole = "enrolling ENROLL enrolling revoking enrolling-nobody REVOKE remove";
    let done = "RevocationPending RevocationDone";
    let left = "enrolling-nobody";
    let unproven = |twist| both(enrolled(of_somebody_unproven), twist);
    table().check([
        refused("ID token", enrolled(of_somebody_unproven), whole, left, done),
        refused("user data", enrolled(with_email), whole, left, done),
        refused("not written once", unproven(nth(2, ENROLLING, UNAVAILABLE)), "enrolling ENROLL enrolling! enrolling revoking enrolling-nobody REVOKE remove", left, done),
        refused("not taken out once", unproven(nth(3, ENROLLING, UNAVAILABLE)), "enrolling ENROLL enrolling revoking enrolling-nobody! REVOKE remove enrolling-nobody", left, done),
        refused("unclear once", unproven(nth(2, ENROLLING, End::DoneButUnclear)), "enrolling ENROLL enrolling? enrolling revoking enrolling-nobody REVOKE remove", left, done),
    ]);
    let fails = |name, twist| row(name, twist, (S::StorageUnavailable, ActivationRequired), "enrolling ENROLL enrolling revoking!", "enrolling+grant", "");
    table().check([
        fails("the queue fails: the mark stays on disk", unproven(always(REVOKING, UNAVAILABLE))),
        row("the queue is full of my own", unproven(first(REVOKING, StorageError::Conflict)), (S::Busy, ActivationRequired), "enrolling ENROLL enrolling revoking!", "enrolling+grant", ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn an_unknown_key_is_looked_up_by_one_refresh_under_the_same_lease() {
    let unknown = |twist| both(enrolled(of_unknown_key), twist);
    let kept = ("enrolling-nobody", "enrolling-nobody+grant");
    let again = ("enrolling REFRESH! enrolling-nobody", "enrolling-nobody+grant");
    // columns: error, status, what follows the refresh, what lies on disk
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
    table().check(errors.map(|(name, status, (follows, disk))| {
        let done = format!("enrolling ENROLL enrolling REFRESH! {follows}").leak();
        row(name, unknown(always(Refresh, named(name))), (status, ActivationRequired), done, disk, "")
    }));
    let twice = || both(enrolled(of_unknown_key), always(Refresh, named("GrantRefused")));
    let ended = |name, twist, ended, done, disk, told| row(name, unknown(twist), ended, done, disk, told);
    table().check([
        ended("proven", given(|_| ()), (S::Ok, LoggedIn), "enrolling ENROLL enrolling REFRESH active", "active+grant", ""),
        ended("lost, then proven", first(Refresh, named("AnswerLost")), (S::Ok, LoggedIn), "enrolling ENROLL enrolling REFRESH! enrolling REFRESH active", "active+grant", ""),
        ended("refused: the same key is enrolled again", first(Refresh, named("GrantRefused")), (S::Ok, LoggedIn), "enrolling ENROLL enrolling REFRESH! ENROLL active", "active+grant", ""),
        ended("refused at every proof", twice(), (S::UntrustedResponse, ActivationRequired), "enrolling ENROLL enrolling REFRESH! ENROLL enrolling REFRESH! enrolling-nobody", "enrolling-nobody+grant", ""),
        ended("still not proven", refreshed(with_unproven_refresh), (S::UntrustedResponse, ActivationRequired), "enrolling ENROLL enrolling REFRESH enrolling revoking enrolling-nobody REVOKE remove", "enrolling-nobody", "RevocationPending RevocationDone"),
        ended("no ID token", refreshed(without_identity), (S::UntrustedResponse, ActivationRequired), "enrolling ENROLL enrolling REFRESH enrolling revoking enrolling-nobody REVOKE remove", "enrolling-nobody", "RevocationPending RevocationDone"),
        ended("the lease is not renewed", both(first(Refresh, named("AnswerLost")), nth(3, ENROLLING, UNAVAILABLE)), (S::StorageUnavailable, ActivationRequired), "enrolling ENROLL enrolling REFRESH! enrolling! enrolling-nobody", "enrolling-nobody+grant", ""),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_grant_that_finds_something_else_in_its_slot_is_revoked_later_unless_it_may_stand() {
    let unclear_then = |end: End| both(first(ACTIVE, end), nth(2, ACTIVE, StorageError::Conflict));
    let rows: [Row; 7] = [
        row("it was removed", while_enrolling(removed), (S::Busy, ActivationRequired), "enrolling ENROLL active! revoking REVOKE remove", "", "RevocationPending RevocationDone"),
        row("another user stands", while_enrolling(another_user), (S::UserIdAlreadyExists, ActivationRequired), "enrolling ENROLL active! revoking REVOKE remove", "active", "RevocationPending RevocationDone"),
        row("another enrolment stands", while_enrolling(another_enrolment), (S::Busy, ActivationRequired), "enrolling ENROLL active! revoking REVOKE remove", "enrolling", "RevocationPending RevocationDone"),
        row("mine stands after all", unclear_then(End::DoneButUnclear), (S::Ok, LoggedIn), "enrolling ENROLL active? active!", "active+grant", ""),
        row("mine may have stood", unclear_then(StorageError::Unclear.into()), (S::Busy, ActivationRequired), "enrolling ENROLL active? active!", "enrolling", ""),
        row("the queue fails", both(while_enrolling(removed), always(REVOKING, UNAVAILABLE)), (S::StorageUnavailable, ActivationRequired), "enrolling ENROLL active! revoking!*", "", ""),
        row("mine stands but does not open at once", both(unclear_then(End::DoneButUnclear), first(Open, UNAVAILABLE)), (S::Ok, LoggedIn), "enrolling ENROLL active? active!", "active+grant", ""),
    ];
    Table::new(PLAIN, Before::Started, Event::Enroll(No)).check(rows);
}
