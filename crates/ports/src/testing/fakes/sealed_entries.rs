//! What lies in a memory storage, and what sealing means there.

use std::collections::BTreeMap;

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::{InvalidParameter, RecordHandle};
use vestibule_domain::record::{Header, Place, Revision, Slot, Stage, Unreadable};
use vestibule_domain::secret::{Payload, RecordKey};

use super::seeded_entropy::SplitMix64;
use crate::biometric_gate::GateBlob;
use crate::secure_storage::{Content, Credential, Key, StorageError};
use crate::testing::journal::Fingerprint;

/// All places of a storage.
#[derive(Debug)]
pub(super) struct Entries {
    places: BTreeMap<RecordHandle, Entry>,
    random: SplitMix64,
}

/// What lies at one place.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) revision: Revision,
    pub(super) aside: bool,
    pub(super) sealed: Result<Sealed, Unreadable>,
}

/// A record, with what would protect it on a disk.
#[derive(Clone, Debug)]
pub(super) struct Sealed {
    pub(super) header: Header,
    pub(super) payload: Payload,
    pub(super) key: RecordKey,
    credential: Credential,
}

impl Entries {
    pub(super) const fn new() -> Self {
        Self {
            places: BTreeMap::new(),
            random: SplitMix64::new(0x0057_04a9),
        }
    }

    pub(super) const fn all(&self) -> &BTreeMap<RecordHandle, Entry> {
        &self.places
    }

    pub(super) fn at(&self, handle: RecordHandle) -> Option<&Entry> {
        self.places.get(&handle)
    }

    /// The entry in this very state, or why it is not there.
    pub(super) fn in_state(&self, handle: RecordHandle, revision: &Revision) -> Result<&Entry, StorageError> {
        let entry = self.at(handle).ok_or(StorageError::NotThere)?;
        if entry.revision == *revision {
            Ok(entry)
        } else {
            Err(StorageError::Conflict)
        }
    }

    /// Puts it there under a revision that never was and never comes back.
    pub(super) fn put(&mut self, handle: RecordHandle, sealed: Result<Sealed, Unreadable>) -> Revision {
        let revision = Revision::new(self.random.bytes::<16>().to_vec());
        let entry = Entry {
            revision: revision.clone(),
            aside: sealed.as_ref().is_ok_and(|sealed| is_aside(handle, &sealed.header)),
            sealed,
        };
        self.places.insert(handle, entry);
        revision
    }

    pub(super) fn remove(&mut self, handle: RecordHandle) {
        self.places.remove(&handle);
    }

    /// Seals what a write brings, over what stands there.
    pub(super) fn seal(
        &mut self,
        header: Header,
        content: Content,
        over: Option<&Entry>,
    ) -> Result<Sealed, StorageError> {
        match content {
            Content::Seal { payload, credential } if fits(&credential, header.mode) => Ok(Sealed {
                header,
                payload,
                key: RecordKey::new(self.random.bytes::<32>().to_vec()),
                credential,
            }),
            Content::Seal { .. } => Err(unsupported("authentication_mode", "does not fit the credential")),
            Content::Reseal { payload, key } => over
                .ok_or(StorageError::NotThere)?
                .readable()?
                .reseal(header, payload, &key),
        }
    }
}

impl Entry {
    pub(super) fn readable(&self) -> Result<&Sealed, StorageError> {
        self.sealed.as_ref().map_err(|why| StorageError::Unreadable(*why))
    }
}

impl Sealed {
    /// The same protection around another content.
    fn reseal(&self, header: Header, payload: Payload, key: &RecordKey) -> Result<Self, StorageError> {
        if key.expose() != self.key.expose() {
            return Err(StorageError::WrongCredential);
        }
        let kept = |header: &Header| (header.record_id, header.epoch, header.mode);
        if kept(&header) != kept(&self.header) {
            return Err(unsupported(
                "header",
                "changes what a reseal must keep: record id, epoch or mode",
            ));
        }
        Ok(Self {
            header,
            payload,
            key: self.key.clone(),
            credential: self.credential.clone(),
        })
    }

    pub(super) fn opens_with(&self, key: &Key) -> bool {
        match key {
            Key::RecordKey(key) => key.expose() == self.key.expose(),
            Key::Credential(given) => match (given, &self.credential) {
                (Credential::None, Credential::None) => true,
                (Credential::Password(given), Credential::Password(right)) => given.expose() == right.expose(),
                (Credential::Biometric { key: given, .. }, Credential::Biometric { key: right, .. }) => {
                    given.expose() == right.expose()
                }
                (Credential::None | Credential::Password(_) | Credential::Biometric { .. }, _) => false,
            },
        }
    }

    pub(super) const fn gate_blob(&self) -> Option<&GateBlob> {
        match &self.credential {
            Credential::Biometric { blob, .. } => Some(blob),
            Credential::None | Credential::Password(_) => None,
        }
    }
}

/// Where the record of a slot lies, and where any other place is.
pub(super) fn handle_of(place: &Place) -> RecordHandle {
    match place {
        Place::Handle(handle) => *handle,
        Place::Slot(slot) => slot_handle(slot),
    }
}

/// Where a copy of this record is kept aside.
pub(super) const fn aside_handle(header: &Header) -> RecordHandle {
    RecordHandle::from_bytes(*header.record_id.as_bytes())
}

/// Whether what lies there is a copy kept aside.
pub(super) fn is_aside(handle: RecordHandle, header: &Header) -> bool {
    !is_revocation(header) && handle == aside_handle(header) && handle != slot_handle(&header.slot)
}

/// Refuses a record that does not belong there: each lies in its slot, or aside; a queued revocation at a place of its own.
pub(super) fn check_place(handle: RecordHandle, header: &Header) -> Result<(), StorageError> {
    let in_slot = handle == slot_handle(&header.slot);
    let fits = if is_revocation(header) {
        !in_slot
    } else {
        in_slot || is_aside(handle, header)
    };
    if fits { Ok(()) } else { Err(MISPLACED) }
}

/// A record that does not belong where it is to go.
pub(super) const MISPLACED: StorageError = unsupported("place", "is not where this record belongs");

const fn is_revocation(header: &Header) -> bool {
    matches!(header.stage, Stage::Revoking { .. })
}

fn slot_handle(slot: &Slot) -> RecordHandle {
    let named = |salt: u8| {
        let mut bytes = vec![salt];
        bytes.extend_from_slice(slot.realm.as_str().as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(slot.client_id.as_str().as_bytes());
        u128::from(Fingerprint::of(&bytes).bits())
    };
    RecordHandle::from_bytes((named(1) << 64 | named(2)).to_be_bytes())
}

const fn fits(credential: &Credential, mode: AuthenticationMode) -> bool {
    matches!(
        (credential, mode),
        (Credential::None, AuthenticationMode::No)
            | (Credential::Password(_), AuthenticationMode::Password)
            | (Credential::Biometric { .. }, AuthenticationMode::Biometric)
    )
}

const fn unsupported(field: &'static str, why: &'static str) -> StorageError {
    StorageError::Unsupported(InvalidParameter { field, why })
}
