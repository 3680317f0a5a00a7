//! What an app asks for. Events hold raw values; `send` parses them once, first thing.

use alloc::string::String;
use core::fmt;

use crate::authentication_mode::AuthenticationMode;
use crate::identifiers::{DEFAULT_CLIENT_ID, RecordHandle, UserIdentifier};

/// The kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EventKind {
    /// [`StartEvent`]
    Start,
    /// [`RestartEvent`]
    Restart,
    /// [`EnrollAnonymousUserEvent`]
    EnrollAnonymousUser,
    /// [`OfflineLoginEvent`]
    OfflineLogin,
    /// [`LogoutEvent`]
    Logout,
    /// [`ExchangeIamTokenEvent`]
    ExchangeIamToken,
    /// [`SetAuthenticationModeEvent`]
    SetAuthenticationMode,
    /// [`ClearIamTokenCacheEvent`]
    ClearIamTokenCache,
    /// [`DeleteUserEvent`]
    DeleteUser,
    /// [`SuspendEvent`]
    Suspend,
    /// [`ResumeEvent`]
    Resume,
    /// [`GetInformationEvent`]
    GetInformation,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::Start,
        Self::Restart,
        Self::EnrollAnonymousUser,
        Self::OfflineLogin,
        Self::Logout,
        Self::ExchangeIamToken,
        Self::SetAuthenticationMode,
        Self::ClearIamTokenCache,
        Self::DeleteUser,
        Self::Suspend,
        Self::Resume,
        Self::GetInformation,
    ];

    /// The name of the event's type without the word "Event".
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Start => "Start",
            Self::Restart => "Restart",
            Self::EnrollAnonymousUser => "EnrollAnonymousUser",
            Self::OfflineLogin => "OfflineLogin",
            Self::Logout => "Logout",
            Self::ExchangeIamToken => "ExchangeIamToken",
            Self::SetAuthenticationMode => "SetAuthenticationMode",
            Self::ClearIamTokenCache => "ClearIamTokenCache",
            Self::DeleteUser => "DeleteUser",
            Self::Suspend => "Suspend",
            Self::Resume => "Resume",
            Self::GetInformation => "GetInformation",
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Which record an event speaks of: a user, or the handle of a record that may have none.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum RecordRef {
    /// By its user.
    User(UserIdentifier),
    /// By its handle, as Start's outcome lists it.
    Handle(RecordHandle),
}

impl From<UserIdentifier> for RecordRef {
    fn from(user: UserIdentifier) -> Self {
        Self::User(user)
    }
}

impl From<RecordHandle> for RecordRef {
    fn from(handle: RecordHandle) -> Self {
        Self::Handle(handle)
    }
}

impl fmt::Display for RecordRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::User(user) => write!(f, "{user}"),
            Self::Handle(handle) => write!(f, "record:{handle}"),
        }
    }
}

/// Starts the SDK: reads what is stored and says what the app can do next. Accepted in `NotStarted`. Its three values are
/// parsed as [`AppInfo`](crate::identifiers::AppInfo).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StartEvent {
    /// Name of the app, 1..=32 bytes of UTF-8.
    pub app_name: String,
    /// Version of the app, 1..=32 bytes of UTF-8.
    pub app_version: String,
    /// Language of the app, a BCP 47 tag (RFC 5646) such as `en` or `de-CH`.
    pub locale: String,
}

impl StartEvent {
    /// An event with all that it needs.
    #[must_use]
    pub fn new(app_name: impl Into<String>, app_version: impl Into<String>, locale: impl Into<String>) -> Self {
        Self {
            app_name: app_name.into(),
            app_version: app_version.into(),
            locale: locale.into(),
        }
    }
}

/// Wipes memory and reads the storage anew. Accepted in every started state; nothing on disk changes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestartEvent;

/// Enrols this device anonymously at the IdP. Accepted in `ActivationRequired` and `LoginRequired`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrollAnonymousUserEvent {
    /// The tenant to enrol at.
    pub tenant_id: String,
    /// How the token is to be kept.
    pub authentication_mode: AuthenticationMode,
    /// The client that the IdP knows this app by.
    pub client_id: String,
    /// What stands in the slot now and is to give way to a *new* user.
    pub replace: Option<RecordRef>,
}

impl EnrollAnonymousUserEvent {
    /// An enrolment with the default client, `AstDeviceEnrollment`, that replaces nothing.
    #[must_use]
    pub fn new(tenant_id: impl Into<String>, authentication_mode: AuthenticationMode) -> Self {
        Self {
            tenant_id: tenant_id.into(),
            authentication_mode,
            client_id: DEFAULT_CLIENT_ID.into(),
            replace: None,
        }
    }

    /// The same with another client.
    #[must_use]
    pub fn with_client_id(mut self, client_id: impl Into<String>) -> Self {
        self.client_id = client_id.into();
        self
    }

    /// The same, taking the place of what stands there, by its user, or by its handle where it cannot be read. What stood
    /// there is lost to this device once the new user stands; where the IdP certainly did nothing it stands there again.
    ///
    /// What cannot be read (damaged, of a newer version, or without its device key) is kept and put back as it is, if the
    /// storage can move bytes that it cannot read; the vault can. With one that cannot it is lost at once. A record that
    /// has become readable since the app was told that it is not is another one than the app named: `InvalidUserId`.
    #[must_use]
    pub fn replacing(mut self, record: impl Into<RecordRef>) -> Self {
        self.replace = Some(record.into());
        self
    }
}

/// Unlocks a stored token and proves it at the IdP. Accepted in `LoginRequired`. ("Offline" is the vendor's word for
/// "with the stored token".)
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OfflineLoginEvent {
    /// Who logs in.
    pub record: RecordRef,
}

impl OfflineLoginEvent {
    /// A login of one user or record.
    #[must_use]
    pub fn new(record: impl Into<RecordRef>) -> Self {
        Self { record: record.into() }
    }
}

/// Wipes keys and tokens from memory and revokes nothing. Accepted in `LoggedIn`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogoutEvent;

/// Asks for an access token for one audience. Accepted in `LoggedIn`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExchangeIamTokenEvent {
    /// Who the token is for.
    pub audience: String,
    /// Ask the IdP even when a valid token is cached.
    pub force_update: bool,
}

impl ExchangeIamTokenEvent {
    /// A token for this audience, cached if a valid one is.
    #[must_use]
    pub fn new(audience: impl Into<String>) -> Self {
        Self {
            audience: audience.into(),
            force_update: false,
        }
    }

    /// The same, fetched anew.
    #[must_use]
    pub const fn forced(mut self) -> Self {
        self.force_update = true;
        self
    }
}

/// Changes the protection of the logged-in user's record, or its password. Accepted in `LoggedIn`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SetAuthenticationModeEvent {
    /// The mode to change to; the present one: a new credential of the same mode.
    pub mode: AuthenticationMode,
}

impl SetAuthenticationModeEvent {
    /// A change to this mode.
    #[must_use]
    pub const fn new(mode: AuthenticationMode) -> Self {
        Self { mode }
    }
}

/// Drops cached access tokens. Accepted in `LoggedIn` and `LoginRequired`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClearIamTokenCacheEvent;

/// Whether a deletion may ask for the credential, which revoking at the IdP needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeletionCredential {
    /// Ask for it; the session at the IdP is revoked.
    Ask,
    /// Delete without it; nothing can be revoked.
    Skip,
}

/// Deletes a user or a record from this device. Accepted in `ActivationRequired` (an unfinished enrolment) and
/// `LoginRequired`.
///
/// What cannot be read is deleted by its handle, as it was listed. Deleting an unfinished enrolment puts back what it
/// replaced. A user that has a record at each of two clients is named by the handle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeleteUserEvent {
    /// What is deleted.
    pub record: RecordRef,
    /// Whether the credential may be asked for.
    pub credential: DeletionCredential,
}

impl DeleteUserEvent {
    /// A deletion that asks for the credential, so that the session at the IdP can be revoked.
    #[must_use]
    pub fn new(record: impl Into<RecordRef>) -> Self {
        Self {
            record: record.into(),
            credential: DeletionCredential::Ask,
        }
    }

    /// The same, for somebody who does not have the credential any more: nothing can be revoked.
    #[must_use]
    pub const fn without_credential(mut self) -> Self {
        self.credential = DeletionCredential::Skip;
        self
    }
}

/// Wipes keys and tokens while the app is in the background. Accepted in every started state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SuspendEvent;

/// Undoes a suspend; in every other state it does nothing. Accepted in every state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResumeEvent;

/// Tells version, state, users and counters. Accepted in every state, never queued.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct GetInformationEvent;
