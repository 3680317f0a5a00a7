//! Why an event failed: what happened, whether it was certainly not done, whether trying again helps, what to do.

use alloc::string::String;
use core::fmt;
use core::time::Duration;

use crate::event::EventKind;
use crate::identifiers::InvalidParameter;
use crate::record::{OutdatedCause, Unreadable};
use crate::sdk_state::SdkState;
use crate::single_audience::Unfit;
use crate::status::StatusType;

/// Longest part of a server's own words that reaches an error, in characters.
pub const MAX_HINT_CHARS: usize = 200;

/// A server's or system's own words, as a hint for an operator and never for a decision: at most 200 printable
/// characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hint(String);

impl Hint {
    /// Takes what is printable of `words`, at most [`MAX_HINT_CHARS`] characters.
    #[must_use]
    pub fn new(words: &str) -> Self {
        Self(words.chars().filter(|c| !c.is_control()).take(MAX_HINT_CHARS).collect())
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.0)
        }
    }
}

/// To what the IdP, or the rules for shared tokens, said no.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Denial {
    /// The IdP does not know the client, or has disabled it.
    ClientUnknown,
    /// The flow wants a person.
    InteractionRequired,
    /// The IdP refused this device.
    Refused,
    /// The audience was not granted at enrolment.
    AudienceNotGranted,
    /// The audience is not among the configured ones, or the IdP refuses it to this client.
    AudienceRefused,
    /// The token is opaque, so that nothing about it can be proven.
    TokenUnverifiable,
    /// The token is bound to this device's key, so that a third party cannot use it.
    TokenBoundToDevice,
}

/// Why an answer must not be trusted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Untrusted {
    /// The issuer, or the endpoint that a record is bound to, is not what it was.
    #[error("issuer changed")]
    IssuerChanged,
    /// The metadata breaks a rule.
    #[error("metadata: {0}")]
    Metadata(&'static str),
    /// A redirect leads where none may lead, or lacks what it must bring.
    #[error("redirect: {0}")]
    Redirect(&'static str),
    /// The ID token breaks a rule.
    #[error("ID token: {0}")]
    IdToken(&'static str),
    /// The token answer breaks a rule.
    #[error("token answer: {0}")]
    TokenAnswer(&'static str),
    /// The identity carries user data.
    #[error("user data: {0}")]
    UserData(&'static str),
    /// The subject is not the record's.
    #[error("subject changed")]
    SubjectChanged,
    /// The access token is not what was asked for.
    #[error("{0}")]
    AccessToken(Unfit),
}

/// Whether what was asked for was certainly not done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Certainty {
    /// Certainly nothing was done.
    NotDone,
    /// It may have been done; asking again is safe and finds out.
    MayBeDone,
}

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
    /// The SDK was shut down.
    #[error("the SDK was shut down")]
    ShutDown,
    /// The IdP, or the rules for shared tokens, said no.
    #[error("{}{hint}", denial_text(.denial))]
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
            Self::RecordInUse | Self::QueueFull => StatusType::Busy,
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

    /// Whether what was asked for was certainly not done.
    #[must_use]
    pub const fn certainty(&self) -> Certainty {
        match self {
            Self::NotReachable { certainty, .. } => *certainty,
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
            Self::ShutDown => "Build a new SDK.",
            Self::AccessDenied { denial, .. } => denial_advice(denial),
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

impl From<Unreadable> for Cause {
    fn from(why: Unreadable) -> Self {
        Self::Unreadable(why)
    }
}

const fn denial_text(denial: &Denial) -> &'static str {
    match denial {
        Denial::ClientUnknown => "the IdP does not know this client",
        Denial::InteractionRequired => "the IdP's flow wants a person",
        Denial::Refused => "the IdP refused this device",
        Denial::AudienceNotGranted => "audience not granted",
        Denial::AudienceRefused => "audience refused",
        Denial::TokenUnverifiable => "token unverifiable: it is opaque",
        Denial::TokenBoundToDevice => "token bound to this device",
    }
}

const fn denial_advice(denial: &Denial) -> &'static str {
    match denial {
        Denial::ClientUnknown => "Check the client id at the IdP.",
        Denial::InteractionRequired => {
            "Bind the Device enrollment flow to this client at the IdP, and disable required actions such as VERIFY_PROFILE."
        }
        Denial::Refused => "Ask the operator of the IdP.",
        Denial::AudienceNotGranted => "Assign the audience's scope to the client at the IdP, then enrol again.",
        Denial::AudienceRefused => "Name the audience in the settings, and its scope at the IdP.",
        Denial::TokenUnverifiable => "Let the IdP issue JWT access tokens, or mark the audience as opaque.",
        Denial::TokenBoundToDevice => {
            "Bind only refresh tokens at the IdP (Keycloak: client policy executor dpop-bind-enforcer with allow-only-refresh-token-binding)."
        }
    }
}

const fn unreadable_text(why: &Unreadable) -> &'static str {
    match why {
        Unreadable::Corrupted => "a record is not what was written",
        Unreadable::NewerFormat => "a record was written by a newer version",
        Unreadable::RestoredWithoutKey => "a record was restored without its device key",
    }
}
