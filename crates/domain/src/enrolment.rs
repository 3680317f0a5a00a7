//! Whether an enrolment may begin, and what follows from the IdP's answer to it.

use crate::record::{Header, Lookup, Stage, Unreadable};
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
        Err(SlotFault::Unreadable(why)) => return Err(Cause::from(why)),
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
/// `repeated` whether this flow has repeated already.
#[must_use]
pub const fn after_failure(effect: Effect, fresh: bool, repeated: bool) -> AfterFailure {
    match effect {
        Effect::NotDone | Effect::RefusedBeforeCode if fresh => AfterFailure::Undo,
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
