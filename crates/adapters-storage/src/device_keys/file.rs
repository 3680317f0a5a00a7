//! A device key in a file of the state directory.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use vestibule_domain::record::Lookup;
use vestibule_ports::{DeviceKey, DeviceKeyError, DeviceKeyId, Entropy};
use zeroize::Zeroizing;

use super::key_file::KeyFile;
use super::{device_derivation, machine_id};
use crate::private_directory::FileSystems;
use crate::system_calls::Unix;

/// A [`DeviceKey`] of 32 random bytes in a file of its own, mode 0600, in the *state* directory: never beside the vault, so
/// that a backup of the data does not take it along.
///
/// - It is written and synced as a full file under another name, and then hard-linked into place: of two first starts one
///   wins, and the other adopts its key.
/// - It is read anew each time: a key that was taken away is missing at once.
/// - The machine's name is the hash of `/etc/machine-id` (`machine-id(5)`); there is none where that is missing.
///
/// Whoever can read this file can open every record of mode `no`. Blocking calls run on tokio's blocking threads, so it is
/// used within a tokio runtime.
pub struct FileDeviceKey {
    file: Arc<KeyFile<Unix>>,
}

impl FileDeviceKey {
    /// Opens the state directory, which is made where there is none. No key is made.
    ///
    /// # Errors
    /// `Unavailable`, with the rule that the directory breaks.
    pub fn open(state_directory: impl AsRef<Path>, entropy: Arc<dyn Entropy>) -> Result<Self, DeviceKeyError> {
        Self::open_on(state_directory, entropy, FileSystems::Local)
    }

    /// Opens a state directory on any of the allowed file systems.
    ///
    /// # Errors
    /// `Unavailable`, with the rule that the directory breaks.
    pub fn open_on(
        state_directory: impl AsRef<Path>,
        entropy: Arc<dyn Entropy>,
        allowed: FileSystems,
    ) -> Result<Self, DeviceKeyError> {
        let file = KeyFile::open(Unix, state_directory.as_ref(), entropy, allowed)?;
        Ok(Self { file: Arc::new(file) })
    }

    async fn blocking<T: Send + 'static>(
        &self,
        act: impl FnOnce(&KeyFile<Unix>) -> Result<T, DeviceKeyError> + Send + 'static,
    ) -> Result<T, DeviceKeyError> {
        let file = Arc::clone(&self.file);
        let ended = DeviceKeyError::Unavailable("the thread that was to read did not come back");
        tokio::task::spawn_blocking(move || act(&file))
            .await
            .unwrap_or(Err(ended))
    }
}

impl core::fmt::Debug for FileDeviceKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FileDeviceKey(..)")
    }
}

#[async_trait]
impl DeviceKey for FileDeviceKey {
    async fn id(&self) -> Result<Lookup<DeviceKeyId>, DeviceKeyError> {
        let secret = self.blocking(KeyFile::read).await?;
        Ok(secret.map_or(Lookup::Absent, |secret| {
            Lookup::Present(device_derivation::id_of(&secret))
        }))
    }

    async fn make(&self) -> Result<DeviceKeyId, DeviceKeyError> {
        let secret = self.blocking(KeyFile::make).await?;
        Ok(device_derivation::id_of(&secret))
    }

    async fn derive(&self, label: &'static str, context: &[u8]) -> Result<Zeroizing<[u8; 32]>, DeviceKeyError> {
        let secret = self.blocking(KeyFile::read).await?.ok_or(DeviceKeyError::Missing)?;
        device_derivation::derive(&secret, label, context)
    }

    async fn machine(&self) -> Result<Option<[u8; 32]>, DeviceKeyError> {
        self.blocking(|_| machine_id::read()).await
    }
}
