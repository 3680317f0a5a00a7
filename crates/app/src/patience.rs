//! How long a caller waits for a write that must not be given up.

use std::time::Duration;

use vestibule_domain::backoff;
use vestibule_domain::instant::BootTime;

use crate::core::FlowContext;

/// A write that must not be given up keeps its caller waiting this long; then the event answers, and the write goes on.
pub(crate) const CALLER_WAITS: Duration = Duration::from_secs(10);

/// A repeated write rests no longer than this between two tries: an event that joins it waits for
/// [`WAIT_FOR_OWNER`](vestibule_domain::record_lease::WAIT_FOR_OWNER), and is to meet one.
pub(crate) const LONGEST_REST: Duration = Duration::from_secs(5);

/// How long the caller of a repeated write has waited, and how long the next try waits.
pub(crate) struct Patience {
    begun: BootTime,
    attempt: u32,
}

impl Patience {
    pub(crate) fn new(cx: &FlowContext) -> Self {
        Self {
            begun: cx.core.now(),
            attempt: 0,
        }
    }

    /// Whether the caller has waited as long as it is kept waiting.
    pub(crate) fn is_over(&self, cx: &FlowContext) -> bool {
        let waited = cx.core.now().checked_since(self.begun);
        waited.is_none_or(|waited| waited >= CALLER_WAITS)
    }

    /// Waits before the next try, and lets the caller go when it has waited long enough.
    pub(crate) async fn wait(&mut self, cx: &FlowContext) {
        let waited = cx.core.now().checked_since(self.begun).unwrap_or(CALLER_WAITS);
        let delay = backoff::delay(self.attempt, None, cx.core.random_64()).min(LONGEST_REST);
        self.attempt = self.attempt.saturating_add(1);
        if waited >= CALLER_WAITS {
            cx.overdue.notify_one();
            cx.core.ports.clock.sleep(delay).await;
        } else {
            cx.core
                .ports
                .clock
                .sleep(delay.min(CALLER_WAITS.saturating_sub(waited)))
                .await;
        }
    }
}
