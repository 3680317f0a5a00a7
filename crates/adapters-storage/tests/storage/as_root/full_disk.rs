//! A disk that is full up to its last byte.

use std::fs;

use vestibule_adapters_storage::{FLOWS_DIRECTORY, FileDeviceKey, LockFilePresence};
use vestibule_domain::record::Lookup;
use vestibule_ports::{ByteStore, DeviceKey, DeviceKeyError, FlowPresence, SecureStorage, StorageError};

use super::super::support::*;
use super::small_disk::SmallDisk;
use super::{entropy, file_vault, load, name, open_store, says};

const FULL: &str = "the disk is full";

#[tokio::test]
async fn a_write_without_a_spare_says_before_that_there_is_no_room_and_leaves_the_old_record() {
    let disk = SmallDisk::mount();
    let store = open_store(&disk.path().join("records")).unwrap();
    disk.fill_but(8);
    let first = store.replace(name("record"), None, b"old".to_vec()).await.unwrap();
    assert!(!first.room, "8 KiB are no room for a spare");
    disk.fill();
    let refused = store
        .replace(name("record"), Some(first.revision.clone()), b"new".to_vec())
        .await;
    assert!(says(refused, FULL));
    assert!(says(store.replace(name("other"), None, b"new".to_vec()).await, FULL));
    let standing = load(&store, "record").await.unwrap();
    assert_eq!(
        (standing.bytes.as_slice(), &standing.revision),
        (&b"old"[..], &first.revision)
    );
    assert_eq!(load(&store, "other").await, None);
    let names: Vec<_> = fs::read_dir(disk.path().join("records")).unwrap().collect();
    assert_eq!(
        names.len(),
        2,
        "the record and the lock; nothing half written: {names:?}"
    );
    // A new process reads it as well; and once there is room, it is written and said so.
    let store = open_store(&disk.path().join("records")).unwrap();
    assert_eq!(load(&store, "record").await.unwrap().bytes, b"old");
    disk.free();
    let written = store
        .replace(name("record"), Some(first.revision), b"new".to_vec())
        .await
        .unwrap();
    assert!(written.room);
}

#[tokio::test]
async fn a_write_within_its_spare_stands_on_a_full_disk_up_to_twice_the_record() {
    // Whether what the write gives back is room for the spare after it, in pages of 4 KiB.
    for (before, after, room) in [(100, 100, true), (100, 16_000, false), (10_000, 20_000, false)] {
        let disk = SmallDisk::mount();
        let store = open_store(&disk.path().join("records")).unwrap();
        let first = store.replace(name("record"), None, vec![1; before]).await.unwrap();
        assert!(first.room, "{before} to {after}");
        disk.fill();
        let written = store
            .replace(name("record"), Some(first.revision), vec![2; after])
            .await
            .unwrap();
        assert_eq!(written.room, room, "{before} to {after}");
        assert_eq!(load(&store, "record").await.unwrap().bytes, vec![2; after]);
        // It keeps to what it said.
        disk.fill();
        let again = store
            .replace(name("record"), Some(written.revision), vec![3; after])
            .await;
        assert!(
            if room { again.is_ok() } else { says(again, FULL) },
            "{before} to {after}"
        );
        let standing = if room { vec![3; after] } else { vec![2; after] };
        assert_eq!(load(&store, "record").await.unwrap().bytes, standing);
    }
}

#[tokio::test]
async fn a_spare_that_a_backup_by_hard_links_holds_too_is_no_room_and_is_not_written() {
    let disk = SmallDisk::mount();
    let records = disk.path().join("records");
    let store = open_store(&records).unwrap();
    let first = store.replace(name("record"), None, b"old".to_vec()).await.unwrap();
    let backup = disk.path().join("backup");
    fs::hard_link(records.join(".spare.record"), &backup).unwrap();
    let before = fs::read(&backup).unwrap();
    disk.fill();
    let refused = store.replace(name("record"), Some(first.revision.clone()), b"new".to_vec());
    assert!(says(refused.await, FULL));
    assert_eq!(load(&store, "record").await.unwrap().bytes, b"old");
    assert_eq!(fs::read(&backup).unwrap(), before);
    // The backup gives its room back when it is removed.
    fs::remove_file(&backup).unwrap();
    let written = store.replace(name("record"), Some(first.revision), b"new".to_vec());
    assert!(written.await.is_ok());
}

#[tokio::test]
async fn records_can_be_removed_on_a_full_disk() {
    let disk = SmallDisk::mount();
    let store = open_store(&disk.path().join("records")).unwrap();
    let first = store.replace(name("record"), None, b"old".to_vec()).await.unwrap();
    disk.fill();
    store.remove(name("record"), first.revision).await.unwrap();
    assert_eq!(load(&store, "record").await, None);
}

#[tokio::test]
async fn a_successor_that_comes_when_the_disk_is_full_is_sealed_and_stands() {
    let disk = SmallDisk::mount();
    let (records, state) = (disk.path().join("records"), disk.path().join("state"));
    let vault = file_vault(&records, &state);
    let found = header(1, "app", active());
    let begun = begin(&vault, &found, "old grant").await;
    // The lease of a rotation: it takes the spare and leaves the next one for the answer.
    let lease = next(&found);
    let leased = write(&vault, Some(&begun.revision), &lease, resealed("old grant", &begun.key))
        .await
        .unwrap();
    assert!(leased.room, "a request may be sent: its answer will find room");
    disk.fill();
    let successor = next(&lease);
    let done = write(
        &vault,
        Some(&leased.revision),
        &successor,
        resealed("new grant", &leased.key),
    )
    .await;
    assert!(done.is_ok());
    let vault = file_vault(&records, &state);
    assert_eq!(text(&vault, &found).await, "new grant");
    // Another slot has no room, and says that it was certainly not done; nor has a copy kept aside.
    let other = header(2, "other", active());
    let full = StorageError::Unavailable(FULL);
    assert_eq!(write(&vault, None, &other, sealed("text")).await.unwrap_err(), full);
    assert_eq!(vault.describe(place(&other)).await.unwrap(), Lookup::Absent);
    let slot = handle(&vault, &found).await;
    let revision = revision_of(&vault, slot).await;
    disk.fill();
    assert_eq!(vault.keep_aside(slot, revision).await.unwrap_err(), full);
    assert_eq!(vault.list(None, 9).await.unwrap().records.len(), 1);
}

#[tokio::test]
async fn a_lease_that_leaves_no_room_for_the_answer_says_so() {
    let disk = SmallDisk::mount();
    let (records, state) = (disk.path().join("records"), disk.path().join("state"));
    let vault = file_vault(&records, &state);
    let found = header(1, "app", active());
    let begun = begin(&vault, &found, &"x".repeat(12 * 1024)).await;
    assert!(begun.room);
    disk.fill();
    // The record grew: what its old file and its spare give back is no room for twice as much.
    let leased = write(
        &vault,
        Some(&begun.revision),
        &next(&found),
        resealed(&"x".repeat(23 * 1024), &begun.key),
    )
    .await
    .unwrap();
    assert!(!leased.room);
}

#[tokio::test]
async fn a_first_start_on_a_full_disk_makes_neither_key_nor_record_and_goes_on_once_there_is_room() {
    let disk = SmallDisk::mount();
    let (records, state) = (disk.path().join("records"), disk.path().join("state"));
    let vault = file_vault(&records, &state);
    let presence = LockFilePresence::open(&state, entropy()).unwrap();
    let key = FileDeviceKey::open(&state, entropy()).unwrap();
    disk.fill();
    let mine = header(1, "app", enrolling());
    let full = StorageError::Unavailable(FULL);
    assert_eq!(write(&vault, None, &mine, sealed("text")).await.unwrap_err(), full);
    assert_eq!(key.make().await.unwrap_err(), DeviceKeyError::Unavailable(FULL));
    assert_eq!(key.id().await.unwrap(), Lookup::Absent);
    assert_eq!(vault.list(None, 9).await.unwrap().records.len(), 0);
    let left = |path| fs::read_dir(path).unwrap().count();
    assert_eq!(
        (left(records.clone()), left(state.clone())),
        (1, 1),
        "the lock, and the flows"
    );
    // A lock file holds no byte: whoever only has to enter does.
    let entered = presence.enter().await.unwrap();
    assert_eq!(left(state.join(FLOWS_DIRECTORY)), 1);
    drop(entered);
    disk.free();
    let _ = begin(&vault, &mine, "text").await;
    assert_eq!(text(&vault, &mine).await, "text");
}
