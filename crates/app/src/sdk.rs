//! The SDK: events go in, answers and notifications come out.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use vestibule_domain::event::EventKind;
use vestibule_domain::sdk_state::SdkState;
use vestibule_domain::status::{Cause, Certainty, Retry, StatusType};
use vestibule_ports::{IdentityProvider, SecureStorage};

use crate::builder::SdkBuilder;
use crate::core::Core;
use crate::dispatch::{Lanes, SdkEvent};
use crate::notifications::Notifications;
use crate::revocation_worker;

/// One handle of the SDK. It serves one user at a time; a second handle on the same storage is as foreign to it as a
/// second process.
///
/// It lives on the tokio runtime that it was built on. Dropping that runtime is a crash, which the records survive.
pub struct Sdk {
    core: Arc<Core>,
    lanes: Lanes,
}

/// What an event answered, and the state after it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Answer<T> {
    /// The outcome.
    pub outcome: T,
    /// The state after the event.
    pub sdk_state: SdkState,
}

/// Why an event failed, and the state after it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event}: {cause}. {}", .cause.advice())]
#[non_exhaustive]
pub struct Failure {
    /// The event.
    pub event: EventKind,
    /// What happened.
    pub cause: Cause,
    /// The state after the event.
    pub sdk_state: SdkState,
}

impl Failure {
    /// The status that an app branches on.
    #[must_use]
    pub const fn status(&self) -> StatusType {
        self.cause.status()
    }

    /// Whether it was certainly not done.
    #[must_use]
    pub const fn certainty(&self) -> Certainty {
        self.cause.certainty()
    }

    /// Whether trying again helps.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        self.cause.retry()
    }

    /// The events that the state accepts.
    #[must_use]
    pub const fn accepted_events(&self) -> &'static [EventKind] {
        self.sdk_state.accepts()
    }
}

impl Sdk {
    /// Begins an SDK over an IdP and a storage of your own.
    pub fn builder(idp: Arc<dyn IdentityProvider>, storage: Arc<dyn SecureStorage>) -> SdkBuilder {
        SdkBuilder::new(idp, storage)
    }

    pub(crate) fn over(core: Core) -> Self {
        let core = Arc::new(core);
        revocation_worker::start(&core);
        Self {
            core,
            lanes: Lanes::start(),
        }
    }

    /// Serves an event. Dropping the future leaves nothing half done: the event is served all the same.
    ///
    /// # Errors
    /// [`Failure`] with the cause, its status and the state after the event.
    pub async fn send<E: SdkEvent>(&self, event: E) -> Result<Answer<E::Outcome>, Failure> {
        // Memory is looked at in the caller's task, by a foreign clock: its panic must not unwind into the app.
        match catch_unwind(AssertUnwindSafe(|| event.recall(&self.core))) {
            Ok(Some(outcome)) => {
                return Ok(Answer {
                    outcome,
                    sdk_state: self.core.ledger.state(),
                });
            }
            Ok(None) => {}
            Err(_panic) => {
                return Err(Failure {
                    event: E::KIND,
                    cause: Cause::AdapterPanicked,
                    sdk_state: self.core.ledger.state(),
                });
            }
        }
        let (result, sdk_state) = match event.parse() {
            Ok(parsed) => self.lanes.serve::<E>(Arc::clone(&self.core), parsed).await,
            Err(refused) => (Err(Cause::InvalidParameter(refused)), self.core.ledger.state()),
        };
        match result {
            Ok(outcome) => Ok(Answer { outcome, sdk_state }),
            Err(cause) => Err(Failure {
                event: E::KIND,
                cause,
                sdk_state,
            }),
        }
    }

    /// The state now.
    #[must_use]
    pub fn state(&self) -> SdkState {
        self.core.ledger.state()
    }

    /// What the app is told from now on without having asked.
    #[must_use]
    pub fn notifications(&self) -> Notifications {
        self.core.ledger.notifications()
    }

    /// Ends the SDK: what waits is answered `ShutDown`, what runs is interrupted where it can be and else waited for
    /// within a grace of 10 s. Memory is wiped; nothing on disk changes.
    pub async fn shutdown(&self) {
        self.lanes.shut_down(Arc::clone(&self.core)).await;
    }
}

impl std::fmt::Debug for Sdk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sdk")
            .field("state", &self.state())
            .finish_non_exhaustive()
    }
}
