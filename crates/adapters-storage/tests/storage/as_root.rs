//! The file adapters on a disk that is really full or read-only, with files that really belong to another user, and as a
//! user who is really denied. Only root can make these: without it they fail. They leave nothing mounted.

mod full_disk;
mod other_users;
mod read_only;
mod small_disk;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use vestibule_adapters_storage::{FileByteStore, FileDeviceKey, Vault};
use vestibule_domain::record::Lookup;
use vestibule_ports::{ByteStore, ByteStoreError, Loaded, StoreName};

use super::support::*;
use small_disk::require_root;

/// A user without any right, on every Unix that we know of.
const NOBODY: u32 = 65_534;

/// Randomness of its own, in each process and each time.
fn entropy() -> Arc<HashedEntropy> {
    static DRAWN: AtomicU64 = AtomicU64::new(0);
    HashedEntropy::new(u64::from(std::process::id()) << 32 | DRAWN.fetch_add(1, Ordering::SeqCst))
}

fn open_store(path: &Path) -> Result<FileByteStore, ByteStoreError> {
    FileByteStore::open(path, entropy())
}

fn file_vault(records: &Path, state: &Path) -> Vault {
    let key = FileDeviceKey::open(state, entropy()).unwrap();
    Vault::new(
        Arc::new(open_store(records).unwrap()),
        Arc::new(key),
        clock(),
        entropy(),
    )
}

fn name(text: &str) -> StoreName {
    StoreName::new(text).unwrap()
}

async fn load(store: &FileByteStore, text: &str) -> Option<Loaded> {
    match store.load(name(text)).await.unwrap() {
        Lookup::Present(loaded) => Some(loaded),
        Lookup::Absent => None,
    }
}

/// Whether it was refused in words that hold these.
fn says<T>(refused: Result<T, ByteStoreError>, words: &str) -> bool {
    matches!(refused, Err(ByteStoreError::Unavailable(why)) if why.contains(words))
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}
