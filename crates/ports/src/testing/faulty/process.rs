//! A process that can be killed: the ports that die together.

use core::fmt;
use core::future::{Future, pending, poll_fn};
use core::pin::pin;
use core::task::Poll;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

use super::decorators::Faulty;
use super::plan::FaultPlan;
use crate::testing::SharedPresence;

/// One process of a test. Its decorated ports die together: from then on their calls do nothing and never return.
///
/// A dead process is thrown away (its SDK, its runtime), and a new one is made on the same storage and IdP:
///
/// ```
/// use std::sync::Arc;
/// use vestibule_ports::SecureStorage;
/// use vestibule_ports::testing::{Fault, FaultPlan, MemoryStorage};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let disk = MemoryStorage::new();
/// let plan = FaultPlan::new([(1, Fault::KilledBefore)]);
///
/// let process = plan.process();
/// let storage = process.faulty(Arc::new(disk.clone()));
/// assert!(process.run(storage.list(None, 10)).await.is_none(), "killed");
///
/// let storage = plan.process().faulty(Arc::new(disk));
/// assert!(storage.list(None, 10).await.is_ok(), "a new process lives");
/// # }
/// ```
#[derive(Clone)]
pub struct Process {
    plan: FaultPlan,
    life: Arc<Life>,
}

struct Life {
    killed: watch::Sender<bool>,
    at_death: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

impl Process {
    pub(super) fn new(plan: FaultPlan) -> Self {
        let life = Life {
            killed: watch::Sender::new(false),
            at_death: Mutex::default(),
        };
        Self {
            plan,
            life: Arc::new(life),
        }
    }

    /// A port of this process that follows the plan.
    #[must_use]
    pub fn faulty<P: ?Sized>(&self, inner: Arc<P>) -> Faulty<P> {
        Faulty::new(inner, self.clone())
    }

    /// This process's handle on a shared presence: its flows are Gone when it is killed. Without a fault of its own; wrap
    /// it by [`faulty`](Self::faulty) where its calls count, too.
    #[must_use]
    pub fn presence(&self, shared: &SharedPresence) -> SharedPresence {
        let presence = shared.another_process();
        let dying = presence.clone();
        self.at_death(move || dying.kill());
        presence
    }

    /// Does this at the moment when the process is killed.
    pub fn at_death(&self, act: impl FnOnce() + Send + 'static) {
        self.life
            .at_death
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Box::new(act));
    }

    /// Kills the process now.
    pub fn kill(&self) {
        if self.life.killed.send_replace(true) {
            return;
        }
        let acts = core::mem::take(&mut *self.life.at_death.lock().unwrap_or_else(PoisonError::into_inner));
        for act in acts {
            act();
        }
    }

    /// Whether it was killed.
    #[must_use]
    pub fn is_killed(&self) -> bool {
        *self.life.killed.borrow()
    }

    /// Returns when it is killed.
    pub async fn killed(&self) {
        // The sender lives as long as this process, so this never fails.
        let _ = self.life.killed.subscribe().wait_for(|killed| *killed).await;
    }

    /// Runs until it is done, or the process is killed: then `None`, and what ran is dropped.
    pub async fn run<F: Future>(&self, work: F) -> Option<F::Output> {
        let mut work = pin!(work);
        let mut killed = pin!(self.killed());
        poll_fn(|context| {
            if self.is_killed() {
                return Poll::Ready(None);
            }
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(Some(done));
            }
            killed.as_mut().poll(context).map(|()| None)
        })
        .await
    }

    pub(super) const fn plan(&self) -> &FaultPlan {
        &self.plan
    }

    /// Goes on only while the process lives.
    pub(super) async fn while_alive(&self) {
        if self.is_killed() {
            pending::<()>().await;
        }
    }

    pub(super) async fn die<T>(&self) -> T {
        self.kill();
        pending().await
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.is_killed() { "killed" } else { "alive" };
        write!(f, "Process({state}, {:?})", self.plan)
    }
}
