//! A write that must not be given up: the event answers after 10 s, the write goes on, and nothing in between loses it.

use vestibule::SdkState::{ActivationRequired, LoggedIn, LoginRequired};
use vestibule::event::{LogoutEvent, RestartEvent};
use vestibule::ports::Clock;
use vestibule::ports::testing::IdpKind;
use vestibule::record::StageKind;
use vestibule::status::StatusType as S;

use crate::scene::{Scene, settle};
use crate::world::{PLAIN, RECOVERABLE};

const PLANNED: Option<&str> = Some("planned");

/// The storage goes away while the IdP serves the next refresh.
fn storage_goes_while_refreshing(scene: &Scene) {
    let disk = scene.disk.clone();
    scene.idp.next_refresh_altered(move |refreshed| {
        disk.set_unavailable(PLANNED);
        refreshed
    });
}

fn storage_goes_while_enrolling(scene: &Scene) {
    let disk = scene.disk.clone();
    scene.idp.next_enroll_altered(move |enrolled| {
        disk.set_unavailable(PLANNED);
        enrolled
    });
}

fn stage(scene: &Scene) -> StageKind {
    scene.disk.records()[0].header.stage.kind()
}

async fn until_active(scene: &Scene) {
    for _ in 0..1000 {
        if stage(scene) == StageKind::Active {
            return settle().await;
        }
        settle().await;
    }
    panic!("the successor was never written");
}

async fn logged_in(kind: IdpKind) -> Scene {
    let scene = Scene::in_flowing_time(kind).await;
    scene.enroll().await.unwrap();
    scene
}

/// What the app does between the early answer and the return of the storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meanwhile {
    Nothing,
    Logout,
    Restart,
    AnotherToken,
    Shutdown,
}

impl Meanwhile {
    const ALL: [Self; 5] = [
        Self::Nothing,
        Self::Logout,
        Self::Restart,
        Self::AnotherToken,
        Self::Shutdown,
    ];

    async fn happen(self, scene: &Scene) {
        match self {
            Self::Nothing => {}
            Self::Logout => drop(scene.sdk.send(LogoutEvent).await),
            Self::Restart => drop(scene.sdk.send(RestartEvent).await),
            Self::AnotherToken => {
                let busy = scene.exchange().await.unwrap_err();
                assert_eq!(busy.status(), S::Busy, "the slot is still being written");
            }
            Self::Shutdown => scene.sdk.shutdown().await,
        }
    }
}

#[tokio::test]
async fn a_token_event_answers_after_ten_seconds_and_its_successor_is_written_whatever_comes_between() {
    for meanwhile in Meanwhile::ALL {
        let scene = logged_in(PLAIN).await;
        storage_goes_while_refreshing(&scene);
        let begun = scene.clock.since_boot();
        let failure = scene.exchange().await.unwrap_err();
        let waited = scene.clock.since_boot().checked_since(begun).unwrap();
        assert_eq!(
            (failure.status(), failure.sdk_state),
            (S::StorageUnavailable, LoggedIn),
            "{meanwhile:?}"
        );
        assert_eq!(waited.as_secs(), 10, "{meanwhile:?}");
        meanwhile.happen(&scene).await;
        settle().await;
        assert_eq!(stage(&scene), StageKind::Rotating, "{meanwhile:?}");
        scene.disk.set_unavailable(None);
        until_active(&scene).await;
        assert_eq!(scene.idp.journal().violations(), Vec::<String>::new(), "{meanwhile:?}");
        let lives = |user| scene.idp.live_sessions(user) == 1;
        assert!(
            scene.idp.users().iter().all(lives),
            "{meanwhile:?}: no session was given up"
        );
    }
}

#[tokio::test]
async fn the_next_event_of_the_slot_joins_the_write_and_then_goes_on_with_the_successor() {
    let scene = logged_in(PLAIN).await;
    storage_goes_while_refreshing(&scene);
    scene.exchange().await.unwrap_err();
    scene.disk.set_unavailable(None);
    assert_eq!(stage(&scene), StageKind::Rotating, "the writer rests between two tries");
    scene.exchange().await.unwrap();
    assert_eq!(stage(&scene), StageKind::Active);
    assert_eq!(
        scene.idp.journal().violations(),
        Vec::<String>::new(),
        "the old grant was not sent again"
    );
}

#[tokio::test]
async fn a_login_behind_it_waits_for_the_write() {
    for between in [Meanwhile::Logout, Meanwhile::Restart] {
        let scene = logged_in(RECOVERABLE).await;
        storage_goes_while_refreshing(&scene);
        scene.exchange().await.unwrap_err();
        let user = scene.user().await;
        between.happen(&scene).await;
        scene.disk.set_unavailable(None);
        if between == Meanwhile::Restart {
            scene.sdk.send(crate::before::start()).await.map(drop).unwrap();
        }
        settle().await;
        let login = vestibule::event::OfflineLoginEvent::new(user);
        let logged_in = scene.sdk.send(login).await.unwrap();
        assert_eq!(logged_in.sdk_state, LoggedIn, "{between:?}");
        assert_eq!(scene.idp.journal().violations(), Vec::<String>::new(), "{between:?}");
    }
}

#[tokio::test]
async fn a_login_and_an_enrolment_answer_early_too_and_log_nobody_in_behind_the_apps_back() {
    let scene = logged_in(PLAIN).await;
    scene.logout().await;
    storage_goes_while_refreshing(&scene);
    let failure = scene.login().await.unwrap_err();
    assert_eq!(
        (failure.status(), failure.sdk_state),
        (S::StorageUnavailable, LoginRequired)
    );
    scene.disk.set_unavailable(None);
    until_active(&scene).await;
    assert_eq!(scene.sdk.state(), LoginRequired, "the app was told that it failed");
    assert_eq!(scene.login().await.unwrap(), LoggedIn);
    assert_eq!(scene.idp.journal().violations(), Vec::<String>::new());

    let scene = Scene::in_flowing_time(PLAIN).await;
    storage_goes_while_enrolling(&scene);
    let failure = scene.enroll().await.unwrap_err();
    assert_eq!(
        (failure.status(), failure.sdk_state),
        (S::StorageUnavailable, ActivationRequired)
    );
    scene.disk.set_unavailable(None);
    until_active(&scene).await;
    assert_eq!(scene.sdk.state(), LoginRequired, "a user stands by now");
    assert_eq!(scene.login().await.unwrap(), LoggedIn);
    assert_eq!(scene.idp.users().len(), 1);
}
