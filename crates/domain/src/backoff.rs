//! How long to wait before an attempt is repeated: exponential, with full jitter, and the server's word first.

use core::time::Duration;

/// The first ceiling.
pub const FIRST: Duration = Duration::from_secs(1);
/// The highest ceiling.
pub const LONGEST: Duration = Duration::from_secs(5 * 60);

/// The wait before attempt `attempt` (0 = the first repeat), with `random` from the entropy port.
///
/// Without a word of the server it lies between zero and a ceiling that doubles from 1 s to 5 min (full jitter).
/// `retry_after` (RFC 9110, section 10.2.3) wins where it is given, up to an hour.
#[must_use]
pub fn delay(attempt: u32, retry_after: Option<Duration>, random: u64) -> Duration {
    /// Longest `Retry-After` that is followed.
    const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60 * 60);
    if let Some(told) = retry_after {
        return told.min(LONGEST_RETRY_AFTER);
    }
    let ceiling = FIRST.saturating_mul(1 << attempt.min(16)).min(LONGEST);
    let ceiling_ms = u64::try_from(ceiling.as_millis()).unwrap_or(u64::MAX);
    Duration::from_millis(random % ceiling_ms.saturating_add(1))
}
