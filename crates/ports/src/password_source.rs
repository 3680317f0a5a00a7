//! Port: asking a person for a password.

use async_trait::async_trait;
use vestibule_domain::identifiers::UserIdentifier;
use vestibule_domain::secret::Password;
use vestibule_domain::status::Cause;

/// Purpose: the host app asks its user; passwords never travel in an event.
///
/// - `ask` may wait for a person. It is dropped when the event is interrupted, and MUST then close its prompt
///   (kept by `a_restart_closes_an_open_prompt_and_nothing_was_written_or_sent`, `a_shutdown_closes_an_open_prompt`).
/// - It MUST NOT keep the password: an answer is given once
///   (kept by `prompts_are_answered_in_order_and_then_by_nobody`).
///
/// | error | means | then |
/// |---|---|---|
/// | `Cancelled` | the user said no | UserCancel; nothing was sent |
/// | `TimedOut` | nobody answered | UserConfirmationTimeout; nothing was sent |
///
/// Shortest adapter: a dialog that answers a oneshot channel (`testing::ScriptedPasswordSource` reads a list).
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait PasswordSource: Send + Sync {
    /// Asks for a password.
    ///
    /// # Errors
    /// See the table.
    async fn ask(&self, request: PasswordRequest) -> Result<Password, PromptError>;
}

/// What the password is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PasswordPurpose {
    /// A new password: ask for it twice.
    Choose,
    /// The password of a stored record.
    Unlock,
}

/// A request for a password. An event asks once for each purpose. Wrong passwords are counted by the storage: a host learns of
/// one by `WrongCredentials`, and for a record that is locked out nobody is asked (`LockedUser` tells the wait).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PasswordRequest {
    /// What it is for.
    pub purpose: PasswordPurpose,
    /// Whose; `None` while no user exists yet.
    pub user: Option<UserIdentifier>,
}

impl PasswordRequest {
    /// A request for this purpose.
    #[must_use]
    pub const fn new(purpose: PasswordPurpose, user: Option<UserIdentifier>) -> Self {
        Self { purpose, user }
    }
}

/// Why a prompt gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PromptError {
    /// The user cancelled.
    #[error("the user cancelled the prompt")]
    Cancelled,
    /// Nobody answered.
    #[error("nobody answered the prompt in time")]
    TimedOut,
}

impl From<PromptError> for Cause {
    fn from(error: PromptError) -> Self {
        match error {
            PromptError::Cancelled => Self::Cancelled,
            PromptError::TimedOut => Self::PromptTimedOut,
        }
    }
}
