//! A device key in its file on planned faults, for whole first starts.

use std::path::Path;

use async_trait::async_trait;
use vestibule_domain::record::Lookup;
use vestibule_ports::{DeviceKey, DeviceKeyError, DeviceKeyId};
use zeroize::Zeroizing;

use super::device_derivation;
use super::key_file::KeyFile;
use crate::faulty_calls::FaultyCalls;
use crate::private_directory::FileSystems;
use crate::support::HashedEntropy;

pub(crate) struct KillableKey(KeyFile<FaultyCalls>);

impl KillableKey {
    pub(crate) fn open(path: &Path, calls: FaultyCalls) -> Self {
        let entropy = HashedEntropy::new(u64::from(std::process::id()));
        Self(KeyFile::open(calls, path, entropy, FileSystems::Local).unwrap())
    }
}

#[async_trait]
impl DeviceKey for KillableKey {
    async fn id(&self) -> Result<Lookup<DeviceKeyId>, DeviceKeyError> {
        Ok(self.0.read()?.map_or(Lookup::Absent, |secret| {
            Lookup::Present(device_derivation::id_of(&secret))
        }))
    }

    async fn make(&self) -> Result<DeviceKeyId, DeviceKeyError> {
        Ok(device_derivation::id_of(&*self.0.make()?))
    }

    async fn derive(&self, label: &'static str, context: &[u8]) -> Result<Zeroizing<[u8; 32]>, DeviceKeyError> {
        let secret = self.0.read()?.ok_or(DeviceKeyError::Missing)?;
        device_derivation::derive(&secret, label, context)
    }

    async fn machine(&self) -> Result<Option<[u8; 32]>, DeviceKeyError> {
        Ok(None)
    }
}
