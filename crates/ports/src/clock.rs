//! Port: what time it is, and waiting.

use core::time::Duration;

use async_trait::async_trait;
use vestibule_domain::instant::{BootTime, WallTime};

/// Purpose: time, so that no rule reads an ambient clock and no test waits.
///
/// - `wall` MUST be the device's own idea of the date; it may be wrong and may jump
///   (kept by `the_wall_clock_is_the_devices_own`).
/// - `since_boot` MUST count sleep and MUST NOT run backwards within one boot (`CLOCK_BOOTTIME` on Linux)
///   (kept by `the_boot_clock_is_the_one_that_counts_sleep_and_never_runs_backwards`).
/// - `sleep` MUST end after at least that time on the clock of `since_boot`
///   (kept by `a_sleep_ends_not_before_its_time`).
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
