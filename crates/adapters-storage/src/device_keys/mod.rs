//! Secrets that tie records to this device.

mod device_derivation;
mod file;
mod key_file;
#[cfg(test)]
pub(crate) mod killable_key;
mod machine_id;
mod memory;

pub use file::FileDeviceKey;
pub use memory::MemoryDeviceKey;
