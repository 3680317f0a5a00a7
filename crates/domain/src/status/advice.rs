//! What to do after a failure.

use crate::record::Unreadable;
use crate::status::Cause;

impl Cause {
    /// What to do.
    #[must_use]
    pub const fn advice(&self) -> &'static str {
        match self {
            Self::AdapterPanicked | Self::ContractBroken(_) => {
                "Report it to the author of the adapter; the log names the call."
            }
            Self::InvalidParameter(_) => "Correct the named field.",
            Self::InvalidState { .. } => "Send one of the events that the state accepts.",
            Self::WrongPassword => "Ask the user again.",
            Self::LockedOut { .. } => "Wait; a restart does not shorten it.",
            Self::Cancelled | Self::PromptTimedOut => "Ask again when the user is ready; nothing was sent.",
            Self::BiometricUnavailable(_) => "Use another mode, or build the SDK with a source for this credential.",
            Self::BiometricInvalidated => "Only an enrolment with `replace` leads on; it makes a new user.",
            Self::NotReachable { .. } => "Try again when the network is back; the same user will be found.",
            Self::RateLimited { .. } => "Wait as long as the IdP says.",
            Self::RecordInUse => "Try again when the other flow has ended.",
            Self::QueueFull => "Wait for the events that are under way.",
            Self::Interrupted { .. } => "Send the event again when the app is back.",
            Self::ShutDown => "Build a new SDK.",
            Self::AccessDenied { denial, .. } => denial.advice(),
            Self::Outdated(_) => "Try again later, or enrol with `replace`, which makes a new user.",
            Self::AuthorizationRefused { .. } => "Check the client and its flow at the IdP.",
            Self::CodeRefused { .. } => "Enrol again: the same key is used.",
            Self::RefreshRefused { .. } => "Check the client and its scopes at the IdP.",
            Self::UntrustedServer { .. } => "Check the certificate of the IdP and the system's CA store.",
            Self::UntrustedResponse(_) => {
                "Check the settings of issuer and client; do not trust this server until it is explained."
            }
            Self::ClockSkewed { .. } => "Set the device's clock.",
            Self::StorageUnavailable(_) => "Make the storage available and try again; nothing was lost.",
            Self::WriteUnclear => "Try again: the same write is recognised.",
            Self::Unreadable(Unreadable::Corrupted) => "Restore the record from a copy, or delete it by its handle.",
            Self::Unreadable(Unreadable::NewerFormat) => "Use the version of the SDK that wrote it.",
            Self::Unreadable(Unreadable::RestoredWithoutKey) => {
                "Restore the device key, too, or delete the record by its handle."
            }
            Self::DeviceChanged => "Enrol on this device; the record works only where it was made.",
            Self::NoToken => "Enrol again: the unfinished enrolment is resumed with its key.",
            Self::SlotTaken => "Log in, or enrol with `replace` to give that user up.",
            Self::NoSuchRecord => "Take a user or handle from the list of known records.",
        }
    }
}
