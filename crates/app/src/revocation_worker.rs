//! Works off queued revocations in the background while an SDK lives: one task per handle, one entry at a time.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::{Notify, watch};
use vestibule_domain::backoff;
use vestibule_domain::identifiers::RecordHandle;
use vestibule_domain::instant::BootTime;
use vestibule_domain::notification::Notification;
use vestibule_domain::sdk_state::SdkState;
use vestibule_domain::status::Cause;
use vestibule_ports::Clock;

use crate::core::Core;
use crate::revocation_queue::{NotRevoked, work_off};

/// What this handle knows to be queued, and when each entry is tried next. What lies on disk is the queue itself: an entry
/// that this handle does not know is found by the next start.
#[derive(Default)]
pub(crate) struct Revocations {
    entries: Mutex<Entries>,
    changed: Arc<Notify>,
}

#[derive(Default)]
struct Entries {
    waiting: BTreeMap<RecordHandle, Waiting>,
    shut_down: bool,
}

#[derive(Clone, Copy)]
struct Waiting {
    due: BootTime,
    failed: u32,
    /// Whether this handle has said that it is pending.
    told: bool,
}

impl Revocations {
    /// An entry that this handle has queued, and told of.
    pub(crate) fn add(&self, handle: RecordHandle, due: BootTime) {
        self.put(handle, due, true);
    }

    /// An entry that a start has found.
    pub(crate) fn found(&self, handle: RecordHandle, now: BootTime) {
        self.put(handle, now, false);
    }

    /// Nothing is worked off any more.
    pub(crate) fn shut_down(&self) {
        self.entries().shut_down = true;
        self.changed.notify_one();
    }

    /// How many wait.
    pub(crate) fn count(&self) -> usize {
        self.entries().waiting.len()
    }

    fn put(&self, handle: RecordHandle, due: BootTime, told: bool) {
        let entry = Waiting { due, failed: 0, told };
        // One that waits already keeps its back-off.
        self.entries().waiting.entry(handle).or_insert(entry);
        self.changed.notify_one();
    }

    fn next(&self) -> Option<(RecordHandle, Waiting)> {
        let entries = self.entries();
        let next = entries.waiting.iter().min_by_key(|(_, entry)| entry.due);
        next.map(|(handle, entry)| (*handle, *entry))
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Starts the task. It holds no port while nothing is queued, and ends with the SDK.
pub(crate) fn start(core: &Arc<Core>) {
    let worker = Worker {
        core: Arc::downgrade(core),
        changed: Arc::clone(&core.revocations.changed),
        states: core.ledger.states(),
    };
    tokio::spawn(worker.work());
}

struct Worker {
    core: Weak<Core>,
    changed: Arc<Notify>,
    states: watch::Receiver<SdkState>,
}

/// What the worker does next.
enum Next {
    End,
    Rest,
    Sleep(Arc<dyn Clock>, Duration),
    Try(RecordHandle, Waiting),
}

impl Worker {
    async fn work(mut self) {
        loop {
            match self.next() {
                Next::End => return,
                Next::Rest => self.until_something_changes().await,
                Next::Sleep(clock, time) => tokio::select! {
                    biased;
                    () = self.until_something_changes() => {}
                    () = clock.sleep(time) => {}
                },
                Next::Try(handle, entry) => self.try_one(handle, entry).await,
            }
        }
    }

    fn next(&mut self) -> Next {
        let Some(core) = self.core.upgrade() else {
            return Next::End;
        };
        if core.revocations.entries().shut_down {
            return Next::End;
        }
        if is_at_rest(*self.states.borrow_and_update()) {
            return Next::Rest;
        }
        match core.revocations.next() {
            None => Next::Rest,
            Some((handle, entry)) => match entry.due.checked_since(core.now()) {
                Some(wait) if wait > Duration::ZERO => Next::Sleep(Arc::clone(&core.ports.clock), wait),
                Some(_) | None => Next::Try(handle, entry),
            },
        }
    }

    /// Tries one entry in a task of its own, so that a panic of an adapter fails the try alone. A suspend or a shut-down
    /// ends it: a revocation that was sent and not waited for is only sent again.
    async fn try_one(&mut self, handle: RecordHandle, entry: Waiting) {
        let Some(core) = self.core.upgrade() else { return };
        let mut attempt = tokio::spawn({
            let core = Arc::clone(&core);
            async move { work_off(&core, handle).await }
        });
        loop {
            tokio::select! {
                biased;
                tried = &mut attempt => {
                    let tried = tried.unwrap_or(Err(Cause::AdapterPanicked.into()));
                    return conclude(&core, handle, entry, tried);
                }
                () = self.until_something_changes() => {
                    if core.revocations.entries().shut_down || is_at_rest(*self.states.borrow()) {
                        attempt.abort();
                        return;
                    }
                }
            }
        }
    }

    /// Returns when an entry came, the state changed, or the SDK is gone.
    async fn until_something_changes(&mut self) {
        tokio::select! {
            () = self.changed.notified() => {}
            _changed_or_gone = self.states.changed() => {}
        }
    }
}

/// Nothing is sent before a start has read what lies there, or while the app is in the background.
const fn is_at_rest(state: SdkState) -> bool {
    match state {
        SdkState::NotStarted | SdkState::Suspended => true,
        SdkState::ActivationRequired | SdkState::LoginRequired | SdkState::LoggedIn => false,
    }
}

fn conclude(core: &Core, handle: RecordHandle, entry: Waiting, tried: Result<(), NotRevoked>) {
    match tried {
        Ok(()) => {
            core.revocations.entries().waiting.remove(&handle);
            core.ledger.tell(&Notification::RevocationDone);
        }
        Err(NotRevoked { cause, retry_after }) => {
            tracing::info!(%cause, "a queued revocation is left for later");
            let rest = backoff::delay(entry.failed, retry_after, core.random_64());
            let later = Waiting {
                due: core.now().after(rest),
                failed: entry.failed.saturating_add(1),
                told: true,
            };
            core.revocations.entries().waiting.insert(handle, later);
            if !entry.told {
                core.ledger.tell(&Notification::RevocationPending);
            }
        }
    }
}
