//! Which name a record lies under. A name tells nothing of its tenant, and a record under a foreign name is damage.

use sha2::{Digest, Sha256};
use vestibule_domain::identifiers::{InvalidParameter, RecordHandle};
use vestibule_domain::record::{Header, Place, Slot, Stage, Unreadable};
use vestibule_ports::{StorageError, StoreName};

/// Separates slot ids from every other use of SHA-256.
const SLOT_LABEL: &[u8] = b"vestibule/1/slot";
/// Ends the names of entries that count wrong passwords. They are no records.
const ATTEMPTS_SUFFIX: &str = ".attempts";

/// What an entry of the byte store is, by its name alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EntryKind {
    /// A record.
    Record(RecordHandle),
    /// The counts of wrong passwords at a slot.
    Attempts,
    /// None of ours.
    Foreign,
}

/// The handle of a slot: `SHA-256(label || len || realm || len || client id)[..16]`, each length a big-endian u64.
pub(super) fn handle_of_slot(slot: &Slot) -> RecordHandle {
    let mut hash = Sha256::new_with_prefix(SLOT_LABEL);
    for part in [slot.realm.as_str(), slot.client_id.as_str()] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    let hash: [u8; 32] = hash.finalize().into();
    let mut id = [0; 16];
    for (byte, hashed) in id.iter_mut().zip(hash) {
        *byte = hashed;
    }
    RecordHandle::from_bytes(id)
}

/// The handle of the copy that is kept aside of a record.
pub(super) const fn handle_of_aside(header: &Header) -> RecordHandle {
    RecordHandle::from_bytes(*header.record_id.as_bytes())
}

/// The handle of a place.
pub(super) fn handle_of_place(place: &Place) -> RecordHandle {
    match place {
        Place::Slot(slot) => handle_of_slot(slot),
        Place::Handle(handle) => *handle,
    }
}

/// The name of a handle.
pub(super) fn name_of(handle: RecordHandle) -> Result<StoreName, StorageError> {
    StoreName::new(&handle.to_string()).ok_or(StorageError::Unavailable("a handle is no store name"))
}

/// The name of the entry that counts wrong passwords at a slot.
pub(super) fn name_of_attempts(slot: RecordHandle) -> Result<StoreName, StorageError> {
    StoreName::new(&format!("{slot}{ATTEMPTS_SUFFIX}")).ok_or(StorageError::Unavailable("a slot is no store name"))
}

/// What a name says.
pub(super) fn kind_of(name: &StoreName) -> EntryKind {
    let text = name.as_str();
    if let Ok(handle) = RecordHandle::parse(text) {
        return EntryKind::Record(handle);
    }
    match text.strip_suffix(ATTEMPTS_SUFFIX).map(RecordHandle::parse) {
        Some(Ok(_)) => EntryKind::Attempts,
        Some(Err(_)) | None => EntryKind::Foreign,
    }
}

/// Whether a record may lie at a handle: at its slot, or under its own id as a copy kept aside; a queued revocation only
/// under the handle that it was written under.
pub(super) fn check_place(
    handle: RecordHandle,
    header: &Header,
    own_handle: Option<RecordHandle>,
) -> Result<(), Unreadable> {
    let fits = if is_revocation(header) {
        own_handle == Some(handle)
    } else {
        own_handle.is_none() && (handle == handle_of_slot(&header.slot) || handle == handle_of_aside(header))
    };
    if fits { Ok(()) } else { Err(Unreadable::Corrupted) }
}

/// The handle that a queued revocation is bound to; every other record is found by what its header says.
pub(super) const fn own_handle(handle: RecordHandle, header: &Header) -> Option<RecordHandle> {
    if is_revocation(header) { Some(handle) } else { None }
}

/// Whether a record at a handle is a copy kept aside.
pub(super) fn is_aside(handle: RecordHandle, header: &Header) -> bool {
    !is_revocation(header) && handle == handle_of_aside(header) && handle != handle_of_slot(&header.slot)
}

/// The handle that a write goes to, if its record belongs there.
pub(super) fn handle_for_write(place: &Place, header: &Header) -> Result<RecordHandle, StorageError> {
    let handle = handle_of_place(place);
    check_place(handle, header, own_handle(handle, header))
        .map(|()| handle)
        .map_err(|_| StorageError::Unsupported(MISPLACED))
}

/// A record that does not belong where it is to go.
pub(super) const MISPLACED: InvalidParameter = InvalidParameter {
    field: "place",
    why: "is not where this record belongs",
};

pub(super) const fn is_revocation(header: &Header) -> bool {
    matches!(header.stage, Stage::Revoking { .. })
}
