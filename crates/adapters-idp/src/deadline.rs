//! By when a call of the port has ended, all its requests together: the flow above gives up a little later (an enrolment
//! after 75 s, anything else after 45 s), and what it gives up on is lost.

use std::time::Duration;

use vestibule_domain::instant::BootTime;
use vestibule_ports::Clock;

/// How long an enrolment may take, metadata and keys included.
pub const FLOW_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a refresh or a revocation may take, metadata and keys included.
pub const RENEWAL_TIMEOUT: Duration = Duration::from_secs(40);

/// The end of one call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    begun: BootTime,
    total: Duration,
}

impl Deadline {
    /// A call that begins now and may take so long.
    pub(crate) fn begin(clock: &dyn Clock, total: Duration) -> Self {
        let begun = clock.since_boot();
        Self { begun, total }
    }

    /// How long one request may take: never longer than what is left.
    pub(crate) fn limit(&self, clock: &dyn Clock, request: Duration) -> Duration {
        let spent = clock.since_boot().checked_since(self.begun).unwrap_or_default();
        request.min(self.total.saturating_sub(spent))
    }
}
