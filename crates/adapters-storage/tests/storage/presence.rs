//! Presence by lock files, over real processes.

use std::fs;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use vestibule_adapters_storage::{FLOWS_DIRECTORY, LockFilePresence};
use vestibule_domain::identifiers::{OwnerId, RecordHandle};
use vestibule_domain::record_lease::Presence;
use vestibule_ports::FlowPresence;

use super::children::{Running, directory_of_child, say, wait_for_parent};
use super::support::HashedEntropy;

fn open_presence(path: &Path) -> LockFilePresence {
    LockFilePresence::open(path, HashedEntropy::new(u64::from(std::process::id()))).unwrap()
}

fn owner(text: &str) -> OwnerId {
    OwnerId::from_bytes(*RecordHandle::parse(text).unwrap().as_bytes())
}

fn files_in(path: &Path) -> usize {
    fs::read_dir(path.join(FLOWS_DIRECTORY)).unwrap().count()
}

/// A file that nobody has locked.
fn free_file(path: &Path) {
    let mut options = fs::OpenOptions::new();
    options
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .unwrap();
}

#[tokio::test]
async fn a_flow_is_alive_until_it_is_dropped() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let presence = open_presence(&path);
    let other = LockFilePresence::open(&path, HashedEntropy::new(0)).unwrap();
    let entered = presence.enter().await.unwrap();
    let second = presence.enter().await.unwrap();
    assert_ne!(entered.owner(), second.owner());
    for prober in [&presence, &other] {
        for _ in 0..2 {
            assert_eq!(prober.of(entered.owner()).await.unwrap(), Presence::Alive);
        }
    }
    let gone = entered.owner();
    drop(entered);
    assert_eq!(files_in(&path), 1, "it takes its file along");
    for prober in [&presence, &other] {
        assert_eq!(prober.of(gone).await.unwrap(), Presence::Gone);
        assert_eq!(prober.of(second.owner()).await.unwrap(), Presence::Alive);
    }
}

#[tokio::test]
async fn whoever_never_entered_is_gone() {
    let directory = tempfile::tempdir().unwrap();
    let presence = open_presence(directory.path().join("state").as_path());
    assert_eq!(presence.of(OwnerId::from_bytes([1; 16])).await.unwrap(), Presence::Gone);
}

#[tokio::test]
async fn a_panic_and_an_aborted_task_leave_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let presence = Arc::new(open_presence(&path));
    let entered = presence.enter().await.unwrap();
    let panicked = entered.owner();
    let task = tokio::spawn(async move {
        let _entered = entered;
        panic!("planned");
    });
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(presence.of(panicked).await.unwrap(), Presence::Gone);

    let entered = presence.enter().await.unwrap();
    let aborted = entered.owner();
    let task = tokio::spawn(async move {
        let _entered = entered;
        core::future::pending::<()>().await;
    });
    assert_eq!(presence.of(aborted).await.unwrap(), Presence::Alive);
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert_eq!(presence.of(aborted).await.unwrap(), Presence::Gone);
    assert_eq!(files_in(&path), 0);
}

#[test]
fn a_dropped_runtime_leaves_too() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let entered = runtime.block_on(open_presence(&path).enter()).unwrap();
    let gone = entered.owner();
    runtime.spawn(async move {
        let _entered = entered;
        core::future::pending::<()>().await;
    });
    drop(runtime);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    assert_eq!(runtime.block_on(open_presence(&path).of(gone)).unwrap(), Presence::Gone);
}

#[test]
fn another_process_is_alive_until_it_leaves_or_is_killed() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(directory) = directory_of_child() {
        let entered = runtime.block_on(open_presence(&directory).enter()).unwrap();
        say(&entered.owner().to_string());
        wait_for_parent();
        drop(entered);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let presence = open_presence(&path);
    type End = fn(Running);
    let ends: [(&str, End); 2] = [("left", Running::finish), ("kill -9", Running::kill)];
    for (what, end) in ends {
        let mut child = Running::start("presence::another_process_is_alive_until_it_leaves_or_is_killed", &path);
        let owner = owner(&child.hear());
        assert_eq!(runtime.block_on(presence.of(owner)).unwrap(), Presence::Alive, "{what}");
        end(child);
        assert_eq!(runtime.block_on(presence.of(owner)).unwrap(), Presence::Gone, "{what}");
        assert_eq!(files_in(&path), 0, "{what}: the free file is swept");
    }
}

#[test]
fn what_a_killed_process_left_is_swept_when_presence_is_opened_next() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(directory) = directory_of_child() {
        let _entered = runtime.block_on(open_presence(&directory).enter()).unwrap();
        say("entered");
        return wait_for_parent();
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("state");
    let test = "presence::what_a_killed_process_left_is_swept_when_presence_is_opened_next";
    let mut child = Running::start(test, &path);
    child.hear();
    child.kill();
    let flows = path.join(FLOWS_DIRECTORY);
    for left in [".entering.00112233445566778899aabbccddeeff", "not ours"] {
        free_file(&flows.join(left));
    }
    assert_eq!(files_in(&path), 3);
    let living = open_presence(&path);
    assert_eq!(files_in(&path), 1, "but what is not ours stays");
    let entered = runtime.block_on(living.enter()).unwrap();
    drop(open_presence(&path));
    assert_eq!(runtime.block_on(living.of(entered.owner())).unwrap(), Presence::Alive);
}
