//! A scene on the fakes: one SDK, whose calls can be held or made to panic.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use vestibule::event::{
    EnrollAnonymousUserEvent, ExchangeIamTokenEvent, GetInformationEvent, LogoutEvent, OfflineLoginEvent, RecordRef,
};
use vestibule::identifiers::{RealmId, TenantId};
use vestibule::ports::testing::{IdpCall, IdpKind, ManualClock, MemoryStorage, ScriptedIdp, SeededEntropy};
use vestibule::ports::{
    EnrollRequest, Enrolled, IdentityProvider, IdpError, PasswordRequest, PasswordSource, PromptError, RefreshRequest,
    Refreshed, RevokeRequest,
};
use vestibule::secret::Password;
use vestibule::{AuthenticationMode, Failure, IamToken, Sdk, SdkState};

use crate::before::{TENANT, start};
use crate::world::soon;

/// One SDK and what is around it.
pub(crate) struct Scene {
    pub(crate) sdk: Arc<Sdk>,
    pub(crate) idp: ScriptedIdp,
    pub(crate) disk: MemoryStorage,
    pub(crate) clock: ManualClock,
    /// Holds every request of the IdP until it is opened again.
    pub(crate) door: Door,
    pub(crate) person: Person,
}

impl Scene {
    /// An SDK on an empty disk, started. Its clock stands still.
    pub(crate) async fn started(kind: IdpKind) -> Self {
        Self::with_clock(kind, ManualClock::new()).await
    }

    /// The same with a clock that moves by itself while everybody waits.
    pub(crate) async fn in_flowing_time(kind: IdpKind) -> Self {
        Self::with_clock(kind, ManualClock::auto_advancing()).await
    }

    async fn with_clock(kind: IdpKind, clock: ManualClock) -> Self {
        let idp = ScriptedIdp::new(kind).with_clock(Arc::new(clock.clone()));
        let (disk, door, person) = (
            MemoryStorage::with_journal(idp.journal()),
            Door::open(),
            Person::default(),
        );
        let guarded = Guarded {
            idp: idp.clone(),
            door: door.clone(),
        };
        let sdk = Sdk::builder(Arc::new(guarded), Arc::new(disk.clone()))
            .clock(Arc::new(clock.clone()))
            .entropy(Arc::new(SeededEntropy::new(5)))
            .password_source(Arc::new(person.clone()))
            .build()
            .unwrap();
        sdk.send(start()).await.unwrap();
        Self {
            sdk: Arc::new(sdk),
            idp,
            disk,
            clock,
            door,
            person,
        }
    }

    /// The same with a user, logged in.
    pub(crate) async fn logged_in(kind: IdpKind) -> Self {
        let scene = Self::started(kind).await;
        scene.enroll().await.unwrap();
        scene
    }

    pub(crate) async fn enroll(&self) -> Result<SdkState, Failure> {
        self.enroll_in(AuthenticationMode::No).await
    }

    pub(crate) async fn enroll_in(&self, mode: AuthenticationMode) -> Result<SdkState, Failure> {
        soon(self.sdk.send(EnrollAnonymousUserEvent::new(TENANT, mode)))
            .await
            .map(|answer| answer.sdk_state)
    }

    pub(crate) async fn login(&self) -> Result<SdkState, Failure> {
        let user = self.user().await;
        soon(self.sdk.send(OfflineLoginEvent::new(user)))
            .await
            .map(|answer| answer.sdk_state)
    }

    pub(crate) async fn logout(&self) {
        soon(self.sdk.send(LogoutEvent)).await.unwrap();
    }

    pub(crate) async fn exchange(&self) -> Result<Arc<IamToken>, Failure> {
        exchange(&self.sdk, ExchangeIamTokenEvent::new("orders")).await
    }

    pub(crate) async fn user(&self) -> RecordRef {
        let information = soon(self.sdk.send(GetInformationEvent)).await.unwrap().outcome;
        RecordRef::User(information.users[0].clone())
    }

    pub(crate) fn refreshes(&self) -> usize {
        self.idp.journal().requests(IdpCall::Refresh)
    }
}

pub(crate) async fn exchange(sdk: &Sdk, event: ExchangeIamTokenEvent) -> Result<Arc<IamToken>, Failure> {
    soon(sdk.send(event)).await.map(|answer| answer.outcome)
}

/// Lets every task go on as far as it can.
pub(crate) async fn settle() {
    for _ in 0..500 {
        tokio::task::yield_now().await;
    }
}

/// The output of a future that must be there at its first poll.
pub(crate) fn at_once<T>(future: impl Future<Output = T>) -> Option<T> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// What holds requests. A clone is the same door.
#[derive(Clone)]
pub(crate) struct Door {
    shut: watch::Sender<bool>,
    panics: Arc<AtomicBool>,
}

impl Door {
    fn open() -> Self {
        Self {
            shut: watch::Sender::new(false),
            panics: Arc::default(),
        }
    }

    /// Holds every request from now on.
    pub(crate) fn shut(&self) {
        self.shut.send_replace(true);
    }

    pub(crate) fn reopen(&self) {
        self.shut.send_replace(false);
    }

    /// The next request panics.
    pub(crate) fn panic_once(&self) {
        self.panics.store(true, Ordering::SeqCst);
    }

    async fn pass(&self) {
        self.shut.subscribe().wait_for(|shut| !shut).await.unwrap();
        assert!(
            !self.panics.swap(false, Ordering::SeqCst),
            "a planned panic of the IdP adapter"
        );
    }
}

/// An IdP behind a door.
struct Guarded {
    idp: ScriptedIdp,
    door: Door,
}

#[async_trait]
impl IdentityProvider for Guarded {
    fn realm(&self, tenant: &TenantId) -> Result<RealmId, IdpError> {
        self.idp.realm(tenant)
    }

    async fn enroll(&self, request: EnrollRequest) -> Result<Enrolled, IdpError> {
        self.door.pass().await;
        self.idp.enroll(request).await
    }

    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed, IdpError> {
        self.door.pass().await;
        self.idp.refresh(request).await
    }

    async fn revoke(&self, request: RevokeRequest) -> Result<(), IdpError> {
        self.door.pass().await;
        self.idp.revoke(request).await
    }
}

/// Somebody who types the right password, or looks elsewhere for ever.
#[derive(Clone, Default)]
pub(crate) struct Person {
    away: Arc<AtomicBool>,
    /// How many prompts are open.
    prompts: Arc<std::sync::Mutex<usize>>,
}

impl Person {
    pub(crate) fn go_away(&self) {
        self.away.store(true, Ordering::SeqCst);
    }

    pub(crate) fn open_prompts(&self) -> usize {
        *self.prompts.lock().unwrap()
    }
}

struct Prompt<'a>(&'a Person);

impl Drop for Prompt<'_> {
    fn drop(&mut self) {
        *self.0.prompts.lock().unwrap() -= 1;
    }
}

#[async_trait]
impl PasswordSource for Person {
    async fn ask(&self, _: PasswordRequest) -> Result<Password, PromptError> {
        *self.prompts.lock().unwrap() += 1;
        let _prompt = Prompt(self);
        if self.away.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        Ok(Password::new("correct horse battery".to_owned()))
    }
}

pub(crate) const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}
