//! Who may act on a record now, judged by the lease that stands on it.

use core::time::Duration;

use crate::instant::BootTime;
use crate::record::{Lease, Stage};

/// An abandoned lease is taken over not before this: its request may still be under way.
pub const SETTLE: Duration = Duration::from_secs(5);
/// A flow waits this long for a living owner, then answers with what memory still validly holds, or Busy.
pub const WAIT_FOR_OWNER: Duration = Duration::from_secs(10);
/// Where presence is unknown, a lease ends this long after it was written.
pub const UNKNOWN_ENDS: Duration = Duration::from_secs(90);
/// Where presence is unknown, an adapter call starts no later than this after its lease was written.
pub const UNKNOWN_MAY_SEND: Duration = Duration::from_secs(10);

/// Whether the owner of a lease is still at work.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Presence {
    /// It is; even when it is stopped.
    Alive,
    /// It is proven not to be.
    Gone,
    /// The platform cannot tell.
    Unknown,
}

/// What a flow may do with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Nobody is at work.
    Free,
    /// A living flow is at work: wait for it, re-read, never take over.
    WaitForOwner,
    /// The lease is abandoned, but its request may still be under way: look again after this.
    Settle(Duration),
    /// The lease is abandoned: go on, knowing that its request may have been done.
    TakeOver,
}

/// Judges the lease of a stage. `first_seen_gone` is when this flow first saw the owner of this very lease gone;
/// `owner` is asked only when the lease has one.
#[must_use]
pub fn turn(stage: &Stage, owner: Presence, first_seen_gone: Option<BootTime>, now: BootTime) -> Turn {
    let Some(Lease {
        owner: owned_by,
        written,
    }) = stage.lease()
    else {
        return Turn::Free;
    };
    match (owned_by, owner) {
        (None, _) => settled(*written, SETTLE, now),
        (Some(_), Presence::Alive) => Turn::WaitForOwner,
        (Some(_), Presence::Gone) => settled(first_seen_gone.unwrap_or(now), SETTLE, now),
        (Some(_), Presence::Unknown) => settled(*written, UNKNOWN_ENDS, now),
    }
}

/// A time since boot that ran backwards means that the device was booted: the request is long over.
fn settled(since: BootTime, wait: Duration, now: BootTime) -> Turn {
    match now.checked_since(since) {
        Some(past) if past < wait => Turn::Settle(wait.saturating_sub(past)),
        Some(_) | None => Turn::TakeOver,
    }
}
