//! A secure storage in memory that keeps the whole contract.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::RecordHandle;
use vestibule_domain::record::{Header, Lookup, Place, Revision, Slot, Unreadable};
use vestibule_domain::secret::Payload;

use super::lock;
use super::sealed_entries::{Entry, handle_of};
use super::storage_operations::StorageState;
use crate::secure_storage::{
    Described, Key, ListedRecord, Opened, RecordsPage, SecureStorage, StorageError, WriteRequest, Written,
};
use crate::testing::journal::Journal;

/// A [`SecureStorage`] in memory. A clone is another handle on the same records: a second SDK, or a new process.
///
/// It keeps the contract in all modes and lets a test look at what lies there. It seals nothing: it compares.
#[derive(Clone, Debug)]
pub struct MemoryStorage {
    state: Arc<Mutex<StorageState>>,
    journal: Journal,
}

/// A record as it lies there, opened by nobody: for tests to look at.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct StoredRecord {
    /// Where it lies.
    pub handle: RecordHandle,
    /// The name of its state.
    pub revision: Revision,
    /// Whether it is a copy kept aside.
    pub aside: bool,
    /// Its header.
    pub header: Header,
    /// Its content, as the SDK encoded it.
    pub payload: Payload,
}

impl MemoryStorage {
    /// An empty storage with a log of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::with_journal(&Journal::new())
    }

    /// An empty storage that writes into this log.
    #[must_use]
    pub fn with_journal(journal: &Journal) -> Self {
        journal.attach_storage();
        Self {
            state: Arc::new(Mutex::new(StorageState::new())),
            journal: journal.clone(),
        }
    }

    /// Every readable record, in the order of the handles.
    #[must_use]
    pub fn records(&self) -> Vec<StoredRecord> {
        let state = lock(&self.state);
        let entries = state.entries.all().iter();
        entries.filter_map(|(handle, entry)| stored(*handle, entry)).collect()
    }

    /// The readable record at a place.
    #[must_use]
    pub fn record_at(&self, place: &Place) -> Option<StoredRecord> {
        let handle = handle_of(place);
        lock(&self.state)
            .entries
            .at(handle)
            .and_then(|entry| stored(handle, entry))
    }

    /// The handle of a slot's record.
    #[must_use]
    pub fn handle_of(slot: &Slot) -> RecordHandle {
        handle_of(&Place::Slot(slot.clone()))
    }

    /// Puts something there that cannot be read, over whatever lay there.
    pub fn plant_unreadable(&self, place: &Place, why: Unreadable) -> Revision {
        lock(&self.state).entries.put(handle_of(place), Err(why))
    }

    /// Makes every call fail with `Unavailable` (`None`: no more).
    pub fn set_unavailable(&self, why: Option<&'static str>) {
        lock(&self.state).unavailable = why;
    }

    /// Makes every opening by a password fail with `LockedOut` (`None`: no more); `describe` says so before.
    pub fn set_locked_out(&self, wait: Option<Duration>) {
        lock(&self.state).locked_out = wait;
    }

    /// Says of every record in password mode that it could be sealed more strongly, until one is sealed anew.
    pub fn set_weakly_sealed(&self, weakly_sealed: bool) {
        lock(&self.state).weakly_sealed = weakly_sealed;
    }

    /// Moves the records to another machine: they open with `DeviceChanged` (or are home again).
    pub fn set_on_another_device(&self, moved: bool) {
        lock(&self.state).on_another_device = moved;
    }

    /// Whether writes say that there is room for the next.
    pub fn set_room(&self, room: bool) {
        lock(&self.state).room = room;
    }

    /// The log.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }

    /// Runs one call on the state, unless it is unavailable.
    fn call<T>(
        &self,
        act: impl FnOnce(&mut StorageState, &Journal) -> Result<T, StorageError>,
    ) -> Result<T, StorageError> {
        let mut state = lock(&self.state);
        match state.unavailable {
            Some(why) => Err(StorageError::Unavailable(why)),
            None => act(&mut state, &self.journal),
        }
    }
}

impl Default for MemoryStorage {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl SecureStorage for MemoryStorage {
    async fn list(&self, after: Option<RecordHandle>, limit: usize) -> Result<RecordsPage, StorageError> {
        self.call(|state, _| {
            let behind = |handle: &RecordHandle| after.is_none_or(|after| *handle > after);
            let mut rest = state.entries.all().iter().filter(|(handle, _)| behind(handle));
            let records: Vec<_> = rest
                .by_ref()
                .take(limit.max(1))
                .map(|(handle, entry)| listed(*handle, entry))
                .collect();
            let more = rest.next().is_some();
            let next = records.last().filter(|_| more).map(|record| record.handle);
            Ok(RecordsPage::new(records, next))
        })
    }

    async fn describe(&self, place: Place) -> Result<Lookup<Described>, StorageError> {
        self.call(|state, _| {
            let handle = handle_of(&place);
            let Some(entry) = state.entries.at(handle) else {
                return Ok(Lookup::Absent);
            };
            let sealed = entry.readable()?;
            let is_locked_out = sealed.header.mode == AuthenticationMode::Password;
            let described = Described::new(handle, entry.revision.clone(), sealed.header.clone())
                .with_lock_out(state.locked_out.filter(|_| is_locked_out));
            Ok(Lookup::Present(match sealed.gate_blob() {
                Some(blob) => described.with_gate_blob(blob.clone()),
                None => described,
            }))
        })
    }

    async fn open(&self, place: Place, key: Key) -> Result<Opened, StorageError> {
        self.call(|state, _| state.open(&place, &key))
    }

    async fn write(&self, request: WriteRequest) -> Result<Written, StorageError> {
        self.call(|state, journal| state.write(request, journal))
    }

    async fn keep_aside(&self, handle: RecordHandle, revision: Revision) -> Result<RecordHandle, StorageError> {
        self.call(|state, journal| state.keep_aside(handle, &revision, journal))
    }

    async fn put_back(&self, aside: RecordHandle, expected: Option<Revision>) -> Result<Revision, StorageError> {
        self.call(|state, journal| state.put_back(aside, expected.as_ref(), journal))
    }

    async fn remove(&self, handle: RecordHandle, revision: Revision) -> Result<(), StorageError> {
        self.call(|state, journal| {
            state.entries.in_state(handle, &revision)?;
            state.remove(handle, journal);
            Ok(())
        })
    }
}

fn stored(handle: RecordHandle, entry: &Entry) -> Option<StoredRecord> {
    let sealed = entry.readable().ok()?;
    Some(StoredRecord {
        handle,
        revision: entry.revision.clone(),
        aside: entry.aside,
        header: sealed.header.clone(),
        payload: sealed.payload.clone(),
    })
}

fn listed(handle: RecordHandle, entry: &Entry) -> ListedRecord {
    let header = entry
        .sealed
        .as_ref()
        .map(|sealed| sealed.header.clone())
        .map_err(|why| *why);
    let record = ListedRecord::new(handle, entry.revision.clone(), header);
    if entry.aside { record.kept_aside() } else { record }
}
