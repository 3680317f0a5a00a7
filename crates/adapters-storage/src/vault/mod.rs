//! A secure storage of any place for bytes.

mod aside;
mod attempts;
#[cfg(test)]
mod derivation_counts;
mod device_secret;
mod listing;
mod opening;
mod reading;
mod record_names;
mod removing;
mod sealing;
mod seen_generations;
mod settled_write;
mod writing;

use std::sync::Arc;

use async_trait::async_trait;
use vestibule_domain::identifiers::RecordHandle;
use vestibule_domain::record::{Lookup, Place, Revision};
use vestibule_ports::{
    ByteStore, Clock, Described, DeviceKey, Entropy, Key, Opened, RecordsPage, SecureStorage, StorageError,
    WriteRequest, Written,
};

use device_secret::DeviceSecret;
pub use listing::MAX_RECORDS_PER_PAGE;
pub use seen_generations::MAX_REMEMBERED_RECORDS;
use seen_generations::SeenGenerations;
pub use settled_write::MAX_SENDS_OF_ONE_WRITE;

use crate::vault_settings::VaultSettings;

/// A [`SecureStorage`] over a [`ByteStore`]: seals each record under its mode and the device key, and proves what lies
/// there before anybody believes it.
///
/// - Of an entry that cannot be proven it says why ([`Unreadable`](vestibule_domain::record::Unreadable)); it is never
///   taken for absent.
/// - The device key is made at the first sealing, and only after the byte store has proven that no record exists.
/// - Within one vault an older state of a record than one already seen is refused as corrupted.
/// - A copy kept aside lies at the handle that is made of its record id, a record in stage `Revoking` at the handle that
///   it was written under, every other record at the handle of its slot. Anywhere else a record is corrupted.
///
/// - Passwords are derived with Argon2id, counted before they are tried, and delayed when they are wrong: also after a
///   restart, a boot, and a change of the date ([`vestibule_domain::lockout`]).
pub struct Vault {
    store: Arc<dyn ByteStore>,
    device: DeviceSecret,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: VaultSettings,
    seen: SeenGenerations,
    /// How many derivations were asked for.
    #[cfg(test)]
    derivations: std::sync::atomic::AtomicUsize,
}

impl Vault {
    /// A vault in a place for bytes. Nothing is read or made yet.
    #[must_use]
    pub fn new(
        store: Arc<dyn ByteStore>,
        device_key: Arc<dyn DeviceKey>,
        clock: Arc<dyn Clock>,
        entropy: Arc<dyn Entropy>,
    ) -> Self {
        Self {
            store,
            device: DeviceSecret::new(device_key),
            clock,
            entropy,
            settings: VaultSettings::DEFAULT,
            seen: SeenGenerations::default(),
            #[cfg(test)]
            derivations: std::sync::atomic::AtomicUsize::new(0),
        }
    }

    /// The same vault with other settings.
    #[must_use]
    pub fn with_settings(mut self, settings: VaultSettings) -> Self {
        self.settings = settings;
        self
    }
}

impl core::fmt::Debug for Vault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Vault(..)")
    }
}

#[async_trait]
impl SecureStorage for Vault {
    async fn list(&self, after: Option<RecordHandle>, limit: usize) -> Result<RecordsPage, StorageError> {
        self.list_records(after, limit).await
    }

    async fn describe(&self, place: Place) -> Result<Lookup<Described>, StorageError> {
        self.describe_record(&place).await
    }

    async fn open(&self, place: Place, key: Key) -> Result<Opened, StorageError> {
        self.open_record(&place, key).await
    }

    async fn write(&self, request: WriteRequest) -> Result<Written, StorageError> {
        self.write_record(request).await
    }

    async fn keep_aside(&self, handle: RecordHandle, revision: Revision) -> Result<RecordHandle, StorageError> {
        self.keep_copy_aside(handle, revision).await
    }

    async fn put_back(&self, aside: RecordHandle, expected: Option<Revision>) -> Result<Revision, StorageError> {
        self.put_copy_back(aside, expected).await
    }

    async fn remove(&self, handle: RecordHandle, revision: Revision) -> Result<(), StorageError> {
        self.remove_record(handle, revision).await
    }
}
