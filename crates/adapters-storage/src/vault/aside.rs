//! Keeps a sealed copy of a record aside while its slot is being replaced, and puts it back.
//!
//! The order makes every crash harmless:
//! - `keep_aside` only ever writes the copy. Of two copies of one record the newer one stays, so that a late keeper of an
//!   older state cannot undo what another process kept.
//! - `put_back` first writes the copy's bytes over what stands, by compare-and-swap, and only then removes the copy. A
//!   crash between the two leaves the record back in its place and a copy beside it, which is harmless while its original
//!   stands; a repeat finds the record standing and removes the copy.

use vestibule_domain::identifiers::RecordHandle;
use vestibule_domain::record::{Header, Lookup, Revision, Unreadable, place_of_unreadable_copy};
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
        let original = match self.find(handle).await {
            Ok(Lookup::Present(original)) => original,
            Ok(Lookup::Absent) => return Err(StorageError::NotThere),
            Err(StorageError::Unreadable(_)) => return self.keep_unreadable_aside(handle, revision).await,
            Err(error) => return Err(error),
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
        let copy = match self.find(aside).await {
            Ok(Lookup::Present(copy)) => copy,
            Ok(Lookup::Absent) => return self.already_back(aside).await,
            Err(StorageError::Unreadable(why)) => return self.put_unreadable_back(aside, why, expected).await,
            Err(error) => return Err(error),
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

    /// What cannot be read is moved as it is, to the place that its own place names: it may be a record of a newer version,
    /// or one whose device key comes back. So a copy of that kind gives way to no other: it is listed as a record that cannot
    /// be read, and only who names it deletes it.
    ///
    /// # Errors
    /// `Unreadable`, when such a copy of other bytes lies there already; `Conflict`, `NotThere`.
    async fn keep_unreadable_aside(
        &self,
        handle: RecordHandle,
        revision: Revision,
    ) -> Result<RecordHandle, StorageError> {
        let Lookup::Present(original) = self.load(handle).await? else {
            return Err(StorageError::NotThere);
        };
        if original.revision != revision {
            return Err(StorageError::Conflict);
        }
        let aside = place_of_unreadable_copy(handle);
        let expected = match self.load(aside).await? {
            Lookup::Absent => None,
            Lookup::Present(copy) if copy.bytes == original.bytes => return Ok(aside),
            Lookup::Present(copy) => {
                let revision = copy.revision.clone();
                match self.prove(aside, copy).await {
                    Err(
                        hopeful @ StorageError::Unreadable(Unreadable::NewerFormat | Unreadable::RestoredWithoutKey),
                    ) => {
                        return Err(hopeful);
                    }
                    Ok(_) | Err(_) => Some(revision),
                }
            }
        };
        self.settle(aside, expected, original.bytes, WriteMark::of_nothing_readable(aside))
            .await?;
        Ok(aside)
    }

    /// Puts a copy back that cannot be read, over the very state that is expected at its place.
    async fn put_unreadable_back(
        &self,
        aside: RecordHandle,
        why: Unreadable,
        expected: Option<Revision>,
    ) -> Result<Revision, StorageError> {
        let place = place_of_unreadable_copy(aside);
        let (Lookup::Present(copy), Lookup::Present(standing)) = (self.load(aside).await?, self.load(place).await?)
        else {
            return Err(StorageError::Unreadable(why));
        };
        let stands_already = standing.bytes == copy.bytes;
        if !stands_already && Some(&standing.revision) != expected.as_ref() {
            return Err(StorageError::Unreadable(why));
        }
        let mark = WriteMark::of_nothing_readable(place);
        let revision = if stands_already {
            standing.revision
        } else {
            self.settle(place, expected, copy.bytes, mark).await?.revision
        };
        // The bytes are back. A copy that stays is listed as a record that cannot be read.
        if let Ok(name) = record_names::name_of(aside) {
            let _left_or_gone = self.store.remove(name, copy.revision).await;
        }
        Ok(revision)
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
