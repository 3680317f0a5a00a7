//! Suspend past the queue: what waits is refused, what can be interrupted is, what cannot is waited for within its grace;
//! no token from before is handed out behind it. And a storage that hangs holds no shutdown.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::task::JoinHandle;
use vestibule::AuthenticationMode::{No, Password};
use vestibule::SdkState::{ActivationRequired, LoggedIn, LoginRequired, Suspended};
use vestibule::event::{
    ClearIamTokenCacheEvent, EnrollAnonymousUserEvent, ExchangeIamTokenEvent, LogoutEvent, OfflineLoginEvent,
    RestartEvent, ResumeEvent, SetAuthenticationModeEvent, SuspendEvent,
};
use vestibule::identifiers::RecordHandle;
use vestibule::instant::{BootTime, WallTime};
use vestibule::ports::testing::{ManualClock, MemoryStorage, ScriptedIdp, SeededEntropy};
use vestibule::ports::{
    Clock, Described, Key, Opened, RecordsPage, SecureStorage, StorageError, WriteRequest, Written,
};
use vestibule::record::{Lookup, Place, Revision, StageKind};
use vestibule::status::StatusType as S;
use vestibule::{Failure, Sdk, SdkState};

use crate::before::start;
use crate::scene::{Scene, at_once, exchange, seconds, settle};
use crate::world::{PLAIN, RECOVERABLE, soon};

type Ending = Result<SdkState, Failure>;

fn status(ending: &Ending) -> S {
    ending.as_ref().map_or_else(Failure::status, |_| S::Ok)
}

macro_rules! sent {
    ($sdk:expr, $event:expr) => {{
        let (sdk, event) = (Arc::clone(&$sdk), $event);
        let sent: JoinHandle<Ending> =
            tokio::spawn(async move { sdk.send(event).await.map(|answer| answer.sdk_state) });
        settle().await;
        sent
    }};
}

#[tokio::test]
async fn a_suspend_refuses_what_waits_waits_for_what_cannot_be_interrupted_and_a_resume_follows_it() {
    let scene = Scene::logged_in(PLAIN).await;
    scene.logout().await;
    scene.door.shut();
    let user = scene.user().await;
    let login = sent!(scene.sdk, OfflineLoginEvent::new(user));
    let waiting = sent!(scene.sdk, LogoutEvent);
    let suspend = sent!(scene.sdk, SuspendEvent);
    assert_eq!(status(&soon(waiting).await.unwrap()), S::Busy);
    // Sent while the suspend waits: it is served behind it, and not taken for needless.
    let resume = sent!(scene.sdk, ResumeEvent);
    assert!(!suspend.is_finished() && !resume.is_finished() && !login.is_finished());
    scene.door.reopen();
    assert_eq!(soon(login).await.unwrap().unwrap(), LoggedIn);
    assert_eq!(soon(suspend).await.unwrap().unwrap(), Suspended);
    assert_eq!(soon(resume).await.unwrap().unwrap(), LoggedIn);
    assert_eq!(scene.sdk.state(), LoggedIn);
    assert_eq!(scene.idp.journal().violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_suspend_goes_on_after_its_grace_and_a_successor_still_reaches_the_disk() {
    let scene = Scene::logged_in(RECOVERABLE).await;
    scene.door.shut();
    let token = sent!(scene.sdk, ExchangeIamTokenEvent::new("orders"));
    let suspend = sent!(scene.sdk, SuspendEvent);
    let late = sent!(scene.sdk, ExchangeIamTokenEvent::new("orders"));
    assert_eq!(status(&soon(late).await.unwrap()), S::Busy);
    scene.clock.advance(seconds(10));
    assert_eq!(soon(suspend).await.unwrap().unwrap(), Suspended);
    scene.door.reopen();
    let token = soon(token).await.unwrap();
    assert_eq!(
        status(&token),
        S::Busy,
        "no token from before a suspend is answered behind it"
    );
    settle().await;
    assert_eq!(scene.disk.records()[0].header.stage.kind(), StageKind::Active);
    assert_eq!(scene.exchange().await.unwrap_err().status(), S::InvalidState);
    assert_eq!(soon(sent!(scene.sdk, ResumeEvent)).await.unwrap().unwrap(), LoggedIn);
    assert!(at_once(scene.exchange()).is_none(), "nothing is cached");
    scene.exchange().await.unwrap();
    assert_eq!(scene.idp.journal().violations(), Vec::<String>::new());
}

#[tokio::test]
async fn a_suspend_closes_an_open_prompt_and_nothing_was_written_or_sent() {
    for mode in [No, Password] {
        let scene = Scene::started(PLAIN).await;
        scene.person.go_away();
        let asking = if mode == No {
            scene.enroll_in(No).await.unwrap();
            sent!(scene.sdk, SetAuthenticationModeEvent::new(Password))
        } else {
            sent!(scene.sdk, EnrollAnonymousUserEvent::new("acme", Password))
        };
        assert_eq!(scene.person.open_prompts(), 1);
        let suspend = sent!(scene.sdk, SuspendEvent);
        assert_eq!(soon(suspend).await.unwrap().unwrap(), Suspended, "without any grace");
        assert_eq!(
            (status(&soon(asking).await.unwrap()), scene.person.open_prompts()),
            (S::Busy, 0)
        );
        let resumed = soon(sent!(scene.sdk, ResumeEvent)).await.unwrap().unwrap();
        assert_eq!(resumed, if mode == No { LoggedIn } else { ActivationRequired });
    }
}

#[tokio::test]
async fn a_user_with_a_password_lives_on_after_a_suspend_by_logging_in() {
    let scene = Scene::started(RECOVERABLE).await;
    scene.enroll_in(Password).await.unwrap();
    scene.exchange().await.unwrap();
    for _ in 0..2 {
        assert_eq!(soon(sent!(scene.sdk, SuspendEvent)).await.unwrap().unwrap(), Suspended);
    }
    assert_eq!(
        soon(sent!(scene.sdk, ResumeEvent)).await.unwrap().unwrap(),
        LoginRequired
    );
    assert_eq!(scene.login().await.unwrap(), LoggedIn);
    assert!(at_once(scene.exchange()).is_none());
    scene.exchange().await.unwrap();
}

#[tokio::test]
async fn a_resume_that_changes_nothing_interrupts_nothing() {
    let scene = Scene::started(PLAIN).await;
    scene.person.go_away();
    let asking = sent!(scene.sdk, EnrollAnonymousUserEvent::new("acme", Password));
    assert_eq!(
        soon(sent!(scene.sdk, ResumeEvent)).await.unwrap().unwrap(),
        ActivationRequired
    );
    assert_eq!((scene.person.open_prompts(), asking.is_finished()), (1, false));
}

#[tokio::test]
async fn a_token_that_was_asked_for_before_the_cache_was_cleared_is_answered_and_not_kept() {
    let scene = Scene::logged_in(PLAIN).await;
    scene.door.shut();
    let asked = sent!(scene.sdk, ExchangeIamTokenEvent::new("orders"));
    assert_eq!(
        soon(sent!(scene.sdk, ClearIamTokenCacheEvent)).await.unwrap().unwrap(),
        LoggedIn
    );
    let later = sent!(scene.sdk, ExchangeIamTokenEvent::new("orders"));
    scene.door.reopen();
    for token in [asked, later] {
        soon(token).await.unwrap().unwrap();
    }
    assert_eq!(scene.refreshes(), 2, "the later caller got a token of its own");
    assert!(at_once(exchange(&scene.sdk, ExchangeIamTokenEvent::new("orders"))).is_some());
    soon(sent!(scene.sdk, ClearIamTokenCacheEvent)).await.unwrap().unwrap();
    assert!(at_once(exchange(&scene.sdk, ExchangeIamTokenEvent::new("orders"))).is_none());
}

#[tokio::test]
async fn a_change_of_mode_drops_the_cached_tokens_and_the_session_goes_on() {
    let scene = Scene::logged_in(PLAIN).await;
    scene.exchange().await.unwrap();
    soon(sent!(scene.sdk, SetAuthenticationModeEvent::new(Password)))
        .await
        .unwrap()
        .unwrap();
    assert!(at_once(scene.exchange()).is_none());
    scene.exchange().await.unwrap();
    scene.logout().await;
    assert_eq!(scene.login().await.unwrap(), LoggedIn);
}

/// A storage whose reading hangs once it is told to.
struct Hanging(MemoryStorage, Arc<std::sync::atomic::AtomicBool>);

macro_rules! behind {
    ($($name:ident($($arg:ident: $kind:ty),*) -> $reply:ty;)*) => {
        #[async_trait]
        impl SecureStorage for Hanging {
            async fn list(&self, after: Option<RecordHandle>, limit: usize) -> Result<RecordsPage, StorageError> {
                if self.1.load(std::sync::atomic::Ordering::SeqCst) {
                    std::future::pending::<()>().await;
                }
                self.0.list(after, limit).await
            }
            $(async fn $name(&self, $($arg: $kind),*) -> $reply {
                self.0.$name($($arg),*).await
            })*
        }
    };
}

behind! {
    describe(place: Place) -> Result<Lookup<Described>, StorageError>;
    open(place: Place, key: Key) -> Result<Opened, StorageError>;
    write(request: WriteRequest) -> Result<Written, StorageError>;
    keep_aside(handle: RecordHandle, revision: Revision) -> Result<RecordHandle, StorageError>;
    put_back(aside: RecordHandle, expected: Option<Revision>) -> Result<Revision, StorageError>;
    remove(handle: RecordHandle, revision: Revision) -> Result<(), StorageError>;
}

#[tokio::test]
async fn a_shutdown_returns_within_its_grace_while_a_restart_hangs_on_its_storage() {
    let (clock, hangs) = (ManualClock::new(), Arc::default());
    let sdk = Sdk::builder(
        Arc::new(ScriptedIdp::new(PLAIN)),
        Arc::new(Hanging(MemoryStorage::new(), Arc::clone(&hangs))),
    )
    .clock(Arc::new(clock.clone()))
    .entropy(Arc::new(SeededEntropy::new(3)))
    .build()
    .unwrap();
    let sdk = Arc::new(sdk);
    sdk.send(start()).await.unwrap();
    hangs.store(true, std::sync::atomic::Ordering::SeqCst);
    let restart = sent!(sdk, RestartEvent);
    let ending = tokio::spawn({
        let sdk = Arc::clone(&sdk);
        async move { sdk.shutdown().await }
    });
    settle().await;
    assert!(!ending.is_finished() && !restart.is_finished());
    clock.advance(seconds(10));
    settle().await;
    assert!(ending.is_finished(), "ten seconds are its grace");
}

/// A clock that panics once it is told to.
struct Broken(ManualClock, Arc<std::sync::atomic::AtomicBool>);

#[async_trait]
impl Clock for Broken {
    fn wall(&self) -> WallTime {
        self.0.wall()
    }

    fn since_boot(&self) -> BootTime {
        assert!(
            !self.1.load(std::sync::atomic::Ordering::SeqCst),
            "a planned panic of the clock"
        );
        self.0.since_boot()
    }

    async fn sleep(&self, time: std::time::Duration) {
        self.0.sleep(time).await;
    }
}

#[tokio::test]
async fn a_clock_that_panics_while_memory_is_looked_at_fails_the_event_and_not_the_app() {
    let breaks = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let sdk = Sdk::builder(Arc::new(ScriptedIdp::new(PLAIN)), Arc::new(MemoryStorage::new()))
        .clock(Arc::new(Broken(ManualClock::new(), Arc::clone(&breaks))))
        .entropy(Arc::new(SeededEntropy::new(3)))
        .build()
        .unwrap();
    sdk.send(start()).await.unwrap();
    sdk.send(EnrollAnonymousUserEvent::new("acme", No)).await.unwrap();
    let asked = || sdk.send(ExchangeIamTokenEvent::new("orders"));
    asked().await.unwrap();
    breaks.store(true, std::sync::atomic::Ordering::SeqCst);
    assert_eq!(asked().await.unwrap_err().status(), S::InternalError);
    breaks.store(false, std::sync::atomic::Ordering::SeqCst);
    asked().await.unwrap();
}
