//! Port: randomness.

use vestibule_domain::status::Cause;

/// Purpose: every key, id, nonce and jitter comes from here.
///
/// - `fill` MUST fill the whole buffer, or fail, and MUST NOT repeat itself
///   (kept by `every_byte_of_every_buffer_is_filled_and_no_two_are_alike`).
/// - The bytes are fit for keys: a CSPRNG seeded by the operating system. No test can tell that from the bytes.
/// - A generator that lives in the process is seeded anew after a fork; the operating system's own needs no such care.
///
/// | error | means | then |
/// |---|---|---|
/// | [`EntropyError`] | no randomness | the event fails with InternalError, nothing was done |
///
/// Shortest adapter: `vestibule::SystemEntropy`; for tests `testing::SeededEntropy`.
#[cfg_attr(feature = "mocks", mockall::automock)]
pub trait Entropy: Send + Sync {
    /// Fills the buffer.
    ///
    /// # Errors
    /// [`EntropyError`] when the system has none.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError>;
}

/// The operating system gave no randomness.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gave no randomness")]
pub struct EntropyError;

impl From<EntropyError> for Cause {
    fn from(_: EntropyError) -> Self {
        Self::ContractBroken("the operating system gave no randomness")
    }
}
