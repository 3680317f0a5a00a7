//! Ports whose calls meet the faults of a plan.

use core::fmt;
use core::future::{Future, pending};
use core::time::Duration;
use std::sync::Arc;

use async_trait::async_trait;
use vestibule_domain::identifiers::{OwnerId, RealmId, RecordHandle, TenantId};
use vestibule_domain::instant::{BootTime, WallTime};
use vestibule_domain::record::{Lookup, Place, Revision};
use vestibule_domain::record_lease::Presence;
use vestibule_domain::secret::Password;
use vestibule_domain::status::{Hint, Untrusted};

use super::fault::{Fault, Operation};
use super::process::Process;
use crate::clock::Clock;
use crate::flow_presence::{Entered, FlowPresence, PresenceError};
use crate::identity_provider::{
    EnrollRequest, Enrolled, IdentityProvider, IdpError, RefreshRequest, Refreshed, RevokeRequest,
};
use crate::password_source::{PasswordRequest, PasswordSource, PromptError};
use crate::secure_storage::{Described, Key, Opened, RecordsPage, SecureStorage, StorageError, WriteRequest, Written};

/// Why an answer that must not be trusted must not be trusted.
const PLANTED: Untrusted = Untrusted::TokenAnswer("a fault that the test planned");

/// A port whose calls meet the faults of a plan, and that dies with its [`Process`].
///
/// | fault | `IdentityProvider` | `SecureStorage` | `FlowPresence` | `PasswordSource` |
/// |---|---|---|---|---|
/// | not done | `Unreachable` | `Unavailable` | `PresenceError` | `Cancelled` |
/// | unclear or lost | `AnswerLost` | `Unclear` (a read: `Unavailable`) | `PresenceError` | `TimedOut` |
/// | untrusted | the grant comes, identity and access token are `Err` | done | done | done |
pub struct Faulty<P: ?Sized> {
    inner: Arc<P>,
    process: Process,
}

/// The errors of a port: certainly not done, and unclear.
struct Errors<E> {
    not_done: E,
    unclear: E,
}

impl<P: ?Sized> Faulty<P> {
    pub(super) const fn new(inner: Arc<P>, process: Process) -> Self {
        Self { inner, process }
    }

    /// The port without faults.
    #[must_use]
    pub const fn inner(&self) -> &Arc<P> {
        &self.inner
    }

    async fn call<T: Send + 'static, E: Send + 'static>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, E>> + Send + 'static,
        errors: Errors<E>,
        distrust: fn(T) -> T,
    ) -> Result<T, E> {
        self.process.while_alive().await;
        let plan = self.process.plan();
        plan.deliver_due().await;
        let fault = plan.count(operation);
        let answer = self.meet(fault, operation, call, errors, distrust).await;
        if !fault.is_some_and(Fault::is_late) {
            plan.deliver_behind(operation).await;
        }
        self.process.while_alive().await;
        answer
    }

    async fn meet<T: Send + 'static, E: Send + 'static>(
        &self,
        fault: Option<Fault>,
        operation: Operation,
        call: impl Future<Output = Result<T, E>> + Send + 'static,
        errors: Errors<E>,
        distrust: fn(T) -> T,
    ) -> Result<T, E> {
        match fault {
            None => call.await,
            Some(Fault::NotDone) => Err(errors.not_done),
            Some(Fault::NotDoneButUnclear) => Err(errors.unclear),
            Some(Fault::DoneButLost) => call.await.and(Err(errors.unclear)),
            Some(Fault::Untrusted) => call.await.map(distrust),
            Some(Fault::KilledBefore) => self.process.die().await,
            Some(Fault::KilledAfter) => {
                let _ = call.await;
                self.process.die().await
            }
            Some(Fault::HeldBefore) => {
                self.process.plan().hold().await;
                self.process.while_alive().await;
                call.await
            }
            Some(Fault::HeldAfter) => {
                let answer = call.await;
                self.process.plan().hold().await;
                answer
            }
            Some(fate @ (Fault::DoneLate | Fault::KilledLate)) => {
                let late = Box::pin(async move { drop(call.await) });
                self.process.plan().send_late(operation, late);
                if fate == Fault::KilledLate {
                    self.process.kill();
                }
                Err(errors.unclear)
            }
        }
    }
}

impl<P: ?Sized + IdentityProvider + 'static> Faulty<P> {
    async fn ask<T: Send + 'static>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, IdpError>> + Send + 'static,
        distrust: fn(T) -> T,
    ) -> Result<T, IdpError> {
        let errors = Errors {
            not_done: IdpError::Unreachable(Hint::new("planned: not done")),
            unclear: IdpError::AnswerLost(Hint::new("planned: unclear")),
        };
        self.call(operation, call, errors, distrust).await
    }
}

#[async_trait]
impl<P: ?Sized + IdentityProvider + 'static> IdentityProvider for Faulty<P> {
    fn realm(&self, tenant: &TenantId) -> Result<RealmId, IdpError> {
        self.inner.realm(tenant)
    }

    async fn enroll(&self, request: EnrollRequest) -> Result<Enrolled, IdpError> {
        let inner = Arc::clone(&self.inner);
        let call = async move { inner.enroll(request).await };
        self.ask(Operation::Enroll, call, |mut enrolled| {
            enrolled.identity = Err(PLANTED);
            enrolled
        })
        .await
    }

    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed, IdpError> {
        let inner = Arc::clone(&self.inner);
        let call = async move { inner.refresh(request).await };
        self.ask(Operation::Refresh, call, |mut refreshed| {
            refreshed.identity = Some(Err(PLANTED));
            refreshed.access_token = Err(PLANTED);
            refreshed
        })
        .await
    }

    async fn revoke(&self, request: RevokeRequest) -> Result<(), IdpError> {
        let inner = Arc::clone(&self.inner);
        let call = async move { inner.revoke(request).await };
        self.ask(Operation::Revoke, call, |()| ()).await
    }
}

impl<P: ?Sized + SecureStorage + 'static> Faulty<P> {
    async fn store<T: Send + 'static>(
        &self,
        operation: Operation,
        call: impl Future<Output = Result<T, StorageError>> + Send + 'static,
    ) -> Result<T, StorageError> {
        let not_done = StorageError::Unavailable("planned: not done");
        let unclear = if operation.has_effect() {
            StorageError::Unclear
        } else {
            StorageError::Unavailable("planned: lost")
        };
        self.call(operation, call, Errors { not_done, unclear }, |done| done)
            .await
    }
}

#[async_trait]
impl<P: ?Sized + SecureStorage + 'static> SecureStorage for Faulty<P> {
    async fn list(&self, after: Option<RecordHandle>, limit: usize) -> Result<RecordsPage, StorageError> {
        let inner = Arc::clone(&self.inner);
        self.store(Operation::List, async move { inner.list(after, limit).await })
            .await
    }

    async fn describe(&self, place: Place) -> Result<Lookup<Described>, StorageError> {
        let inner = Arc::clone(&self.inner);
        self.store(Operation::Describe, async move { inner.describe(place).await })
            .await
    }

    async fn open(&self, place: Place, key: Key) -> Result<Opened, StorageError> {
        let inner = Arc::clone(&self.inner);
        self.store(Operation::Open, async move { inner.open(place, key).await })
            .await
    }

    async fn write(&self, request: WriteRequest) -> Result<Written, StorageError> {
        let inner = Arc::clone(&self.inner);
        self.store(Operation::Write, async move { inner.write(request).await })
            .await
    }

    async fn keep_aside(&self, handle: RecordHandle, revision: Revision) -> Result<RecordHandle, StorageError> {
        let inner = Arc::clone(&self.inner);
        let call = async move { inner.keep_aside(handle, revision).await };
        self.store(Operation::KeepAside, call).await
    }

    async fn put_back(&self, aside: RecordHandle, expected: Option<Revision>) -> Result<Revision, StorageError> {
        let inner = Arc::clone(&self.inner);
        let call = async move { inner.put_back(aside, expected).await };
        self.store(Operation::PutBack, call).await
    }

    async fn remove(&self, handle: RecordHandle, revision: Revision) -> Result<(), StorageError> {
        let inner = Arc::clone(&self.inner);
        self.store(Operation::Remove, async move { inner.remove(handle, revision).await })
            .await
    }
}

#[async_trait]
impl<P: ?Sized + FlowPresence + 'static> FlowPresence for Faulty<P> {
    async fn enter(&self) -> Result<Entered, PresenceError> {
        let inner = Arc::clone(&self.inner);
        self.call(
            Operation::Enter,
            async move { inner.enter().await },
            NO_PRESENCE,
            |entered| entered,
        )
        .await
    }

    async fn of(&self, owner: OwnerId) -> Result<Presence, PresenceError> {
        let inner = Arc::clone(&self.inner);
        self.call(
            Operation::Of,
            async move { inner.of(owner).await },
            NO_PRESENCE,
            |presence| presence,
        )
        .await
    }
}

const NO_PRESENCE: Errors<PresenceError> = Errors {
    not_done: PresenceError("planned: not done"),
    unclear: PresenceError("planned: lost"),
};

#[async_trait]
impl<P: ?Sized + PasswordSource + 'static> PasswordSource for Faulty<P> {
    async fn ask(&self, request: PasswordRequest) -> Result<Password, PromptError> {
        let inner = Arc::clone(&self.inner);
        let errors = Errors {
            not_done: PromptError::Cancelled,
            unclear: PromptError::TimedOut,
        };
        let call = async move { inner.ask(request).await };
        self.call(Operation::Ask, call, errors, |password| password).await
    }
}

/// A clock without faults, whose sleeps end with the process. It is not counted.
#[async_trait]
impl<P: ?Sized + Clock + 'static> Clock for Faulty<P> {
    fn wall(&self) -> WallTime {
        self.inner.wall()
    }

    fn since_boot(&self) -> BootTime {
        self.inner.since_boot()
    }

    async fn sleep(&self, time: Duration) {
        if self.process.run(self.inner.sleep(time)).await.is_none() {
            pending::<()>().await;
        }
    }
}

impl<P: ?Sized> fmt::Debug for Faulty<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Faulty({:?})", self.process)
    }
}
