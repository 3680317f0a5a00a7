//! The vault over a byte store whose answers get lost.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use vestibule_adapters_storage::{MAX_SENDS_OF_ONE_WRITE, MemoryByteStore, Vault};
use vestibule_domain::record::{Lookup, Revision};
use vestibule_ports::{ByteStore, ByteStoreError, Loaded, NamesPage, Replaced, SecureStorage, StorageError, StoreName};

use super::support::*;

/// What becomes of one call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Done,
    DoneWithoutRoom,
    /// Done, and the answer is lost.
    Lost,
    /// Not done, and the answer is lost.
    Dropped,
    /// Not done, and said so.
    Refused,
    /// The answer is lost, and somebody else writes over what was done.
    LostAndOvertaken,
    /// Not done; somebody else writes first.
    Overtaken,
}

use Step::{Done, DoneWithoutRoom, Dropped, Lost, LostAndOvertaken, Overtaken, Refused};

/// A byte store that follows a script, then behaves; and that counts writes.
struct Scripted {
    inner: MemoryByteStore,
    writes: Mutex<VecDeque<Step>>,
    loads: Mutex<VecDeque<Step>>,
    sent: Mutex<Vec<Vec<u8>>>,
}

impl Scripted {
    fn new(writes: &[Step], loads: &[Step]) -> Arc<Self> {
        Arc::new(Self {
            inner: MemoryByteStore::default(),
            writes: Mutex::new(writes.iter().copied().collect()),
            loads: Mutex::new(loads.iter().copied().collect()),
            sent: Mutex::default(),
        })
    }

    fn plan(&self, writes: &[Step]) {
        *self.writes.lock().unwrap() = writes.iter().copied().collect();
    }

    fn next(script: &Mutex<VecDeque<Step>>) -> Step {
        script.lock().unwrap().pop_front().unwrap_or(Done)
    }

    async fn overtake(&self, name: &StoreName) {
        plant(&self.inner, name.as_str(), b"somebody else's".to_vec()).await;
    }
}

#[async_trait]
impl ByteStore for Scripted {
    async fn names(&self, after: Option<StoreName>, limit: usize) -> Result<NamesPage, ByteStoreError> {
        self.inner.names(after, limit).await
    }

    async fn load(&self, name: StoreName) -> Result<Lookup<Loaded>, ByteStoreError> {
        match Self::next(&self.loads) {
            Refused => Err(ByteStoreError::Unavailable("planned")),
            _ => self.inner.load(name).await,
        }
    }

    async fn replace(
        &self,
        name: StoreName,
        expected: Option<Revision>,
        bytes: Vec<u8>,
    ) -> Result<Replaced, ByteStoreError> {
        self.sent.lock().unwrap().push(bytes.clone());
        match Self::next(&self.writes) {
            Done => self.inner.replace(name, expected, bytes).await,
            DoneWithoutRoom => Ok(self.inner.replace(name, expected, bytes).await?.with_room(false)),
            Lost => {
                self.inner.replace(name, expected, bytes).await?;
                Err(ByteStoreError::AnswerLost)
            }
            Dropped => Err(ByteStoreError::AnswerLost),
            Refused => Err(ByteStoreError::Unavailable("planned")),
            LostAndOvertaken => {
                self.inner.replace(name.clone(), expected, bytes).await?;
                self.overtake(&name).await;
                Err(ByteStoreError::AnswerLost)
            }
            Overtaken => {
                self.overtake(&name).await;
                self.inner.replace(name, expected, bytes).await
            }
        }
    }

    async fn remove(&self, name: StoreName, expected: Revision) -> Result<(), ByteStoreError> {
        match Self::next(&self.writes) {
            Done | DoneWithoutRoom => self.inner.remove(name, expected).await,
            Lost => {
                self.inner.remove(name, expected).await?;
                Err(ByteStoreError::AnswerLost)
            }
            Dropped => Err(ByteStoreError::AnswerLost),
            Refused => Err(ByteStoreError::Unavailable("planned")),
            LostAndOvertaken => {
                self.inner.remove(name.clone(), expected).await?;
                self.overtake(&name).await;
                Err(ByteStoreError::AnswerLost)
            }
            Overtaken => {
                self.overtake(&name).await;
                self.inner.remove(name, expected).await
            }
        }
    }
}

fn scripted_vault(store: &Arc<Scripted>) -> Vault {
    vault_on(store.clone(), device())
}

#[tokio::test]
async fn a_write_says_what_became_of_it_whatever_gets_lost() {
    let unavailable = StorageError::Unavailable("planned");
    for (writes, loads, outcome, sends) in [
        (&[Done][..], &[][..], Ok(true), 1),
        (&[DoneWithoutRoom], &[], Ok(false), 1),
        (&[Refused], &[], Err(unavailable), 1),
        // Ours stands: written over itself, for the answer says whether it is durable and has room.
        (&[Lost], &[], Ok(true), 2),
        (&[Lost, DoneWithoutRoom], &[], Ok(false), 2),
        (&[Lost, Refused], &[], Err(StorageError::Unclear), 2),
        (&[Lost, Lost], &[], Ok(true), 3),
        (&[Lost, Overtaken], &[], Ok(false), 2),
        // It does not stand: the same bytes once more.
        (&[Dropped], &[], Ok(true), 2),
        (&[Dropped, Refused], &[], Err(StorageError::Unclear), 2),
        (&[Dropped, Lost], &[], Ok(true), 3),
        (&[Dropped; 4], &[], Err(StorageError::Unclear), MAX_SENDS_OF_ONE_WRITE),
        // Somebody else's stands: without a lost answer ours never did.
        (&[Overtaken], &[], Err(StorageError::Conflict), 1),
        (&[LostAndOvertaken], &[], Err(StorageError::Unclear), 1),
        (&[Dropped, Overtaken], &[], Err(StorageError::Unclear), 2),
        // Nobody can look: a repeat tells.
        (&[Lost], &[Refused], Ok(true), 3),
        (&[Dropped], &[Refused], Ok(true), 2),
        (&[Overtaken], &[Refused], Err(StorageError::Unclear), 2),
    ] {
        let store = Scripted::new(writes, loads);
        let vault = scripted_vault(&store);
        let header = header(1, "app", active());
        let written = write(&vault, None, &header, sealed("text")).await;
        let case = format!("{writes:?} {loads:?}");
        assert_eq!(
            written.as_ref().map(|written| written.room).map_err(Clone::clone),
            outcome,
            "{case}"
        );
        let sent = store.sent.lock().unwrap().clone();
        assert_eq!(sent.len(), usize::try_from(sends).unwrap(), "{case}");
        assert!(
            sent.iter().all(|bytes| *bytes == sent[0]),
            "{case}: the very same bytes"
        );
        let overtaken = |step: &Step| matches!(step, Overtaken | LostAndOvertaken);
        if let (Ok(written), false) = (written, writes.iter().any(overtaken)) {
            let opened = open(&vault, &header).await.unwrap();
            assert_eq!(opened.revision, written.revision, "{case}");
        }
    }
}

#[tokio::test]
async fn a_late_repeat_of_a_write_that_stands_is_done_and_not_a_conflict() {
    let store = Scripted::new(&[Lost, Refused], &[]);
    let vault = scripted_vault(&store);
    let header = header(1, "app", active());
    let unclear = write(&vault, None, &header, sealed("text")).await;
    assert_eq!(unclear.unwrap_err(), StorageError::Unclear);
    let written = write(&vault, None, &header, sealed("text")).await.unwrap();
    assert!(written.room);
    assert_eq!(open(&vault, &header).await.unwrap().key.expose(), written.key.expose());
}

#[tokio::test]
async fn a_removal_says_what_became_of_it_whatever_gets_lost() {
    let unavailable = StorageError::Unavailable("planned");
    for (steps, outcome) in [
        (&[Done][..], Ok(())),
        (&[Refused], Err(unavailable)),
        (&[Lost], Ok(())),
        (&[Dropped], Ok(())),
        (&[Dropped, Refused, Done], Ok(())),
        (&[Dropped; 4], Err(StorageError::Unclear)),
        (&[Overtaken], Err(StorageError::Conflict)),
        (&[LostAndOvertaken], Err(StorageError::Unclear)),
    ] {
        let store = Scripted::new(&[], &[]);
        let vault = scripted_vault(&store);
        let header = header(1, "app", active());
        let written = begin(&vault, &header, "text").await;
        let slot = handle(&vault, &header).await;
        store.plan(steps);
        let removed = vault.remove(slot, written.revision).await;
        assert_eq!(removed, outcome, "{steps:?}");
        if removed.is_ok() {
            assert_eq!(
                vault.describe(place(&header)).await.unwrap(),
                Lookup::Absent,
                "{steps:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_record_is_back_once_its_answer_came_however_the_copy_fares() {
    // The steps are those of the write over the slot, and of the removal of the copy.
    for (steps, outcome, copy_is_gone) in [
        (&[Done, Done][..], Ok(()), true),
        (&[Lost, Done, Done], Ok(()), true),
        (&[Done, Refused], Ok(()), false),
        (&[Done, Dropped], Ok(()), false),
        (&[Refused], Err(StorageError::Unavailable("planned")), false),
        (&[Dropped, Refused], Err(StorageError::Unclear), false),
    ] {
        let store = Scripted::new(&[], &[]);
        let vault = scripted_vault(&store);
        let old = header(1, "app", active());
        let written = begin(&vault, &old, "old").await;
        let aside = vault
            .keep_aside(handle(&vault, &old).await, written.revision.clone())
            .await
            .unwrap();
        let new = header(2, "app", enrolling());
        let begun = write(&vault, Some(&written.revision), &new, sealed("new"))
            .await
            .unwrap();
        store.plan(steps);
        let back = vault.put_back(aside, Some(begun.revision.clone())).await;
        store.plan(&[]);
        assert_eq!(back.clone().map(drop), outcome, "{steps:?}");
        let copy = store
            .inner
            .load(StoreName::new(&aside.to_string()).unwrap())
            .await
            .unwrap();
        assert_eq!(copy == Lookup::Absent, copy_is_gone, "{steps:?}");
        // Whatever happened, the same call once more ends it.
        vault.put_back(aside, Some(begun.revision)).await.unwrap();
        assert_eq!(text(&vault, &old).await, "old", "{steps:?}");
        assert_eq!(
            store
                .inner
                .load(StoreName::new(&aside.to_string()).unwrap())
                .await
                .unwrap(),
            Lookup::Absent,
            "{steps:?}"
        );
    }
}
