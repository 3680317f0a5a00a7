//! How long a cached access token is handed out.

use core::time::Duration;

/// A token is handed out only while more than this remains of its life.
pub const MIN_REMAINING: Duration = Duration::from_secs(30);
/// A short-lived token is handed out while more than this part of its life remains: one in five.
pub const MIN_REMAINING_PART: u32 = 5;
/// A forced update within this time of the last fetch answers the cached token.
pub const FORCED_AFTER: Duration = Duration::from_secs(10);

/// What a cached token is worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Hand it out.
    Fresh,
    /// Ask the IdP.
    Stale,
}

/// Judges a cached token of `lifetime` that is `age` old, on a clock that counts sleep.
#[must_use]
pub fn judge(age: Duration, lifetime: Duration, forced: bool) -> Freshness {
    let margin = MIN_REMAINING.min(lifetime / MIN_REMAINING_PART);
    let remaining = lifetime.saturating_sub(age);
    if remaining <= margin || (forced && age >= FORCED_AFTER) {
        Freshness::Stale
    } else {
        Freshness::Fresh
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_handed_out_while_more_than_the_margin_remains() {
        // lifetime in ms, age at which the margin min(30 s, 20 %) is reached in ms
        let table = [
            (300_000, 270_000),
            (3_600_000, 3_570_000),
            (150_000, 120_000),
            (149_000, 119_200),
            (100_000, 80_000),
            (10_000, 8_000),
            (5, 4),
        ];
        for (lifetime_ms, margin_ms) in table {
            let judged = |age_ms| judge(Duration::from_millis(age_ms), Duration::from_millis(lifetime_ms), false);
            assert_eq!(judged(0), Freshness::Fresh, "lifetime {lifetime_ms}");
            assert_eq!(judged(margin_ms - 1), Freshness::Fresh, "lifetime {lifetime_ms}");
            assert_eq!(judged(margin_ms), Freshness::Stale, "lifetime {lifetime_ms}");
            assert_eq!(judged(lifetime_ms), Freshness::Stale, "lifetime {lifetime_ms}");
            assert_eq!(judged(u64::MAX), Freshness::Stale, "lifetime {lifetime_ms}");
        }
    }

    #[test]
    fn a_token_without_a_life_is_never_handed_out() {
        for forced in [false, true] {
            assert_eq!(judge(Duration::ZERO, Duration::ZERO, forced), Freshness::Stale);
        }
    }

    #[test]
    fn a_forced_update_within_ten_seconds_of_a_fetch_answers_the_cached_token() {
        for (age_ms, expected) in [
            (0, Freshness::Fresh),
            (9_999, Freshness::Fresh),
            (10_000, Freshness::Stale),
            (100_000, Freshness::Stale),
        ] {
            assert_eq!(
                judge(Duration::from_millis(age_ms), Duration::from_secs(300), true),
                expected,
                "{age_ms} ms"
            );
        }
        let nearly_over = judge(Duration::from_secs(8), Duration::from_secs(10), true);
        assert_eq!(
            nearly_over,
            Freshness::Stale,
            "a fresh fetch does not make a dying token good"
        );
    }
}
