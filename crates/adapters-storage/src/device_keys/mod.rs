//! Secrets that tie records to this device.

mod device_derivation;
mod memory;

pub use memory::MemoryDeviceKey;
