//! The queue: bounded, in order, never held up by token requests; a dropped caller and a panicking adapter harm nobody else.

use std::sync::Arc;

use tokio::task::JoinHandle;
use vestibule::SdkState::{ActivationRequired, LoggedIn, LoginRequired};
use vestibule::event::{ExchangeIamTokenEvent, GetInformationEvent, LogoutEvent, OfflineLoginEvent};
use vestibule::record::StageKind;
use vestibule::status::StatusType as S;
use vestibule::{Failure, SdkState};

use crate::scene::{Scene, exchange, seconds, settle};
use crate::world::{PLAIN, RECOVERABLE, soon};

/// So many events wait.
const QUEUE_LENGTH: usize = 32;

type Ending = Result<SdkState, Failure>;

/// A scene in which a login waits for the IdP, and the queue is free.
async fn with_a_held_login() -> (Scene, JoinHandle<Ending>) {
    let scene = Scene::logged_in(PLAIN).await;
    scene.logout().await;
    scene.door.shut();
    let login = send_login(&scene).await;
    (scene, login)
}

async fn send_login(scene: &Scene) -> JoinHandle<Ending> {
    let (sdk, user) = (Arc::clone(&scene.sdk), scene.user().await);
    let sent = tokio::spawn(async move {
        sdk.send(OfflineLoginEvent::new(user))
            .await
            .map(|answer| answer.sdk_state)
    });
    settle().await;
    sent
}

async fn send_logout(scene: &Scene) -> JoinHandle<Ending> {
    let sdk = Arc::clone(&scene.sdk);
    let sent = tokio::spawn(async move { sdk.send(LogoutEvent).await.map(|answer| answer.sdk_state) });
    settle().await;
    sent
}

fn status(ending: &Ending) -> S {
    ending.as_ref().map_or_else(Failure::status, |_| S::Ok)
}

#[tokio::test]
async fn the_thirty_third_waiting_event_is_busy_and_the_others_are_served() {
    let (scene, login) = with_a_held_login().await;
    let mut waiting = Vec::new();
    for _ in 0..QUEUE_LENGTH {
        waiting.push(send_logout(&scene).await);
    }
    assert!(waiting.iter().all(|event| !event.is_finished()), "none is answered yet");
    let one_more = send_logout(&scene).await;
    assert!(one_more.is_finished(), "a full queue answers at once");
    assert_eq!(status(&soon(one_more).await.unwrap()), S::Busy);
    scene.door.reopen();
    assert_eq!(soon(login).await.unwrap().unwrap(), LoggedIn);
    let mut served = Vec::new();
    for event in waiting {
        served.push(status(&soon(event).await.unwrap()));
    }
    assert_eq!(served[0], S::Ok);
    assert!(
        served[1..].iter().all(|status| *status == S::InvalidState),
        "{served:?}"
    );
}

#[tokio::test]
async fn events_are_served_in_the_order_of_their_arrival() {
    let (scene, login) = with_a_held_login().await;
    let mut waiting = vec![login];
    for _ in 0..5 {
        waiting.push(send_logout(&scene).await);
        waiting.push(send_login(&scene).await);
    }
    scene.door.reopen();
    for (number, event) in waiting.into_iter().enumerate() {
        let expected = if number % 2 == 0 { LoggedIn } else { LoginRequired };
        assert_eq!(soon(event).await.unwrap().unwrap(), expected, "event {number}");
    }
}

#[tokio::test]
async fn token_requests_take_no_place_in_the_queue_and_wait_for_none() {
    let scene = Scene::logged_in(PLAIN).await;
    scene.door.shut();
    let mut callers = Vec::new();
    for number in 0..1000 {
        let sdk = Arc::clone(&scene.sdk);
        let event = ExchangeIamTokenEvent::new(format!("audience-{}", number % 50));
        callers.push(tokio::spawn(async move { exchange(&sdk, event).await.map(drop) }));
    }
    settle().await;
    assert!(callers.iter().all(|caller| !caller.is_finished()));
    let logout = send_logout(&scene).await;
    assert!(
        logout.is_finished(),
        "fifty requests are under way, and the queue is free"
    );
    assert_eq!(soon(logout).await.unwrap().unwrap(), LoginRequired);
    let login = send_login(&scene).await;
    for _ in 0..QUEUE_LENGTH {
        send_logout(&scene).await;
    }
    let beside = exchange(&scene.sdk, ExchangeIamTokenEvent::new("orders")).await;
    assert_eq!(
        beside.unwrap_err().status(),
        S::InvalidState,
        "a full queue is nothing to it: the state is"
    );
    assert!(scene.sdk.send(GetInformationEvent).await.is_ok());
    drop(login);
}

#[tokio::test]
async fn a_thousand_callers_with_one_expired_token_make_one_request() {
    let scene = Scene::logged_in(RECOVERABLE).await;
    let old = scene.exchange().await.unwrap();
    scene.clock.advance(seconds(3_600));
    let before = scene.refreshes();
    let mut callers = Vec::new();
    for _ in 0..1000 {
        let sdk = Arc::clone(&scene.sdk);
        callers.push(tokio::spawn(async move {
            exchange(&sdk, ExchangeIamTokenEvent::new("orders")).await
        }));
    }
    let mut tokens = Vec::new();
    for caller in callers {
        tokens.push(soon(caller).await.unwrap().unwrap());
    }
    assert_eq!(scene.refreshes() - before, 1);
    assert!(tokens.iter().all(|token| Arc::ptr_eq(token, &tokens[0])));
    assert_ne!(tokens[0].value.expose(), old.value.expose());
}

#[tokio::test]
async fn a_thousand_callers_over_many_audiences_never_send_two_requests_of_one_grant_at_once() {
    let scene = Scene::logged_in(RECOVERABLE).await;
    let mut callers = Vec::new();
    for number in 0..1000 {
        let sdk = Arc::clone(&scene.sdk);
        let event = ExchangeIamTokenEvent::new(format!("audience-{}", number % 7));
        callers.push(tokio::spawn(async move { exchange(&sdk, event).await.map(drop) }));
    }
    for caller in callers {
        soon(caller).await.unwrap().unwrap();
    }
    assert_eq!(scene.refreshes(), 7);
    assert_eq!(scene.idp.journal().violations(), Vec::<String>::new().as_slice());
}

#[tokio::test]
async fn a_dropped_caller_cancels_nothing() {
    let scene = Scene::started(PLAIN).await;
    scene.door.shut();
    let sdk = Arc::clone(&scene.sdk);
    let event = vestibule::event::EnrollAnonymousUserEvent::new("acme", vestibule::AuthenticationMode::No);
    let caller = tokio::spawn(async move { sdk.send(event).await.map(drop) });
    settle().await;
    caller.abort();
    assert!(soon(caller).await.unwrap_err().is_cancelled());
    scene.door.reopen();
    settle().await;
    assert_eq!(scene.sdk.state(), LoggedIn);
    assert_eq!(scene.disk.records()[0].header.stage.kind(), StageKind::Active);

    scene.door.shut();
    let (first, second) = (caller_of(&scene), caller_of(&scene));
    settle().await;
    first.abort();
    settle().await;
    scene.door.reopen();
    assert!(
        soon(second).await.unwrap().is_ok(),
        "who joined gets the answer of the request that the first one made"
    );
    assert_eq!(scene.refreshes(), 1);
}

fn caller_of(scene: &Scene) -> JoinHandle<Result<(), Failure>> {
    let sdk = Arc::clone(&scene.sdk);
    tokio::spawn(async move { exchange(&sdk, ExchangeIamTokenEvent::new("orders")).await.map(drop) })
}

#[tokio::test]
async fn a_panicking_adapter_fails_one_event_and_the_sdk_lives_on() {
    let scene = Scene::in_flowing_time(RECOVERABLE).await;
    scene.door.panic_once();
    let failed = scene.enroll().await.unwrap_err();
    assert_eq!(
        (failed.status(), failed.sdk_state),
        (S::InternalError, ActivationRequired)
    );
    assert_eq!(
        scene.enroll().await.unwrap(),
        LoggedIn,
        "the key is on disk: it is enrolled again"
    );
    assert_eq!(scene.idp.users().len(), 1);

    scene.door.panic_once();
    let callers = [caller_of(&scene), caller_of(&scene), caller_of(&scene)];
    for caller in callers {
        let failed = soon(caller).await.unwrap().unwrap_err();
        assert_eq!((failed.status(), failed.sdk_state), (S::InternalError, LoggedIn));
    }
    assert!(scene.exchange().await.is_ok(), "the next caller flies anew");

    scene.logout().await;
    scene.door.panic_once();
    let failed = scene.login().await.unwrap_err();
    assert_eq!((failed.status(), failed.sdk_state), (S::InternalError, LoginRequired));
    assert_eq!(scene.login().await.unwrap(), LoggedIn);
}
