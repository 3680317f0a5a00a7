//! Storage adapters of Vestibule: the vault over any byte store, file and memory byte stores, device key, presence.
//!
//! The [`Vault`] seals each record and keeps it in a place for bytes; what it promises and what it does not stands in
//! `SECURITY.md`, the format in `docs/` and in the test vectors.

#[cfg(not(unix))]
compile_error!("the storage adapters need a Unix: the file byte store has no safe replace elsewhere");

mod byte_stores;
mod device_keys;
mod envelope;
#[cfg(test)]
mod faulty_calls;
mod flow_presences;
mod private_directory;
mod remote_file_systems;
mod system_calls;
mod vault;

pub use byte_stores::{FileByteStore, MAX_ENTRY_BYTES, MIN_SPARE_BYTES, MemoryByteStore};
pub use device_keys::{FileDeviceKey, MemoryDeviceKey};
pub use envelope::layout::{FORMAT, MAC_BYTES, MAGIC, MAX_BODY_BYTES, MAX_HEADER_BYTES};
pub use flow_presences::{FLOWS_DIRECTORY, LockFilePresence};
pub use private_directory::FileSystems;
pub use vault::{MAX_RECORDS_PER_PAGE, MAX_REMEMBERED_RECORDS, MAX_SENDS_OF_ONE_WRITE, Vault};
