//! Port: who is at work on a record.

use core::any::Any;
use core::fmt;

use async_trait::async_trait;
use vestibule_domain::identifiers::OwnerId;
use vestibule_domain::record_lease::Presence;
use vestibule_domain::status::Cause;

/// Purpose: tells whether the flow that wrote a lease still lives, over all processes that share the records.
///
/// - An owner is one flow of one SDK handle, never a process.
/// - `enter` MUST have made the owner visible to every other process before it returns
///   (kept by `another_process_is_alive_until_it_leaves_or_is_killed`).
/// - Each call of `enter` MUST give a new id (kept by `a_flow_is_alive_until_it_is_dropped`).
/// - Dropping the [`Entered`] MUST leave, also when it is dropped by a panic, a dropped runtime or the end of the
///   process (kept by `a_panic_and_an_aborted_task_leave_too`, `a_dropped_runtime_leaves_too`,
///   `another_process_is_alive_until_it_leaves_or_is_killed`).
/// - `of` MUST answer `Gone` only when that is proven (kept by `what_cannot_be_probed_is_an_error_and_not_gone`).
/// - Where the platform cannot tell, `of` MUST answer `Unknown`
///   (kept by `a_platform_that_cannot_tell_says_unknown_of_the_dead_too`).
///
/// | error | means | then |
/// |---|---|---|
/// | [`PresenceError`] | presence cannot be kept | the event fails with StorageUnavailable, nothing was done |
///
/// Shortest adapter: a set of ids behind a mutex, for one process (`testing::SharedPresence`).
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait FlowPresence: Send + Sync {
    /// Begins a flow.
    ///
    /// # Errors
    /// [`PresenceError`]; nothing was entered.
    async fn enter(&self) -> Result<Entered, PresenceError>;

    /// Whether the flow with this id is still at work.
    ///
    /// # Errors
    /// [`PresenceError`] when it could not be looked up; taken for `Unknown`.
    async fn of(&self, owner: OwnerId) -> Result<Presence, PresenceError>;
}

/// A flow that has entered. Dropping it leaves.
pub struct Entered {
    owner: OwnerId,
    _guard: Box<dyn Any + Send + Sync>,
}

impl Entered {
    /// An entered flow; dropping `guard` must leave.
    #[must_use]
    pub fn new(owner: OwnerId, guard: impl Any + Send + Sync) -> Self {
        Self {
            owner,
            _guard: Box::new(guard),
        }
    }

    /// The flow's id, as leases carry it.
    #[must_use]
    pub const fn owner(&self) -> OwnerId {
        self.owner
    }
}

impl fmt::Debug for Entered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entered({})", self.owner)
    }
}

/// Presence cannot be kept or looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("flow presence: {0}")]
pub struct PresenceError(pub &'static str);

impl From<PresenceError> for Cause {
    fn from(error: PresenceError) -> Self {
        Self::StorageUnavailable(error.0)
    }
}
