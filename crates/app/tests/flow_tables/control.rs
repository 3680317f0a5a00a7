//! Restart and shutdown: past the queue; what waits is refused, what can be interrupted is, what cannot is waited for.

use std::sync::Arc;

use tokio::task::JoinHandle;
use vestibule::AuthenticationMode::{No, Password};
use vestibule::SdkState::{ActivationRequired, LoggedIn, LoginRequired};
use vestibule::event::{
    EnrollAnonymousUserEvent, GetInformationEvent, LogoutEvent, OfflineLoginEvent, RestartEvent, StartEvent,
};
use vestibule::ports::testing::IdpCall;
use vestibule::record::StageKind;
use vestibule::status::StatusType as S;
use vestibule::{Failure, SdkState};

use crate::scene::{Scene, at_once, seconds, settle};
use crate::world::{PLAIN, RECOVERABLE, soon};

type Ending = Result<SdkState, Failure>;

fn status(ending: &Ending) -> S {
    ending.as_ref().map_or_else(Failure::status, |_| S::Ok)
}

macro_rules! sent {
    ($scene:expr, $event:expr) => {{
        let (sdk, event) = (Arc::clone(&$scene.sdk), $event);
        let sent: JoinHandle<Ending> =
            tokio::spawn(async move { sdk.send(event).await.map(|answer| answer.sdk_state) });
        settle().await;
        sent
    }};
}

async fn shutting_down(scene: &Scene) -> JoinHandle<()> {
    let sdk = Arc::clone(&scene.sdk);
    let ending = tokio::spawn(async move { sdk.shutdown().await });
    settle().await;
    ending
}

/// A scene in which a login cannot be interrupted: its refresh is under way.
async fn with_a_held_login() -> (Scene, JoinHandle<Ending>) {
    let scene = Scene::logged_in(PLAIN).await;
    scene.logout().await;
    scene.door.shut();
    let user = scene.user().await;
    let login = sent!(scene, OfflineLoginEvent::new(user));
    (scene, login)
}

#[tokio::test]
async fn a_restart_refuses_what_waits_and_waits_for_what_cannot_be_interrupted() {
    let (scene, login) = with_a_held_login().await;
    let waiting = [sent!(scene, LogoutEvent), sent!(scene, LogoutEvent)];
    let restart = sent!(scene, RestartEvent);
    for event in waiting {
        let refused = soon(event).await.unwrap();
        assert_eq!(status(&refused), S::Busy);
    }
    let late = sent!(scene, LogoutEvent);
    assert_eq!(
        status(&soon(late).await.unwrap()),
        S::Busy,
        "new events are refused while it restarts"
    );
    assert!(
        !restart.is_finished() && !login.is_finished(),
        "the answer of the IdP is awaited"
    );
    scene.door.reopen();
    assert_eq!(soon(login).await.unwrap().unwrap(), LoggedIn);
    assert_eq!(soon(restart).await.unwrap().unwrap(), LoginRequired);
    assert_eq!(scene.sdk.state(), LoginRequired, "memory is wiped");
    assert_eq!(scene.login().await.unwrap(), LoggedIn, "events are let in again");
    assert_eq!(scene.idp.journal().violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_restart_goes_on_after_its_grace_and_what_ends_later_concludes_nothing() {
    let (scene, login) = with_a_held_login().await;
    let restart = sent!(scene, RestartEvent);
    scene.clock.advance(seconds(9));
    settle().await;
    assert!(!restart.is_finished());
    scene.clock.advance(seconds(1));
    settle().await;
    assert_eq!(soon(restart).await.unwrap().unwrap(), LoginRequired);
    scene.door.reopen();
    settle().await;
    assert!(login.is_finished());
    assert_eq!(
        scene.sdk.state(),
        LoginRequired,
        "a login of an era that is over logs nobody in"
    );
    assert_eq!(
        scene.disk.records()[0].header.stage.kind(),
        StageKind::Active,
        "but its answer is on disk"
    );
    assert_eq!(scene.login().await.unwrap(), LoggedIn);
    assert_eq!(scene.idp.journal().violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_restart_closes_an_open_prompt_and_nothing_was_written_or_sent() {
    let scene = Scene::started(PLAIN).await;
    scene.person.go_away();
    let enrolment = sent!(scene, EnrollAnonymousUserEvent::new("acme", Password));
    assert_eq!(scene.person.open_prompts(), 1);
    let restart = sent!(scene, RestartEvent);
    assert_eq!(
        soon(restart).await.unwrap().unwrap(),
        ActivationRequired,
        "without any grace"
    );
    assert_eq!(status(&soon(enrolment).await.unwrap()), S::Busy);
    assert_eq!(scene.person.open_prompts(), 0);
    assert_eq!(
        (
            scene.disk.records().len(),
            scene.idp.journal().requests(IdpCall::Enroll)
        ),
        (0, 0)
    );
}

#[tokio::test]
async fn a_restart_interrupts_an_enrolment_that_was_not_redeemed_yet() {
    let scene = Scene::started(PLAIN).await;
    scene.door.shut();
    let enrolment = sent!(scene, EnrollAnonymousUserEvent::new("acme", No));
    let restart = sent!(scene, RestartEvent);
    scene.door.reopen();
    assert_eq!(status(&soon(enrolment).await.unwrap()), S::Busy);
    assert_eq!(soon(restart).await.unwrap().unwrap(), ActivationRequired);
    assert_eq!(
        (scene.disk.records().len(), scene.idp.users().len()),
        (0, 0),
        "nothing was done, nothing is left"
    );
}

#[tokio::test]
async fn a_restart_wipes_keys_and_tokens_and_changes_nothing_on_disk() {
    let scene = Scene::logged_in(RECOVERABLE).await;
    scene.exchange().await.unwrap();
    let (before, refreshes) = (scene.disk.records()[0].revision.clone(), scene.refreshes());
    let restart = sent!(scene, RestartEvent);
    assert_eq!(soon(restart).await.unwrap().unwrap(), LoginRequired);
    assert_eq!(scene.disk.records()[0].revision, before);
    assert_eq!(scene.exchange().await.unwrap_err().status(), S::InvalidState);
    let information = scene.sdk.send(GetInformationEvent).await.unwrap().outcome;
    assert_eq!((information.logged_in, information.users.len()), (None, 1));
    scene.login().await.unwrap();
    scene.exchange().await.unwrap();
    assert_eq!(scene.refreshes(), refreshes + 2, "the proof, and a new token");
}

#[tokio::test]
async fn a_shutdown_answers_what_waits_and_what_comes_and_waits_for_what_runs() {
    let (scene, login) = with_a_held_login().await;
    let waiting = sent!(scene, LogoutEvent);
    let ending = shutting_down(&scene).await;
    assert_eq!(status(&soon(waiting).await.unwrap()), S::ShutDown);
    assert!(!ending.is_finished() && !login.is_finished());
    let user = scene.user().await;
    let late = [
        sent!(scene, LogoutEvent),
        sent!(scene, RestartEvent),
        sent!(scene, StartEvent::new("late", "1", "en")),
        sent!(scene, OfflineLoginEvent::new(user)),
        sent!(scene, EnrollAnonymousUserEvent::new("acme", No)),
    ];
    for event in late {
        assert_eq!(status(&soon(event).await.unwrap()), S::ShutDown);
    }
    assert_eq!(scene.exchange().await.unwrap_err().status(), S::ShutDown);
    scene.door.reopen();
    soon(ending).await.unwrap();
    assert_eq!(soon(login).await.unwrap().unwrap(), LoggedIn);
    assert_eq!(scene.disk.records()[0].header.stage.kind(), StageKind::Active);
}

#[tokio::test]
async fn a_shutdown_ends_within_its_grace_and_the_answer_still_reaches_the_disk() {
    let (scene, login) = with_a_held_login().await;
    let ending = shutting_down(&scene).await;
    scene.clock.advance(seconds(10));
    settle().await;
    assert!(ending.is_finished(), "ten seconds are its grace");
    scene.door.reopen();
    settle().await;
    assert!(login.is_finished());
    assert_eq!(scene.disk.records()[0].header.stage.kind(), StageKind::Active);
    assert_eq!(scene.idp.journal().violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_shutdown_wipes_the_tokens_and_a_second_one_ends_at_once() {
    let scene = Scene::logged_in(PLAIN).await;
    scene.exchange().await.unwrap();
    assert!(at_once(scene.exchange()).is_some(), "cached");
    soon(scene.sdk.shutdown()).await;
    assert_eq!(scene.exchange().await.unwrap_err().status(), S::ShutDown);
    soon(scene.sdk.shutdown()).await;
}

#[tokio::test]
async fn a_shutdown_closes_an_open_prompt() {
    let scene = Scene::started(PLAIN).await;
    scene.person.go_away();
    let enrolment = sent!(scene, EnrollAnonymousUserEvent::new("acme", Password));
    soon(scene.sdk.shutdown()).await;
    assert!(matches!(status(&soon(enrolment).await.unwrap()), S::Busy | S::ShutDown));
    assert_eq!((scene.person.open_prompts(), scene.disk.records().len()), (0, 0));
}
