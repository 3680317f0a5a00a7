//! Whether trying again helps.

use core::time::Duration;

use crate::status::Cause;

/// Whether trying again helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// Not without a change.
    No,
    /// It may, later.
    Later,
    /// It may, after this time.
    After(Duration),
}

impl Cause {
    /// Whether trying again helps.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        match self {
            Self::LockedOut { wait } => Retry::After(*wait),
            Self::RateLimited {
                retry_after: Some(wait),
            } => Retry::After(*wait),
            Self::WrongPassword
            | Self::Cancelled
            | Self::PromptTimedOut
            | Self::NotReachable { .. }
            | Self::RateLimited { retry_after: None }
            | Self::RecordInUse
            | Self::QueueFull
            | Self::Interrupted { .. }
            | Self::Outdated(_)
            | Self::CodeRefused { .. }
            | Self::ClockSkewed { .. }
            | Self::StorageUnavailable(_)
            | Self::WriteUnclear => Retry::Later,
            Self::AdapterPanicked
            | Self::ContractBroken(_)
            | Self::InvalidParameter(_)
            | Self::InvalidState { .. }
            | Self::BiometricUnavailable(_)
            | Self::BiometricInvalidated
            | Self::ShutDown
            | Self::AccessDenied { .. }
            | Self::AuthorizationRefused { .. }
            | Self::RefreshRefused { .. }
            | Self::UntrustedServer { .. }
            | Self::UntrustedResponse(_)
            | Self::Unreadable(_)
            | Self::DeviceChanged
            | Self::NoToken
            | Self::SlotTaken
            | Self::NoSuchRecord => Retry::No,
        }
    }
}
