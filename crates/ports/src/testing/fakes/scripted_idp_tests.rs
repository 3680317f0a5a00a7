//! What the model of an IdP does, line by line as measured on Keycloak 26.7.

use core::time::Duration;
use std::sync::Arc;

use vestibule_domain::identifiers::{Audience, ClientId, RealmId, TenantId};
use vestibule_domain::secret::{EnrolmentKey, Grant, Payload};
use vestibule_domain::status::{Hint, Untrusted};

use super::{IdpKind, ManualClock, Rotation, ScriptedIdp};
use crate::identity_provider::{
    EnrollRequest, Enrolled, IdentityProvider, IdpError, Interrupt, RefreshRequest, Refreshed, RevokeRequest,
    UserOrigin,
};
use crate::testing::journal::{IdpCall, JournalEntry};

fn idp(recoverable: bool, rotation: Rotation) -> ScriptedIdp {
    ScriptedIdp::new(IdpKind { recoverable, rotation })
}

fn key(byte: u8) -> EnrolmentKey {
    EnrolmentKey::new([byte; 32])
}

fn realm() -> RealmId {
    let server = idp(true, Rotation::None);
    server.realm(&TenantId::parse("acme").unwrap()).unwrap()
}

fn client() -> ClientId {
    ClientId::parse("AstDeviceEnrollment").unwrap()
}

async fn enroll(server: &ScriptedIdp, byte: u8) -> Result<Enrolled, IdpError> {
    server
        .enroll(EnrollRequest::new(realm(), client(), key(byte), Interrupt::never()))
        .await
}

async fn refresh(server: &ScriptedIdp, grant: &Grant) -> Result<Refreshed, IdpError> {
    server
        .refresh(RefreshRequest::new(realm(), client(), grant.clone(), key(1), None))
        .await
}

async fn token_for(server: &ScriptedIdp, grant: &Grant, audience: &str) -> Result<Refreshed, IdpError> {
    let audience = Audience::parse(audience).unwrap();
    server
        .refresh(RefreshRequest::new(
            realm(),
            client(),
            grant.clone(),
            key(1),
            Some(audience),
        ))
        .await
}

fn user(enrolled: &Enrolled) -> &vestibule_domain::identifiers::UserId {
    enrolled.identity.as_ref().unwrap().user()
}

#[tokio::test]
async fn a_recoverable_server_finds_the_user_of_a_key_and_ends_its_older_sessions() {
    let server = idp(true, Rotation::Reuse(1));
    let first = enroll(&server, 1).await.unwrap();
    let second = enroll(&server, 1).await.unwrap();
    assert_eq!(user(&first), user(&second));
    let origins = [&first, &second].map(|enrolled| enrolled.identity.as_ref().unwrap().origin);
    assert_eq!(origins, [UserOrigin::New, UserOrigin::Known]);
    assert_eq!(server.users(), [user(&first).clone()]);
    assert_eq!(server.live_sessions(user(&first)), 1);
    assert!(!server.would_accept(&first.grant) && server.would_accept(&second.grant));
    let other = enroll(&server, 2).await.unwrap();
    assert_ne!(user(&other), user(&first));
    assert!(
        server.would_accept(&second.grant),
        "another key's enrolment ends nothing"
    );
}

#[tokio::test]
async fn a_plain_server_makes_a_new_user_each_time_and_ends_nothing() {
    let server = idp(false, Rotation::Reuse(1));
    let first = enroll(&server, 1).await.unwrap();
    let second = enroll(&server, 1).await.unwrap();
    assert_eq!(server.users().len(), 2);
    assert_eq!(server.users_made_for(&key(1)).len(), 2);
    assert!(server.would_accept(&first.grant) && server.would_accept(&second.grant));
    let identity = first.identity.unwrap();
    assert_eq!((identity.recoverable, identity.origin), (false, UserOrigin::Unsaid));
    assert_eq!(server.user_of(&key(1)), None);
}

/// Uses grants in this order (0 is the enrolment's, 1 the first successor, ..), and says which uses were granted and
/// which grants would be taken after that.
async fn uses(rotation: Rotation, order: &[usize]) -> (String, String) {
    let server = idp(true, rotation);
    let mut grants = vec![enroll(&server, 1).await.unwrap().grant];
    let mut granted = String::new();
    for index in order {
        match refresh(&server, &grants[*index]).await {
            Ok(refreshed) => {
                granted.push('y');
                grants.extend(refreshed.successor);
            }
            Err(IdpError::GrantRefused(_)) => granted.push('n'),
            Err(error) => panic!("{error}"),
        }
    }
    let taken = grants
        .iter()
        .map(|grant| if server.would_accept(grant) { 'y' } else { 'n' });
    (granted, taken.collect())
}

#[tokio::test]
async fn a_grant_that_is_used_again_does_what_keycloak_does() {
    let table: [(Rotation, &[usize], &str, &str); 13] = [
        // No successor: one grant for ever.
        (Rotation::None, &[0, 0, 0], "yyy", "y"),
        // A new string each time, everything works on.
        (Rotation::Renewing, &[0, 0, 1, 0, 2], "yyyyy", "yyyyyy"),
        // maxReuse 0: the second use kills the session.
        (Rotation::Reuse(0), &[0], "y", "ny"),
        (Rotation::Reuse(0), &[0, 0], "yn", "nn"),
        (Rotation::Reuse(0), &[0, 1, 2], "yyy", "nnny"),
        (Rotation::Reuse(0), &[0, 1, 0], "yyn", "nnn"),
        // maxReuse 1: one free retry, go on with the second successor.
        (Rotation::Reuse(1), &[0], "y", "yy"),
        (Rotation::Reuse(1), &[0, 0], "yy", "nny"),
        (Rotation::Reuse(1), &[0, 0, 2], "yyy", "nnyy"),
        (Rotation::Reuse(1), &[0, 0, 0], "yyn", "nnn"),
        // Both successors of one grant: the older one is stale, and everything dies.
        (Rotation::Reuse(1), &[0, 0, 2, 1], "yyyn", "nnnn"),
        // The old one after its successor.
        (Rotation::Reuse(1), &[0, 1, 0], "yyn", "nnn"),
        (Rotation::Reuse(1), &[0, 0, 0, 2], "yynn", "nnn"),
    ];
    for (rotation, order, granted, taken) in table {
        let expected = (granted.to_owned(), taken.to_owned());
        assert_eq!(uses(rotation, order).await, expected, "{rotation:?} {order:?}");
    }
}

#[tokio::test]
async fn a_token_is_for_the_asked_audience_alone_and_never_the_same_twice() {
    let server = idp(true, Rotation::None);
    let grant = enroll(&server, 1).await.unwrap().grant;
    let first = token_for(&server, &grant, "orders").await.unwrap();
    let token = first.access_token.unwrap();
    let claims = token.claims.unwrap();
    assert_eq!(claims.audiences, ["orders"]);
    assert_eq!(claims.scopes, ["aud:orders"]);
    let second = token_for(&server, &grant, "orders").await.unwrap();
    assert_ne!(token.token.expose(), second.access_token.unwrap().token.expose());
}

#[tokio::test]
async fn a_withheld_audience_is_dropped_silently_until_a_new_session_has_it() {
    let server = idp(true, Rotation::None);
    let orders = Audience::parse("orders").unwrap();
    server.withhold_audience(orders.clone());
    let old = enroll(&server, 1).await.unwrap().grant;
    server.grant_audience(&orders);
    let dropped = token_for(&server, &old, "orders").await.unwrap().access_token.unwrap();
    assert_eq!(dropped.claims.unwrap().audiences, Vec::<String>::new());
    assert_eq!(dropped.terms.scopes, ["aud:orders"]);
    let new = enroll(&server, 1).await.unwrap().grant;
    let granted = token_for(&server, &new, "orders").await.unwrap().access_token.unwrap();
    assert_eq!(granted.claims.unwrap().audiences, ["orders"]);
}

#[tokio::test]
async fn a_refused_audience_uses_nothing_up() {
    let server = idp(true, Rotation::Reuse(0));
    server.refuse_audience(Audience::parse("orders").unwrap());
    let grant = enroll(&server, 1).await.unwrap().grant;
    let refused = token_for(&server, &grant, "orders").await;
    assert!(matches!(refused, Err(IdpError::AudienceRefused(_))));
    assert!(server.would_accept(&grant));
}

#[tokio::test]
async fn a_revoked_session_is_dead_even_by_an_old_grant_and_revoking_again_is_success() {
    let server = idp(true, Rotation::Renewing);
    let enrolled = enroll(&server, 1).await.unwrap();
    let successor = refresh(&server, &enrolled.grant).await.unwrap().successor.unwrap();
    let revoke = |grant: &Grant| server.revoke(RevokeRequest::new(realm(), client(), grant.clone(), key(1)));
    revoke(&enrolled.grant).await.unwrap();
    assert!(!server.would_accept(&successor));
    assert_eq!(server.live_sessions(user(&enrolled)), 0);
    assert_eq!(server.users().len(), 1, "the user stays");
    revoke(&enrolled.grant).await.unwrap();
    revoke(&Grant::new(vec![0; 32])).await.unwrap();
}

#[tokio::test]
async fn a_grant_is_taken_from_its_own_key_client_and_realm_alone() {
    let server = idp(true, Rotation::Reuse(0));
    let grant = enroll(&server, 1).await.unwrap().grant;
    let elsewhere = RealmId::new("idp.example/other").unwrap();
    let stranger = RefreshRequest::new(realm(), client(), grant.clone(), key(2), None);
    assert!(matches!(server.refresh(stranger).await, Err(IdpError::ProofRefused(_))));
    let moved = RefreshRequest::new(elsewhere, client(), grant.clone(), key(1), None);
    assert_eq!(
        server.refresh(moved).await.unwrap_err(),
        IdpError::Misconfigured(Untrusted::IssuerChanged)
    );
    assert!(server.would_accept(&grant), "nothing was used up");
}

#[tokio::test]
async fn a_disabled_user_is_refused_and_comes_back_with_its_session() {
    let server = idp(true, Rotation::Reuse(0));
    let enrolled = enroll(&server, 1).await.unwrap();
    server.set_disabled(user(&enrolled), true);
    assert!(matches!(
        refresh(&server, &enrolled.grant).await,
        Err(IdpError::GrantRefused(_))
    ));
    assert!(matches!(enroll(&server, 1).await, Err(IdpError::Denied { .. })));
    server.set_disabled(user(&enrolled), false);
    assert!(refresh(&server, &enrolled.grant).await.is_ok());
}

#[tokio::test]
async fn a_deleted_user_is_made_anew_under_its_old_id_for_the_same_key() {
    let server = idp(true, Rotation::Reuse(0));
    let before = enroll(&server, 1).await.unwrap();
    server.delete_user(user(&before));
    assert_eq!((server.users(), server.user_of(&key(1))), (vec![], None));
    assert!(!server.would_accept(&before.grant));
    let after = enroll(&server, 1).await.unwrap();
    assert_eq!(user(&after), user(&before));
    assert_eq!(after.identity.unwrap().origin, UserOrigin::New);
}

#[tokio::test]
async fn a_server_that_forgets_a_key_makes_another_user_for_it() {
    let server = idp(true, Rotation::Reuse(0));
    let before = enroll(&server, 1).await.unwrap();
    server.forget_key(&key(1));
    assert_eq!(server.user_of(&key(1)), None);
    let after = enroll(&server, 1).await.unwrap();
    assert_ne!(user(&after), user(&before));
    assert_eq!(server.user_of(&key(1)).as_ref(), Some(user(&after)));
    assert_eq!(server.users_made_for(&key(1)).len(), 2);
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_over_and_each_refresh_renews_it() {
    let clock = ManualClock::new();
    let hour = Duration::from_secs(3600);
    let server = idp(true, Rotation::None)
        .with_clock(Arc::new(clock.clone()))
        .with_session_length(hour);
    let enrolled = enroll(&server, 1).await.unwrap();
    clock.advance(hour / 2);
    assert!(refresh(&server, &enrolled.grant).await.unwrap().session_ends > enrolled.session_ends);
    clock.advance(hour / 2);
    assert!(refresh(&server, &enrolled.grant).await.is_ok());
    clock.advance(hour);
    assert!(matches!(
        refresh(&server, &enrolled.grant).await,
        Err(IdpError::GrantRefused(_))
    ));
    assert_eq!(server.live_sessions(user(&enrolled)), 0);
}

#[tokio::test]
async fn scripted_answers_come_once_and_in_order() {
    let server = idp(true, Rotation::Reuse(0));
    let unreachable = || IdpError::Unreachable(Hint::default());
    server.next_enroll(Err(unreachable()));
    server.next_enroll_fails_after_user(IdpError::AnswerLost(Hint::default()));
    server.next_enroll_altered(Enrolled::with_bound_access_tokens);
    assert_eq!(enroll(&server, 1).await.unwrap_err(), unreachable());
    assert_eq!(server.users().len(), 0);
    assert!(matches!(enroll(&server, 1).await, Err(IdpError::AnswerLost(_))));
    let made = server.users();
    assert_eq!((made.len(), server.live_sessions(&made[0])), (1, 0));
    assert_eq!(server.user_of(&key(1)).as_ref(), Some(&made[0]));
    let enrolled = enroll(&server, 1).await.unwrap();
    assert!(enrolled.access_tokens_bound);
    server.next_refresh(Err(unreachable()));
    server.next_refresh_altered(|mut refreshed| {
        refreshed.identity = None;
        refreshed
    });
    assert_eq!(refresh(&server, &enrolled.grant).await.unwrap_err(), unreachable());
    assert!(refresh(&server, &enrolled.grant).await.unwrap().identity.is_none());
}

#[tokio::test]
async fn a_raised_interrupt_and_a_cut_network_make_no_user() {
    let server = idp(false, Rotation::None);
    let (switch, interrupt) = Interrupt::new();
    switch.raise();
    let interrupted = server
        .enroll(EnrollRequest::new(realm(), client(), key(1), interrupt))
        .await;
    assert_eq!(interrupted.unwrap_err(), IdpError::Interrupted { begun: false });
    server.set_unreachable(true);
    assert!(matches!(enroll(&server, 1).await, Err(IdpError::Unreachable(_))));
    assert_eq!(server.users().len(), 0);
    server.set_unreachable(false);
    assert!(enroll(&server, 1).await.is_ok());
}

#[tokio::test]
async fn a_request_is_open_while_others_run_and_closes_even_when_its_caller_is_gone() {
    let server = idp(true, Rotation::Reuse(1));
    let grant = enroll(&server, 1).await.unwrap().grant;
    let before = server.journal().entries().len();
    let two = [0, 1].map(|_| {
        let (server, grant) = (server.clone(), grant.clone());
        tokio::spawn(async move { refresh(&server, &grant).await })
    });
    for one in two {
        one.await.unwrap().unwrap();
    }
    let is_open = |entry: &JournalEntry| matches!(entry, JournalEntry::Opened { .. });
    let order = |from: usize| {
        server.journal().entries()[from..]
            .iter()
            .map(is_open)
            .collect::<Vec<_>>()
    };
    assert_eq!(order(before), [true, true, false, false]);

    let before = server.journal().entries().len();
    let mut dropped = Box::pin(refresh(&server, &grant));
    let mut context = core::task::Context::from_waker(core::task::Waker::noop());
    assert!(dropped.as_mut().poll(&mut context).is_pending());
    drop(dropped);
    assert_eq!(order(before), [true, false]);
}

#[tokio::test]
async fn what_lies_on_a_disk_leads_to_a_user_by_its_grant_or_by_its_key() {
    let payload = |parts: &[&[u8]]| Payload::new(parts.concat());
    for recoverable in [true, false] {
        let server = idp(recoverable, Rotation::Reuse(0));
        let enrolled = enroll(&server, 1).await.unwrap();
        let stored = payload(&[b"x", &[1; 32], b"y", enrolled.grant.expose(), b"z"]);
        let by_user = Some(user(&enrolled).clone());
        assert_eq!(server.user_within(&stored), by_user);
        server.end_sessions(user(&enrolled));
        assert_eq!(server.user_within(&stored), by_user.filter(|_| recoverable));
        assert_eq!(server.user_within(&payload(&[b"nothing"])), None);
    }
}

#[tokio::test]
async fn requests_are_counted_by_kind() {
    let server = idp(true, Rotation::Reuse(0));
    let grant = enroll(&server, 1).await.unwrap().grant;
    refresh(&server, &grant).await.unwrap();
    let counted = [IdpCall::Enroll, IdpCall::Refresh, IdpCall::Revoke].map(|call| server.journal().requests(call));
    assert_eq!(counted, [1, 1, 0]);
}
