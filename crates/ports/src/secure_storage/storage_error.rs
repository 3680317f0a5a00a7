//! Why a storage did not do it.

use vestibule_domain::enrolment::SlotFault;
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::record::Unreadable;
use vestibule_domain::status::Cause;

/// Why a storage did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The state is not the expected one; certainly not done.
    #[error("the state is not the expected one")]
    Conflict,
    /// Certainly not done.
    #[error("storage: {0}")]
    Unavailable(&'static str),
    /// The write may stand.
    #[error("the storage did not say whether the write stands")]
    Unclear,
    /// There, but it cannot be read.
    #[error("the record cannot be read: {0:?}")]
    Unreadable(Unreadable),
    /// Sealed on another machine.
    #[error("the record belongs to another device")]
    DeviceChanged,
    /// The credential is proven wrong.
    #[error("the credential is wrong")]
    WrongCredential,
    /// Too many wrong credentials.
    #[error("locked out for {} s", .0.as_secs())]
    LockedOut(core::time::Duration),
    /// This storage cannot keep that.
    #[error("{0}")]
    Unsupported(InvalidParameter),
    /// No record at that place.
    #[error("there is no record at that place")]
    NotThere,
}

impl StorageError {
    /// Whether the same call fails for ever unless something else changes. What must not be lost is written again and again
    /// after any other error.
    #[must_use]
    pub const fn is_permanent(&self) -> bool {
        match self {
            Self::Unreadable(_)
            | Self::DeviceChanged
            | Self::WrongCredential
            | Self::Unsupported(_)
            | Self::NotThere => true,
            Self::Conflict | Self::Unavailable(_) | Self::Unclear | Self::LockedOut(_) => false,
        }
    }
}

impl From<StorageError> for Cause {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Conflict => Self::RecordInUse,
            StorageError::Unavailable(why) => Self::StorageUnavailable(why),
            StorageError::Unclear => Self::WriteUnclear,
            StorageError::Unreadable(why) => Self::Unreadable(why),
            StorageError::DeviceChanged => Self::DeviceChanged,
            StorageError::WrongCredential => Self::WrongPassword,
            StorageError::LockedOut(wait) => Self::LockedOut { wait },
            StorageError::Unsupported(parameter) => Self::InvalidParameter(parameter),
            StorageError::NotThere => Self::NoSuchRecord,
        }
    }
}

impl From<StorageError> for SlotFault {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unreadable(why) => Self::Unreadable(why),
            StorageError::Conflict
            | StorageError::Unavailable(_)
            | StorageError::Unclear
            | StorageError::DeviceChanged
            | StorageError::WrongCredential
            | StorageError::LockedOut(_)
            | StorageError::Unsupported(_)
            | StorageError::NotThere => Self::Storage(error.into()),
        }
    }
}
