//! The device key in its file.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use vestibule_adapters_storage::{FileByteStore, FileDeviceKey, MemoryByteStore, Vault};
use vestibule_domain::record::{Header, Lookup, Revision, Unreadable};
use vestibule_ports::{
    ByteStore, ByteStoreError, DeviceKey, DeviceKeyError, Loaded, NamesPage, Replaced, SecureStorage, StorageError,
    StoreName,
};

use super::children::{Running, directory_of_child, hear_parent, say, wait_for_parent};
use super::support::*;

/// A key file with randomness of its own, in each process and each time.
fn open_key(path: &Path) -> FileDeviceKey {
    static OPENED: AtomicU64 = AtomicU64::new(0);
    let seed = u64::from(std::process::id()) << 32 | OPENED.fetch_add(1, Ordering::SeqCst);
    FileDeviceKey::open(path, HashedEntropy::new(seed)).unwrap()
}

#[tokio::test]
async fn a_key_is_made_once_and_read_by_everybody() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let key = open_key(&path);
    assert_eq!(key.id().await.unwrap(), Lookup::Absent);
    assert_eq!(key.derive("wrap", b"").await.unwrap_err(), DeviceKeyError::Missing);
    let made = key.make().await.unwrap();
    assert_eq!(key.make().await.unwrap(), made);
    let other = open_key(&path);
    assert_eq!(other.make().await.unwrap(), made);
    assert_eq!(other.id().await.unwrap(), Lookup::Present(made));
    let derived = key.derive("wrap", b"context").await.unwrap();
    assert_eq!(*derived, *other.derive("wrap", b"context").await.unwrap());
    for (label, context) in [("wrap", &b"contexu"[..]), ("wra", b"pcontext"), ("index", b"context")] {
        assert_ne!(*derived, *key.derive(label, context).await.unwrap(), "{label}");
    }
    let metadata = fs::metadata(path.join("device-key")).unwrap();
    assert_eq!(
        (metadata.mode() & 0o777, metadata.len(), metadata.nlink()),
        (0o600, 32, 1)
    );
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1);
}

#[tokio::test]
async fn a_key_that_cannot_be_trusted_is_an_error_and_never_made_anew() {
    let directory = tempfile::tempdir().unwrap();
    let elsewhere = directory.path().join("elsewhere");
    fs::write(&elsewhere, [7; 32]).unwrap();
    fs::set_permissions(&elsewhere, fs::Permissions::from_mode(0o600)).unwrap();
    let write = |file: &Path, bytes: &[u8], mode| {
        fs::write(file, bytes).unwrap();
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    };
    type Plant<'a> = &'a dyn Fn(&Path);
    let plants: [(&str, bool, Plant<'_>); 5] = [
        ("cut", true, &|file| write(file, &[7; 31], 0o600)),
        ("empty", true, &|file| write(file, &[], 0o600)),
        ("grown", true, &|file| write(file, &[7; 33], 0o600)),
        ("readable by others", false, &|file| write(file, &[7; 32], 0o604)),
        ("a symbolic link", false, &|file| symlink(&elsewhere, file).unwrap()),
    ];
    for (number, (what, is_corrupted, plant)) in plants.into_iter().enumerate() {
        let path = directory.path().join(number.to_string());
        let key = open_key(&path);
        plant(&path.join("device-key"));
        let before = fs::read(path.join("device-key")).unwrap();
        for error in [
            key.id().await.unwrap_err(),
            key.make().await.unwrap_err(),
            key.derive("wrap", b"").await.unwrap_err(),
        ] {
            assert_eq!(error == DeviceKeyError::Corrupted, is_corrupted, "{what}: {error}");
            assert_ne!(error, DeviceKeyError::Missing, "{what}");
        }
        assert_eq!(fs::read(path.join("device-key")).unwrap(), before, "{what}");
    }
}

#[tokio::test]
async fn a_restored_backup_without_the_state_directory_is_told_and_gets_no_new_key() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryByteStore::default());
    let vault = |path: &str| {
        let key = Arc::new(open_key(&directory.path().join(path)));
        (
            Vault::new(store.clone(), key.clone(), clock(), HashedEntropy::new(1)),
            key,
        )
    };
    let header = header(1, "app", active());
    let _ = begin(&vault("state").0, &header, "text").await;
    assert_eq!(text(&vault("state").0, &header).await, "text");
    let (restored, key) = vault("new device");
    let without_key = StorageError::Unreadable(Unreadable::RestoredWithoutKey);
    assert_eq!(open(&restored, &header).await.unwrap_err(), without_key);
    let other = super::support::header(2, "other", active());
    assert_eq!(
        write(&restored, None, &other, sealed("text")).await.unwrap_err(),
        without_key
    );
    assert_eq!(key.id().await.unwrap(), Lookup::Absent);
    // An app that gives the old records up empties the storage, and may then begin anew.
    let listed = restored.list(None, 9).await.unwrap().records.remove(0);
    restored.remove(listed.handle, listed.revision).await.unwrap();
    let _ = begin(&restored, &other, "text").await;
}

#[tokio::test]
async fn the_machine_has_the_same_name_each_time() {
    let directory = tempfile::tempdir().unwrap();
    let one = open_key(&directory.path().join("one")).machine().await.unwrap();
    assert_eq!(one, open_key(&directory.path().join("two")).machine().await.unwrap());
    let has_id = fs::read_to_string("/etc/machine-id").is_ok_and(|id| id.trim().len() == 32);
    assert_eq!(one.is_some(), has_id || fs::exists("/var/lib/dbus/machine-id").unwrap());
}

#[test]
fn of_twenty_first_starts_one_makes_the_key_and_the_others_adopt_it() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(directory) = directory_of_child() {
        let key = open_key(&directory);
        say("ready");
        wait_for_parent();
        let id = runtime.block_on(key.make()).unwrap();
        return say(&format!("{:02x?}", id.0));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let test = "device_key_files::of_twenty_first_starts_one_makes_the_key_and_the_others_adopt_it";
    let mut makers: Vec<_> = (0..20).map(|_| Running::start(test, &path)).collect();
    for maker in &mut makers {
        assert_eq!(maker.hear(), "ready");
    }
    makers.iter_mut().for_each(Running::let_go);
    let mut ids: Vec<_> = makers.iter_mut().map(Running::hear).collect();
    makers.into_iter().for_each(Running::finish);
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    assert_eq!(fs::read_dir(&path).unwrap().count(), 1, "no other key lies about");
    assert_eq!(fs::metadata(path.join("device-key")).unwrap().nlink(), 1);
}

fn first_slot(number: u8) -> Header {
    header(number, &format!("app-{number}"), active())
}

#[test]
fn twenty_first_starts_that_each_write_a_record_seal_with_one_key() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(directory) = directory_of_child() {
        say("ready");
        let number = hear_parent().parse().unwrap();
        let (vault, key) = file_vault(&directory);
        let _ = runtime.block_on(begin(&vault, &first_slot(number), "text"));
        let Lookup::Present(id) = runtime.block_on(key.id()).unwrap() else {
            panic!("a record without a key");
        };
        return say(&format!("{:02x?}", id.0));
    }
    let directory = tempfile::tempdir().unwrap();
    let test = "device_key_files::twenty_first_starts_that_each_write_a_record_seal_with_one_key";
    let mut starts: Vec<_> = (0..20).map(|_| Running::start(test, directory.path())).collect();
    for start in &mut starts {
        assert_eq!(start.hear(), "ready");
    }
    for (number, start) in starts.iter_mut().enumerate() {
        start.tell(&number.to_string());
    }
    let mut ids: Vec<_> = starts.iter_mut().map(Running::hear).collect();
    starts.into_iter().for_each(Running::finish);
    ids.dedup();
    assert_eq!(ids.len(), 1, "{ids:?}");
    let (vault, _) = file_vault(directory.path());
    assert_eq!(runtime.block_on(vault.list(None, 99)).unwrap().records.len(), 20);
    for number in 0..20 {
        assert_eq!(runtime.block_on(text(&vault, &first_slot(number))), "text");
    }
}

/// A vault whose records and key lie in two directories of one.
fn file_vault(directory: &Path) -> (Vault, Arc<FileDeviceKey>) {
    let key = Arc::new(open_key(&directory.join("state")));
    let entropy = HashedEntropy::new(u64::from(std::process::id()));
    let store = FileByteStore::open(directory.join("records"), entropy.clone()).unwrap();
    (Vault::new(Arc::new(store), key.clone(), clock(), entropy), key)
}

/// A byte store in which somebody else writes a first record just before it is proven that there is none.
struct Overtaken {
    store: Arc<MemoryByteStore>,
    other: Vault,
    is_first: AtomicBool,
}

#[async_trait]
impl ByteStore for Overtaken {
    async fn names(&self, after: Option<StoreName>, limit: usize) -> Result<NamesPage, ByteStoreError> {
        if self.is_first.swap(false, Ordering::SeqCst) {
            let _ = begin(&self.other, &header(1, "other", active()), "other").await;
        }
        self.store.names(after, limit).await
    }

    async fn load(&self, name: StoreName) -> Result<Lookup<Loaded>, ByteStoreError> {
        self.store.load(name).await
    }

    async fn replace(
        &self,
        name: StoreName,
        expected: Option<Revision>,
        bytes: Vec<u8>,
    ) -> Result<Replaced, ByteStoreError> {
        self.store.replace(name, expected, bytes).await
    }

    async fn remove(&self, name: StoreName, expected: Revision) -> Result<(), ByteStoreError> {
        self.store.remove(name, expected).await
    }
}

#[tokio::test]
async fn a_first_start_that_another_one_overtook_seals_with_the_key_that_the_other_made() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(MemoryByteStore::default());
    let on_it = |store: Arc<dyn ByteStore>| {
        let key = Arc::new(open_key(&directory.path().join("state")));
        Vault::new(store, key, clock(), HashedEntropy::new(1))
    };
    let vault = on_it(Arc::new(Overtaken {
        store: store.clone(),
        other: on_it(store.clone()),
        is_first: AtomicBool::new(true),
    }));
    let mine = header(2, "mine", active());
    let _ = begin(&vault, &mine, "mine").await;
    assert_eq!(text(&vault, &mine).await, "mine");
    assert_eq!(text(&vault, &header(1, "other", active())).await, "other");
}
