//! Port: the secret that ties records to this device.

use async_trait::async_trait;
use vestibule_domain::record::{Lookup, Unreadable};
use vestibule_domain::status::Cause;
use zeroize::Zeroizing;

/// Purpose: a secret that never leaves the device and that every record is sealed with, in every mode.
///
/// - `make` MUST be durable before it returns (kept by `a_key_that_may_not_be_durable_is_not_given_out`).
/// - Of two that make at once one MUST win, and the loser MUST adopt its key
///   (kept by `of_twenty_first_starts_one_makes_the_key_and_the_others_adopt_it`).
/// - The storage MUST call `make` only after it has proved that no record exists
///   (kept by `the_device_key_is_made_only_after_it_was_proven_that_no_record_exists`).
/// - `id` MUST answer `Absent` only when there certainly is no key. Locked is not missing
///   (kept by `what_may_not_be_read_is_unavailable_and_never_missing`,
///   `a_key_that_cannot_be_trusted_is_an_error_and_never_made_anew`).
/// - `derive` MUST give the same 32 bytes for the same label and context as long as the key lives,
///   and others for others (kept by `a_key_is_made_once_and_read_by_everybody`).
/// - It MUST be a pseudo-random function of both (kept by `the_published_vectors_follow_from_the_description`).
/// - `excludes_export` MUST say yes only where nobody, root included, can copy the secret off the device (a TPM, a secure
///   enclave): only there may passwords be short (kept by `a_short_password_needs_a_device_key_that_cannot_be_copied`).
/// - `machine` names the machine, not the key; `None` where the platform has no such name.
///
/// | error | means | then |
/// |---|---|---|
/// | `Unavailable` | locked, no permission, not mounted | StorageUnavailable; nothing is made |
/// | `Corrupted` | the key is there but damaged | StorageCorrupted; nothing is made |
/// | `Missing` | `derive` without a key | RestoredWithoutKey where records exist |
///
/// Shortest adapter: 32 bytes in a file outside every backup, HKDF-SHA-256 as `derive`
/// (`vestibule_adapters_storage::FileDeviceKey`).
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait DeviceKey: Send + Sync {
    /// Which key this device has.
    ///
    /// # Errors
    /// See the table.
    async fn id(&self) -> Result<Lookup<DeviceKeyId>, DeviceKeyError>;

    /// Makes a key, or adopts the one that another process made first.
    ///
    /// # Errors
    /// See the table.
    async fn make(&self) -> Result<DeviceKeyId, DeviceKeyError>;

    /// Derives 32 bytes for a purpose (`label`) and a `context`.
    ///
    /// # Errors
    /// See the table.
    async fn derive(&self, label: &'static str, context: &[u8]) -> Result<Zeroizing<[u8; 32]>, DeviceKeyError>;

    /// A name of this machine, hashed for this use; `None` where there is none.
    ///
    /// # Errors
    /// See the table.
    async fn machine(&self) -> Result<Option<[u8; 32]>, DeviceKeyError>;

    /// Whether nobody can copy the secret off the device. A file can be copied.
    fn excludes_export(&self) -> bool {
        false
    }
}

/// Names a device key without telling it: 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceKeyId(pub [u8; 16]);

/// The device key cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DeviceKeyError {
    /// It cannot be reached now.
    #[error("device key: {0}")]
    Unavailable(&'static str),
    /// It is damaged.
    #[error("the device key is damaged")]
    Corrupted,
    /// There is none.
    #[error("there is no device key")]
    Missing,
}

impl From<DeviceKeyError> for Cause {
    fn from(error: DeviceKeyError) -> Self {
        match error {
            DeviceKeyError::Unavailable(why) => Self::StorageUnavailable(why),
            DeviceKeyError::Corrupted => Self::Unreadable(Unreadable::Corrupted),
            DeviceKeyError::Missing => Self::Unreadable(Unreadable::RestoredWithoutKey),
        }
    }
}
