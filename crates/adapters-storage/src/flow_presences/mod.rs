//! Who is at work on a record.

mod lock_file;
mod lock_files;

pub use lock_file::{FLOWS_DIRECTORY, LockFilePresence};
