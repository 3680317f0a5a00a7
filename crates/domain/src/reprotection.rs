//! What a change of a record's protection does: of its mode, of its password, or of how strongly it is sealed.

use crate::authentication_mode::AuthenticationMode;
use crate::record::{Lease, Stage};

/// What a change of the mode comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// The record is as it shall be: nobody is asked, nothing is written.
    Nothing,
    /// Ask for the recorded mode's credential and then for the new one, and seal the record anew.
    Reprotect,
}

/// Decides on a change of the mode. Within a mode that has a credential the credential is changed; mode `no` has none.
#[must_use]
pub const fn change(recorded: AuthenticationMode, wished: AuthenticationMode) -> Change {
    match (recorded, wished) {
        (AuthenticationMode::No, AuthenticationMode::No) => Change::Nothing,
        (AuthenticationMode::No, AuthenticationMode::Password | AuthenticationMode::Biometric)
        | (AuthenticationMode::Password | AuthenticationMode::Biometric, _) => Change::Reprotect,
    }
}

/// The stage that a record keeps while it is sealed anew. An abandoned lease stays an open question, owned by nobody: its
/// request may have been done. The lease is written anew, so that its request has time to end.
#[must_use]
pub fn stage_kept(found: &Stage, nobody: Lease) -> Stage {
    match found {
        Stage::Enrolling { .. } => Stage::Enrolling { lease: nobody },
        Stage::Rotating { user, .. } => Stage::Rotating {
            user: user.clone(),
            lease: nobody,
        },
        Stage::Deleting { user, .. } => Stage::Deleting {
            user: user.clone(),
            lease: nobody,
        },
        Stage::Active { .. } | Stage::Outdated { .. } | Stage::Revoking { .. } => found.clone(),
    }
}

/// Whether a record that was just unlocked may be sealed more strongly on the way: only where no lease stands, living or
/// abandoned, so that a login waits no longer for it.
#[must_use]
pub const fn may_raise(mode: AuthenticationMode, found: &Stage) -> bool {
    match (mode, found) {
        (AuthenticationMode::Password, Stage::Active { .. } | Stage::Outdated { .. }) => true,
        (
            AuthenticationMode::Password,
            Stage::Enrolling { .. } | Stage::Rotating { .. } | Stage::Deleting { .. } | Stage::Revoking { .. },
        )
        | (AuthenticationMode::No | AuthenticationMode::Biometric, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifiers::{OwnerId, UserId};
    use crate::instant::BootTime;
    use crate::record::OutdatedCause;

    fn user() -> UserId {
        UserId::parse("u1").unwrap()
    }

    fn lease(owner: Option<u8>, written_ms: u64) -> Lease {
        Lease {
            owner: owner.map(|byte| OwnerId::from_bytes([byte; 16])),
            written: BootTime::from_ms(written_ms),
        }
    }

    #[test]
    fn only_from_no_to_no_there_is_nothing_to_change() {
        use AuthenticationMode::No;
        for recorded in AuthenticationMode::ALL {
            for wished in AuthenticationMode::ALL {
                let expected = if (recorded, wished) == (No, No) {
                    Change::Nothing
                } else {
                    Change::Reprotect
                };
                assert_eq!(change(recorded, wished), expected, "{recorded} to {wished}");
            }
        }
    }

    #[test]
    fn an_abandoned_lease_stays_an_open_question_that_nobody_owns() {
        let (theirs, nobodys) = (lease(Some(1), 5), lease(None, 9));
        let rotating = |lease| Stage::Rotating { user: user(), lease };
        let outdated = Stage::Outdated {
            user: user(),
            cause: OutdatedCause::Refused,
        };
        let table = [
            (rotating(theirs), rotating(nobodys)),
            (rotating(lease(None, 1)), rotating(nobodys)),
            (Stage::Active { user: user() }, Stage::Active { user: user() }),
            (outdated.clone(), outdated),
            (Stage::Enrolling { lease: theirs }, Stage::Enrolling { lease: nobodys }),
        ];
        for (found, kept) in table {
            assert_eq!(stage_kept(&found, nobodys), kept, "{found:?}");
        }
    }

    #[test]
    fn only_a_password_record_without_a_lease_is_sealed_more_strongly_at_a_login() {
        let outdated = Stage::Outdated {
            user: user(),
            cause: OutdatedCause::Refused,
        };
        let rotating = Stage::Rotating {
            user: user(),
            lease: lease(None, 1),
        };
        for (stage, free) in [
            (Stage::Active { user: user() }, true),
            (outdated, true),
            (rotating, false),
        ] {
            for mode in AuthenticationMode::ALL {
                let expected = free && mode == AuthenticationMode::Password;
                assert_eq!(may_raise(mode, &stage), expected, "{mode} {stage:?}");
            }
        }
    }
}
