//! Every life with up to n faults.

use super::fault::Fault;
use super::plan::FaultPlan;

/// Plans faults from what the lives before it called: first none, then each fault that applies at each call, then each
/// further one behind it.
///
/// A fault changes which calls follow, so a plan with two faults is made only after the life with the first has run.
/// Run each plan to its end, recovery included, before the next is taken:
///
/// ```
/// use std::sync::Arc;
/// use vestibule_ports::SecureStorage;
/// use vestibule_ports::testing::{FaultPlan, MemoryStorage};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let mut lives = 0;
/// for plan in FaultPlan::enumerate(1) {
///     let process = plan.process();
///     let storage = process.faulty(Arc::new(MemoryStorage::new()));
///     let listed = process.run(storage.list(None, 10)).await;
///     assert_eq!(plan.faults().is_empty(), matches!(listed, Some(Ok(_))), "{plan:?}");
///     lives += 1;
/// }
/// assert_eq!(lives, 3, "no fault, not done, killed before");
/// # }
/// ```
#[derive(Debug)]
pub struct FaultEnumeration {
    depth: usize,
    faults: Vec<Fault>,
    running: Option<FaultPlan>,
    planned: Vec<Vec<(usize, Fault)>>,
}

impl FaultEnumeration {
    pub(super) fn new(depth: usize) -> Self {
        Self {
            depth,
            faults: Fault::ENUMERATED.to_vec(),
            running: None,
            planned: vec![Vec::new()],
        }
    }

    /// Plans these faults alone; the held ones, too, where somebody releases them.
    #[must_use]
    pub fn only(mut self, faults: &[Fault]) -> Self {
        self.faults = faults.to_vec();
        self
    }

    /// Plans one fault more behind the last of a life that has run.
    fn plan_behind(&mut self, life: &FaultPlan) {
        let faults = life.faults();
        if faults.len() >= self.depth {
            return;
        }
        let last = faults.last().map_or(0, |(call, _)| *call);
        for (index, operation) in life.calls().into_iter().enumerate().skip(last) {
            let applies = |fault: &Fault| fault.applies_to(operation) && (life.has_clock() || !fault.is_late());
            for fault in self.faults.iter().copied().filter(applies) {
                let mut longer = faults.clone();
                longer.push((index + 1, fault));
                self.planned.push(longer);
            }
        }
    }
}

impl Iterator for FaultEnumeration {
    type Item = FaultPlan;

    fn next(&mut self) -> Option<FaultPlan> {
        if let Some(life) = self.running.take() {
            self.plan_behind(&life);
        }
        let plan = FaultPlan::new(self.planned.pop()?);
        self.running = Some(plan.clone());
        Some(plan)
    }
}
