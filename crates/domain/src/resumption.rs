//! What a resume does with the record that was open when the SDK was suspended.

use crate::authentication_mode::AuthenticationMode;
use crate::notification::SessionEnd;
use crate::record::{SinceThen, Stage};

/// What a resume does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Resumption {
    /// Opens the record again: nobody has to be asked.
    Reopen,
    /// Leaves it closed: its user has to log in.
    Close,
    /// Leaves it closed: the session is over, and the app is told why.
    End(SessionEnd),
}

/// Decides by the record that stands now. Another process may have rotated its grant meanwhile, but not changed its
/// protection, its identity, or found its grant refused.
#[must_use]
pub const fn resumption(mode: AuthenticationMode, since: SinceThen, now: &Stage) -> Resumption {
    match (since, mode, now) {
        (SinceThen::AnotherIdentity | SinceThen::BeingDeleted, _, _) => Resumption::End(SessionEnd::Removed),
        (SinceThen::Reprotected, _, _) => Resumption::End(SessionEnd::Reprotected),
        (
            SinceThen::Unchanged | SinceThen::NewerGeneration,
            AuthenticationMode::No,
            Stage::Active { .. } | Stage::Rotating { .. },
        ) => Resumption::Reopen,
        (SinceThen::Unchanged | SinceThen::NewerGeneration | SinceThen::OlderGeneration, _, _) => Resumption::Close,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifiers::UserId;
    use crate::instant::BootTime;
    use crate::record::{Lease, OutdatedCause};

    #[test]
    fn only_mode_no_is_opened_again_and_only_what_is_still_the_same_session() {
        use SinceThen::{AnotherIdentity, BeingDeleted, NewerGeneration, OlderGeneration, Reprotected, Unchanged};
        let user = || UserId::parse("u1").unwrap();
        let active = Stage::Active { user: user() };
        let lease = Lease {
            owner: None,
            written: BootTime::from_ms(1),
        };
        let rotating = Stage::Rotating { user: user(), lease };
        let cause = OutdatedCause::Refused;
        let outdated = Stage::Outdated { user: user(), cause };
        let (removed, reprotected) = (
            Resumption::End(SessionEnd::Removed),
            Resumption::End(SessionEnd::Reprotected),
        );
        // columns: active, rotating, outdated
        let table = [
            (Unchanged, [Resumption::Reopen, Resumption::Reopen, Resumption::Close]),
            (
                NewerGeneration,
                [Resumption::Reopen, Resumption::Reopen, Resumption::Close],
            ),
            (OlderGeneration, [Resumption::Close; 3]),
            (Reprotected, [reprotected; 3]),
            (BeingDeleted, [removed; 3]),
            (AnotherIdentity, [removed; 3]),
        ];
        for (since, expected) in table {
            for (stage, expected) in [&active, &rotating, &outdated].into_iter().zip(expected) {
                for mode in AuthenticationMode::ALL {
                    let closed = mode != AuthenticationMode::No && expected == Resumption::Reopen;
                    let expected = if closed { Resumption::Close } else { expected };
                    assert_eq!(resumption(mode, since, stage), expected, "{mode} {since:?} {stage:?}");
                }
            }
        }
    }
}
