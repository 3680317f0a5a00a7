//! The entry that counts guesses: when it is written, and what becomes of a guess when it cannot be.

use core::time::Duration;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::sync::Notify;
use vestibule_adapters_storage::{FileByteStore, MemoryByteStore, Vault};
use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::record::{Header, Lookup, Revision};
use vestibule_ports::{
    ByteStore, ByteStoreError, Key, Loaded, NamesPage, Replaced, SecureStorage, StorageError, StoreName,
};

use super::children::{Running, directory_of_child, say, wait_for_parent};
use super::lockout::Guarded;
use super::support::*;

const RIGHT: &str = "correct horse";
const LOCKED: StorageError = StorageError::LockedOut(Duration::from_secs(30));

/// What becomes of the next write of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Done,
    Refused,
    DoneButUnanswered,
    NotDoneAndUnanswered,
}

/// A byte store that keeps a list of what was written, and whose writes of counts end as planned.
#[derive(Default)]
struct Watched {
    inner: MemoryByteStore,
    writes: Mutex<Vec<String>>,
    fates: Mutex<VecDeque<Fate>>,
    /// After so many more reads of a count, these bytes are written by somebody else.
    overtaken: Mutex<Option<(u32, Vec<u8>)>>,
    counted: Notify,
}

impl Watched {
    fn plan(&self, fates: &[Fate]) {
        *self.fates.lock().unwrap() = fates.iter().copied().collect();
    }

    fn is_overtaken_now(&self, name: &StoreName) -> Option<Vec<u8>> {
        let mut overtaken = self.overtaken.lock().unwrap();
        let (reads, _) = overtaken.as_mut().filter(|_| name.as_str().ends_with(".attempts"))?;
        *reads -= 1;
        if *reads == 0 {
            overtaken.take().map(|(_, bytes)| bytes)
        } else {
            None
        }
    }
}

#[async_trait]
impl ByteStore for Watched {
    async fn names(&self, after: Option<StoreName>, limit: usize) -> Result<NamesPage, ByteStoreError> {
        self.inner.names(after, limit).await
    }

    async fn load(&self, name: StoreName) -> Result<Lookup<Loaded>, ByteStoreError> {
        let loaded = self.inner.load(name.clone()).await;
        if let Some(bytes) = self.is_overtaken_now(&name) {
            plant(&self.inner, name.as_str(), bytes).await;
        }
        loaded
    }

    async fn replace(
        &self,
        name: StoreName,
        expected: Option<Revision>,
        bytes: Vec<u8>,
    ) -> Result<Replaced, ByteStoreError> {
        let is_count = name.as_str().ends_with(".attempts");
        let planned = is_count.then(|| self.fates.lock().unwrap().pop_front()).flatten();
        let fate = planned.unwrap_or(Fate::Done);
        match fate {
            Fate::Refused => return Err(ByteStoreError::Unavailable("planned")),
            Fate::NotDoneAndUnanswered => return Err(ByteStoreError::AnswerLost),
            Fate::Done | Fate::DoneButUnanswered => {}
        }
        let replaced = self.inner.replace(name.clone(), expected, bytes).await?;
        self.writes.lock().unwrap().push(name.as_str().to_owned());
        if is_count {
            self.counted.notify_one();
        }
        if fate == Fate::DoneButUnanswered {
            return Err(ByteStoreError::AnswerLost);
        }
        Ok(replaced)
    }

    async fn remove(&self, name: StoreName, expected: Revision) -> Result<(), ByteStoreError> {
        self.inner.remove(name, expected).await
    }
}

fn header_with_password() -> Header {
    in_mode(AuthenticationMode::Password, header(1, "app", active()))
}

fn vault_in(store: &Arc<Watched>) -> Vault {
    vault_on(store.clone(), device()).with_settings(cheap())
}

async fn guarded() -> Arc<Watched> {
    let store = Arc::new(Watched::default());
    let content = sealed_under("text", password(RIGHT));
    let _ = write(&vault_in(&store), None, &header_with_password(), content)
        .await
        .unwrap();
    store
}

async fn guess(vault: &Vault, text: &str) -> Result<(), StorageError> {
    let key = Key::Credential(password(text));
    vault.open(place(&header_with_password()), key).await.map(drop)
}

#[tokio::test]
async fn the_count_lies_there_before_the_first_record_does_and_is_no_record() {
    let store = guarded().await;
    let slot = handle(&vault_in(&store), &header_with_password()).await;
    let writes = store.writes.lock().unwrap().clone();
    assert_eq!(writes, [format!("{slot}.attempts"), slot.to_string()]);
    let page = vault_in(&store).list(None, 10).await.unwrap();
    assert_eq!((page.records.len(), page.foreign), (1, 0));
}

#[tokio::test]
async fn without_a_count_no_record_is_written() {
    for fates in [vec![Fate::Refused], vec![Fate::NotDoneAndUnanswered; 40]] {
        let store = Arc::new(Watched::default());
        store.plan(&fates);
        let content = sealed_under("text", password(RIGHT));
        let refused = write(&vault_in(&store), None, &header_with_password(), content).await;
        assert!(matches!(refused.unwrap_err(), StorageError::Unavailable(_)));
        assert!(store.writes.lock().unwrap().is_empty());
    }
}

#[tokio::test]
async fn the_other_modes_have_no_count() {
    for (mode, content) in [
        (AuthenticationMode::No, sealed("text")),
        (AuthenticationMode::Biometric, sealed_under("text", gate(1))),
    ] {
        let store = Arc::new(Watched::default());
        let header = in_mode(mode, header(1, "app", active()));
        let _ = write(&vault_in(&store), None, &header, content).await.unwrap();
        for _ in 0..6 {
            let wrong = Key::Credential(gate(2));
            assert_eq!(
                vault_in(&store).open(place(&header), wrong).await.unwrap_err(),
                StorageError::WrongCredential
            );
        }
        let Lookup::Present(described) = vault_in(&store).describe(place(&header)).await.unwrap() else {
            panic!("the record is there");
        };
        assert_eq!(described.locked_out, None);
        assert_eq!(store.writes.lock().unwrap().len(), 1, "{mode}");
    }
}

#[tokio::test]
async fn a_guess_that_cannot_be_counted_is_not_made() {
    let store = guarded().await;
    let before = store.writes.lock().unwrap().len();
    for fates in [vec![Fate::Refused], vec![Fate::NotDoneAndUnanswered; 40]] {
        store.plan(&fates);
        let refused = guess(&vault_in(&store), RIGHT).await.unwrap_err();
        assert!(matches!(refused, StorageError::Unavailable(_)), "{refused:?}");
    }
    store.plan(&[]);
    assert_eq!(store.writes.lock().unwrap().len(), before);
    guess(&vault_in(&store), RIGHT).await.unwrap();
}

#[tokio::test]
async fn a_guess_whose_count_stands_is_made_though_the_answer_was_lost_and_counts_once() {
    let store = guarded().await;
    for _ in 0..4 {
        store.plan(&[Fate::DoneButUnanswered, Fate::DoneButUnanswered]);
        assert_eq!(
            guess(&vault_in(&store), "battery staple").await.unwrap_err(),
            StorageError::WrongCredential
        );
        store.plan(&[]);
    }
    guess(&vault_in(&store), RIGHT).await.unwrap();
}

#[tokio::test]
async fn a_guess_whose_count_can_be_seen_and_may_not_last_is_not_made() {
    let store = guarded().await;
    for _ in 0..3 {
        store.plan(&[Fate::DoneButUnanswered, Fate::Refused]);
        let refused = guess(&vault_in(&store), "battery staple").await.unwrap_err();
        assert!(matches!(refused, StorageError::Unavailable(_)), "{refused:?}");
    }
}

#[tokio::test]
async fn a_process_that_ends_in_the_middle_of_a_guess_has_made_it() {
    let store = guarded().await;
    let _count_of_the_seal = store.counted.notified().await;
    for _ in 0..5 {
        let vault = vault_in(&store);
        tokio::select! {
            biased;
            () = store.counted.notified() => {}
            ended = guess(&vault, "battery staple") => panic!("it was to end in the middle: {ended:?}"),
        }
    }
    assert_eq!(guess(&vault_in(&store), RIGHT).await.unwrap_err(), LOCKED);
}

#[tokio::test]
async fn a_wrong_guess_is_counted_even_where_its_end_is_not_written() {
    let store = guarded().await;
    for _ in 0..5 {
        store.plan(&[Fate::Done, Fate::Refused]);
        assert_eq!(
            guess(&vault_in(&store), "battery staple").await.unwrap_err(),
            StorageError::WrongCredential
        );
    }
    assert_eq!(guess(&vault_in(&store), RIGHT).await.unwrap_err(), LOCKED);
}

#[tokio::test]
async fn the_right_password_opens_even_where_the_count_cannot_be_reset() {
    let store = guarded().await;
    store.plan(&[Fate::Done, Fate::Refused]);
    guess(&vault_in(&store), RIGHT).await.unwrap();
}

#[tokio::test]
async fn a_password_that_no_record_can_have_is_no_guess() {
    let guarded = Guarded::new().await;
    for text in [String::new(), "x".repeat(1025)] {
        for _ in 0..6 {
            let refused = guarded.guess(&text).await.unwrap_err();
            assert!(matches!(refused, StorageError::Unsupported(parameter) if parameter.field == "password"));
        }
    }
    assert_eq!(guarded.wait().await, 0);
}

fn vault_of_files(directory: &Path) -> Vault {
    let store = FileByteStore::open(directory, HashedEntropy::new(u64::from(std::process::id()))).unwrap();
    let entropy = HashedEntropy::new(u64::from(std::process::id()));
    Vault::new(Arc::new(store), Arc::new(device()), clock(), entropy).with_settings(cheap())
}

#[tokio::test]
async fn a_guess_that_another_process_overtook_is_judged_by_what_that_one_counted() {
    let store = guarded().await;
    for _ in 0..4 {
        let _wrong = guess(&vault_in(&store), "battery staple").await.unwrap_err();
    }
    let name = format!("{}.attempts", handle(&vault_in(&store), &header_with_password()).await);
    let after_four = bytes_named(&*store, &name).await;
    let _fifth = guess(&vault_in(&store), "battery staple").await.unwrap_err();
    let after_five = bytes_named(&*store, &name).await;
    plant(&*store, &name, after_four).await;
    // It looks whether it is locked out, then it reads the count that it raises: the other one writes just then.
    *store.overtaken.lock().unwrap() = Some((2, after_five));
    assert_eq!(guess(&vault_in(&store), RIGHT).await.unwrap_err(), LOCKED);
    assert!(store.overtaken.lock().unwrap().is_none());
}

const RACERS: usize = 8;

#[test]
fn of_racing_processes_five_guess_and_the_others_are_locked_out() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    if let Some(directory) = directory_of_child() {
        let vault = vault_of_files(&directory);
        say("ready");
        wait_for_parent();
        let answer = runtime.block_on(guess(&vault, "battery staple")).unwrap_err();
        return say(if answer == LOCKED { "locked out" } else { "wrong" });
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let vault = vault_of_files(&path);
    let content = sealed_under("text", password(RIGHT));
    let first = header_with_password();
    let _ = runtime.block_on(write(&vault, None, &first, content)).unwrap();
    let start = || {
        Running::start(
            "attempts::of_racing_processes_five_guess_and_the_others_are_locked_out",
            &path,
        )
    };
    let mut racers: Vec<_> = (0..RACERS).map(|_| start()).collect();
    for racer in &mut racers {
        assert_eq!(racer.hear(), "ready");
    }
    racers.iter_mut().for_each(Running::let_go);
    let answers: Vec<_> = racers.iter_mut().map(Running::hear).collect();
    racers.into_iter().for_each(Running::finish);
    assert_eq!(
        answers.iter().filter(|answer| *answer == "wrong").count(),
        5,
        "{answers:?}"
    );
    assert_eq!(runtime.block_on(guess(&vault, RIGHT)).unwrap_err(), LOCKED);
}

#[test]
fn a_password_that_gets_no_memory_is_no_guess() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    if let Some(directory) = directory_of_child() {
        let vault = vault_of_files(&directory);
        // So much is in use, and 12 MiB more are allowed: the derivation wants 19.
        let pages: u64 = std::fs::read_to_string("/proc/self/statm")
            .unwrap()
            .split(' ')
            .next()
            .unwrap()
            .parse()
            .unwrap();
        let free = getrlimit(Resource::As);
        let tight = Rlimit {
            current: Some(pages * 4096 + 12 * 1024 * 1024),
            ..free
        };
        setrlimit(Resource::As, tight).unwrap();
        let answers: Vec<_> = (0..6).map(|_| runtime.block_on(guess(&vault, RIGHT))).collect();
        setrlimit(Resource::As, free).unwrap();
        for answer in answers {
            assert!(
                matches!(answer, Err(StorageError::Unavailable(why)) if why.contains("no memory")),
                "{answer:?}"
            );
        }
        runtime.block_on(guess(&vault, RIGHT)).unwrap();
        return say("opened");
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let content = sealed_under("text", password(RIGHT));
    let first = header_with_password();
    let _ = runtime
        .block_on(write(&vault_of_files(&path), None, &first, content))
        .unwrap();
    let mut child = Running::start("attempts::a_password_that_gets_no_memory_is_no_guess", &path);
    assert_eq!(child.hear(), "opened");
    child.finish();
}
