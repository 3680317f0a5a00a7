//! Files and directories of another user, as root and as a user without any right.

use std::fs;
use std::os::unix::fs::{DirBuilderExt, chown};
use std::path::{Path, PathBuf};

use vestibule_adapters_storage::{FLOWS_DIRECTORY, FileDeviceKey, LockFilePresence};
use vestibule_ports::{ByteStore, DeviceKey, DeviceKeyError, FlowPresence, PresenceError, SecureStorage, StorageError};

use super::super::children::{Running, directory_of_child, say};
use super::super::support::*;
use super::{NOBODY, entropy, file_vault, load, name, open_store, require_root, says, set_mode};

const FOREIGN: &str = "another user";
const DENIED: &str = "the system denied permission";

fn give_away(path: &Path) {
    chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
}

#[tokio::test]
async fn what_was_given_to_another_user_is_refused_and_never_absent() {
    require_root();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let store = open_store(&path).unwrap();
    let first = store.replace(name("record"), None, b"text".to_vec()).await.unwrap();
    store.replace(name("other"), None, b"other".to_vec()).await.unwrap();
    give_away(&path.join("record"));
    assert!(says(store.load(name("record")).await, FOREIGN));
    let replaced = store.replace(name("record"), Some(first.revision.clone()), b"new".to_vec());
    assert!(says(replaced.await, FOREIGN));
    assert!(says(
        store.replace(name("record"), None, b"new".to_vec()).await,
        FOREIGN
    ));
    assert!(says(
        store.remove(name("record"), first.revision.clone()).await,
        FOREIGN
    ));
    // The other record is as usable as before, in a new process too.
    let store = open_store(&path).unwrap();
    let page = store.names(None, 9).await.unwrap();
    assert_eq!((page.names, page.foreign), (vec![name("other")], 1));
    let other = load(&store, "other").await.unwrap();
    store
        .replace(name("other"), Some(other.revision), b"again".to_vec())
        .await
        .unwrap();
    chown(path.join("record"), Some(0), Some(0)).unwrap();
    // A spare that is not ours is not written into; it is made anew.
    give_away(&path.join(".spare.record"));
    let written = store
        .replace(name("record"), Some(first.revision), b"new".to_vec())
        .await;
    assert!(written.unwrap().room);
    give_away(&path.join(".lock"));
    let locked_out = store.replace(name("another"), None, b"text".to_vec()).await;
    assert!(says(locked_out, FOREIGN));
    assert!(says(open_store(&path), FOREIGN));
    chown(path.join(".lock"), Some(0), Some(0)).unwrap();
    give_away(&path);
    assert!(says(open_store(&path), FOREIGN));
}

#[tokio::test]
async fn a_device_key_and_lock_files_of_another_user_are_refused_and_never_missing() {
    require_root();
    let directory = tempfile::tempdir().unwrap();
    let (records, state) = (directory.path().join("records"), directory.path().join("state"));
    let vault = file_vault(&records, &state);
    let found = header(1, "app", active());
    let _ = begin(&vault, &found, "text").await;
    let presence = LockFilePresence::open(&state, entropy()).unwrap();
    let entered = presence.enter().await.unwrap();
    give_away(&state.join("device-key"));
    give_away(&state.join(FLOWS_DIRECTORY).join(entered.owner().to_string()));
    let key = FileDeviceKey::open(&state, entropy()).unwrap();
    for refused in [key.id().await.map(drop), key.make().await.map(drop)] {
        assert!(matches!(refused, Err(DeviceKeyError::Unavailable(why)) if why.contains(FOREIGN)));
    }
    let vault = file_vault(&records, &state);
    let opened = open(&vault, &found).await;
    assert!(matches!(opened.unwrap_err(), StorageError::Unavailable(why) if why.contains(FOREIGN)));
    let probed = presence.of(entered.owner()).await;
    assert!(matches!(probed, Err(PresenceError(why)) if why.contains(FOREIGN)));
    give_away(&state);
    let opened = FileDeviceKey::open(&state, entropy());
    assert!(matches!(opened.err(), Some(DeviceKeyError::Unavailable(why)) if why.contains(FOREIGN)));
}

/// What a user without any right meets, each in a directory of its own that root has prepared.
async fn meet_denials(directory: &Path) {
    let root_s = directory.join("root's");
    assert!(says(open_store(&root_s), DENIED), "a directory of somebody else");
    assert!(
        says(open_store(&root_s.join("under it")), DENIED),
        "one that cannot be made"
    );

    let mine = |path: &str| {
        let path = directory.join("mine").join(path);
        (path.join("records"), path.join("state"))
    };
    let found = header(1, "app", active());

    // A record of root's, as a restore by root leaves it: unavailable; the other slot goes on.
    let (records, state) = mine("restored");
    let vault = file_vault(&records, &state);
    let other = header(2, "other", active());
    assert_eq!(text(&vault, &found).await, "text");
    assert!(matches!(open(&vault, &other).await, Err(StorageError::Unavailable(_))));
    let page = vault.list(None, 9).await.unwrap();
    assert_eq!((page.records.len(), page.foreign), (1, 1));

    // A directory that may only be read: the record stays, and the write says that it is certainly not done.
    let (records, state) = mine("read-only");
    let vault = file_vault(&records, &state);
    let begun = begin(&vault, &found, "old").await;
    set_mode(&records, 0o500);
    let denied = StorageError::Unavailable(DENIED);
    let written = write(
        &vault,
        Some(&begun.revision),
        &next(&found),
        resealed("new", &begun.key),
    )
    .await;
    assert_eq!(written.unwrap_err(), denied);
    let slot = handle(&vault, &found).await;
    assert_eq!(vault.remove(slot, begun.revision.clone()).await.unwrap_err(), denied);
    assert_eq!(text(&vault, &found).await, "old");
    assert_eq!(
        text(&file_vault(&records, &state), &found).await,
        "old",
        "nor does opening write"
    );
    set_mode(&records, 0o700);
    let written = write(
        &vault,
        Some(&begun.revision),
        &next(&found),
        resealed("new", &begun.key),
    )
    .await;
    assert!(written.is_ok(), "half a write into the spare is harmless");

    // A directory that may not be searched, with a store that was opened before.
    set_mode(&records, 0o600);
    assert_eq!(open(&vault, &found).await.unwrap_err(), denied);
    assert_eq!(vault.describe(place(&found)).await.unwrap_err(), denied);
    assert_eq!(vault.list(None, 9).await.unwrap_err(), denied);
    set_mode(&records, 0o700);

    // A state directory that may only be read: no key is made, and nobody enters.
    let (_, state) = mine("first start");
    let key = FileDeviceKey::open(&state, entropy()).unwrap();
    let presence = LockFilePresence::open(&state, entropy()).unwrap();
    set_mode(&state, 0o500);
    set_mode(&state.join(FLOWS_DIRECTORY), 0o500);
    assert_eq!(key.make().await.unwrap_err(), DeviceKeyError::Unavailable(DENIED));
    assert_eq!(presence.enter().await.err(), Some(PresenceError(DENIED)));
}

#[test]
fn a_user_without_rights_is_denied_and_finds_nothing_absent() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(directory) = directory_of_child() {
        assert_eq!(rustix::process::geteuid().as_raw(), NOBODY);
        runtime.block_on(meet_denials(&directory));
        return say("denied as it should be");
    }
    require_root();
    let directory = tempfile::tempdir().unwrap();
    // Others may pass through it, to what is theirs.
    set_mode(directory.path(), 0o711);
    drop(open_store(&directory.path().join("root's")).unwrap());
    let mine = directory.path().join("mine");
    fs::DirBuilder::new().mode(0o700).create(&mine).unwrap();
    runtime.block_on(restore_as_root(&mine.join("restored")));
    give_away(&mine);
    let test = "as_root::other_users::a_user_without_rights_is_denied_and_finds_nothing_absent";
    let mut child = Running::start_as(NOBODY, test, directory.path());
    assert_eq!(child.hear(), "denied as it should be");
    child.finish();
    assert!(!directory.path().join("root's/under it").exists());
}

/// Two records: all is given to the other user but one of them.
async fn restore_as_root(path: &Path) {
    let (records, state) = (path.join("records"), path.join("state"));
    let vault = file_vault(&records, &state);
    let (found, other) = (header(1, "app", active()), header(2, "other", active()));
    let _ = begin(&vault, &found, "text").await;
    let _ = begin(&vault, &other, "text").await;
    let kept = records.join(handle(&vault, &other).await.to_string());
    let mut given: Vec<PathBuf> = vec![path.to_owned(), records.clone(), state.clone()];
    for directory in [records, state] {
        given.extend(fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()));
    }
    for path in given.iter().filter(|path| **path != kept) {
        give_away(path);
    }
}
