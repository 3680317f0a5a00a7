//! Every call of every adapter panics once: one event fails with InternalError, and the next one is served.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use vestibule::AuthenticationMode::Password;
use vestibule::event::{
    DeleteUserEvent, EnrollAnonymousUserEvent, ExchangeIamTokenEvent, LogoutEvent, OfflineLoginEvent, RestartEvent,
};
use vestibule::identifiers::{OwnerId, RealmId, RecordHandle, TenantId};
use vestibule::ports::testing::{ManualClock, MemoryStorage, ScriptedIdp, SeededEntropy, SharedPresence};
use vestibule::ports::{
    Described, EnrollRequest, Enrolled, Entered, Entropy, EntropyError, FlowPresence, IdentityProvider, IdpError, Key,
    Opened, PasswordRequest, PasswordSource, PresenceError, PromptError, RecordsPage, RefreshRequest, Refreshed,
    RevokeRequest, SecureStorage, StorageError, WriteRequest, Written,
};
use vestibule::record::{Lookup, Place, Revision};
use vestibule::status::StatusType;
use vestibule::{Failure, Sdk, SdkState};
use vestibule_domain::record_lease::Presence;

use crate::before::{TENANT, start};
use crate::scene::settle;
use crate::world::RECOVERABLE;

/// Panics at one call, counted over all ports.
#[derive(Clone)]
struct Fuse {
    calls: Arc<AtomicUsize>,
    burns_at: usize,
}

impl Fuse {
    fn pass(&self) {
        let number = self.calls.fetch_add(1, Ordering::SeqCst) + 1;
        assert_ne!(number, self.burns_at, "a planned panic of an adapter");
    }
}

/// A port behind the fuse.
struct Fused<P>(P, Fuse);

macro_rules! fused {
    ($($port:ident for $fake:ty { $($name:ident($($arg:ident: $kind:ty),*) -> $reply:ty;)* })+) => {$(
        #[async_trait]
        impl $port for Fused<$fake> {
            $(async fn $name(&self, $($arg: $kind),*) -> $reply {
                self.1.pass();
                self.0.$name($($arg),*).await
            })*
        }
    )+};
}

fused! {
    SecureStorage for MemoryStorage {
        list(after: Option<RecordHandle>, limit: usize) -> Result<RecordsPage, StorageError>;
        describe(place: Place) -> Result<Lookup<Described>, StorageError>;
        open(place: Place, key: Key) -> Result<Opened, StorageError>;
        write(request: WriteRequest) -> Result<Written, StorageError>;
        keep_aside(handle: RecordHandle, revision: Revision) -> Result<RecordHandle, StorageError>;
        put_back(aside: RecordHandle, expected: Option<Revision>) -> Result<Revision, StorageError>;
        remove(handle: RecordHandle, revision: Revision) -> Result<(), StorageError>;
    }
    FlowPresence for SharedPresence {
        enter() -> Result<Entered, PresenceError>;
        of(owner: OwnerId) -> Result<Presence, PresenceError>;
    }
}

#[async_trait]
impl IdentityProvider for Fused<ScriptedIdp> {
    fn realm(&self, tenant: &TenantId) -> Result<RealmId, IdpError> {
        self.1.pass();
        self.0.realm(tenant)
    }

    async fn enroll(&self, request: EnrollRequest) -> Result<Enrolled, IdpError> {
        self.1.pass();
        self.0.enroll(request).await
    }

    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed, IdpError> {
        self.1.pass();
        self.0.refresh(request).await
    }

    async fn revoke(&self, request: RevokeRequest) -> Result<(), IdpError> {
        self.1.pass();
        self.0.revoke(request).await
    }
}

#[async_trait]
impl PasswordSource for Fused<()> {
    async fn ask(&self, _: PasswordRequest) -> Result<vestibule::secret::Password, PromptError> {
        self.1.pass();
        Ok(vestibule::secret::Password::new("correct horse battery".to_owned()))
    }
}

impl Entropy for Fused<SeededEntropy> {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        self.1.pass();
        self.0.fill(buffer)
    }
}

/// What the app does: enrols, gets a token, logs out, logs in, logs out, replaces its user, restarts, deletes it.
async fn story(sdk: &Sdk) -> Result<(), Failure> {
    sdk.send(start()).await?;
    let enrolment = || EnrollAnonymousUserEvent::new(TENANT, Password);
    let user = sdk.send(enrolment()).await?.outcome.user_identifier;
    sdk.send(ExchangeIamTokenEvent::new("orders")).await?;
    sdk.send(LogoutEvent).await?;
    sdk.send(OfflineLoginEvent::new(user.clone())).await?;
    sdk.send(LogoutEvent).await?;
    let user = sdk.send(enrolment().replacing(user)).await?.outcome.user_identifier;
    sdk.send(RestartEvent).await?;
    sdk.send(DeleteUserEvent::new(user)).await.map(drop)
}

/// What the app does after a failure: reads the disk anew, logs in or enrols, gets a token.
async fn go_on(sdk: &Sdk) -> Result<(), Failure> {
    let known = if sdk.state() == SdkState::NotStarted {
        sdk.send(start()).await?.outcome.known
    } else {
        sdk.send(RestartEvent).await?.outcome.known
    };
    match known.iter().find_map(|record| record.user()) {
        Some(user) => sdk.send(OfflineLoginEvent::new(user.clone())).await.map(drop)?,
        None => sdk
            .send(EnrollAnonymousUserEvent::new(TENANT, Password))
            .await
            .map(drop)?,
    }
    sdk.send(ExchangeIamTokenEvent::new("orders")).await.map(drop)
}

/// Runs the story with a panic at this call; gives how it ended and how many calls there were.
async fn with_a_panic_at(burns_at: usize) -> (Result<(), Failure>, usize) {
    let calls = Arc::new(AtomicUsize::new(0));
    let fuse = Fuse {
        calls: Arc::clone(&calls),
        burns_at,
    };
    let idp = ScriptedIdp::new(RECOVERABLE);
    let sdk = Sdk::builder(
        Arc::new(Fused(idp.clone(), fuse.clone())),
        Arc::new(Fused(MemoryStorage::new(), fuse.clone())),
    )
    .presence(Arc::new(Fused(SharedPresence::new(), fuse.clone())))
    .entropy(Arc::new(Fused(SeededEntropy::new(3), fuse.clone())))
    .password_source(Arc::new(Fused((), fuse)))
    .clock(Arc::new(ManualClock::auto_advancing()))
    .build()
    .unwrap();
    let ended = story(&sdk).await;
    settle().await;
    let calls = calls.load(Ordering::SeqCst);
    go_on(&sdk)
        .await
        .unwrap_or_else(|failure| panic!("after a panic at call {burns_at}: {failure}"));
    assert!(
        idp.users().len() <= 3,
        "panic at call {burns_at}: one user, one in its place, and one after a deletion"
    );
    (ended, calls)
}

#[tokio::test]
async fn a_panic_at_any_call_of_any_adapter_fails_one_event_and_the_app_goes_on() {
    let (ended, calls) = with_a_panic_at(0).await;
    assert_eq!(ended, Ok(()));
    assert!(calls > 30, "only {calls} calls");
    for burns_at in 1..=calls {
        let (ended, _) = with_a_panic_at(burns_at).await;
        // Behind the answer of Start and Restart, the background work may meet the panic: then no event fails.
        if let Err(failure) = ended {
            assert_eq!(
                failure.status(),
                StatusType::InternalError,
                "panic at call {burns_at}: {failure}"
            );
        }
    }
}
