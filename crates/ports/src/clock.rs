//! Port: what time it is, and waiting.

use core::time::Duration;

use async_trait::async_trait;
use vestibule_domain::instant::{BootTime, WallTime};

/// Purpose: time, so that no rule reads an ambient clock and no test waits.
///
/// - `wall` MUST be the device's own idea of the date; it may be wrong and may jump.
/// - `since_boot` MUST count sleep and MUST NOT run backwards within one boot (`CLOCK_BOOTTIME` on Linux).
/// - `sleep` MUST end after at least that time on the clock of `since_boot`.
///
/// It cannot fail, so there is no error table. Shortest adapter: `vestibule::SystemClock`; for tests
/// `testing::ManualClock`.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait Clock: Send + Sync {
    /// The wall clock.
    fn wall(&self) -> WallTime;

    /// Time since the device was booted, counting sleep.
    fn since_boot(&self) -> BootTime;

    /// Returns after `time`.
    async fn sleep(&self, time: Duration);
}
