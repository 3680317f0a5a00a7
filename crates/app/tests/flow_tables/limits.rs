//! What ends by itself: adapters that never return, audiences that nobody grants, tokens that are all that memory holds.

use std::time::Duration;

use vestibule::event::ExchangeIamTokenEvent;
use vestibule::identifiers::{Audience, UserId};
use vestibule::ports::testing::IdpCall;
use vestibule::ports::{AccessTokenReply, Clock};
use vestibule::record::StageKind;
use vestibule::status::{Cause, Certainty, Denial, StatusType as S, Untrusted};
use vestibule::{AuthenticationMode, SdkSettings};
use vestibule_domain::claims::Claims;
use vestibule_domain::secret::AccessToken;
use vestibule_domain::single_audience::Unfit;

use crate::before::Before;
use crate::plants::{living_owner, rotating_by};
use crate::scene::{Scene, exchange, seconds};
use crate::world::{PLAIN, RECOVERABLE, World};

#[tokio::test]
async fn an_idp_that_never_returns_is_given_up_asked_once_more_and_left_for_later() {
    let scene = Scene::in_flowing_time(PLAIN).await;
    scene.door.shut();
    let begun = scene.clock.since_boot();
    let failure = scene.enroll().await.unwrap_err();
    assert_eq!(
        (failure.status(), failure.certainty()),
        (S::NotReachable, Certainty::MayBeDone)
    );
    let waited = scene.clock.since_boot().checked_since(begun).unwrap();
    assert_eq!(waited, seconds(75 + 5 + 75));
    let lease = *scene.disk.records()[0].header.stage.lease().unwrap();
    assert_eq!(lease.owner, None);

    scene.door.reopen();
    scene.enroll().await.unwrap();
    scene.door.shut();
    let begun = scene.clock.since_boot();
    let failure = scene.exchange().await.unwrap_err();
    assert_eq!(
        (failure.status(), failure.certainty()),
        (S::NotReachable, Certainty::MayBeDone)
    );
    let waited = scene.clock.since_boot().checked_since(begun).unwrap();
    assert_eq!(waited, seconds(45 + 5 + 45));
    assert_eq!(scene.disk.records()[0].header.stage.kind(), StageKind::Rotating);
}

#[tokio::test]
async fn a_missing_audience_is_enrolled_for_once_per_audience_and_process() {
    let scene = Scene::started(RECOVERABLE).await;
    for audience in ["orders", "billing"] {
        scene.idp.withhold_audience(Audience::parse(audience).unwrap());
    }
    scene.enroll().await.unwrap();
    let denied = Cause::AccessDenied {
        denial: Denial::AudienceNotGranted,
        hint: vestibule::status::Hint::default(),
    };
    // columns: audience, enrolments after it was asked for
    for (audience, enrolments) in [
        ("orders", 2),
        ("orders", 2),
        ("billing", 3),
        ("billing", 3),
        ("orders", 3),
    ] {
        let failure = exchange(&scene.sdk, ExchangeIamTokenEvent::new(audience))
            .await
            .unwrap_err();
        assert_eq!(failure.cause, denied);
        assert_eq!(scene.idp.journal().requests(IdpCall::Enroll), enrolments, "{audience}");
    }
    assert_eq!(scene.idp.users().len(), 1);
}

#[tokio::test]
async fn an_audience_that_was_granted_meanwhile_comes_with_the_wider_enrolment() {
    let scene = Scene::started(RECOVERABLE).await;
    let orders = Audience::parse("orders").unwrap();
    scene.idp.withhold_audience(orders.clone());
    scene.enroll().await.unwrap();
    scene.idp.grant_audience(&orders);
    scene.exchange().await.unwrap();
    assert_eq!(
        (scene.idp.journal().requests(IdpCall::Enroll), scene.idp.users().len()),
        (2, 1)
    );
    assert_eq!(scene.idp.journal().violations(), Vec::<String>::new());
}

#[tokio::test]
async fn each_unfit_token_says_why_and_a_bound_one_names_the_policy() {
    let breach = |unfit| Cause::UntrustedResponse(Untrusted::AccessToken(unfit));
    let denied = |denial| Cause::AccessDenied {
        denial,
        hint: vestibule::status::Hint::default(),
    };
    type Row = (fn(&mut Claims), Cause);
    let rows: [Row; 11] = [
        (|claims| claims.audiences.clear(), denied(Denial::AudienceNotGranted)),
        (
            |claims| claims.audiences.push("billing".to_owned()),
            breach(Unfit::MoreAudiences),
        ),
        (
            |claims| claims.scopes.push("openid".to_owned()),
            breach(Unfit::OpenidScope),
        ),
        (
            |claims| claims.scopes.push("aud:billing".to_owned()),
            breach(Unfit::WiderScope),
        ),
        (
            |claims| claims.subject = UserId::parse("somebody-else").unwrap(),
            breach(Unfit::AnotherSubject),
        ),
        (|claims| claims.authorized_party = None, breach(Unfit::AnotherClient)),
        (|claims| claims.is_access_token = false, breach(Unfit::NotAnAccessToken)),
        (
            |claims| claims.role_audiences.push(String::new()),
            breach(Unfit::ForeignRoles),
        ),
        (|claims| claims.is_bound = true, denied(Denial::TokenBoundToDevice)),
        (
            |claims| claims.names.push("email".to_owned()),
            breach(Unfit::UserData("email")),
        ),
        (|claims| claims.expires_at = None, breach(Unfit::LivesTooLong)),
    ];
    for (alter, cause) in rows {
        let scene = Scene::logged_in(PLAIN).await;
        scene.idp.next_refresh_altered(move |mut answer| {
            if let Ok(AccessTokenReply {
                claims: Some(claims), ..
            }) = &mut answer.access_token
            {
                alter(claims);
            }
            answer
        });
        let failure = scene.exchange().await.unwrap_err();
        assert_eq!(failure.cause, cause);
        assert_eq!(
            failure.to_string().contains("allow-only-refresh-token-binding"),
            cause == denied(Denial::TokenBoundToDevice),
            "{failure}"
        );
        assert!(
            scene.exchange().await.is_ok(),
            "an unfit token is never cached: {failure}"
        );
        assert_eq!(scene.refreshes(), 2);
    }
}

#[tokio::test]
async fn an_opaque_token_is_refused_unless_its_audience_allows_it_and_then_kept_for_a_minute() {
    let scene = Scene::logged_in(PLAIN).await;
    let opaque = |allowed: bool| {
        scene.idp.next_refresh_altered(move |mut answer| {
            answer.access_token = answer.access_token.map(|reply| {
                let terms = if allowed {
                    reply.terms.allowing_opaque()
                } else {
                    reply.terms
                };
                AccessTokenReply::opaque(reply.token, terms, Some(seconds(3_600)))
            });
            answer
        });
    };
    opaque(false);
    let failure = scene.exchange().await.unwrap_err();
    assert!(
        matches!(
            failure.cause,
            Cause::AccessDenied {
                denial: Denial::TokenUnverifiable,
                ..
            }
        ),
        "{failure}"
    );
    opaque(true);
    let token = scene.exchange().await.unwrap();
    assert_eq!(token.expires_at, scene.clock.wall().after(seconds(60)));
    scene.clock.advance(Duration::from_millis(47_999));
    scene.exchange().await.unwrap();
    assert_eq!(scene.refreshes(), 2, "cached");
    scene.clock.advance(Duration::from_millis(1));
    scene.exchange().await.unwrap();
    assert_eq!(scene.refreshes(), 3, "a fifth of a minute is left");
}

#[tokio::test]
async fn an_opaque_token_lives_no_longer_than_its_audience_allows_and_serves_one_audience() {
    let scene = Scene::logged_in(PLAIN).await;
    let same = || {
        scene.idp.next_refresh_altered(|mut answer| {
            answer.access_token = answer.access_token.map(|reply| {
                let mut terms = reply.terms.allowing_opaque();
                terms.lifetime_cap = seconds(30);
                AccessTokenReply::opaque(AccessToken::new("same".to_owned()), terms, None)
            });
            answer
        });
    };
    same();
    let token = scene.exchange().await.unwrap();
    assert_eq!(token.expires_at, scene.clock.wall().after(seconds(30)));
    same();
    let failure = exchange(&scene.sdk, ExchangeIamTokenEvent::new("billing"))
        .await
        .unwrap_err();
    let untrusted = Cause::UntrustedResponse(Untrusted::AccessToken(Unfit::MoreAudiences));
    assert_eq!(
        failure.cause, untrusted,
        "whoever holds it for one audience is served by the other"
    );
    same();
    scene.clock.advance(seconds(29));
    assert!(scene.exchange().await.is_ok(), "the same token for the same audience");
}

#[tokio::test]
async fn a_token_that_is_stale_but_valid_is_answered_while_another_process_is_at_work() {
    // columns: age in s when it is asked for, how the event ends; the other process is waited for 10 s
    for (age_s, status) in [(271, S::Ok), (289, S::Ok), (290, S::Busy), (400, S::Busy)] {
        let world = World::new(RECOVERABLE);
        let sdk = world.sdk(SdkSettings::default());
        Before::LoggedIn.happen(&world, &sdk, AuthenticationMode::No).await;
        exchange(&sdk, ExchangeIamTokenEvent::new("orders")).await.unwrap();
        rotating_by(&world, Some(living_owner(&world)));
        world.clock.advance(seconds(age_s));
        world.log.begin();
        let ended = exchange(&sdk, ExchangeIamTokenEvent::new("orders")).await;
        let found = ended.map_or_else(|failure| failure.status(), |_| S::Ok);
        assert_eq!(found, status, "{age_s} s");
        assert_eq!(world.log.shown(), "", "nothing was written or sent");
    }
}
