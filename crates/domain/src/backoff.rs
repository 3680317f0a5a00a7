//! How long to wait before an attempt is repeated: exponential, with full jitter, and the server's word first.

use core::time::Duration;

/// The first ceiling.
pub const FIRST: Duration = Duration::from_secs(1);
/// The highest ceiling.
pub const LONGEST: Duration = Duration::from_secs(5 * 60);
/// The longest `Retry-After` that is followed; a server that says more is asked again after this.
pub const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);

/// The wait before attempt `attempt` (0 = the first repeat), with `random` from the entropy port.
///
/// Without a word of the server it lies between zero and a ceiling that doubles from 1 s to 5 min (full jitter).
/// `retry_after` (RFC 9110, section 10.2.3) wins where it is given, up to [`LONGEST_RETRY_AFTER`].
#[must_use]
pub fn delay(attempt: u32, retry_after: Option<Duration>, random: u64) -> Duration {
    if let Some(told) = retry_after {
        return told.min(LONGEST_RETRY_AFTER);
    }
    let ceiling = FIRST.saturating_mul(1 << attempt.min(16)).min(LONGEST);
    let ceiling_ms = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random % ceiling_ms.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ceiling_doubles_from_one_second_to_five_minutes() {
        let ceilings_s = [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300];
        for (attempt, ceiling_s) in (0_u32..).zip(ceilings_s) {
            assert_eq!(
                delay(attempt, None, ceiling_s * 1000),
                Duration::from_secs(ceiling_s),
                "attempt {attempt}"
            );
            assert_eq!(
                delay(attempt, None, ceiling_s * 1000 + 1),
                Duration::ZERO,
                "attempt {attempt}"
            );
        }
        assert_eq!(delay(u32::MAX, None, 300_000), LONGEST);
    }

    #[test]
    fn the_jitter_is_full() {
        let share = |permille: u64| delay(3, None, 8 * permille);
        assert_eq!(
            [0, 1, 500, 1000].map(share),
            [0, 8, 4000, 8000].map(Duration::from_millis)
        );
    }

    #[test]
    fn the_servers_word_wins_up_to_an_hour() {
        for (told_s, expected_s) in [(0, 0), (1, 1), (900, 900), (3600, 3600), (3601, 3600), (u64::MAX, 3600)] {
            let told = Duration::from_secs(told_s);
            assert_eq!(delay(9, Some(told), 12345), Duration::from_secs(expected_s));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_wait_is_longer_than_its_ceiling(attempt: u32, random: u64) {
            let ceiling = Duration::from_secs(1_u64.checked_shl(attempt).unwrap_or(u64::MAX).clamp(1, 300));
            let ceiling = if attempt > 8 { LONGEST } else { ceiling };
            proptest::prop_assert!(delay(attempt, None, random) <= ceiling);
        }
    }
}
