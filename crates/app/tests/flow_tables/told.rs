//! What the app is told without having asked, in which order.

use std::sync::Arc;

use vestibule::SdkState::{ActivationRequired, LoggedIn, LoginRequired};
use vestibule::event::RestartEvent;
use vestibule::identifiers::Audience;
use vestibule::notification::{Notification, SessionEnd};
use vestibule::ports::testing::{ManualClock, MemoryStorage, ScriptedIdp, SeededEntropy};
use vestibule::ports::{Clock, IdpError};
use vestibule::status::Hint;
use vestibule::{Notifications, Sdk, SdkState};

use crate::before::start;
use crate::scene::{Scene, seconds, settle};
use crate::world::{PLAIN, RECOVERABLE, soon};

fn all_of(told: &mut Notifications) -> Vec<Notification> {
    std::iter::from_fn(|| told.try_next()).collect()
}

const fn changed(from: SdkState, to: SdkState) -> Notification {
    Notification::StateChanged { from, to }
}

fn refreshed(audience: Option<&str>) -> Notification {
    Notification::TokenRefreshed {
        audience: audience.map(|audience| Audience::parse(audience).unwrap()),
    }
}

#[tokio::test]
async fn a_story_is_told_in_the_order_in_which_it_became_true() {
    let scene = Scene::started(PLAIN).await;
    let (mut told, mut other) = (scene.sdk.notifications(), scene.sdk.notifications());
    let ends = scene.clock.wall().after(seconds(60));
    scene
        .idp
        .next_enroll_altered(move |enrolled| enrolled.with_session_end(ends).with_bound_access_tokens());
    scene.enroll().await.unwrap();
    let enrolled = [
        Notification::ShortLivedSession { ends },
        Notification::AccessTokensBound,
        changed(ActivationRequired, LoggedIn),
    ];
    assert_eq!(all_of(&mut told), enrolled);

    scene.exchange().await.unwrap();
    scene.exchange().await.unwrap();
    assert_eq!(
        all_of(&mut told),
        [refreshed(Some("orders"))],
        "a cached token is no news"
    );
    scene.logout().await;
    scene.login().await.unwrap();
    let relogged = [
        changed(LoggedIn, LoginRequired),
        refreshed(None),
        changed(LoginRequired, LoggedIn),
    ];
    assert_eq!(all_of(&mut told), relogged);
    scene.sdk.send(RestartEvent).await.unwrap();
    assert_eq!(all_of(&mut told), [changed(LoggedIn, LoginRequired)]);
    assert_eq!(
        all_of(&mut other).len(),
        3 + 1 + 3 + 1,
        "every reader hears of everything"
    );
}

#[tokio::test]
async fn a_session_that_ends_by_itself_is_told_of_once_with_its_reason() {
    let scene = Scene::logged_in(PLAIN).await;
    let mut told = scene.sdk.notifications();
    scene.idp.next_refresh(Err(IdpError::GrantRefused(Hint::default())));
    scene.exchange().await.unwrap_err();
    let mut ended = all_of(&mut told);
    ended.sort_by_key(|notification| matches!(notification, Notification::SessionEnded { .. }));
    let expected = [
        changed(LoggedIn, LoginRequired),
        Notification::SessionEnded {
            why: SessionEnd::Refused,
        },
    ];
    assert_eq!(ended, expected);
    scene.exchange().await.unwrap_err();
    assert_eq!(all_of(&mut told), [], "an event that is not accepted tells nothing");
}

#[tokio::test]
async fn a_refused_grant_rests_ten_seconds_before_the_same_handle_sends_it_again() {
    let scene = Scene::logged_in(PLAIN).await;
    scene.logout().await;
    scene.idp.next_refresh(Err(IdpError::GrantRefused(Hint::default())));
    scene.login().await.unwrap_err();
    for (past, sent) in [(seconds(9), 1), (seconds(1), 2)] {
        scene.clock.advance(past);
        let login = scene.login().await;
        assert_eq!((login.is_ok(), scene.refreshes()), (sent == 2, sent));
    }
}

#[tokio::test]
async fn a_short_session_is_told_of_at_an_enrolment_on_a_server_that_ends_it() {
    for (days, is_told) in [(29, true), (30, false)] {
        let clock = ManualClock::new();
        let day = seconds(24 * 60 * 60);
        let idp = ScriptedIdp::new(RECOVERABLE)
            .with_clock(Arc::new(clock.clone()))
            .with_session_length(day * days);
        let sdk = Sdk::builder(Arc::new(idp), Arc::new(MemoryStorage::new()))
            .clock(Arc::new(clock.clone()))
            .entropy(Arc::new(SeededEntropy::new(1)))
            .build()
            .unwrap();
        sdk.send(start()).await.unwrap();
        let mut told = sdk.notifications();
        let event = vestibule::event::EnrollAnonymousUserEvent::new("acme", vestibule::AuthenticationMode::No);
        let enrolled = sdk.send(event).await.unwrap().outcome;
        assert!(enrolled.recoverable);
        assert_eq!(enrolled.session_expires_at, Some(clock.wall().after(day * days)));
        let short = |notification: &Notification| matches!(notification, Notification::ShortLivedSession { .. });
        assert_eq!(all_of(&mut told).iter().any(short), is_told, "{days} days");
    }
}

#[tokio::test]
async fn a_stream_begins_where_it_was_asked_for_and_ends_with_the_sdk() {
    let scene = Scene::started(PLAIN).await;
    let mut told = scene.sdk.notifications();
    scene.enroll().await.unwrap();
    let Scene { sdk, .. } = scene;
    drop(sdk);
    settle().await;
    assert_eq!(
        told.next().await,
        Some(changed(ActivationRequired, LoggedIn)),
        "the start was before"
    );
    assert_eq!(soon(told.next()).await, None);
}
