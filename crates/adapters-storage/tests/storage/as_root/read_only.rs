//! A file system that is mounted read-only.

use std::sync::Arc;

use vestibule_adapters_storage::{FileDeviceKey, LockFilePresence, Vault};
use vestibule_domain::record::Lookup;
use vestibule_ports::{DeviceKey, DeviceKeyError, FlowPresence, PresenceError, SecureStorage, StorageError};

use super::super::support::*;
use super::small_disk::SmallDisk;
use super::{entropy, file_vault, open_store, says};

const READ_ONLY: &str = "the file system is read-only";

#[tokio::test]
async fn on_a_read_only_file_system_records_are_read_and_nothing_is_written() {
    let disk = SmallDisk::mount();
    let (records, state) = (disk.path().join("records"), disk.path().join("state"));
    let vault = file_vault(&records, &state);
    let presence = LockFilePresence::open(&state, entropy()).unwrap();
    let found = header(1, "app", active());
    let begun = begin(&vault, &found, "old").await;
    disk.make_read_only();
    let refused = StorageError::Unavailable(READ_ONLY);
    assert_eq!(text(&vault, &found).await, "old");
    assert_eq!(vault.list(None, 9).await.unwrap().records.len(), 1);
    let written = write(
        &vault,
        Some(&begun.revision),
        &next(&found),
        resealed("new", &begun.key),
    )
    .await;
    assert_eq!(written.unwrap_err(), refused);
    let slot = handle(&vault, &found).await;
    let kept = vault.keep_aside(slot, begun.revision.clone()).await;
    assert_eq!(kept.unwrap_err(), refused);
    assert_eq!(vault.remove(slot, begun.revision.clone()).await.unwrap_err(), refused);
    assert_eq!(presence.enter().await.err(), Some(PresenceError(READ_ONLY)));
    // Who opens it now is told at once: without a lock nothing could be compared and replaced.
    assert!(says(open_store(&records), READ_ONLY));
    assert!(says(open_store(&disk.path().join("not there")), READ_ONLY));
    disk.make_writable();
    let written = write(
        &vault,
        Some(&begun.revision),
        &next(&found),
        resealed("new", &begun.key),
    )
    .await;
    assert!(written.is_ok());
    assert_eq!(text(&vault, &found).await, "new");
}

#[tokio::test]
async fn a_first_start_on_a_read_only_file_system_makes_no_key() {
    let disk = SmallDisk::mount();
    let state = disk.path().join("state");
    let key = Arc::new(FileDeviceKey::open(&state, entropy()).unwrap());
    let store = Arc::new(open_store(&disk.path().join("records")).unwrap());
    let vault = Vault::new(store, key.clone(), clock(), entropy());
    disk.make_read_only();
    assert_eq!(key.make().await.unwrap_err(), DeviceKeyError::Unavailable(READ_ONLY));
    assert_eq!(key.id().await.unwrap(), Lookup::Absent);
    let written = write(&vault, None, &header(1, "app", enrolling()), sealed("text")).await;
    assert_eq!(written.unwrap_err(), StorageError::Unavailable(READ_ONLY));
}
