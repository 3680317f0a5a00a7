//! Places for sealed bytes.

mod file;
mod memory;

pub use file::{FileByteStore, MAX_ENTRY_BYTES, MIN_SPARE_BYTES};
pub use memory::MemoryByteStore;
