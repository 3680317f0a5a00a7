//! Storage adapters of Vestibule: the vault over any byte store, file and memory byte stores, device key, presence.
//!
//! The [`Vault`] seals each record and keeps it in a place for bytes; what it promises and what it does not stands in
//! `SECURITY.md`, the format in `docs/` and in the test vectors.

mod byte_stores;
mod device_keys;
mod envelope;
mod vault;

pub use byte_stores::MemoryByteStore;
pub use device_keys::MemoryDeviceKey;
pub use envelope::layout::{FORMAT, MAC_BYTES, MAGIC, MAX_BODY_BYTES, MAX_HEADER_BYTES};
pub use vault::{MAX_RECORDS_PER_PAGE, MAX_REMEMBERED_RECORDS, MAX_SENDS_OF_ONE_WRITE, Vault};
