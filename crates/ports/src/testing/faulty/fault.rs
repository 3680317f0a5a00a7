//! What can happen to a call, and to which call it can happen.

use core::fmt;

/// What happens to one call instead of the ordinary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Fault {
    /// It is not done, and the error says so.
    NotDone,
    /// It is not done, but the error leaves that open: the request was lost.
    NotDoneButUnclear,
    /// It is done, but the error leaves that open: the answer was lost.
    DoneButLost,
    /// It is slow: the caller is told that the answer was lost, and it is done later, but within 5 s. A request behind the
    /// next request, a write behind the next call to the storage, if that comes sooner. Enumerated where the plan knows a
    /// clock.
    DoneLate,
    /// The answer comes with its grant, but nothing else of it must be trusted.
    Untrusted,
    /// The process is killed before it can call.
    KilledBefore,
    /// It is done, and the process is killed before it has the answer.
    KilledAfter,
    /// The process is killed while its call is on the way; it is done later, as with [`DoneLate`](Self::DoneLate).
    KilledLate,
    /// The caller is stopped before the call, until [`FaultPlan::release`](super::FaultPlan::release).
    HeldBefore,
    /// It is done, and the caller is stopped before it has the answer, until the release.
    HeldAfter,
}

impl Fault {
    /// Every fault that an enumeration plans: all but the held ones, which need somebody who releases them.
    pub const ENUMERATED: [Self; 8] = [
        Self::NotDone,
        Self::NotDoneButUnclear,
        Self::DoneButLost,
        Self::DoneLate,
        Self::Untrusted,
        Self::KilledBefore,
        Self::KilledAfter,
        Self::KilledLate,
    ];

    /// Whether it is done later than its caller waits.
    #[must_use]
    pub const fn is_late(self) -> bool {
        matches!(self, Self::DoneLate | Self::KilledLate)
    }

    /// Whether this can happen to such a call, and is another case than the remaining ones.
    #[must_use]
    pub const fn applies_to(self, operation: Operation) -> bool {
        match self {
            Self::NotDone | Self::KilledBefore | Self::HeldBefore => true,
            Self::NotDoneButUnclear
            | Self::DoneButLost
            | Self::DoneLate
            | Self::KilledAfter
            | Self::KilledLate
            | Self::HeldAfter => operation.has_effect(),
            Self::Untrusted => matches!(operation, Operation::Enroll | Operation::Refresh),
        }
    }
}

/// A method of a decorated port. `realm` is pure and never fails by a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Operation {
    /// `IdentityProvider::enroll`
    Enroll,
    /// `IdentityProvider::refresh`
    Refresh,
    /// `IdentityProvider::revoke`
    Revoke,
    /// `SecureStorage::list`
    List,
    /// `SecureStorage::describe`
    Describe,
    /// `SecureStorage::open`
    Open,
    /// `SecureStorage::write`
    Write,
    /// `SecureStorage::keep_aside`
    KeepAside,
    /// `SecureStorage::put_back`
    PutBack,
    /// `SecureStorage::remove`
    Remove,
    /// `FlowPresence::enter`
    Enter,
    /// `FlowPresence::of`
    Of,
    /// `PasswordSource::ask`
    Ask,
}

impl Operation {
    /// Whether it is a request to the IdP.
    #[must_use]
    pub const fn is_request(self) -> bool {
        matches!(self, Self::Enroll | Self::Refresh | Self::Revoke)
    }

    /// Whether it leaves something behind outside the process, so that it matters whether it was done.
    #[must_use]
    pub const fn has_effect(self) -> bool {
        self.is_request() || matches!(self, Self::Write | Self::KeepAside | Self::PutBack | Self::Remove)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
