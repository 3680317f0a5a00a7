//! Keeps a sealed copy of a record aside while its slot is being replaced, and puts it back.
//!
//! The order makes every crash harmless:
//! - `keep_aside` only ever writes the copy. Of two copies of one record the newer one stays, so that a late keeper of an
//!   older state cannot undo what another process kept.
//! - `put_back` first writes the copy's bytes over what stands, by compare-and-swap, and only then removes the copy. A
//!   crash between the two leaves the record back in its place and a copy beside it, which is harmless while its original
//!   stands; a repeat finds the record standing and removes the copy.

use vestibule_domain::identifiers::RecordHandle;
use vestibule_domain::record::{Header, Lookup, Revision, Unreadable};
use vestibule_ports::{ListedRecord, StorageError};

use super::reading::Found;
use super::settled_write::WriteMark;
use super::{MAX_RECORDS_PER_PAGE, Vault, record_names};

impl Vault {
    pub(super) async fn keep_copy_aside(
        &self,
        handle: RecordHandle,
        revision: Revision,
    ) -> Result<RecordHandle, StorageError> {
        let Lookup::Present(original) = self.find(handle).await? else {
            return Err(StorageError::NotThere);
        };
        if original.revision != revision {
            return Err(StorageError::Conflict);
        }
        let header = &original.record.header;
        let aside = record_names::handle_of_aside(header);
        if aside == handle {
            return Ok(aside);
        }
        if record_names::is_revocation(header) {
            return Err(StorageError::Unsupported(record_names::MISPLACED));
        }
        let expected = match self.copy_standing(aside).await? {
            Copy::None => None,
            Copy::Useless(revision) => Some(revision),
            Copy::Proven(copy) if copy.record.bytes() == original.record.bytes() => return Ok(aside),
            Copy::Proven(copy) if is_newer(&copy.record.header, header) => return Err(StorageError::Conflict),
            Copy::Proven(copy) => Some(copy.revision),
        };
        let bytes = original.record.bytes().to_vec();
        self.settle(aside, expected, bytes, WriteMark::of(header)).await?;
        Ok(aside)
    }

    pub(super) async fn put_copy_back(
        &self,
        aside: RecordHandle,
        expected: Option<Revision>,
    ) -> Result<Revision, StorageError> {
        let Lookup::Present(copy) = self.find(aside).await? else {
            return self.already_back(aside).await;
        };
        let header = &copy.record.header;
        if !record_names::is_aside(aside, header) {
            return Err(StorageError::NotThere);
        }
        if self.seen.is_older(header) {
            return Err(StorageError::Unreadable(Unreadable::Corrupted));
        }
        let slot = record_names::handle_of_slot(&header.slot);
        let bytes = copy.record.bytes().to_vec();
        let settled = self.settle(slot, expected, bytes, WriteMark::of(header)).await?;
        self.seen.wrote(header);
        // The record is back. A copy that stays is harmless, and the next start removes it.
        if let Ok(name) = record_names::name_of(aside) {
            let _left_or_gone = self.store.remove(name, copy.revision).await;
        }
        Ok(settled.revision)
    }

    /// A copy that is gone because it was put back already: its record stands in its slot.
    async fn already_back(&self, aside: RecordHandle) -> Result<Revision, StorageError> {
        let mut after = None;
        loop {
            let page = self.list_records(after, MAX_RECORDS_PER_PAGE).await?;
            let is_it = |record: &ListedRecord| {
                let header = record.header.as_ref().ok();
                !record.aside && header.is_some_and(|header| record_names::handle_of_aside(header) == aside)
            };
            match (page.records.into_iter().find(is_it), page.next) {
                (Some(record), _) => return Ok(record.revision),
                (None, None) => return Err(StorageError::NotThere),
                (None, next) => after = next,
            }
        }
    }

    async fn copy_standing(&self, aside: RecordHandle) -> Result<Copy, StorageError> {
        let Lookup::Present(loaded) = self.load(aside).await? else {
            return Ok(Copy::None);
        };
        let revision = loaded.revision.clone();
        match self.prove(aside, loaded).await {
            Ok(found) => Ok(Copy::Proven(Box::new(found))),
            Err(StorageError::Unreadable(Unreadable::Corrupted | Unreadable::RestoredWithoutKey)) => {
                Ok(Copy::Useless(revision))
            }
            Err(error) => Err(error),
        }
    }
}

/// What lies where a copy would go.
enum Copy {
    None,
    /// Something that nobody can ever put back.
    Useless(Revision),
    Proven(Box<Found>),
}

fn is_newer(copy: &Header, original: &Header) -> bool {
    (copy.epoch, copy.generation) > (original.epoch, original.generation)
}
