//! Storage adapters of Vestibule: the vault over any byte store, file and memory byte stores, device key, presence.
//!
//! | port | adapters |
//! |---|---|
//! | `SecureStorage` | [`Vault`]: seals each record (format 1: `tests/vectors/format-1.json` has every step) and keeps it in a byte store |
//! | `ByteStore` | [`FileByteStore`], [`MemoryByteStore`] |
//! | `DeviceKey` | [`FileDeviceKey`], [`MemoryDeviceKey`] |
//! | `FlowPresence` | [`LockFilePresence`] |
//!
//! ```
//! use std::sync::Arc;
//!
//! use vestibule_adapters_storage::{MemoryByteStore, MemoryDeviceKey, Vault};
//! use vestibule_ports::testing::ManualClock;
//! use vestibule_ports::{ByteStore, Entropy, EntropyError, SecureStorage};
//!
//! /// The operating system's randomness in a real app.
//! struct Dice;
//!
//! impl Entropy for Dice {
//!     fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
//!         buffer.fill(4);
//!         Ok(())
//!     }
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let store: Arc<dyn ByteStore> = Arc::new(MemoryByteStore::default());
//! let device_key = Arc::new(MemoryDeviceKey::absent(Arc::new(Dice)));
//! let vault = Vault::new(store, device_key, Arc::new(ManualClock::new()), Arc::new(Dice));
//! assert!(vault.list(None, 10).await.unwrap().records.is_empty());
//! # });
//! ```

#[cfg(not(unix))]
compile_error!("the storage adapters need a Unix: the file byte store has no safe replace elsewhere");

mod byte_stores;
mod device_keys;
mod envelope;
mod flow_presences;
mod password_preparation;
mod private_directory;
mod remote_file_systems;
mod system_calls;
mod vault;
mod vault_settings;

pub use byte_stores::{FileByteStore, MAX_ENTRY_BYTES, MIN_SPARE_BYTES, MemoryByteStore};
pub use device_keys::{FileDeviceKey, MemoryDeviceKey};
pub use envelope::attempts_entry::MAX_COUNTED_RECORDS;
pub use envelope::kdf::{
    DEFAULT_KDF_LANES, DEFAULT_KDF_MEMORY_KIB, DEFAULT_KDF_PASSES, KdfParameters, MAX_KDF_LANES, MAX_KDF_MEMORY_KIB,
    MAX_KDF_PASSES, MIN_KDF_MEMORY_KIB, MIN_KDF_PASSES,
};
pub use envelope::layout::{FORMAT, MAC_BYTES, MAGIC, MAX_BODY_BYTES, MAX_HEADER_BYTES};
pub use flow_presences::{FLOWS_DIRECTORY, LockFilePresence};
pub use password_preparation::{DEFAULT_MIN_PASSWORD_CHARACTERS, MAX_PASSWORD_BYTES};
pub use private_directory::FileSystems;
pub use vault::{MAX_RECORDS_PER_PAGE, MAX_REMEMBERED_RECORDS, MAX_SENDS_OF_ONE_WRITE, Vault};
pub use vault_settings::VaultSettings;

#[cfg(test)]
extern crate self as vestibule_adapters_storage;
#[cfg(test)]
mod faulty_calls;
#[cfg(test)]
mod killed_children;
#[cfg(test)]
#[path = "../tests/storage/support.rs"]
#[expect(dead_code, reason = "shared with the tests of the public face, which use more of it")]
mod support;
