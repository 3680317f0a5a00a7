//! The file byte store on real files.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::sync::Arc;

use vestibule_adapters_storage::{FileByteStore, Vault};
use vestibule_domain::identifiers::RecordHandle;
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
    symlink(&path, directory.path().join("link")).unwrap();
    for link in ["link", "link/", "link/.", "link//./"] {
        let opened = open_store(&directory.path().join(link));
        assert!(matches!(opened, Err(ByteStoreError::Unavailable(_))), "{link}");
    }
    let file = directory.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(
        matches!(open_store(&file), Err(ByteStoreError::Unavailable(_))),
        "a file"
    );
}

#[tokio::test]
async fn a_record_that_is_not_a_file_of_this_user_alone_is_unavailable_and_never_absent() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let store = open_store(&path).unwrap();
    let secret = directory.path().join("secret");
    fs::write(&secret, "somebody's").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    store.replace(name("other"), None, b"other".to_vec()).await.unwrap();
    let record = path.join("record");
    let plants: [(&str, &dyn Fn()); 6] = [
        ("a symbolic link", &|| symlink(&secret, &record).unwrap()),
        ("not readable by its owner", &|| {
            fs::write(&record, "x").unwrap();
            fs::set_permissions(&record, fs::Permissions::from_mode(0o200)).unwrap();
        }),
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
        // It is told of, and the others are as usable as before.
        let page = store.names(None, 10).await.unwrap();
        assert_eq!((page.names, page.foreign), (vec![name("other")], 1), "{what}");
        assert_eq!(load(&store, "other").await.unwrap().bytes, b"other", "{what}");
        drop(open_store(&path).unwrap());
        if record.is_dir() {
            fs::remove_dir(&record).unwrap();
        } else {
            fs::remove_file(&record).unwrap();
        }
        assert_eq!(fs::read(&secret).unwrap(), b"somebody's", "{what}");
    }
}

#[tokio::test]
async fn one_record_that_may_not_be_read_leaves_the_other_slots_usable_and_is_never_absent() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let vault = vault_on(Arc::new(open_store(&path).unwrap()), device());
    let (one, two) = (header(1, "one", active()), header(2, "two", active()));
    let _ = begin(&vault, &one, "one").await;
    let written = begin(&vault, &two, "two").await;
    let file = path.join(handle(&vault, &one).await.to_string());
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644)).unwrap();
    let vault = vault_on(Arc::new(open_store(&path).unwrap()), device());
    let page = vault.list(None, 9).await.unwrap();
    let listed: Vec<_> = page.records.iter().map(|record| record.header.clone()).collect();
    assert_eq!((listed, page.foreign), (vec![Ok(two.clone())], 1));
    for refused in [
        open(&vault, &one).await.map(drop),
        vault.describe(place(&one)).await.map(drop),
        write(&vault, None, &one, sealed("anew")).await.map(drop),
    ] {
        assert!(matches!(refused, Err(StorageError::Unavailable(why)) if why.contains("chmod")));
    }
    let opened = open(&vault, &two).await.unwrap();
    let again = resealed("two again", &opened.key);
    write(&vault, Some(&written.revision), &next(&two), again)
        .await
        .unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(text(&vault, &one).await, "one");
}

/// Each file of a directory under a second name in another one, as `cp -al` makes it.
fn back_up_by_links(from: &Path, to: &Path) {
    fs::DirBuilder::new().mode(0o700).create(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::hard_link(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

/// All names and bytes of a directory.
fn content_of(path: &Path) -> BTreeMap<OsString, Vec<u8>> {
    let entries = fs::read_dir(path).unwrap().map(Result::unwrap);
    entries
        .map(|entry| (entry.file_name(), fs::read(entry.path()).unwrap()))
        .collect()
}

#[tokio::test]
async fn a_backup_by_hard_links_locks_nobody_out_and_no_write_reaches_it() {
    let directory = tempfile::tempdir().unwrap();
    let (path, backup) = (directory.path().join("records"), directory.path().join("backup"));
    let vault = vault_on(Arc::new(open_store(&path).unwrap()), device());
    let (one, two) = (header(1, "one", active()), header(2, "two", active()));
    let written = begin(&vault, &one, "one").await;
    let other = begin(&vault, &two, "two").await;
    let slot = handle(&vault, &two).await;
    back_up_by_links(&path, &backup);
    let before = content_of(&backup);
    // A new process starts on it, and a living one goes on.
    let vault = vault_on(Arc::new(open_store(&path).unwrap()), device());
    assert_eq!(vault.list(None, 9).await.unwrap().records.len(), 2);
    assert_eq!(text(&vault, &one).await, "one");
    let again = resealed("one again", &written.key);
    let written = write(&vault, Some(&written.revision), &next(&one), again)
        .await
        .unwrap();
    assert!(written.room);
    vault.remove(slot, other.revision).await.unwrap();
    assert_eq!(text(&vault, &one).await, "one again");
    assert_eq!(vault.describe(place(&two)).await.unwrap(), Lookup::Absent);
    assert_eq!(content_of(&backup), before);
    let restored = vault_on(Arc::new(open_store(&backup).unwrap()), device());
    assert_eq!(text(&restored, &one).await, "one");
    assert_eq!(text(&restored, &two).await, "two");
}

#[tokio::test]
async fn a_planted_link_to_another_file_is_a_corrupted_record_and_that_file_is_never_written() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let vault = vault_on(Arc::new(open_store(&path).unwrap()), device());
    let (one, two) = (header(1, "one", active()), header(2, "two", active()));
    let _ = begin(&vault, &one, "one").await;
    let _ = begin(&vault, &two, "two").await;
    let slot = handle(&vault, &one).await;
    let secret = directory.path().join("secret");
    fs::write(&secret, "something else of this user").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    fs::remove_file(path.join(slot.to_string())).unwrap();
    fs::hard_link(&secret, path.join(slot.to_string())).unwrap();
    let corrupted = StorageError::Unreadable(Unreadable::Corrupted);
    assert_eq!(open(&vault, &one).await.unwrap_err(), corrupted);
    let page = vault.list(None, 9).await.unwrap();
    assert_eq!((page.records.len(), page.foreign), (2, 0));
    let planted = page.records.into_iter().find(|record| record.handle == slot).unwrap();
    assert_eq!(planted.header, Err(Unreadable::Corrupted));
    assert_eq!(text(&vault, &two).await, "two");
    // Whoever gives the slot up removes the link, and not what it leads to.
    vault.remove(slot, planted.revision).await.unwrap();
    assert_eq!(fs::read(&secret).unwrap(), b"something else of this user");
}

#[tokio::test]
async fn a_record_renamed_swapped_older_or_cut_on_the_disk_is_corrupted_and_the_others_stay_usable() {
    type Meddle = fn(&Path, &Path, &Path);
    let meddlings: [(&str, bool, Meddle); 5] = [
        ("renamed", false, |one, two, _| fs::rename(one, two).unwrap()),
        ("swapped", false, |one, two, _| {
            let aside = two.with_extension("aside");
            fs::rename(one, &aside).unwrap();
            fs::rename(two, one).unwrap();
            fs::rename(&aside, two).unwrap();
        }),
        ("older", true, |_, two, older| {
            fs::copy(older, two).unwrap();
        }),
        ("cut", true, |_, two, _| {
            let file = fs::OpenOptions::new().write(true).open(two).unwrap();
            file.set_len(file.metadata().unwrap().len() - 1).unwrap();
        }),
        ("empty", true, |_, two, _| fs::write(two, "").unwrap()),
    ];
    for (what, one_stays, meddle) in meddlings {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("records");
        let vault = vault_on(Arc::new(open_store(&path).unwrap()), device());
        let (one, two, three) = (
            header(1, "one", active()),
            header(2, "two", active()),
            header(3, "three", active()),
        );
        let _ = begin(&vault, &one, "one").await;
        let _ = begin(&vault, &three, "three").await;
        let written = begin(&vault, &two, "two").await;
        let file_of = |slot: RecordHandle| path.join(slot.to_string());
        let (first, second) = (handle(&vault, &one).await, handle(&vault, &two).await);
        let older = directory.path().join("older");
        fs::copy(file_of(second), &older).unwrap();
        let again = resealed("two again", &written.key);
        write(&vault, Some(&written.revision), &next(&two), again)
            .await
            .unwrap();
        meddle(&file_of(first), &file_of(second), &older);
        let corrupted = StorageError::Unreadable(Unreadable::Corrupted);
        assert_eq!(open(&vault, &two).await.unwrap_err(), corrupted, "{what}");
        assert_eq!(text(&vault, &three).await, "three", "{what}");
        if one_stays {
            assert_eq!(text(&vault, &one).await, "one", "{what}");
        }
        let listed = vault.list(None, 9).await.unwrap().records;
        let unreadable = listed.iter().filter(|record| record.header.is_err()).count();
        assert_eq!(unreadable, if what == "swapped" { 2 } else { 1 }, "{what}");
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
