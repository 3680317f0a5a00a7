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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[expect(
        clippy::disallowed_methods,
        reason = "the adapter is held against what it stands for"
    )]
    fn the_wall_clock_is_the_devices_own() {
        let now = || i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis()).unwrap();
        let before = now();
        let told = SystemClock.wall().unix_ms();
        assert!((before..=now()).contains(&told), "{before} {told}");
    }

    #[test]
    fn the_boot_clock_is_the_one_that_counts_sleep_and_never_runs_backwards() {
        #[cfg(any(target_os = "linux", target_os = "android"))]
        let counts_sleep = rustix::time::ClockId::Boottime;
        #[cfg(not(any(target_os = "linux", target_os = "android")))]
        let counts_sleep = rustix::time::ClockId::Monotonic;
        let now = || {
            let now = Duration::try_from(rustix::time::clock_gettime(counts_sleep)).unwrap();
            BootTime::from_ms(u64::try_from(now.as_millis()).unwrap())
        };
        let mut last = now();
        for _ in 0..1000 {
            let told = SystemClock.since_boot();
            assert!(last <= told && told <= now(), "{last:?} {told:?}");
            last = told;
        }
        assert_eq!(
            BOOT_CLOCK as i32, counts_sleep as i32,
            "alike only until the device first sleeps"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_sleep_ends_not_before_its_time() {
        for ms in [0, 1, 5_000, 90_000] {
            let time = Duration::from_millis(ms);
            let before = tokio::time::Instant::now();
            SystemClock.sleep(time).await;
            assert!(before.elapsed() >= time, "{time:?}");
        }
    }
}
