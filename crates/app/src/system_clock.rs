//! The operating system's clocks.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use vestibule_domain::instant::{BootTime, WallTime};
use vestibule_ports::Clock;

/// The wall clock, and a clock since boot that counts sleep.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter that the rule points to")]
    fn wall(&self) -> WallTime {
        let now = SystemTime::now();
        let ms = |time: Duration| i64::try_from(time.as_millis()).unwrap_or(i64::MAX);
        WallTime::from_unix_ms(match now.duration_since(UNIX_EPOCH) {
            Ok(after) => ms(after),
            Err(before) => -ms(before.duration()),
        })
    }

    fn since_boot(&self) -> BootTime {
        let now = rustix::time::clock_gettime(BOOT_CLOCK);
        let seconds = u64::try_from(now.tv_sec).unwrap_or(0);
        let nanoseconds = u64::try_from(now.tv_nsec).unwrap_or(0);
        BootTime::from_ms(seconds.saturating_mul(1000).saturating_add(nanoseconds / 1_000_000))
    }

    #[expect(clippy::disallowed_methods, reason = "this is the adapter that the rule points to")]
    async fn sleep(&self, time: Duration) {
        tokio::time::sleep(time).await;
    }
}

/// Counts sleep. Apple's `CLOCK_MONOTONIC` does; Linux needs `CLOCK_BOOTTIME`.
#[cfg(any(target_os = "linux", target_os = "android"))]
const BOOT_CLOCK: rustix::time::ClockId = rustix::time::ClockId::Boottime;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const BOOT_CLOCK: rustix::time::ClockId = rustix::time::ClockId::Monotonic;
