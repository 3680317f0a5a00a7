//! The statuses that an app branches on.

use core::fmt;

/// How an event ended. The names follow the vendor's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StatusType {
    /// Done.
    Ok,
    /// An adapter panicked or broke its contract.
    InternalError,
    /// A parameter does not fit its grammar; the cause names the field.
    InvalidParameter,
    /// The state does not accept the event.
    InvalidState,
    /// The password is wrong.
    WrongCredentials,
    /// Too many wrong passwords; the cause says until when.
    LockedUser,
    /// The user cancelled the prompt.
    UserCancel,
    /// The user did not answer the prompt in time.
    UserConfirmationTimeout,
    /// No biometric gate can be used now.
    BiometricUnavailable,
    /// The biometric key was invalidated, for example by a new finger.
    BiometricInvalidated,
    /// The IdP cannot be reached.
    NotReachable,
    /// The IdP asks to wait; the cause says how long.
    RateLimited,
    /// Another flow is at work, or the queue is full.
    Busy,
    /// The SDK was shut down.
    ShutDown,
    /// The IdP said no; the cause says to what.
    AccessDenied,
    /// The IdP refused the stored token. It is kept and may be tried again.
    TokenDataIsOutdated,
    /// The authorization endpoint answered another error.
    CannotAcquireAuthorizationCode,
    /// The IdP refused the code that it had given.
    CannotAcquireAccessTokenForAuthorizationCode,
    /// The IdP refused a refresh with another error than `invalid_grant`.
    CannotAcquireTokenData,
    /// TLS could not prove the server.
    UntrustedServer,
    /// An answer must not be trusted; the cause says why.
    UntrustedResponse,
    /// The device's clock is wrong.
    ClockSkewed,
    /// The storage cannot be used now. Nothing is known about what lies there.
    StorageUnavailable,
    /// A record is not what was written.
    StorageCorrupted,
    /// A record was written by a newer version.
    NewerFormat,
    /// A record was restored without the device key that it was sealed with.
    RestoredWithoutKey,
    /// A record was copied to another device.
    DeviceChanged,
    /// The record is unfinished: there is no token to log in with.
    NoTokenDataAvailable,
    /// The slot has a user.
    UserIdAlreadyExists,
    /// There is no such record.
    InvalidUserId,
}

impl StatusType {
    /// Every status.
    pub const ALL: [Self; 30] = [
        Self::Ok,
        Self::InternalError,
        Self::InvalidParameter,
        Self::InvalidState,
        Self::WrongCredentials,
        Self::LockedUser,
        Self::UserCancel,
        Self::UserConfirmationTimeout,
        Self::BiometricUnavailable,
        Self::BiometricInvalidated,
        Self::NotReachable,
        Self::RateLimited,
        Self::Busy,
        Self::ShutDown,
        Self::AccessDenied,
        Self::TokenDataIsOutdated,
        Self::CannotAcquireAuthorizationCode,
        Self::CannotAcquireAccessTokenForAuthorizationCode,
        Self::CannotAcquireTokenData,
        Self::UntrustedServer,
        Self::UntrustedResponse,
        Self::ClockSkewed,
        Self::StorageUnavailable,
        Self::StorageCorrupted,
        Self::NewerFormat,
        Self::RestoredWithoutKey,
        Self::DeviceChanged,
        Self::NoTokenDataAvailable,
        Self::UserIdAlreadyExists,
        Self::InvalidUserId,
    ];
}

impl fmt::Display for StatusType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
