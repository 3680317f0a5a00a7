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
