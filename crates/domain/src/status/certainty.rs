//! Whether a failed event was certainly not done.

use crate::status::{Cause, Untrusted};

/// Whether what was asked for was certainly not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Certainty {
    /// Certainly nothing was done.
    NotDone,
    /// It may have been done; asking again is safe and finds out.
    MayBeDone,
}

impl Cause {
    /// Whether what was asked for was certainly not done.
    #[must_use]
    pub const fn certainty(&self) -> Certainty {
        match self {
            Self::NotReachable { certainty, .. } | Self::Interrupted { certainty } => *certainty,
            Self::UntrustedResponse(
                Untrusted::IssuerChanged | Untrusted::Metadata(_) | Untrusted::AnotherIssuer { .. },
            ) => Certainty::NotDone,
            Self::AdapterPanicked
            | Self::ContractBroken(_)
            | Self::ShutDown
            | Self::CodeRefused { .. }
            | Self::UntrustedResponse(_)
            | Self::StorageUnavailable(_)
            | Self::WriteUnclear => Certainty::MayBeDone,
            Self::InvalidParameter(_)
            | Self::InvalidState { .. }
            | Self::WrongPassword
            | Self::LockedOut { .. }
            | Self::Cancelled
            | Self::PromptTimedOut
            | Self::BiometricUnavailable(_)
            | Self::BiometricInvalidated
            | Self::RateLimited { .. }
            | Self::RecordInUse
            | Self::QueueFull
            | Self::AccessDenied { .. }
            | Self::Outdated(_)
            | Self::AuthorizationRefused { .. }
            | Self::RefreshRefused { .. }
            | Self::UntrustedServer { .. }
            | Self::ClockSkewed { .. }
            | Self::Unreadable(_)
            | Self::DeviceChanged
            | Self::NoToken
            | Self::SlotTaken
            | Self::NoSuchRecord => Certainty::NotDone,
        }
    }
}
