//! Whether a session at the IdP ends so soon that the app should hear of it.

use core::time::Duration;

use crate::instant::WallTime;

/// A session that ends sooner than this is short-lived: 30 days. (A stock Keycloak realm gives 30 minutes.)
pub const SHORT_LIVED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// So long an answer may have been under way: a session of thirty days is not called short because some of it has passed.
pub const ON_THE_WAY: Duration = Duration::from_secs(60);

/// Whether a session that ends at `ends` is short-lived, seen from `now`, soon after the answer that told its end. One
/// without a known end is not.
#[must_use]
pub fn is_short_lived(ends: Option<WallTime>, now: WallTime) -> bool {
    ends.is_some_and(|ends| ends.since(now) + ON_THE_WAY < SHORT_LIVED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_under_thirty_days_is_short_lived() {
        let now = WallTime::from_unix_s(1_800_000_000);
        let ends_after = |ms: i64| Some(WallTime::from_unix_ms(now.unix_ms() + ms));
        let thirty_days_ms = 2_592_000_000;
        let table = [
            (None, false),
            (ends_after(thirty_days_ms), false),
            (ends_after(thirty_days_ms + 1), false),
            (ends_after(thirty_days_ms - 60_000), false),
            (ends_after(thirty_days_ms - 60_001), true),
            (ends_after(1_800_000), true),
            (ends_after(-1), true),
        ];
        for (ends, short) in table {
            assert_eq!(is_short_lived(ends, now), short, "{ends:?}");
        }
    }
}
