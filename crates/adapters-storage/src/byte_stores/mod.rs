//! Places for sealed bytes.

mod memory;

pub use memory::MemoryByteStore;
