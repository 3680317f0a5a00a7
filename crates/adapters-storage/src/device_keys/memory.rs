//! A device key in memory: for tests.

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use vestibule_domain::record::Lookup;
use vestibule_ports::{DeviceKey, DeviceKeyError, DeviceKeyId, Entropy};
use zeroize::Zeroizing;

use super::device_derivation::{self, SECRET_BYTES};

/// A [`DeviceKey`] that is forgotten with the value: what was sealed with it opens no more. For tests.
pub struct MemoryDeviceKey {
    entropy: Arc<dyn Entropy>,
    secret: Mutex<Option<Zeroizing<[u8; SECRET_BYTES]>>>,
    machine: Option<[u8; 32]>,
}

impl MemoryDeviceKey {
    /// A device that has no key yet.
    #[must_use]
    pub fn absent(entropy: Arc<dyn Entropy>) -> Self {
        Self {
            entropy,
            secret: Mutex::new(None),
            machine: None,
        }
    }

    /// The same device, with this key.
    #[must_use]
    pub fn with_secret(mut self, secret: [u8; SECRET_BYTES]) -> Self {
        self.secret = Mutex::new(Some(Zeroizing::new(secret)));
        self
    }

    /// The same device, with this name of its machine.
    #[must_use]
    pub const fn on_machine(mut self, machine: [u8; 32]) -> Self {
        self.machine = Some(machine);
        self
    }

    /// Forgets the key, as when a backup is restored on a new device.
    pub fn forget(&self) {
        *self.secret.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl core::fmt::Debug for MemoryDeviceKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("MemoryDeviceKey(..)")
    }
}

#[async_trait]
impl DeviceKey for MemoryDeviceKey {
    async fn id(&self) -> Result<Lookup<DeviceKeyId>, DeviceKeyError> {
        let secret = self.secret.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(secret.as_ref().map_or(Lookup::Absent, |secret| {
            Lookup::Present(device_derivation::id_of(secret))
        }))
    }

    async fn make(&self) -> Result<DeviceKeyId, DeviceKeyError> {
        let mut made = Zeroizing::new([0; SECRET_BYTES]);
        self.entropy
            .fill(made.as_mut_slice())
            .map_err(|_| DeviceKeyError::Unavailable("the operating system gave no randomness"))?;
        let mut secret = self.secret.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(device_derivation::id_of(secret.get_or_insert(made)))
    }

    async fn derive(&self, label: &'static str, context: &[u8]) -> Result<Zeroizing<[u8; 32]>, DeviceKeyError> {
        let secret = self.secret.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let secret = secret.ok_or(DeviceKeyError::Missing)?;
        device_derivation::derive(&secret, label, context)
    }

    async fn machine(&self) -> Result<Option<[u8; 32]>, DeviceKeyError> {
        Ok(self.machine)
    }
}
