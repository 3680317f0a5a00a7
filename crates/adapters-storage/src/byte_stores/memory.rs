//! A byte store in memory: for tests, and as the shortest example of the port.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use vestibule_domain::record::{Lookup, Revision};
use vestibule_ports::{ByteStore, ByteStoreError, Loaded, NamesPage, Replaced, StoreName};

/// A [`ByteStore`] that lives as long as the value. Its revisions count writes and never come back, because the count
/// lives exactly as long as the bytes.
#[derive(Debug, Default)]
pub struct MemoryByteStore(Mutex<Contents>);

#[derive(Debug, Default)]
struct Contents {
    writes: u64,
    entries: BTreeMap<StoreName, Loaded>,
}

impl Contents {
    fn check(&self, name: &StoreName, expected: Option<&Revision>) -> Result<(), ByteStoreError> {
        let standing = self.entries.get(name).map(|loaded| &loaded.revision);
        if standing == expected {
            Ok(())
        } else {
            Err(ByteStoreError::Conflict)
        }
    }
}

#[async_trait]
impl ByteStore for MemoryByteStore {
    async fn names(&self, after: Option<StoreName>, limit: usize) -> Result<NamesPage, ByteStoreError> {
        let contents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut names = contents
            .entries
            .range((from, Bound::Unbounded))
            .map(|(name, _)| name.clone());
        let page = names.by_ref().take(limit).collect();
        Ok(NamesPage::new(page, names.next().is_some()))
    }

    async fn load(&self, name: StoreName) -> Result<Lookup<Loaded>, ByteStoreError> {
        let contents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = contents.entries.get(&name).cloned();
        Ok(loaded.map_or(Lookup::Absent, Lookup::Present))
    }

    async fn replace(
        &self,
        name: StoreName,
        expected: Option<Revision>,
        bytes: Vec<u8>,
    ) -> Result<Replaced, ByteStoreError> {
        let mut contents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        contents.check(&name, expected.as_ref())?;
        contents.writes += 1;
        let revision = Revision::new(contents.writes.to_be_bytes().to_vec());
        contents.entries.insert(name, Loaded::new(bytes, revision.clone()));
        Ok(Replaced::new(revision))
    }

    async fn remove(&self, name: StoreName, expected: Revision) -> Result<(), ByteStoreError> {
        let mut contents = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        contents.check(&name, Some(&expected))?;
        contents.entries.remove(&name);
        Ok(())
    }
}
