//! What the vault needs of the device key: whose records are ours, and the keys derived for them.

use std::sync::{Arc, Mutex, PoisonError};

use vestibule_domain::record::{Lookup, Unreadable};
use vestibule_ports::{DeviceKey, DeviceKeyError, DeviceKeyId, StorageError};

use crate::envelope::key_schedule::{self, DeviceShare};
use crate::envelope::mac::{self, IndexKey};

/// The device key, with the index key that was derived once.
pub(super) struct DeviceSecret {
    key: Arc<dyn DeviceKey>,
    index: Mutex<Option<(DeviceKeyId, IndexKey)>>,
}

impl DeviceSecret {
    pub(super) fn new(key: Arc<dyn DeviceKey>) -> Self {
        Self {
            key,
            index: Mutex::new(None),
        }
    }

    /// Which key this device has.
    pub(super) async fn id(&self) -> Result<Lookup<DeviceKeyId>, StorageError> {
        self.key.id().await.map_err(refused)
    }

    /// Makes a key, or adopts one. Only after it was proven that no record exists.
    pub(super) async fn make(&self) -> Result<DeviceKeyId, StorageError> {
        self.key.make().await.map_err(refused)
    }

    /// The key that proves records sealed with this device key; `RestoredWithoutKey` when the device has another or none.
    pub(super) async fn index_key(&self, sealed_with: DeviceKeyId) -> Result<IndexKey, StorageError> {
        if let Some(index) = self.remembered(sealed_with) {
            return Ok(index);
        }
        if self.id().await? != Lookup::Present(sealed_with) {
            return Err(StorageError::Unreadable(Unreadable::RestoredWithoutKey));
        }
        let index = IndexKey(self.key.derive(mac::DEVICE_LABEL, &[]).await.map_err(refused)?);
        *self.index.lock().unwrap_or_else(PoisonError::into_inner) = Some((sealed_with, index.clone()));
        Ok(index)
    }

    /// The device's share of one epoch's key.
    pub(super) async fn share(&self, context: &[u8]) -> Result<DeviceShare, StorageError> {
        let derived = self.key.derive(key_schedule::DEVICE_LABEL, context).await;
        derived.map(DeviceShare).map_err(refused)
    }

    /// Whether nobody can copy the key off the device.
    pub(super) fn excludes_export(&self) -> bool {
        self.key.excludes_export()
    }

    /// The machine's name, hashed.
    pub(super) async fn machine(&self) -> Result<Option<[u8; 32]>, StorageError> {
        self.key.machine().await.map_err(refused)
    }

    fn remembered(&self, id: DeviceKeyId) -> Option<IndexKey> {
        let remembered = self.index.lock().unwrap_or_else(PoisonError::into_inner);
        remembered
            .as_ref()
            .filter(|(known, _)| *known == id)
            .map(|(_, index)| index.clone())
    }
}

/// Errors of the device key in the words of the storage.
const fn refused(error: DeviceKeyError) -> StorageError {
    match error {
        DeviceKeyError::Unavailable(why) => StorageError::Unavailable(why),
        DeviceKeyError::Corrupted => StorageError::Unreadable(Unreadable::Corrupted),
        DeviceKeyError::Missing => StorageError::Unreadable(Unreadable::RestoredWithoutKey),
        _ => StorageError::Unavailable("the device key failed in a way that this version does not know"),
    }
}
