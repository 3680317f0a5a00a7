//! Why an event failed, and the status that follows.
//!
//! The other total matches over a cause lie in files of their own: `certainty` (was it certainly not done), `retry` (does
//! trying again help) and `advice` (what to do).

use core::time::Duration;

use crate::event::EventKind;
use crate::identifiers::InvalidParameter;
use crate::record::{OutdatedCause, Unreadable};
use crate::sdk_state::SdkState;
use crate::status::{Certainty, Denial, Hint, StatusType, Untrusted};

/// Why an event failed. [`Cause::status`] is total; the texts hold no secret and nobody's body.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// An adapter panicked.
    #[error("an adapter panicked while serving the event")]
    AdapterPanicked,
    /// An adapter answered what its contract forbids.
    #[error("an adapter broke its contract: {0}")]
    ContractBroken(&'static str),
    /// A parameter does not fit.
    #[error("{0}")]
    InvalidParameter(#[from] InvalidParameter),
    /// The state does not accept the event.
    #[error("{event} is not accepted in state {state}")]
    InvalidState {
        /// The event.
        event: EventKind,
        /// The state that it met.
        state: SdkState,
    },
    /// The password is wrong.
    #[error("the password is wrong")]
    WrongPassword,
    /// Too many wrong passwords.
    #[error("too many wrong passwords: wait {} s", .wait.as_secs())]
    LockedOut {
        /// How long.
        wait: Duration,
    },
    /// The user cancelled the prompt.
    #[error("the user cancelled the prompt")]
    Cancelled,
    /// Nobody answered the prompt.
    #[error("nobody answered the prompt in time")]
    PromptTimedOut,
    /// There is no source for the credential.
    #[error("the credential cannot be asked for: {0}")]
    BiometricUnavailable(&'static str),
    /// The biometric key is gone.
    #[error("the biometric key was invalidated; the record is kept")]
    BiometricInvalidated,
    /// The IdP cannot be reached. `certainty` says whether a request may have been acted upon.
    #[error("the IdP is not reachable{hint}")]
    NotReachable {
        /// Whether a request may have been acted upon.
        certainty: Certainty,
        /// What the network said.
        hint: Hint,
    },
    /// The IdP asks to wait.
    #[error("the IdP asks to wait")]
    RateLimited {
        /// How long, if it said so.
        retry_after: Option<Duration>,
    },
    /// Another flow is at work on the record.
    #[error("another flow is at work on this record")]
    RecordInUse,
    /// The queue is full, or a suspend or restart is going on.
    #[error("the SDK is busy")]
    QueueFull,
    /// A suspend, a restart or a shut-down ended the event.
    #[error("the event was interrupted")]
    Interrupted {
        /// Whether a request may have been acted upon.
        certainty: Certainty,
    },
    /// The SDK was shut down.
    #[error("the SDK was shut down")]
    ShutDown,
    /// The IdP, or the rules for shared tokens, said no.
    #[error("{}{hint}", .denial.text())]
    AccessDenied {
        /// To what.
        denial: Denial,
        /// The server's own words.
        hint: Hint,
    },
    /// The IdP refused the stored token.
    #[error("the IdP refused the stored token; it is kept")]
    Outdated(OutdatedCause),
    /// The authorization endpoint answered another error.
    #[error("the IdP gave no authorization code{hint}")]
    AuthorizationRefused {
        /// Its words.
        hint: Hint,
    },
    /// The code was refused.
    #[error("the IdP refused its own authorization code{hint}")]
    CodeRefused {
        /// Its words.
        hint: Hint,
    },
    /// A refresh was refused with another error than `invalid_grant`.
    #[error("the IdP refused the refresh{hint}")]
    RefreshRefused {
        /// Its words.
        hint: Hint,
    },
    /// TLS could not prove the server.
    #[error("the server could not be proven to be the IdP{hint}")]
    UntrustedServer {
        /// What TLS said.
        hint: Hint,
    },
    /// An answer must not be trusted.
    #[error("an answer of the IdP must not be trusted: {0}")]
    UntrustedResponse(Untrusted),
    /// The device's clock is wrong.
    #[error("the device's clock is wrong")]
    ClockSkewed {
        /// By how many milliseconds it is ahead (negative: behind), if known.
        ahead_ms: Option<i64>,
    },
    /// The storage cannot be used.
    #[error("the storage cannot be used: {0}")]
    StorageUnavailable(&'static str),
    /// A write may or may not stand.
    #[error("the storage did not say whether a write stands")]
    WriteUnclear,
    /// A record cannot be read.
    #[error("{}", unreadable_text(.0))]
    Unreadable(Unreadable),
    /// A record was copied to another device.
    #[error("the record belongs to another device")]
    DeviceChanged,
    /// The record is unfinished.
    #[error("the enrolment is unfinished: there is no token yet")]
    NoToken,
    /// The slot has a user.
    #[error("a user is enrolled there already")]
    SlotTaken,
    /// There is no such record.
    #[error("there is no such record")]
    NoSuchRecord,
}

impl Cause {
    /// The status that an app branches on.
    #[must_use]
    pub const fn status(&self) -> StatusType {
        match self {
            Self::AdapterPanicked | Self::ContractBroken(_) => StatusType::InternalError,
            Self::InvalidParameter(_) => StatusType::InvalidParameter,
            Self::InvalidState { .. } => StatusType::InvalidState,
            Self::WrongPassword => StatusType::WrongCredentials,
            Self::LockedOut { .. } => StatusType::LockedUser,
            Self::Cancelled => StatusType::UserCancel,
            Self::PromptTimedOut => StatusType::UserConfirmationTimeout,
            Self::BiometricUnavailable(_) => StatusType::BiometricUnavailable,
            Self::BiometricInvalidated => StatusType::BiometricInvalidated,
            Self::NotReachable { .. } => StatusType::NotReachable,
            Self::RateLimited { .. } => StatusType::RateLimited,
            Self::RecordInUse | Self::QueueFull | Self::Interrupted { .. } => StatusType::Busy,
            Self::ShutDown => StatusType::ShutDown,
            Self::AccessDenied { .. } => StatusType::AccessDenied,
            Self::Outdated(_) => StatusType::TokenDataIsOutdated,
            Self::AuthorizationRefused { .. } => StatusType::CannotAcquireAuthorizationCode,
            Self::CodeRefused { .. } => StatusType::CannotAcquireAccessTokenForAuthorizationCode,
            Self::RefreshRefused { .. } => StatusType::CannotAcquireTokenData,
            Self::UntrustedServer { .. } => StatusType::UntrustedServer,
            Self::UntrustedResponse(_) => StatusType::UntrustedResponse,
            Self::ClockSkewed { .. } => StatusType::ClockSkewed,
            Self::StorageUnavailable(_) | Self::WriteUnclear => StatusType::StorageUnavailable,
            Self::Unreadable(Unreadable::Corrupted) => StatusType::StorageCorrupted,
            Self::Unreadable(Unreadable::NewerFormat) => StatusType::NewerFormat,
            Self::Unreadable(Unreadable::RestoredWithoutKey) => StatusType::RestoredWithoutKey,
            Self::DeviceChanged => StatusType::DeviceChanged,
            Self::NoToken => StatusType::NoTokenDataAvailable,
            Self::SlotTaken => StatusType::UserIdAlreadyExists,
            Self::NoSuchRecord => StatusType::InvalidUserId,
        }
    }
}

impl From<Unreadable> for Cause {
    fn from(why: Unreadable) -> Self {
        Self::Unreadable(why)
    }
}

const fn unreadable_text(why: &Unreadable) -> &'static str {
    match why {
        Unreadable::Corrupted => "a record is not what was written",
        Unreadable::NewerFormat => "a record was written by a newer version",
        Unreadable::RestoredWithoutKey => "a record was restored without its device key",
    }
}
