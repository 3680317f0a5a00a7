//! Port: a key that the platform releases only to the enrolled finger or face.

use async_trait::async_trait;
use vestibule_domain::secret::GateKey;
use vestibule_domain::status::Cause;

/// Longest blob that a record keeps for its gate, in bytes.
pub const MAX_GATE_BLOB_BYTES: usize = 1024;

/// Purpose: wraps and releases a record's gate key by biometrics. A plain yes or no must not implement it.
///
/// - `unwrap` MUST release the key only after a successful biometric check of this very call
///   (kept by `a_planned_failure_ends_one_prompt_and_an_unavailable_gate_shows_none`).
/// - The blob MUST be useless without the platform's key, and at most [`MAX_GATE_BLOB_BYTES`] long
///   (kept by `a_blob_is_short_and_opens_nothing_at_another_gate`).
/// - The gate never sees the key that seals the record, only the one that it wraps.
/// - `forget` MUST be idempotent (kept by `an_invalidated_or_forgotten_key_is_gone`).
///
/// | error | means | then |
/// |---|---|---|
/// | `Unavailable` | no hardware, nothing enrolled, locked out | BiometricUnavailable |
/// | `Invalidated` | the platform destroyed the key | BiometricInvalidated; the record is kept |
/// | `Cancelled`, `TimedOut` | the prompt ended | UserCancel, UserConfirmationTimeout; nothing was sent |
///
/// Shortest adapter: the platform's key store and its prompt (`testing::ScriptedGate` reads a list).
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait BiometricGate: Send + Sync {
    /// Whether the gate can be used now.
    async fn availability(&self) -> GateAvailability;

    /// What the platform promises, for teams that require it.
    fn properties(&self) -> GateProperties;

    /// Wraps a key under a label; prompts unless the gate wraps silently.
    ///
    /// # Errors
    /// See the table.
    async fn wrap(&self, label: &str, key: GateKey) -> Result<GateBlob, GateError>;

    /// Releases a key after a biometric check.
    ///
    /// # Errors
    /// See the table.
    async fn unwrap(&self, label: &str, blob: GateBlob) -> Result<GateKey, GateError>;

    /// Forgets what the platform keeps under a label.
    ///
    /// # Errors
    /// See the table.
    async fn forget(&self, label: &str) -> Result<(), GateError>;
}

/// Whether a gate can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GateAvailability {
    /// It can.
    Ready,
    /// It cannot, because of this.
    Unavailable(&'static str),
}

/// What the platform promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "five independent promises, each required or not"
)]
pub struct GateProperties {
    /// Wrapping shows no prompt.
    pub wraps_silently: bool,
    /// The device's PIN or pattern does not stand in for the finger.
    pub excludes_device_credential: bool,
    /// A newly enrolled finger invalidates the key.
    pub invalidated_by_new_biometrics: bool,
    /// The key lives in hardware.
    pub hardware: bool,
    /// Failed attempts are counted and end in a lock-out.
    pub counts_attempts: bool,
}

impl GateProperties {
    /// Which of the required promises is not kept; `None` when all are.
    #[must_use]
    pub fn first_missing(&self, required: &Self) -> Option<&'static str> {
        [
            ("wraps_silently", self.wraps_silently, required.wraps_silently),
            (
                "excludes_device_credential",
                self.excludes_device_credential,
                required.excludes_device_credential,
            ),
            (
                "invalidated_by_new_biometrics",
                self.invalidated_by_new_biometrics,
                required.invalidated_by_new_biometrics,
            ),
            ("hardware", self.hardware, required.hardware),
            ("counts_attempts", self.counts_attempts, required.counts_attempts),
        ]
        .into_iter()
        .find_map(|(name, is_kept, is_required)| (is_required && !is_kept).then_some(name))
    }
}

/// What a gate keeps in the record: opaque.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GateBlob(pub Vec<u8>);

/// Why a gate released nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum GateError {
    /// It cannot be used now.
    #[error("biometric gate: {0}")]
    Unavailable(&'static str),
    /// The platform destroyed the key.
    #[error("the biometric key was invalidated")]
    Invalidated,
    /// The user cancelled.
    #[error("the user cancelled the prompt")]
    Cancelled,
    /// Nobody answered.
    #[error("nobody answered the prompt in time")]
    TimedOut,
}

impl From<GateError> for Cause {
    fn from(error: GateError) -> Self {
        match error {
            GateError::Unavailable(why) => Self::BiometricUnavailable(why),
            GateError::Invalidated => Self::BiometricInvalidated,
            GateError::Cancelled => Self::Cancelled,
            GateError::TimedOut => Self::PromptTimedOut,
        }
    }
}
