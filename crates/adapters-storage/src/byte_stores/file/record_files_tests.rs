//! The files of a byte store when the system fails, the process is killed, or somebody else was there before.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use async_trait::async_trait;
use vestibule_domain::record::{Header, Lookup, Place, Revision};
use vestibule_ports::{ByteStore, ByteStoreError, Loaded, NamesPage, Replaced, SecureStorage, StoreName};

use super::record_files::RecordFiles;
use crate::device_keys::killable_key::KillableKey;
use crate::faulty_calls::{Fault, FaultyCalls};
use crate::killed_children::{Child, Ended, kill_before_every_call};
use crate::private_directory::FileSystems;
use crate::support::*;
use crate::{MIN_SPARE_BYTES, Vault};

fn open_files(path: &Path, calls: FaultyCalls) -> Result<RecordFiles<FaultyCalls>, ByteStoreError> {
    RecordFiles::open(
        calls,
        path,
        HashedEntropy::new(u64::from(std::process::id())),
        FileSystems::Local,
    )
}

fn files(path: &Path, fault: Fault) -> RecordFiles<FaultyCalls> {
    open_files(path, FaultyCalls::new(fault)).unwrap()
}

fn name(text: &str) -> StoreName {
    StoreName::new(text).unwrap()
}

fn standing(files: &RecordFiles<FaultyCalls>, text: &str) -> Option<Loaded> {
    match files.load(&name(text)).unwrap() {
        Lookup::Present(loaded) => Some(loaded),
        Lookup::Absent => None,
    }
}

/// The files as a byte store, so that a vault can run on planned faults.
struct Killable(RecordFiles<FaultyCalls>);

#[async_trait]
impl ByteStore for Killable {
    async fn names(&self, after: Option<StoreName>, limit: usize) -> Result<NamesPage, ByteStoreError> {
        self.0.names(after.as_ref(), limit)
    }

    async fn load(&self, name: StoreName) -> Result<Lookup<Loaded>, ByteStoreError> {
        self.0.load(&name)
    }

    async fn replace(
        &self,
        name: StoreName,
        expected: Option<Revision>,
        bytes: Vec<u8>,
    ) -> Result<Replaced, ByteStoreError> {
        self.0.replace(&name, expected.as_ref(), &bytes)
    }

    async fn remove(&self, name: StoreName, expected: Revision) -> Result<(), ByteStoreError> {
        self.0.remove(&name, &expected)
    }
}

fn vault_in(path: &Path, calls: FaultyCalls) -> Vault {
    vault_on(
        std::sync::Arc::new(Killable(open_files(path, calls).unwrap())),
        device(),
    )
}

fn sound_vault(path: &Path) -> Vault {
    vault_in(path, FaultyCalls::new(Fault::None))
}

fn old() -> Header {
    header(1, "app", active())
}

fn new() -> Header {
    header(2, "app", enrolling())
}

/// What lies in the slot, by its text.
async fn slot_text(vault: &Vault) -> Option<String> {
    match vault.describe(place(&old())).await.unwrap() {
        Lookup::Present(described) => Some(text(vault, &described.header).await),
        Lookup::Absent => None,
    }
}

async fn has_copy(vault: &Vault) -> bool {
    vault.describe(Place::Handle(own(&old()))).await.unwrap() != Lookup::Absent
}

async fn prepare(path: &Path, scenario: &str) {
    let vault = sound_vault(path);
    if scenario == "first write" {
        return;
    }
    let written = begin(&vault, &old(), "old").await;
    if scenario == "put back" {
        vault
            .keep_aside(handle(&vault, &old()).await, written.revision.clone())
            .await
            .unwrap();
        write(&vault, Some(&written.revision), &new(), sealed("new"))
            .await
            .unwrap();
    }
}

async fn act(vault: &Vault, scenario: &str) {
    if scenario == "first write" {
        begin(vault, &new(), "new").await;
        return;
    }
    let slot = handle(vault, &old()).await;
    let revision = revision_of(vault, slot).await;
    match scenario {
        "replace" => {
            let opened = open(vault, &old()).await.unwrap();
            write(vault, Some(&revision), &next(&old()), resealed("new", &opened.key))
                .await
                .unwrap();
        }
        "keep aside" => drop(vault.keep_aside(slot, revision).await.unwrap()),
        "put back" => drop(vault.put_back(own(&old()), Some(revision)).await.unwrap()),
        "remove" => vault.remove(slot, revision).await.unwrap(),
        other => panic!("no scenario {other}"),
    }
}

/// What may be found after a kill, and what must be after the end; then the same once more, which must succeed.
async fn check(path: &Path, scenario: &str, ended: Ended) -> Option<String> {
    let vault = sound_vault(path);
    let found = slot_text(&vault).await;
    let copy = has_copy(&vault).await;
    let (before, after) = match scenario {
        "first write" => (None, Some("new")),
        "replace" => (Some("old"), Some("new")),
        "keep aside" => (Some("old"), Some("old")),
        "put back" => (Some("new"), Some("old")),
        "remove" => (Some("old"), None),
        other => panic!("no scenario {other}"),
    };
    let allowed = if ended == Ended::Finished {
        vec![after]
    } else {
        vec![before, after]
    };
    assert!(allowed.contains(&found.as_deref()), "{scenario}: {found:?}");
    if scenario == "put back" && found.as_deref() == Some("new") {
        assert!(copy, "neither the record nor its copy");
    }
    if ended == Ended::Killed && (found.as_deref() == before || copy) {
        act(&vault, scenario).await;
    }
    assert_eq!(slot_text(&vault).await.as_deref(), after, "{scenario}, once more");
    assert_eq!(
        has_copy(&vault).await,
        scenario == "keep aside",
        "{scenario}, once more"
    );
    drop(vault);
    drop(sound_vault(path));
    assert_no_leftovers(path);
    found
}

/// Nothing but records, their spares and the lock.
fn assert_no_leftovers(path: &Path) {
    let names: HashSet<String> = fs::read_dir(path)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    for entry in &names {
        let is_record = !entry.starts_with('.');
        let is_spare = entry.strip_prefix(".spare.").is_some_and(|name| names.contains(name));
        assert!(
            is_record || is_spare || entry == ".lock",
            "left over: {entry} of {names:?}"
        );
    }
}

#[test]
fn a_kill_at_any_step_leaves_the_old_record_or_the_new_one() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    if let Some(child) = Child::of_this_process() {
        let vault = vault_in(&child.directory, child.calls);
        return runtime.block_on(act(&vault, &child.scenario));
    }
    let test = "byte_stores::file::record_files_tests::a_kill_at_any_step_leaves_the_old_record_or_the_new_one";
    for (scenario, outcomes) in [
        ("first write", 2),
        ("replace", 2),
        ("keep aside", 1),
        ("put back", 2),
        ("remove", 2),
    ] {
        let mut found = HashSet::new();
        let kills = kill_before_every_call(
            test,
            scenario,
            |path| runtime.block_on(prepare(path, scenario)),
            |path, ended| {
                found.insert(runtime.block_on(check(path, scenario, ended)));
            },
        );
        assert!(kills > 15, "{scenario}: killed {kills} times");
        assert_eq!(found.len(), outcomes, "{scenario}: {found:?}");
    }
}

/// A device whose key and records both lie on planned faults.
fn first_start(path: &Path, calls: &FaultyCalls) -> Vault {
    let key = KillableKey::open(&path.with_extension("state"), calls.clone());
    let records = Killable(open_files(path, calls.clone()).unwrap());
    Vault::new(
        std::sync::Arc::new(records),
        std::sync::Arc::new(key),
        crate::support::clock(),
        HashedEntropy::new(1),
    )
}

#[test]
fn a_kill_at_any_step_of_a_first_start_leaves_no_record_without_its_key_and_the_next_start_goes_on() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    if let Some(child) = Child::of_this_process() {
        return drop(runtime.block_on(begin(&first_start(&child.directory, &child.calls), &new(), "new")));
    }
    let test = "byte_stores::file::record_files_tests::\
                a_kill_at_any_step_of_a_first_start_leaves_no_record_without_its_key_and_the_next_start_goes_on";
    let (mut nothing, mut key_alone, mut both) = (0, 0, 0);
    let kills = kill_before_every_call(
        test,
        "first start",
        |_| {},
        |path, ended| {
            let state = path.with_extension("state");
            let has_key = state.join("device-key").exists();
            let vault = first_start(path, &FaultyCalls::new(Fault::None));
            let found = runtime.block_on(slot_text(&vault));
            match (has_key, found.as_deref()) {
                (false, None) => nothing += 1,
                (true, None) => key_alone += 1,
                (true, Some("new")) => both += 1,
                other => panic!("left: {other:?}"),
            }
            assert!(ended == Ended::Killed || found.is_some());
            if found.is_none() {
                let _ = runtime.block_on(begin(&vault, &new(), "new"));
            }
            assert_eq!(runtime.block_on(slot_text(&vault)).as_deref(), Some("new"));
            assert_eq!(fs::read_dir(&state).unwrap().count(), 1, "no other key lies about");
            assert_no_leftovers(path);
        },
    );
    assert!(
        kills > 40 && nothing > 10 && key_alone > 10 && both > 2,
        "{kills} kills: {nothing} left nothing, {key_alone} a key, {both} both"
    );
}

#[test]
fn a_step_that_fails_leaves_the_old_record_and_says_whether_it_is_certain() {
    let unavailable = |why| Err(ByteStoreError::Unavailable(why));
    let denied = "the system denied permission";
    let full = "the disk is full";
    let read_only = "the file system is read-only";
    for (call, kind, with_spare, outcome) in [
        // A spare stands ready: a full disk does not matter, but for the next spare.
        ("open new", ErrorKind::StorageFull, true, Ok(false)),
        ("allocate", ErrorKind::StorageFull, true, Ok(false)),
        ("open new", ErrorKind::StorageFull, false, unavailable(full)),
        ("write half", ErrorKind::StorageFull, false, unavailable(full)),
        ("write", ErrorKind::StorageFull, true, unavailable(full)),
        (
            "sync file",
            ErrorKind::Other,
            true,
            unavailable("the system reported an input or output error"),
        ),
        ("open to lock", ErrorKind::PermissionDenied, true, unavailable(denied)),
        ("lock", ErrorKind::PermissionDenied, true, unavailable(denied)),
        ("open to read", ErrorKind::PermissionDenied, true, unavailable(denied)),
        ("read", ErrorKind::PermissionDenied, true, unavailable(denied)),
        ("status", ErrorKind::PermissionDenied, true, unavailable(denied)),
        ("rename", ErrorKind::PermissionDenied, true, unavailable(denied)),
        (
            "open to lock",
            ErrorKind::ReadOnlyFilesystem,
            true,
            unavailable(read_only),
        ),
        ("open new", ErrorKind::ReadOnlyFilesystem, false, unavailable(read_only)),
        ("rename", ErrorKind::ReadOnlyFilesystem, true, unavailable(read_only)),
        (
            "sync directory",
            ErrorKind::Other,
            true,
            Err(ByteStoreError::AnswerLost),
        ),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("files");
        let sound = files(&path, Fault::None);
        let first = sound.replace(&name("record"), None, b"old").unwrap().revision;
        if !with_spare {
            fs::remove_file(path.join(".spare.record")).unwrap();
        }
        // Opening the store makes calls of its own: they are let pass.
        let calls = FaultyCalls::new(Fault::None);
        let faulty = open_files(&path, calls.clone()).unwrap();
        calls.plan(Fault::Fail(call, 0, kind));
        let replaced = faulty
            .replace(&name("record"), Some(&first), b"new")
            .map(|replaced| replaced.room);
        let case = format!("{call}, with a spare: {with_spare}");
        assert_eq!(replaced, outcome, "{case}");
        let found = standing(&sound, "record").unwrap();
        if let Err(ByteStoreError::Unavailable(_)) = outcome {
            assert_eq!(
                (found.bytes.as_slice(), &found.revision),
                (b"old".as_slice(), &first),
                "{case}"
            );
        } else {
            assert_eq!(found.bytes, b"new", "{case}");
        }
        // Once the system works again, so does the store.
        calls.plan(Fault::None);
        let again = faulty
            .replace(&name("record"), Some(&found.revision), b"again")
            .unwrap();
        assert!(again.room, "{case}");
    }
}

#[test]
fn a_removal_that_fails_leaves_the_record_and_says_whether_it_is_certain() {
    for (call, is_left, outcome) in [
        (
            "remove",
            true,
            ByteStoreError::Unavailable("the system denied permission"),
        ),
        ("sync directory", false, ByteStoreError::AnswerLost),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("files");
        let calls = FaultyCalls::new(Fault::None);
        let files = open_files(&path, calls.clone()).unwrap();
        let written = files.replace(&name("record"), None, b"text").unwrap();
        calls.plan(Fault::Fail(call, 0, ErrorKind::PermissionDenied));
        assert_eq!(files.remove(&name("record"), &written.revision), Err(outcome));
        calls.plan(Fault::None);
        assert_eq!(standing(&files, "record").is_some(), is_left);
    }
}

#[test]
fn what_may_not_be_read_is_unavailable_and_never_absent() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("files");
    let calls = FaultyCalls::new(Fault::None);
    let files = open_files(&path, calls.clone()).unwrap();
    files.replace(&name("record"), None, b"text").unwrap();
    let denied = ByteStoreError::Unavailable("the system denied permission");
    for call in ["open to read", "status", "read"] {
        calls.plan(Fault::Fail(call, 0, ErrorKind::PermissionDenied));
        assert_eq!(files.load(&name("record")).unwrap_err(), denied, "{call}");
    }
    for call in ["names", "status", "belonging"] {
        calls.plan(Fault::Fail(call, 0, ErrorKind::PermissionDenied));
        assert_eq!(files.names(None, 10).unwrap_err(), denied, "{call}");
    }
    for call in [
        "open_directory",
        "make_directory",
        "status",
        "is_remote",
        "names",
        "open to lock",
        "lock",
    ] {
        let calls = FaultyCalls::new(Fault::Fail(call, 0, ErrorKind::PermissionDenied));
        let path = if call == "make_directory" {
            directory.path().join("other")
        } else {
            path.clone()
        };
        assert_eq!(open_files(&path, calls).err(), Some(denied), "{call}");
    }
}

#[test]
fn what_belongs_to_another_user_is_refused_and_never_absent() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("files");
    let calls = FaultyCalls::new(Fault::None);
    let files = open_files(&path, calls.clone()).unwrap();
    let written = files.replace(&name("record"), None, b"text").unwrap().revision;
    let foreign = "a file or directory belongs to another user; it must be this user's (chown)";
    let refused = ByteStoreError::Unavailable(foreign);
    for fault in [Fault::ForeignDirectories, Fault::ForeignFiles] {
        let opened = open_files(&path, FaultyCalls::new(fault));
        assert_eq!(opened.err(), Some(refused), "{fault:?}");
    }
    calls.plan(Fault::ForeignFiles);
    assert_eq!(files.load(&name("record")).unwrap_err(), refused);
    assert_eq!(
        files.replace(&name("record"), Some(&written), b"new").unwrap_err(),
        refused
    );
    assert_eq!(files.remove(&name("record"), &written).unwrap_err(), refused);
    let page = files.names(None, 10).unwrap();
    assert_eq!((page.names.len(), page.foreign), (0, 1), "something is there");
    calls.plan(Fault::None);
    assert_eq!(standing(&files, "record").unwrap().bytes, b"text");
}

#[test]
fn in_a_directory_that_was_removed_nothing_is_proven_absent() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("files");
    let files = files(&path, Fault::None);
    assert_eq!(files.load(&name("record")).unwrap(), Lookup::Absent);
    fs::remove_dir_all(&path).unwrap();
    let removed = ByteStoreError::Unavailable("the directory was removed");
    assert_eq!(files.load(&name("record")).unwrap_err(), removed);
    assert_eq!(files.names(None, 10).unwrap_err(), removed);
    assert_eq!(files.replace(&name("record"), None, b"text").unwrap_err(), removed);
}

#[test]
fn a_forked_child_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("files");
    let calls = FaultyCalls::new(Fault::None);
    let files = open_files(&path, calls.clone()).unwrap();
    let written = files.replace(&name("record"), None, b"text").unwrap().revision;
    calls.fork();
    assert!(matches!(files.load(&name("record")), Err(ByteStoreError::Unavailable(why)) if why.contains("forked")));
    assert!(files.names(None, 1).is_err());
    assert!(files.replace(&name("record"), Some(&written), b"child").is_err());
    assert!(files.remove(&name("record"), &written).is_err());
    // Its own opening is its own.
    let own = open_files(&path, calls).unwrap();
    assert_eq!(standing(&own, "record").unwrap().bytes, b"text");
}

#[test]
fn a_remote_file_system_is_refused_unless_it_is_allowed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("files");
    let remote = || FaultyCalls::new(Fault::Remote);
    assert!(matches!(open_files(&path, remote()), Err(ByteStoreError::Unavailable(why)) if why.contains("network")));
    assert!(RecordFiles::open(remote(), &path, HashedEntropy::new(1), FileSystems::Any).is_ok());
}

#[test]
fn the_spare_is_the_larger_of_its_smallest_size_and_twice_the_record() {
    use std::os::unix::fs::MetadataExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("files");
    let files = files(&path, Fault::None);
    let mut revision = None;
    for (record, spare) in [
        (100, MIN_SPARE_BYTES),
        (20_000, 2 * (20_000 + 16)),
        (10, MIN_SPARE_BYTES),
    ] {
        let replaced = files
            .replace(&name("record"), revision.as_ref(), &vec![1; record])
            .unwrap();
        assert!(replaced.room);
        revision = Some(replaced.revision);
        let metadata = fs::metadata(path.join(".spare.record")).unwrap();
        assert_eq!(metadata.len(), spare);
        assert!(metadata.blocks() * 512 >= spare, "it takes its room at once");
    }
    files.remove(&name("record"), &revision.unwrap()).unwrap();
    assert!(!path.join(".spare.record").exists());
}
