//! ExchangeIamToken: one rotation per fetch; what comes is on disk before it is judged, and handed out only when narrow.

use std::time::Duration;

use vestibule::SdkState::{ActivationRequired, LoggedIn, LoginRequired, NotStarted};
use vestibule::identifiers::UserId;
use vestibule::ports::testing::IdpKind;
use vestibule::ports::{AccessTokenReply, Refreshed, StorageError};
use vestibule::record::StageKind;
use vestibule::status::{StatusType as S, Untrusted};

use crate::before::Before;
use crate::call_log::Call::{self, Describe, Enter, Fill, Of, Open, Refresh, Write};
use crate::call_log::End;
use crate::idp_errors::{all, named};
use crate::plants::{GONE, deleting, living_owner, removed, reprotected, rotating_by};
use crate::rows::{Event, Row, Table, Twist, always, both, first, given, nothing, refreshed, row, while_refreshing};
use crate::world::{PLAIN, RECOVERABLE};

const UNAVAILABLE: StorageError = StorageError::Unavailable("planned");
const ROTATING: Call = Write(StageKind::Rotating);
const ACTIVE: Call = Write(StageKind::Active);
const STANDS: &str = "active+grant";

fn table(kind: IdpKind) -> Table {
    Table::new(kind, Before::LoggedIn, Event::Exchange)
}

fn kept(name: &'static str, twist: Twist, status: S, done: &'static str, disk: &'static str) -> Row {
    row(name, twist, (status, LoggedIn), done, disk, "")
}

fn ok(name: &'static str, twist: Twist, done: &'static str) -> Row {
    row(name, twist, (S::Ok, LoggedIn), done, STANDS, "TokenRefreshed")
}

#[test]
#[rustfmt::skip]
fn what_fails_before_the_request_sends_none_and_keeps_the_session() {
    let ended = |name, twist, disk| row(name, twist, (S::Busy, LoginRequired), "", disk, "SessionEnded");
    table(PLAIN).check([
        kept("describe fails", first(Describe, UNAVAILABLE), S::StorageUnavailable, "", STANDS),
        kept("describe is locked", first(Describe, StorageError::DeviceChanged), S::DeviceChanged, "", STANDS),
        kept("presence fails", first(Enter, End::NoPresence), S::StorageUnavailable, "", STANDS),
        kept("no randomness", first(Fill, End::NoEntropy), S::InternalError, "", STANDS),
        kept("the lease is not written", first(ROTATING, UNAVAILABLE), S::StorageUnavailable, "rotating!", STANDS),
        kept("unclear for ever", always(ROTATING, StorageError::Unclear), S::StorageUnavailable, "rotating?x3", STANDS),
        kept("overtaken for ever", always(ROTATING, StorageError::Conflict), S::Busy, "rotating!*", STANDS),
        kept("no room", first(ROTATING, End::DoneWithoutRoom), S::StorageUnavailable, "rotating active", STANDS),
        kept("a living owner's lease", given(|world| rotating_by(world, Some(living_owner(world)))), S::Busy, "", "rotating+grant"),
        kept("of whom nothing is known", both(given(|world| rotating_by(world, Some(GONE))), always(Of, End::NoPresence)), S::Busy, "", "rotating+grant"),
        kept("what another process wrote does not open", both(given(|world| rotating_by(world, None)), always(Open, UNAVAILABLE)), S::StorageUnavailable, "", "rotating-nobody+grant"),
        ok("another process rotated", given(|world| rotating_by(world, None)), "rotating REFRESH active"),
        ok("overtaken once", first(ROTATING, StorageError::Conflict), "rotating! rotating REFRESH active"),
        ended("removed by another process", given(removed), ""),
        ended("re-protected by another process", given(reprotected), STANDS),
        ended("being deleted by another process", given(deleting), "deleting-nobody+grant"),
    ]);
    for (before, state) in [(Before::NotStarted, NotStarted), (Before::Started, ActivationRequired), (Before::User, LoginRequired)] {
        let disk = if before == Before::User { STANDS } else { "" };
        Table::new(PLAIN, before, Event::Exchange).check([row("not logged in", nothing(), (S::InvalidState, state), "", disk, "")]);
    }
}

#[test]
#[rustfmt::skip]
fn each_error_of_the_idp_has_its_status_and_only_a_refused_grant_ends_the_session() {
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
    assert_eq!(errors.len() + 1, all().len(), "all but GrantRefused");
    for kind in [RECOVERABLE, PLAIN] {
        table(kind).check(errors.map(|(name, status, (follows, disk))| {
            let done = format!("rotating REFRESH! {follows}").leak();
            kept(name, always(Refresh, named(name)), status, done, disk)
        }));
    }
    let refused = || first(Refresh, named("GrantRefused"));
    table(PLAIN).check([row("GrantRefused", refused(), (S::TokenDataIsOutdated, LoginRequired), "rotating REFRESH! outdated", "outdated+grant", "SessionEnded")]);
    let then = |name: &'static str| both(refused(), always(Call::Enroll, named(name)));
    table(RECOVERABLE).check([
        row("GrantRefused", refused(), (S::Ok, LoggedIn), "rotating REFRESH! ENROLL active rotating REFRESH active", STANDS, "UserRecovered TokenRefreshed"),
        row("refused for good", then("Denied"), (S::TokenDataIsOutdated, LoginRequired), "rotating REFRESH! ENROLL! outdated", "outdated+grant", "SessionEnded"),
        kept("the recovery is not sent", then("Unreachable"), S::NotReachable, "rotating REFRESH! ENROLL! rotating-nobody", "rotating-nobody+grant"),
        kept("the recovery is lost", then("AnswerLost"), S::NotReachable, "rotating REFRESH! ENROLL! rotating-nobody", "rotating-nobody+grant"),
    ]);
}

/// Alters the claims of the access token.
fn with_claims(alter: fn(&mut vestibule_domain::claims::Claims)) -> Twist {
    Box::new(move |world| {
        world.idp.next_refresh_altered(move |mut answer| {
            if let Ok(AccessTokenReply {
                claims: Some(claims), ..
            }) = &mut answer.access_token
            {
                alter(claims);
            }
            answer
        });
    })
}

fn opaque(mut answer: Refreshed) -> Refreshed {
    answer.access_token = answer
        .access_token
        .map(|reply| AccessTokenReply::opaque(reply.token, reply.terms, None));
    answer
}

fn allowed_opaque(mut answer: Refreshed) -> Refreshed {
    let reply = answer
        .access_token
        .map(|reply| AccessTokenReply::opaque(reply.token, reply.terms.allowing_opaque(), None));
    answer.access_token = reply;
    answer
}

fn of_another_subject(mut answer: Refreshed) -> Refreshed {
    if let Some(Ok(identity)) = &mut answer.identity {
        identity.claims.subject = UserId::parse("somebody-else").unwrap();
    }
    answer
}

fn with_unproven_identity(mut answer: Refreshed) -> Refreshed {
    answer.identity = Some(Err(Untrusted::IdToken("planned")));
    answer
}

fn untrusted(mut answer: Refreshed) -> Refreshed {
    answer.access_token = Err(Untrusted::TokenAnswer("planned"));
    answer
}

#[test]
#[rustfmt::skip]
fn a_token_that_is_not_proven_narrow_is_not_handed_out_and_its_grant_is_kept() {
    let unfit = |name, twist, status| row(name, twist, (status, LoggedIn), "rotating REFRESH active", STANDS, "TokenRefreshed");
    let breach = |name, alter| unfit(name, with_claims(alter), S::UntrustedResponse);
    table(PLAIN).check([
        unfit("AudienceMissing", with_claims(|claims| claims.audiences.clear()), S::AccessDenied),
        breach("MoreAudiences", |claims| claims.audiences.push("billing".to_owned())),
        breach("OpenidScope", |claims| claims.scopes.push("openid".to_owned())),
        breach("WiderScope", |claims| claims.scopes.push("aud:billing".to_owned())),
        breach("AnotherSubject", |claims| claims.subject = UserId::parse("somebody-else").unwrap()),
        breach("AnotherClient", |claims| claims.authorized_party = Some("orders".to_owned())),
        breach("NotAnAccessToken", |claims| claims.is_access_token = false),
        breach("ForeignRoles", |claims| claims.role_audiences.push("billing".to_owned())),
        unfit("Bound", with_claims(|claims| claims.is_bound = true), S::AccessDenied),
        breach("UserData", |claims| claims.names.push("email".to_owned())),
        breach("LivesTooLong", |claims| claims.expires_at = claims.expires_at.map(|at| at.after(Duration::from_millis(1)))),
        unfit("opaque", refreshed(opaque), S::AccessDenied),
        ok("opaque, where the audience allows it", refreshed(allowed_opaque), "rotating REFRESH active"),
        unfit("not trusted by the adapter", refreshed(untrusted), S::UntrustedResponse),
        unfit("an answer for another subject", refreshed(of_another_subject), S::UntrustedResponse),
        unfit("an answer whose ID token is not proven", refreshed(with_unproven_identity), S::UntrustedResponse),
    ]);
}

#[test]
#[rustfmt::skip]
fn a_successor_is_on_disk_before_its_token_is_used() {
    table(PLAIN).check([
        ok("granted", nothing(), "rotating REFRESH active"),
        ok("not written once", first(ACTIVE, UNAVAILABLE), "rotating REFRESH active! active"),
        ok("unclear once", first(ACTIVE, End::DoneButUnclear), "rotating REFRESH active? active"),
        kept("never written", always(ACTIVE, UNAVAILABLE), S::StorageUnavailable, "rotating REFRESH active!*", "rotating+grant"),
        kept("removed meanwhile", while_refreshing(removed), S::Busy, "rotating REFRESH active!", ""),
        kept("re-protected meanwhile", while_refreshing(reprotected), S::Busy, "rotating REFRESH active!", "rotating+grant"),
    ]);
}
