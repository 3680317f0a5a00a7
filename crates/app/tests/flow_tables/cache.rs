//! Cached tokens: answered without a hop while they are fresh, by a clock that counts sleep; dropped with the session.

use std::sync::Arc;
use std::time::Duration;

use vestibule::event::{ExchangeIamTokenEvent, GetInformationEvent};
use vestibule::instant::WallTime;
use vestibule::ports::Clock;
use vestibule::ports::testing::IdpCall;
use vestibule::status::StatusType;

use crate::scene::{Scene, at_once, exchange, seconds, settle};
use crate::world::{PLAIN, RECOVERABLE, soon};

fn forced() -> ExchangeIamTokenEvent {
    ExchangeIamTokenEvent::new("orders").forced()
}

#[tokio::test]
async fn a_fresh_token_is_the_very_same_one_and_takes_no_hop() {
    let scene = Scene::logged_in(PLAIN).await;
    let first = scene.exchange().await.unwrap();
    let second = at_once(scene.exchange()).expect("there at the first poll").unwrap();
    assert!(Arc::ptr_eq(&first, &second), "no copy");
    assert_eq!(scene.refreshes(), 1);
    assert_eq!(first.audience.as_str(), "orders");
    assert_eq!(first.scope, ["aud:orders"]);
    assert_eq!(first.expires_at, scene.clock.wall().after(seconds(300)));
}

#[tokio::test]
async fn a_fresh_token_is_answered_while_another_request_is_under_way() {
    let scene = Scene::logged_in(PLAIN).await;
    scene.exchange().await.unwrap();
    scene.door.shut();
    let sdk = Arc::clone(&scene.sdk);
    let other = tokio::spawn(async move { exchange(&sdk, ExchangeIamTokenEvent::new("billing")).await.map(drop) });
    settle().await;
    assert!(!other.is_finished());
    assert!(at_once(scene.exchange()).expect("at once").is_ok());
    scene.door.reopen();
    soon(other).await.unwrap().unwrap();
}

/// A token of this life is asked for, time passes, it is asked for again: whether that made a request.
async fn asks_again(life: Duration, age: Duration, event: fn() -> ExchangeIamTokenEvent) -> bool {
    let scene = Scene::logged_in(PLAIN).await;
    scene.idp.next_refresh_altered(move |mut answer| {
        if let Ok(reply) = &mut answer.access_token {
            reply.lifetime = Some(life);
        }
        answer
    });
    scene.exchange().await.unwrap();
    scene.clock.advance(age);
    exchange(&scene.sdk, event()).await.unwrap();
    scene.refreshes() == 2
}

#[tokio::test]
async fn a_token_is_fresh_while_more_than_thirty_seconds_or_a_fifth_of_its_life_remain() {
    // columns: life in ms, the age in ms at which it is asked for anew
    for (life_ms, stale_ms) in [
        (300_000, 270_000),
        (150_000, 120_000),
        (100_000, 80_000),
        (10_000, 8_000),
        (5, 4),
    ] {
        let asks = |age_ms| {
            let asked = || ExchangeIamTokenEvent::new("orders");
            asks_again(Duration::from_millis(life_ms), Duration::from_millis(age_ms), asked)
        };
        assert!(!asks(stale_ms - 1).await, "life {life_ms} ms");
        assert!(asks(stale_ms).await, "life {life_ms} ms");
    }
}

#[tokio::test]
async fn a_token_lives_no_longer_than_its_claims_and_the_limit_say_whatever_the_answer_says() {
    let asked = || ExchangeIamTokenEvent::new("orders");
    assert!(!asks_again(seconds(86_400), Duration::from_millis(269_999), asked).await);
    assert!(asks_again(seconds(86_400), seconds(270), asked).await);
    assert!(
        asks_again(Duration::ZERO, Duration::ZERO, asked).await,
        "a token without a life is never cached"
    );
}

#[tokio::test]
async fn a_forced_update_within_ten_seconds_of_a_fetch_answers_the_cached_token() {
    assert!(!asks_again(seconds(300), Duration::from_millis(9_999), forced).await);
    assert!(asks_again(seconds(300), seconds(10), forced).await);
    assert!(asks_again(seconds(10), seconds(8), forced).await, "but no dying one");
}

#[tokio::test]
async fn the_date_plays_no_part_and_a_time_that_ran_backwards_ends_a_token() {
    let scene = Scene::logged_in(PLAIN).await;
    scene.exchange().await.unwrap();
    for date_s in [0, 4_000_000_000] {
        scene.clock.set_wall(WallTime::from_unix_s(date_s));
        assert!(
            at_once(scene.exchange()).expect("cached").is_ok(),
            "the user set the date to {date_s}"
        );
    }
    scene.clock.reboot();
    scene.exchange().await.unwrap();
    assert_eq!(scene.refreshes(), 2);
}

#[tokio::test]
async fn each_audience_has_its_token_and_a_logout_drops_them_all() {
    let scene = Scene::logged_in(RECOVERABLE).await;
    let of = |audience: &'static str| exchange(&scene.sdk, ExchangeIamTokenEvent::new(audience));
    let (orders, billing) = (of("orders").await.unwrap(), of("billing").await.unwrap());
    assert_ne!(orders.value.expose(), billing.value.expose());
    assert!(Arc::ptr_eq(&of("orders").await.unwrap(), &orders));
    assert!(Arc::ptr_eq(&of("billing").await.unwrap(), &billing));
    scene.logout().await;
    scene.login().await.unwrap();
    let before = scene.idp.journal().requests(IdpCall::Refresh);
    assert_ne!(of("orders").await.unwrap().value.expose(), orders.value.expose());
    assert_ne!(of("billing").await.unwrap().value.expose(), billing.value.expose());
    assert_eq!(scene.idp.journal().requests(IdpCall::Refresh), before + 2);
}

#[tokio::test]
async fn a_token_that_arrives_after_the_logout_is_kept_for_nobody() {
    let scene = Scene::logged_in(PLAIN).await;
    scene.door.shut();
    let sdk = Arc::clone(&scene.sdk);
    let late = tokio::spawn(async move { exchange(&sdk, ExchangeIamTokenEvent::new("orders")).await.map(drop) });
    settle().await;
    scene.logout().await;
    scene.door.reopen();
    soon(late).await.unwrap().unwrap();
    assert_eq!(
        scene.exchange().await.unwrap_err().status(),
        StatusType::InvalidState,
        "nobody is logged in"
    );
    scene.login().await.unwrap();
    assert!(at_once(scene.exchange()).is_none(), "nothing is cached");
}

#[tokio::test]
async fn what_was_counted_is_told() {
    let scene = Scene::logged_in(PLAIN).await;
    for _ in 0..3 {
        scene.exchange().await.unwrap();
    }
    let counters = scene.sdk.send(GetInformationEvent).await.unwrap().outcome.counters;
    assert_eq!(
        (counters.enrolments, counters.refreshes, counters.recoveries),
        (1, 1, 0)
    );
    assert_eq!(counters.cached_tokens, 2, "two of three came from memory");
}

#[tokio::test]
async fn after_a_logout_memory_names_nobody() {
    let scene = Scene::logged_in(PLAIN).await;
    let information = async || scene.sdk.send(GetInformationEvent).await.unwrap().outcome;
    assert_eq!(
        information().await.logged_in.as_ref(),
        information().await.users.first()
    );
    scene.logout().await;
    let after = information().await;
    assert_eq!(
        (after.logged_in, after.session_expires_at, after.users.len()),
        (None, None, 1)
    );
}
