//! A storage that takes its time.

use std::time::Duration;

use async_trait::async_trait;
use vestibule::identifiers::RecordHandle;
use vestibule::ports::testing::{ManualClock, MemoryStorage};
use vestibule::ports::{Described, Key, Opened, RecordsPage, SecureStorage, StorageError, WriteRequest, Written};
use vestibule::record::{Lookup, Place, Revision};

/// A storage whose first write of an intent takes eleven seconds, or where somebody is faster than an opening.
pub(crate) struct Slow {
    pub inner: MemoryStorage,
    pub clock: ManualClock,
    pub slept: std::sync::atomic::AtomicBool,
    pub at_open: std::sync::Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

#[async_trait]
impl SecureStorage for Slow {
    async fn list(&self, after: Option<RecordHandle>, limit: usize) -> Result<RecordsPage, StorageError> {
        self.inner.list(after, limit).await
    }
    async fn describe(&self, place: Place) -> Result<Lookup<Described>, StorageError> {
        self.inner.describe(place).await
    }
    async fn open(&self, place: Place, key: Key) -> Result<Opened, StorageError> {
        let faster = self.at_open.lock().unwrap().take();
        if let Some(faster) = faster {
            faster();
        }
        self.inner.open(place, key).await
    }
    async fn write(&self, request: WriteRequest) -> Result<Written, StorageError> {
        let is_intent = request.header.stage.lease().is_some();
        if is_intent && !self.slept.swap(true, std::sync::atomic::Ordering::Relaxed) {
            self.clock.advance(Duration::from_secs(11));
        }
        self.inner.write(request).await
    }
    async fn keep_aside(&self, handle: RecordHandle, revision: Revision) -> Result<RecordHandle, StorageError> {
        self.inner.keep_aside(handle, revision).await
    }
    async fn put_back(&self, aside: RecordHandle, expected: Option<Revision>) -> Result<Revision, StorageError> {
        self.inner.put_back(aside, expected).await
    }
    async fn remove(&self, handle: RecordHandle, revision: Revision) -> Result<(), StorageError> {
        self.inner.remove(handle, revision).await
    }
}
