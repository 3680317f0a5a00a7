//! What the calls of a memory storage do.

use core::time::Duration;

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::RecordHandle;
use vestibule_domain::record::{Header, Place, Revision, Unreadable, place_of_unreadable_copy};

use super::sealed_entries::{Entries, Entry, MISPLACED, Sealed, aside_handle, check_place, handle_of, is_aside};
use crate::secure_storage::{Content, Credential, Key, Opened, StorageError, WriteRequest, Written};
use crate::testing::journal::{Journal, JournalEntry};

/// The records, and what the test did to the storage.
#[derive(Debug)]
pub(super) struct StorageState {
    pub(super) entries: Entries,
    pub(super) unavailable: Option<&'static str>,
    pub(super) locked_out: Option<Duration>,
    pub(super) weakly_sealed: bool,
    pub(super) on_another_device: bool,
    pub(super) room: bool,
}

impl StorageState {
    pub(super) const fn new() -> Self {
        Self {
            entries: Entries::new(),
            unavailable: None,
            locked_out: None,
            weakly_sealed: false,
            on_another_device: false,
            room: true,
        }
    }

    pub(super) fn open(&self, place: &Place, key: &Key) -> Result<Opened, StorageError> {
        let entry = self.entries.at(handle_of(place)).ok_or(StorageError::NotThere)?;
        let sealed = entry.readable()?;
        if self.on_another_device {
            return Err(StorageError::DeviceChanged);
        }
        if let (Some(wait), Key::Credential(Credential::Password(_))) = (self.locked_out, key) {
            return Err(StorageError::LockedOut(wait));
        }
        if !sealed.opens_with(key) {
            return Err(StorageError::WrongCredential);
        }
        let opened = Opened::new(
            sealed.header.clone(),
            entry.revision.clone(),
            sealed.payload.clone(),
            sealed.key.clone(),
        );
        let is_weak = self.weakly_sealed && sealed.header.mode == AuthenticationMode::Password;
        Ok(if is_weak { opened.weakly_sealed() } else { opened })
    }

    pub(super) fn write(&mut self, request: WriteRequest, journal: &Journal) -> Result<Written, StorageError> {
        let handle = handle_of(&request.place);
        check_place(handle, &request.header)?;
        let found = self.entries.at(handle).cloned();
        if let Some(entry) = &found {
            match entry.readable() {
                Ok(sealed) if sealed.header == request.header => {
                    return Ok(Written::new(entry.revision.clone(), sealed.key.clone()).with_room(self.room));
                }
                Ok(_) | Err(_) => {}
            }
        }
        if found.as_ref().map(|entry| &entry.revision) != request.expected.as_ref() {
            return Err(StorageError::Conflict);
        }
        let seals_anew = matches!(request.content, Content::Seal { .. });
        let sealed = self.entries.seal(request.header, request.content, found.as_ref())?;
        self.weakly_sealed &= !seals_anew;
        let key = sealed.key.clone();
        let revision = self.put(handle, sealed, journal);
        Ok(Written::new(revision, key).with_room(self.room))
    }

    pub(super) fn keep_aside(
        &mut self,
        handle: RecordHandle,
        revision: &Revision,
        journal: &Journal,
    ) -> Result<RecordHandle, StorageError> {
        let sealed = match &self.entries.in_state(handle, revision)?.sealed {
            Ok(sealed) => sealed.clone(),
            Err(why) => return Ok(self.keep_unreadable_aside(handle, *why)),
        };
        let aside = aside_handle(&sealed.header);
        if !is_aside(aside, &sealed.header) {
            return Err(MISPLACED);
        }
        let age = |header: &Header| (header.epoch, header.generation);
        match self.entries.at(aside).and_then(|entry| entry.readable().ok()) {
            Some(copy) if copy.header == sealed.header => {}
            Some(copy) if age(&copy.header) > age(&sealed.header) => return Err(StorageError::Conflict),
            Some(_) | None => drop(self.put(aside, sealed, journal)),
        }
        Ok(aside)
    }

    /// What cannot be read is moved as it is, to the place that its own place names.
    fn keep_unreadable_aside(&mut self, handle: RecordHandle, why: Unreadable) -> RecordHandle {
        let aside = place_of_unreadable_copy(handle);
        self.entries.put(aside, Err(why));
        aside
    }

    /// Puts a copy back that cannot be read, over the state that is expected at its place.
    fn put_unreadable_back(
        &mut self,
        aside: RecordHandle,
        why: Unreadable,
        expected: Option<&Revision>,
        journal: &Journal,
    ) -> Result<Revision, StorageError> {
        let place = place_of_unreadable_copy(aside);
        if self.entries.at(place).map(|entry| &entry.revision) != expected || expected.is_none() {
            return Err(StorageError::Unreadable(why));
        }
        self.remove(place, journal);
        let revision = self.entries.put(place, Err(why));
        self.remove(aside, journal);
        Ok(revision)
    }

    pub(super) fn put_back(
        &mut self,
        aside: RecordHandle,
        expected: Option<&Revision>,
        journal: &Journal,
    ) -> Result<Revision, StorageError> {
        if let Some(Err(why)) = self.entries.at(aside).map(|entry| &entry.sealed) {
            let why = *why;
            return self.put_unreadable_back(aside, why, expected, journal);
        }
        let copy = match self.entries.at(aside).filter(|entry| entry.aside) {
            Some(entry) => entry.readable()?.clone(),
            None => return self.already_put_back(aside).ok_or(StorageError::NotThere),
        };
        let slot = handle_of(&Place::Slot(copy.header.slot.clone()));
        let standing = self.entries.at(slot);
        let stands_already = standing
            .and_then(|entry| entry.readable().ok())
            .is_some_and(|sealed| sealed.header == copy.header);
        let standing = standing.map(|entry| entry.revision.clone());
        let revision = match standing {
            Some(revision) if stands_already => revision,
            standing if standing.as_ref() == expected => self.put(slot, copy, journal),
            Some(_) | None => return Err(StorageError::Conflict),
        };
        self.remove(aside, journal);
        Ok(revision)
    }

    /// A copy that is gone because it was put back already: its record stands in its slot.
    fn already_put_back(&self, aside: RecordHandle) -> Option<Revision> {
        let is_it = |entry: &&Entry| {
            !entry.aside
                && entry
                    .readable()
                    .is_ok_and(|sealed| aside_handle(&sealed.header) == aside)
        };
        self.entries
            .all()
            .values()
            .find(is_it)
            .map(|entry| entry.revision.clone())
    }

    pub(super) fn put(&mut self, handle: RecordHandle, sealed: Sealed, journal: &Journal) -> Revision {
        journal.push(JournalEntry::Stored {
            handle,
            aside: is_aside(handle, &sealed.header),
            header: sealed.header.clone(),
            payload: sealed.payload.clone(),
        });
        self.entries.put(handle, Ok(sealed))
    }

    pub(super) fn remove(&mut self, handle: RecordHandle, journal: &Journal) {
        journal.push(JournalEntry::Removed { handle });
        self.entries.remove(handle);
    }
}
