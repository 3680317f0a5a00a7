//! The durable stage as the header carries it. Numbers are never used again.

use minicbor::{CborLen, Decode, Encode};
use vestibule_domain::identifiers::{OwnerId, UserId};
use vestibule_domain::instant::{BootTime, WallTime};
use vestibule_domain::record::{Lease, OutdatedCause, Stage, Unreadable};

use super::EnvelopeError;

/// A stage in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
pub(crate) enum StageCode {
    #[n(0)]
    Enrolling(#[n(0)] LeaseCode),
    #[n(1)]
    Active(#[n(0)] String),
    #[n(2)]
    Rotating(#[n(0)] String, #[n(1)] LeaseCode),
    #[n(3)]
    Outdated(#[n(0)] String, #[n(1)] u8),
    #[n(4)]
    Deleting(#[n(0)] Option<String>, #[n(1)] LeaseCode),
    /// The end of the grant, in milliseconds since the Unix epoch.
    #[n(5)]
    Revoking(#[n(0)] Option<i64>),
}

/// A lease in numbers.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
pub(crate) struct LeaseCode {
    /// Milliseconds since boot.
    #[n(0)]
    written_ms: u64,
    #[n(1)]
    owner: Option<minicbor::bytes::ByteArray<16>>,
}

impl StageCode {
    /// The numbers of a stage.
    pub(crate) fn of(stage: &Stage) -> Result<Self, EnvelopeError> {
        Ok(match stage {
            Stage::Enrolling { lease } => Self::Enrolling(LeaseCode::of(lease)),
            Stage::Active { user } => Self::Active(user.as_str().to_owned()),
            Stage::Rotating { user, lease } => Self::Rotating(user.as_str().to_owned(), LeaseCode::of(lease)),
            Stage::Outdated { user, cause } => Self::Outdated(user.as_str().to_owned(), code_of_cause(*cause)?),
            Stage::Deleting { user, lease } => {
                Self::Deleting(user.as_ref().map(|user| user.as_str().to_owned()), LeaseCode::of(lease))
            }
            Stage::Revoking { until } => Self::Revoking(until.map(WallTime::unix_ms)),
        })
    }

    /// The stage of these numbers.
    pub(crate) fn stage(&self) -> Result<Stage, Unreadable> {
        Ok(match self {
            Self::Enrolling(lease) => Stage::Enrolling { lease: lease.lease() },
            Self::Active(user) => Stage::Active { user: user_of(user)? },
            Self::Rotating(user, lease) => Stage::Rotating {
                user: user_of(user)?,
                lease: lease.lease(),
            },
            Self::Outdated(user, cause) => Stage::Outdated {
                user: user_of(user)?,
                cause: cause_of(*cause)?,
            },
            Self::Deleting(user, lease) => Stage::Deleting {
                user: user.as_deref().map(user_of).transpose()?,
                lease: lease.lease(),
            },
            Self::Revoking(until) => Stage::Revoking {
                until: until.map(WallTime::from_unix_ms),
            },
        })
    }
}

impl LeaseCode {
    fn of(lease: &Lease) -> Self {
        Self {
            written_ms: lease.written.ms(),
            owner: lease.owner.map(|owner| (*owner.as_bytes()).into()),
        }
    }

    fn lease(&self) -> Lease {
        Lease {
            owner: self.owner.map(|owner| OwnerId::from_bytes(owner.into())),
            written: BootTime::from_ms(self.written_ms),
        }
    }
}

fn user_of(user: &str) -> Result<UserId, Unreadable> {
    UserId::parse(user).map_err(|_| Unreadable::Corrupted)
}

/// A cause that the domain gained and this format does not know cannot be written.
const fn code_of_cause(cause: OutdatedCause) -> Result<u8, EnvelopeError> {
    match cause {
        OutdatedCause::Refused => Ok(0),
        OutdatedCause::AnotherUser => Ok(1),
        _ => Err(EnvelopeError::Impossible("the format has no number for this cause")),
    }
}

const fn cause_of(code: u8) -> Result<OutdatedCause, Unreadable> {
    match code {
        0 => Ok(OutdatedCause::Refused),
        1 => Ok(OutdatedCause::AnotherUser),
        _ => Err(Unreadable::Corrupted),
    }
}
