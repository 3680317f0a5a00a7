//! Two kinds of time, so that one is never taken for the other.

use core::time::Duration;

/// Wall-clock time: milliseconds since the Unix epoch. It may be wrong, and it may jump.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WallTime(i64);

impl WallTime {
    /// From milliseconds since the Unix epoch.
    #[must_use]
    pub const fn from_unix_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// From seconds since the Unix epoch, as JWT claims carry it (RFC 7519, section 2: `NumericDate`).
    #[must_use]
    pub const fn from_unix_s(s: i64) -> Self {
        Self(s.saturating_mul(1000))
    }

    /// Milliseconds since the Unix epoch.
    #[must_use]
    pub const fn unix_ms(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    #[must_use]
    pub const fn unix_s(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// This time moved forward; at the end of time it stays there.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// How long this time lies behind `earlier`; zero when it does not.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

/// Time since the device was booted, in milliseconds, counting sleep. It never jumps; a boot sets it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BootTime(u64);

impl BootTime {
    /// From milliseconds since boot.
    #[must_use]
    pub const fn from_ms(ms: u64) -> Self {
        Self(ms)
    }

    /// Milliseconds since boot.
    #[must_use]
    pub const fn ms(self) -> u64 {
        self.0
    }

    /// This time moved forward.
    #[must_use]
    pub fn after(self, by: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(by.as_millis()).unwrap_or(u64::MAX)))
    }

    /// How long ago `earlier` was; `None` when it lies ahead, which means that the device was booted in between.
    #[must_use]
    pub fn checked_since(self, earlier: Self) -> Option<Duration> {
        self.0.checked_sub(earlier.0).map(Duration::from_millis)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_never_overflows_and_never_runs_backwards() {
        let (first, last) = (WallTime::from_unix_ms(i64::MIN), WallTime::from_unix_ms(i64::MAX));
        assert_eq!(WallTime::from_unix_s(i64::MAX), last);
        assert_eq!(WallTime::from_unix_s(i64::MIN), first);
        assert_eq!(last.after(Duration::MAX), last);
        assert_eq!(first.since(last), Duration::ZERO);
        assert_eq!(last.since(first), Duration::from_millis(i64::MAX.unsigned_abs()));
        assert_eq!(WallTime::from_unix_ms(-1).unix_s(), -1);
        assert_eq!(WallTime::from_unix_ms(1_999).unix_s(), 1);
        assert_eq!(
            WallTime::from_unix_s(7).after(Duration::from_millis(5)).unix_ms(),
            7_005
        );
    }

    #[test]
    fn boot_time_tells_that_it_ran_backwards() {
        let (early, late) = (BootTime::from_ms(10), BootTime::from_ms(25));
        assert_eq!(late.checked_since(early), Some(Duration::from_millis(15)));
        assert_eq!(early.checked_since(early), Some(Duration::ZERO));
        assert_eq!(early.checked_since(late), None);
        assert_eq!(late.after(Duration::MAX).ms(), u64::MAX);
        assert_eq!(early.after(Duration::from_secs(1)).ms(), 1_010);
    }
}
