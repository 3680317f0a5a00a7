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
    match owned_by {
        None => settled(*written, SETTLE, now),
        Some(_) => match owner {
            Presence::Alive => Turn::WaitForOwner,
            Presence::Gone => settled(first_seen_gone.unwrap_or(now), SETTLE, now),
            Presence::Unknown => settled(*written, UNKNOWN_ENDS, now),
        },
    }
}

/// Whether an adapter call may still start under a lease of one's own, `written` then. Only where presence is
/// [`Unknown`](Presence::Unknown) does the lease end by age, so that only there is it asked; the lease is written again
/// before each call, and after a `false`.
#[must_use]
pub fn may_start_call(written: BootTime, now: BootTime) -> bool {
    now.checked_since(written).is_some_and(|past| past <= UNKNOWN_MAY_SEND)
}

/// A time since boot that ran backwards means that the device was booted: the request is long over.
fn settled(since: BootTime, wait: Duration, now: BootTime) -> Turn {
    match now.checked_since(since) {
        Some(past) if past < wait => Turn::Settle(wait.saturating_sub(past)),
        Some(_) | None => Turn::TakeOver,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifiers::{OwnerId, UserId};
    use crate::instant::WallTime;
    use crate::record::OutdatedCause;

    const PRESENCES: [Presence; 3] = [Presence::Alive, Presence::Gone, Presence::Unknown];
    const WRITTEN_MS: u64 = 1_000_000;

    fn lease(owned: bool) -> Lease {
        Lease {
            owner: owned.then(|| OwnerId::from_bytes([1; 16])),
            written: BootTime::from_ms(WRITTEN_MS),
        }
    }

    fn user() -> UserId {
        UserId::parse("u1").unwrap()
    }

    /// The three stages that hold a lease.
    fn leased(owned: bool) -> [Stage; 3] {
        let lease = lease(owned);
        [
            Stage::Enrolling { lease },
            Stage::Rotating { user: user(), lease },
            Stage::Deleting { user: None, lease },
        ]
    }

    fn settle(ms: u64) -> Turn {
        Turn::Settle(Duration::from_millis(ms))
    }

    #[test]
    fn a_stage_without_a_lease_is_free() {
        let stages = [
            Stage::Active { user: user() },
            Stage::Outdated {
                user: user(),
                cause: OutdatedCause::Refused,
            },
            Stage::Revoking {
                until: Some(WallTime::from_unix_s(1)),
            },
        ];
        for stage in stages {
            for presence in PRESENCES {
                let turn = turn(&stage, presence, Some(BootTime::from_ms(0)), BootTime::from_ms(1));
                assert_eq!(turn, Turn::Free, "{stage:?}, {presence:?}");
            }
        }
    }

    #[test]
    fn a_living_owner_is_waited_for_however_old_its_lease_is() {
        for stage in leased(true) {
            for now_ms in [
                0,
                WRITTEN_MS - 1,
                WRITTEN_MS,
                WRITTEN_MS + 5_000,
                WRITTEN_MS + 90_000,
                u64::MAX,
            ] {
                let turn = turn(
                    &stage,
                    Presence::Alive,
                    Some(BootTime::from_ms(0)),
                    BootTime::from_ms(now_ms),
                );
                assert_eq!(turn, Turn::WaitForOwner, "{stage:?} at {now_ms}");
            }
        }
    }

    #[test]
    fn a_lease_of_nobody_settles_five_seconds_from_its_writing() {
        let table = [
            (WRITTEN_MS, settle(5_000)),
            (WRITTEN_MS + 1, settle(4_999)),
            (WRITTEN_MS + 4_999, settle(1)),
            (WRITTEN_MS + 5_000, Turn::TakeOver),
            (u64::MAX, Turn::TakeOver),
            (WRITTEN_MS - 1, Turn::TakeOver),
            (0, Turn::TakeOver),
        ];
        for stage in leased(false) {
            for presence in PRESENCES {
                for (now_ms, expected) in table {
                    let turn = turn(&stage, presence, None, BootTime::from_ms(now_ms));
                    assert_eq!(turn, expected, "{stage:?}, {presence:?} at {now_ms}");
                }
            }
        }
    }

    #[test]
    fn a_gone_owner_settles_five_seconds_from_when_i_saw_it_gone_not_from_its_lease() {
        let seen_ms = WRITTEN_MS + 3_600_000;
        let table = [
            (None, seen_ms, settle(5_000)),
            (Some(seen_ms), seen_ms, settle(5_000)),
            (Some(seen_ms), seen_ms + 4_999, settle(1)),
            (Some(seen_ms), seen_ms + 5_000, Turn::TakeOver),
            (Some(seen_ms), seen_ms - 1, Turn::TakeOver),
        ];
        for stage in leased(true) {
            for (seen, now_ms, expected) in table {
                let turn = turn(
                    &stage,
                    Presence::Gone,
                    seen.map(BootTime::from_ms),
                    BootTime::from_ms(now_ms),
                );
                assert_eq!(turn, expected, "{stage:?}, seen gone {seen:?}, now {now_ms}");
            }
        }
    }

    #[test]
    fn where_presence_is_unknown_a_lease_ends_ninety_seconds_from_its_writing() {
        let table = [
            (WRITTEN_MS, settle(90_000)),
            (WRITTEN_MS + 5_000, settle(85_000)),
            (WRITTEN_MS + 89_999, settle(1)),
            (WRITTEN_MS + 90_000, Turn::TakeOver),
            (WRITTEN_MS - 1, Turn::TakeOver),
        ];
        for stage in leased(true) {
            for (now_ms, expected) in table {
                let turn = turn(&stage, Presence::Unknown, None, BootTime::from_ms(now_ms));
                assert_eq!(turn, expected, "{stage:?} at {now_ms}");
            }
        }
    }

    #[test]
    fn a_call_starts_no_later_than_ten_seconds_after_its_lease() {
        let table = [
            (0, true),
            (9_999, true),
            (10_000, true),
            (10_001, false),
            (90_000, false),
        ];
        for (past_ms, may_start) in table {
            let now = BootTime::from_ms(WRITTEN_MS + past_ms);
            assert_eq!(
                may_start_call(BootTime::from_ms(WRITTEN_MS), now),
                may_start,
                "{past_ms} ms"
            );
        }
        let before = BootTime::from_ms(WRITTEN_MS - 1);
        assert!(
            !may_start_call(BootTime::from_ms(WRITTEN_MS), before),
            "the device was booted in between"
        );
    }
}
