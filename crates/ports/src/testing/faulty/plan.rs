//! Which call meets which fault, counted over all decorated ports.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::time::Duration;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use vestibule_domain::instant::BootTime;
use vestibule_domain::record_lease::SETTLE;

use super::enumeration::FaultEnumeration;
use super::fault::{Fault, Operation};
use super::process::Process;
use crate::clock::Clock;
use crate::testing::late_requests::arriving_late;

/// A slow call is done this long after it was made: just before others may take its lease for settled.
const LATE_AFTER: Duration = SETTLE.saturating_sub(Duration::from_millis(1));

/// A call that is done later than its caller waited.
struct Late {
    operation: Operation,
    arrives: BootTime,
    call: LateCall,
}

pub(super) type LateCall = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A list of (number of the call, fault). Calls are numbered from 1, in one sequence over all ports of all processes of
/// the plan. A clone is the same plan.
#[derive(Clone)]
pub struct FaultPlan(Arc<Shared>);

struct Shared {
    faults: BTreeMap<usize, Fault>,
    state: Mutex<State>,
    holds: watch::Sender<Holds>,
}

#[derive(Default)]
struct State {
    calls: Vec<Operation>,
    late: Vec<Late>,
    stopped: bool,
    clock: Option<Arc<dyn Clock>>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Holds {
    held: usize,
    releases: usize,
}

impl FaultPlan {
    /// A plan of these faults.
    #[must_use]
    pub fn new(faults: impl IntoIterator<Item = (usize, Fault)>) -> Self {
        Self(Arc::new(Shared {
            faults: faults.into_iter().collect(),
            state: Mutex::default(),
            holds: watch::Sender::default(),
        }))
    }

    /// A plan without faults: it only counts.
    #[must_use]
    pub fn none() -> Self {
        Self::new([])
    }

    /// The plan without faults, then every single fault, then every pair, up to `depth` faults in one life. See
    /// [`FaultEnumeration`].
    #[must_use]
    pub fn enumerate(depth: usize) -> FaultEnumeration {
        FaultEnumeration::new(depth)
    }

    /// A process whose ports follow this plan, and that one of its faults may kill.
    #[must_use]
    pub fn process(&self) -> Process {
        Process::new(self.clone())
    }

    /// The faults, in the order of their calls.
    #[must_use]
    pub fn faults(&self) -> Vec<(usize, Fault)> {
        self.0.faults.iter().map(|(call, fault)| (*call, *fault)).collect()
    }

    /// Every call so far; the first is number 1.
    #[must_use]
    pub fn calls(&self) -> Vec<Operation> {
        self.state().calls.clone()
    }

    /// Returns once a caller is held.
    pub async fn until_held(&self) {
        // The sender lives as long as this plan, so this never fails.
        let _ = self.0.holds.subscribe().wait_for(|holds| holds.held > 0).await;
    }

    /// Lets every caller go on that is held.
    pub fn release(&self) {
        self.0.holds.send_modify(|holds| {
            holds.held = 0;
            holds.releases += 1;
        });
    }

    /// Plans nothing more: from now on no call meets a fault or is counted. Slow calls are still done. For the life after
    /// the faults, in which everything must come right.
    pub fn stop(&self) {
        self.state().stopped = true;
    }

    /// Tells the plan the time, so that slow calls ([`Fault::DoneLate`]) are done before their 5 s are over.
    pub fn use_clock(&self, clock: Arc<dyn Clock>) {
        self.state().clock = Some(clock);
    }

    pub(super) fn has_clock(&self) -> bool {
        self.state().clock.is_some()
    }

    /// Does every slow call now. By itself it is done before the first call behind its time, or behind the first of its
    /// kind before that.
    pub async fn deliver_late(&self) {
        self.deliver(|_| true).await;
    }

    /// Does the slow calls whose time has come.
    pub(super) async fn deliver_due(&self) {
        let now = self.now();
        self.deliver(|late| late.arrives <= now).await;
    }

    /// Does the slow calls that were overtaken by this one.
    pub(super) async fn deliver_behind(&self, operation: Operation) {
        self.deliver(|late| late.operation.is_request() == operation.is_request())
            .await;
    }

    async fn deliver(&self, is_due: impl Fn(&Late) -> bool) {
        let due: Vec<_> = self.state().late.extract_if(.., |late| is_due(late)).collect();
        for late in due {
            arriving_late(late.call).await;
        }
    }

    fn now(&self) -> BootTime {
        let clock = self.state().clock.clone();
        clock.map_or(BootTime::from_ms(0), |clock| clock.since_boot())
    }

    /// Counts a call, and says what happens to it.
    pub(super) fn count(&self, operation: Operation) -> Option<Fault> {
        let mut state = self.state();
        if state.stopped {
            return None;
        }
        state.calls.push(operation);
        self.0.faults.get(&state.calls.len()).copied()
    }

    pub(super) fn send_late(&self, operation: Operation, call: LateCall) {
        let arrives = self.now().after(LATE_AFTER);
        self.state().late.push(Late {
            operation,
            arrives,
            call,
        });
    }

    pub(super) async fn hold(&self) {
        let mut holds = self.0.holds.subscribe();
        let releases = holds.borrow().releases;
        self.0.holds.send_modify(|holds| holds.held += 1);
        let _ = holds.wait_for(|holds| holds.releases > releases).await;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for FaultPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let calls = self.calls();
        let named = self.0.faults.iter().map(|(number, fault)| {
            let operation = number.checked_sub(1).and_then(|index| calls.get(index));
            (number, (fault, operation))
        });
        f.debug_map().entries(named).finish()
    }
}
