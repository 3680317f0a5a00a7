//! The file byte store on real files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use vestibule_adapters_storage::{FileByteStore, Vault};
use vestibule_domain::record::{Lookup, Revision, Unreadable};
use vestibule_ports::{ByteStore, ByteStoreError, Loaded, SecureStorage, StorageError, StoreName};

use super::children::{Running, directory_of_child, say, wait_for_parent};
use super::support::*;

fn open_store(path: &Path) -> Result<FileByteStore, ByteStoreError> {
    FileByteStore::open(path, HashedEntropy::new(u64::from(std::process::id())))
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

#[tokio::test]
async fn bytes_come_back_in_a_new_store_and_revisions_never_do() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("some/where/records");
    let store = open_store(&path).unwrap();
    let mut seen: Vec<Revision> = Vec::new();
    for bytes in [b"one", b"two", b"one", b"one"] {
        let standing = load(&store, "record").await.map(|loaded| loaded.revision);
        let replaced = store.replace(name("record"), standing, bytes.to_vec()).await.unwrap();
        assert!(replaced.room);
        let loaded = load(&open_store(&path).unwrap(), "record").await.unwrap();
        assert_eq!(
            (loaded.bytes.as_slice(), &loaded.revision),
            (bytes.as_slice(), &replaced.revision)
        );
        assert!(!seen.contains(&replaced.revision));
        seen.push(replaced.revision);
    }
    store.remove(name("record"), seen[3].clone()).await.unwrap();
    assert_eq!(load(&store, "record").await, None);
    let again = store.replace(name("record"), None, b"one".to_vec()).await.unwrap();
    assert!(!seen.contains(&again.revision), "not even after a removal");
}

#[tokio::test]
async fn only_the_expected_state_is_replaced_or_removed() {
    let directory = tempfile::tempdir().unwrap();
    let store = open_store(&directory.path().join("records")).unwrap();
    let first = store
        .replace(name("record"), None, b"one".to_vec())
        .await
        .unwrap()
        .revision;
    let second = store
        .replace(name("record"), Some(first.clone()), b"two".to_vec())
        .await
        .unwrap()
        .revision;
    for expected in [None, Some(first.clone())] {
        let replaced = store.replace(name("record"), expected, b"three".to_vec()).await;
        assert_eq!(replaced.unwrap_err(), ByteStoreError::Conflict);
    }
    assert_eq!(
        store.remove(name("record"), first.clone()).await.unwrap_err(),
        ByteStoreError::Conflict
    );
    assert_eq!(
        store.remove(name("other"), first.clone()).await.unwrap_err(),
        ByteStoreError::Conflict
    );
    let absent = store.replace(name("other"), Some(first), b"x".to_vec()).await;
    assert_eq!(absent.unwrap_err(), ByteStoreError::Conflict);
    assert_eq!(load(&store, "record").await, Some(Loaded::new(b"two".to_vec(), second)));
}

#[tokio::test]
async fn names_are_paged_in_byte_order_and_what_is_none_is_counted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let store = open_store(&path).unwrap();
    for text in ["b", "a.x", "a", "c0", "c"] {
        store.replace(name(text), None, vec![]).await.unwrap();
    }
    for foreign in ["README", ".hidden", ".spare.UPPER", ".lock2"] {
        fs::write(path.join(foreign), "").unwrap();
    }
    let mut after = None;
    let mut all = Vec::new();
    loop {
        let page = store.names(after, 2).await.unwrap();
        assert_eq!(page.foreign, 4);
        all.extend(page.names);
        after = all.last().cloned();
        if !page.more {
            break;
        }
    }
    let texts: Vec<_> = all.iter().map(StoreName::as_str).collect();
    assert_eq!(texts, ["a", "a.x", "b", "c", "c0"]);
}

#[tokio::test]
async fn files_and_directories_are_made_for_their_owner_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let store = open_store(&path).unwrap();
    store.replace(name("record"), None, b"text".to_vec()).await.unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
    let mut files = 0;
    for entry in fs::read_dir(&path).unwrap() {
        assert_eq!(entry.unwrap().metadata().unwrap().mode() & 0o777, 0o600);
        files += 1;
    }
    assert_eq!(files, 3, "the record, its spare and the lock");
}

#[tokio::test]
async fn a_directory_that_is_not_this_users_alone_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    drop(open_store(&path).unwrap());
    for mode in [0o701, 0o710, 0o740, 0o707] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(matches!(open_store(&path), Err(ByteStoreError::Unavailable(why)) if why.contains("group or others")));
    }
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    let link = directory.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(
        matches!(open_store(&link), Err(ByteStoreError::Unavailable(_))),
        "a symbolic link"
    );
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(
        matches!(open_store(&file), Err(ByteStoreError::Unavailable(_))),
        "a file"
    );
    if rustix::process::geteuid().is_root() {
        // Only root can give a directory away.
        std::os::unix::fs::chown(&path, Some(65_534), None).unwrap();
        assert!(matches!(open_store(&path), Err(ByteStoreError::Unavailable(why)) if why.contains("another user")));
    }
}

#[tokio::test]
async fn a_record_that_is_not_a_file_of_this_user_alone_is_unavailable_and_never_absent() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let store = open_store(&path).unwrap();
    let secret = directory.path().join("secret");
    fs::write(&secret, "somebody's").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let record = path.join("record");
    let plants: [(&str, &dyn Fn()); 6] = [
        ("a symbolic link", &|| symlink(&secret, &record).unwrap()),
        ("a second hard link", &|| fs::hard_link(&secret, &record).unwrap()),
        ("a directory", &|| fs::create_dir(&record).unwrap()),
        ("readable by others", &|| {
            fs::write(&record, "x").unwrap();
            fs::set_permissions(&record, fs::Permissions::from_mode(0o604)).unwrap();
        }),
        ("writable by the group", &|| {
            fs::write(&record, "x").unwrap();
            fs::set_permissions(&record, fs::Permissions::from_mode(0o620)).unwrap();
        }),
        ("a pipe", &|| {
            let mode = rustix::fs::Mode::from_raw_mode(0o600);
            rustix::fs::mknodat(rustix::fs::CWD, &record, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        }),
    ];
    for (what, plant) in plants {
        plant();
        assert!(
            matches!(store.load(name("record")).await, Err(ByteStoreError::Unavailable(_))),
            "{what}"
        );
        let replaced = store.replace(name("record"), None, b"text".to_vec()).await;
        assert!(matches!(replaced, Err(ByteStoreError::Unavailable(_))), "{what}");
        if record.is_dir() {
            fs::remove_dir(&record).unwrap();
        } else {
            fs::remove_file(&record).unwrap();
        }
        assert_eq!(fs::read(&secret).unwrap(), b"somebody's", "{what}");
    }
}

#[tokio::test]
async fn what_lies_where_the_spare_would_is_not_written_through() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let store = open_store(&path).unwrap();
    let secret = directory.path().join("secret");
    fs::write(&secret, "somebody's").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let spare = path.join(".spare.record");
    symlink(&secret, &spare).unwrap();
    let first = store
        .replace(name("record"), None, b"one".to_vec())
        .await
        .unwrap()
        .revision;
    fs::remove_file(&spare).unwrap();
    fs::hard_link(&secret, &spare).unwrap();
    store
        .replace(name("record"), Some(first), b"two".to_vec())
        .await
        .unwrap();
    assert_eq!(fs::read(&secret).unwrap(), b"somebody's");
    assert_eq!(load(&store, "record").await.unwrap().bytes, b"two");
}

#[tokio::test]
async fn left_overs_are_swept_and_the_spares_of_records_stay() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let store = open_store(&path).unwrap();
    store.replace(name("record"), None, b"text".to_vec()).await.unwrap();
    fs::write(path.join(".spare.gone"), "half a rec").unwrap();
    fs::write(path.join(".spare.record"), "half a rec").unwrap();
    let store = open_store(&path).unwrap();
    assert!(!path.join(".spare.gone").exists());
    assert!(path.join(".spare.record").exists());
    assert_eq!(store.names(None, 10).await.unwrap().foreign, 0);
    let loaded = load(&store, "record").await.unwrap();
    let longer = "a record longer than what was left".repeat(1000);
    store
        .replace(name("record"), Some(loaded.revision), longer.clone().into())
        .await
        .unwrap();
    assert_eq!(load(&store, "record").await.unwrap().bytes, longer.as_bytes());
}

#[tokio::test]
async fn a_record_cut_or_grown_in_its_file_is_corrupted_and_not_absent() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let vault = vault_on(Arc::new(open_store(&path).unwrap()), device());
    let header = header(1, "app", active());
    let _ = begin(&vault, &header, "text").await;
    let file = path.join(handle(&vault, &header).await.to_string());
    let whole = fs::read(&file).unwrap();
    let huge = [whole.clone(), vec![0; 3 * 1024 * 1024]].concat();
    for bytes in [&[][..], &whole[..15], &whole[..16], &whole[..whole.len() - 1], &huge] {
        fs::write(&file, bytes).unwrap();
        let opened = open(&vault, &header).await;
        assert_eq!(
            opened.unwrap_err(),
            StorageError::Unreadable(Unreadable::Corrupted),
            "{} bytes",
            bytes.len()
        );
        assert_eq!(
            vault.list(None, 9).await.unwrap().records[0].header,
            Err(Unreadable::Corrupted)
        );
    }
}

/// Each writer counts up as often as it can win; every revision is won by exactly one.
async fn count_up(store: &FileByteStore, wins: u32) {
    let mut won = 0;
    while won < wins {
        let (standing, count) = match load(store, "count").await {
            Some(loaded) => (
                Some(loaded.revision),
                u32::from_be_bytes(loaded.bytes.try_into().unwrap()),
            ),
            None => (None, 0),
        };
        match store
            .replace(name("count"), standing, (count + 1).to_be_bytes().to_vec())
            .await
        {
            Ok(_) => won += 1,
            Err(ByteStoreError::Conflict) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

const WINS: u32 = 20;

#[test]
fn of_racing_processes_exactly_one_wins_each_revision() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(directory) = directory_of_child() {
        let store = open_store(&directory).unwrap();
        say("ready");
        wait_for_parent();
        return runtime.block_on(count_up(&store, WINS));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let start = || Running::start("files::of_racing_processes_exactly_one_wins_each_revision", &path);
    let mut writers: Vec<_> = (0..4).map(|_| start()).collect();
    for writer in &mut writers {
        assert_eq!(writer.hear(), "ready");
    }
    writers.iter_mut().for_each(Running::let_go);
    writers.into_iter().for_each(Running::finish);
    let count = runtime
        .block_on(load(&open_store(&path).unwrap(), "count"))
        .unwrap()
        .bytes;
    assert_eq!(u32::from_be_bytes(count.try_into().unwrap()), 4 * WINS);
}

#[test]
fn of_racing_tasks_and_stores_in_one_process_exactly_one_wins_each_revision() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let shared = Arc::new(open_store(&path).unwrap());
    let stores = [shared.clone(), shared.clone(), Arc::new(open_store(&path).unwrap())];
    runtime.block_on(async {
        let tasks: Vec<_> = stores
            .into_iter()
            .map(|store| tokio::spawn(async move { count_up(&store, WINS).await }))
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let count = load(&shared, "count").await.unwrap().bytes;
        assert_eq!(u32::from_be_bytes(count.try_into().unwrap()), 3 * WINS);
    });
}

#[tokio::test]
async fn two_vaults_on_one_directory_see_each_others_records() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let vault = || -> Vault { vault_on(Arc::new(open_store(&path).unwrap()), device()) };
    let (one, two) = (vault(), vault());
    let first = header(1, "app", active());
    let written = begin(&one, &first, "one").await;
    let opened = open(&two, &first).await.unwrap();
    assert_eq!(opened.revision, written.revision);
    write(
        &two,
        Some(&opened.revision),
        &next(&first),
        resealed("two", &opened.key),
    )
    .await
    .unwrap();
    let mut late = next(&first);
    late.write_id = vestibule_domain::identifiers::WriteId::from_bytes([0x33; 16]);
    let conflict = write(&one, Some(&written.revision), &late, resealed("late", &written.key)).await;
    assert_eq!(conflict.unwrap_err(), StorageError::Conflict);
    assert_eq!(text(&one, &first).await, "two");
}
