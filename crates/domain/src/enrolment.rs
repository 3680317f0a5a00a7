//! Whether an enrolment may begin, and what follows from the IdP's answer to it.

use crate::record::{Header, Lookup, Stage, Unreadable};
use crate::rotation::Answer;
use crate::status::Cause;

/// What an enrolment does with the slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The slot is proven free: make a key and begin.
    Begin,
    /// An enrolment was begun and not finished: go on with its key.
    Resume(Header),
    /// A user stands there whom the app named to be replaced: keep a copy aside and begin.
    Replace(Header),
    /// Something stands there that cannot be read, and the app named it to be replaced: keep a copy aside where the storage
    /// can, and begin.
    ReplaceUnreadable(Unreadable),
    /// A deletion was begun and not finished: finish it, then look again.
    FinishDeletion(Header),
}

/// Why the storage could not say what lies in the slot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlotFault {
    /// Something is there that cannot be read.
    Unreadable(Unreadable),
    /// The storage itself failed; the cause says how.
    Storage(Cause),
}

/// Decides how an enrolment begins. A new user is made only where storage has *proven* that none is there, or where the
/// app named what is there.
///
/// # Errors
/// The cause to answer with: the slot is taken, unreadable, or the storage failed.
pub fn plan(found: Result<Lookup<Header>, SlotFault>, replace: Replace) -> Result<Plan, Cause> {
    let header = match found {
        Err(SlotFault::Storage(cause)) => return Err(cause),
        Err(SlotFault::Unreadable(why)) => {
            return match replace {
                Replace::ThisRecord => Ok(Plan::ReplaceUnreadable(why)),
                Replace::Nothing | Replace::Another => Err(Cause::from(why)),
            };
        }
        Ok(Lookup::Absent) => {
            return if replace == Replace::Nothing {
                Ok(Plan::Begin)
            } else {
                Err(Cause::NoSuchRecord)
            };
        }
        Ok(Lookup::Present(header)) => header,
    };
    match (&header.stage, replace) {
        (Stage::Enrolling { .. }, Replace::Nothing | Replace::ThisRecord) => Ok(Plan::Resume(header)),
        (Stage::Deleting { .. }, Replace::Nothing | Replace::ThisRecord | Replace::Another) => {
            Ok(Plan::FinishDeletion(header))
        }
        (Stage::Active { .. } | Stage::Rotating { .. } | Stage::Outdated { .. }, Replace::ThisRecord) => {
            Ok(Plan::Replace(header))
        }
        (Stage::Active { .. } | Stage::Rotating { .. } | Stage::Outdated { .. }, Replace::Nothing) => {
            Err(Cause::SlotTaken)
        }
        (
            Stage::Active { .. } | Stage::Rotating { .. } | Stage::Outdated { .. } | Stage::Enrolling { .. },
            Replace::Another,
        ) => Err(Cause::NoSuchRecord),
        (Stage::Revoking { .. }, Replace::Nothing | Replace::ThisRecord | Replace::Another) => {
            Err(Cause::from(Unreadable::Corrupted))
        }
    }
}

/// What the app's `replace` names, seen from the slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Replace {
    /// The app named nothing.
    Nothing,
    /// The app named the record that stands in the slot.
    ThisRecord,
    /// The app named another record.
    Another,
}

/// How far an enrolment got at the IdP when it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Effect {
    /// It was certainly not done: nothing was sent that could make a user.
    NotDone,
    /// The IdP refused before it gave a code.
    RefusedBeforeCode,
    /// The IdP refused the code.
    RefusedAfterCode,
    /// It may have been done.
    Unclear,
}

/// What a failed enrolment does next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterFailure {
    /// Nothing of this key can exist at the IdP: remove the record, or put back what it replaced, and answer.
    Undo,
    /// Ask once more with the same key, after [`SETTLE`](crate::record_lease::SETTLE), the lease written again.
    RepeatOnce,
    /// Keep record and key, leave the lease to nobody, and answer. The next enrolment resumes with the same key.
    KeepKey,
}

/// Decides after a failed call. `fresh` is whether no call with this key was ever unclear (a resumed record never is);
/// `repeated` whether this flow has repeated already, which it does only after an unclear call.
#[must_use]
pub const fn after_failure(effect: Effect, fresh: bool, repeated: bool) -> AfterFailure {
    match effect {
        Effect::NotDone | Effect::RefusedBeforeCode if fresh && !repeated => AfterFailure::Undo,
        Effect::Unclear if !repeated => AfterFailure::RepeatOnce,
        Effect::NotDone | Effect::RefusedBeforeCode | Effect::RefusedAfterCode | Effect::Unclear => {
            AfterFailure::KeepKey
        }
    }
}

/// What the answer proved about the identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Proof {
    /// The ID token is verified, the subject known, and anonymity allows it.
    Proven,
    /// The ID token is signed by a key that is not known yet: a refresh, which fetches keys first, can prove it.
    UnknownKey,
    /// The identity must not be trusted.
    Failed,
}

/// What the one write after a grant says, and what follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterGrant {
    /// Write Active.
    Stand,
    /// Write Enrolling with the grant, then refresh it once under the same lease.
    KeepAndProve,
    /// Write Enrolling with the grant marked refused, queue its revocation, then write Enrolling without it.
    KeepRefused,
}

/// Decides how a grant is kept. `refreshed` is whether the one refresh for an unknown key was done already.
#[must_use]
pub const fn after_grant(proof: Proof, refreshed: bool) -> AfterGrant {
    match proof {
        Proof::Proven => AfterGrant::Stand,
        Proof::UnknownKey if !refreshed => AfterGrant::KeepAndProve,
        Proof::UnknownKey | Proof::Failed => AfterGrant::KeepRefused,
    }
}

/// What follows from the refresh that is to prove an identity: of a grant whose ID token was signed by an unknown key, or
/// of one that lies in a resumed record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AfterProving {
    /// Judge the identity by [`after_grant`], the refresh being done.
    Judge,
    /// Ask once more with the same grant, after [`SETTLE`](crate::record_lease::SETTLE), the lease written again.
    RepeatOnce,
    /// Keep grant and key, leave the lease to nobody, and answer. The next enrolment resumes with both.
    KeepGrant,
    /// The grant is dead, the key is not: enrol again with the same key.
    EnrolAgain,
}

/// Decides after that refresh. `repeated` is whether it was repeated already.
#[must_use]
pub const fn after_proving(answer: Answer, repeated: bool) -> AfterProving {
    match answer {
        Answer::Granted | Answer::AudienceMissing | Answer::Distrusted => AfterProving::Judge,
        Answer::Unclear if !repeated => AfterProving::RepeatOnce,
        Answer::Unclear | Answer::NotSent | Answer::ProofRefused | Answer::OtherRefusal => AfterProving::KeepGrant,
        Answer::GrantRefused => AfterProving::EnrolAgain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authentication_mode::AuthenticationMode;
    use crate::identifiers::{ClientId, OwnerId, RealmId, RecordId, TenantId, UserId, WriteId};
    use crate::instant::{BootTime, WallTime};
    use crate::record::{Lease, OutdatedCause, Slot};

    const REPLACE: [Replace; 3] = [Replace::Nothing, Replace::ThisRecord, Replace::Another];

    fn header(stage: Stage) -> Header {
        let slot = Slot {
            realm: RealmId::new("https://idp.example/realms/acme").unwrap(),
            client_id: ClientId::parse("app").unwrap(),
        };
        let tenant = TenantId::parse("acme").unwrap();
        let (record, write) = (RecordId::from_bytes([1; 16]), WriteId::from_bytes([2; 16]));
        Header::first(record, write, stage, AuthenticationMode::No, tenant, slot)
    }

    fn user() -> UserId {
        UserId::parse("u1").unwrap()
    }

    #[test]
    fn every_stage_and_every_wish_has_its_plan() {
        use Expected::{FinishDeletion, NoSuchRecord, Replaces, Resume, SlotTaken, Strange};
        #[derive(Clone, Copy)]
        enum Expected {
            Resume,
            Replaces,
            FinishDeletion,
            SlotTaken,
            NoSuchRecord,
            Strange,
        }
        let owned = Lease {
            owner: Some(OwnerId::from_bytes([3; 16])),
            written: BootTime::from_ms(5),
        };
        let free = Lease { owner: None, ..owned };
        // columns: the app names nothing, this record, another one
        let table = [
            (Stage::Enrolling { lease: owned }, [Resume, Resume, NoSuchRecord]),
            (Stage::Enrolling { lease: free }, [Resume, Resume, NoSuchRecord]),
            (Stage::Active { user: user() }, [SlotTaken, Replaces, NoSuchRecord]),
            (
                Stage::Rotating {
                    user: user(),
                    lease: owned,
                },
                [SlotTaken, Replaces, NoSuchRecord],
            ),
            (
                Stage::Rotating {
                    user: user(),
                    lease: free,
                },
                [SlotTaken, Replaces, NoSuchRecord],
            ),
            (
                Stage::Outdated {
                    user: user(),
                    cause: OutdatedCause::Refused,
                },
                [SlotTaken, Replaces, NoSuchRecord],
            ),
            (
                Stage::Outdated {
                    user: user(),
                    cause: OutdatedCause::AnotherUser,
                },
                [SlotTaken, Replaces, NoSuchRecord],
            ),
            (
                Stage::Deleting {
                    user: Some(user()),
                    lease: owned,
                },
                [FinishDeletion; 3],
            ),
            (
                Stage::Deleting {
                    user: None,
                    lease: free,
                },
                [FinishDeletion; 3],
            ),
            (Stage::Revoking { until: None }, [Strange; 3]),
            (
                Stage::Revoking {
                    until: Some(WallTime::from_unix_s(1)),
                },
                [Strange; 3],
            ),
        ];
        for (stage, expected) in table {
            let header = header(stage);
            for (replace, expected) in REPLACE.into_iter().zip(expected) {
                let expected = match expected {
                    Resume => Ok(Plan::Resume(header.clone())),
                    Replaces => Ok(Plan::Replace(header.clone())),
                    FinishDeletion => Ok(Plan::FinishDeletion(header.clone())),
                    SlotTaken => Err(Cause::SlotTaken),
                    NoSuchRecord => Err(Cause::NoSuchRecord),
                    Strange => Err(Cause::Unreadable(Unreadable::Corrupted)),
                };
                let found = Ok(Lookup::Present(header.clone()));
                assert_eq!(plan(found, replace), expected, "{:?}, {replace:?}", header.stage);
            }
        }
    }

    #[test]
    fn a_proven_empty_slot_is_free_unless_something_was_to_be_replaced() {
        let expected = [Ok(Plan::Begin), Err(Cause::NoSuchRecord), Err(Cause::NoSuchRecord)];
        for (replace, expected) in REPLACE.into_iter().zip(expected) {
            assert_eq!(plan(Ok(Lookup::Absent), replace), expected, "{replace:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_never_taken_for_an_empty_slot() {
        let faults = [
            (
                SlotFault::Unreadable(Unreadable::Corrupted),
                Cause::Unreadable(Unreadable::Corrupted),
            ),
            (
                SlotFault::Unreadable(Unreadable::NewerFormat),
                Cause::Unreadable(Unreadable::NewerFormat),
            ),
            (
                SlotFault::Unreadable(Unreadable::RestoredWithoutKey),
                Cause::Unreadable(Unreadable::RestoredWithoutKey),
            ),
            (
                SlotFault::Storage(Cause::StorageUnavailable("locked")),
                Cause::StorageUnavailable("locked"),
            ),
            (SlotFault::Storage(Cause::DeviceChanged), Cause::DeviceChanged),
        ];
        for (fault, cause) in faults {
            for replace in REPLACE {
                let expected = match (&fault, replace) {
                    (SlotFault::Unreadable(why), Replace::ThisRecord) => Ok(Plan::ReplaceUnreadable(*why)),
                    _ => Err(cause.clone()),
                };
                assert_eq!(plan(Err(fault.clone()), replace), expected, "{fault:?}, {replace:?}");
            }
        }
    }

    #[test]
    fn a_key_is_given_up_only_where_no_user_of_it_can_exist() {
        use AfterFailure::{KeepKey, RepeatOnce, Undo};
        // columns: fresh; not fresh; fresh but repeated, which cannot be; not fresh and repeated
        let table = [
            (Effect::NotDone, [Undo, KeepKey, KeepKey, KeepKey]),
            (Effect::RefusedBeforeCode, [Undo, KeepKey, KeepKey, KeepKey]),
            (Effect::RefusedAfterCode, [KeepKey; 4]),
            (Effect::Unclear, [RepeatOnce, RepeatOnce, KeepKey, KeepKey]),
        ];
        let columns = [(true, false), (false, false), (true, true), (false, true)];
        for (effect, expected) in table {
            for ((fresh, repeated), expected) in columns.into_iter().zip(expected) {
                let what = after_failure(effect, fresh, repeated);
                assert_eq!(what, expected, "{effect:?}, fresh {fresh}, repeated {repeated}");
            }
        }
    }

    #[test]
    fn a_grant_is_always_kept_and_stands_only_when_proven() {
        use AfterGrant::{KeepAndProve, KeepRefused, Stand};
        // columns: before the refresh for an unknown key, after it
        let table = [
            (Proof::Proven, [Stand, Stand]),
            (Proof::UnknownKey, [KeepAndProve, KeepRefused]),
            (Proof::Failed, [KeepRefused, KeepRefused]),
        ];
        for (proof, expected) in table {
            assert_eq!(
                [false, true].map(|refreshed| after_grant(proof, refreshed)),
                expected,
                "{proof:?}"
            );
        }
    }

    #[test]
    fn the_refresh_that_is_to_prove_an_identity_gives_up_no_key() {
        use AfterProving::{EnrolAgain, Judge, KeepGrant, RepeatOnce};
        // columns: first answer, answer to the repeat
        let table = [
            (Answer::Granted, [Judge, Judge]),
            (Answer::AudienceMissing, [Judge, Judge]),
            (Answer::Distrusted, [Judge, Judge]),
            (Answer::NotSent, [KeepGrant, KeepGrant]),
            (Answer::Unclear, [RepeatOnce, KeepGrant]),
            (Answer::GrantRefused, [EnrolAgain, EnrolAgain]),
            (Answer::ProofRefused, [KeepGrant, KeepGrant]),
            (Answer::OtherRefusal, [KeepGrant, KeepGrant]),
        ];
        for (answer, expected) in table {
            assert_eq!(
                [false, true].map(|repeated| after_proving(answer, repeated)),
                expected,
                "{answer:?}"
            );
        }
    }
}
