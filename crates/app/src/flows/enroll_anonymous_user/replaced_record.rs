//! The copy of what an enrolment replaces: kept aside until the new user stands.

use vestibule_domain::enrolment::Replace;
use vestibule_domain::event::RecordRef;
use vestibule_domain::identifiers::{RecordHandle, UserIdentifier};
use vestibule_domain::record::{Header, Lookup, Place, Revision, Slot, Stage};
use vestibule_domain::status::Cause;
use vestibule_ports::{Described, ListedRecord, StorageError};

use super::Wish;
use crate::core::{Core, FlowContext};
use crate::flows::read_records::{find_asides, find_listed, find_unreadable_copy};
use crate::gate_keys::forget_key_of;
use crate::outcome::user_of;

/// What stands in the slot and gives way.
pub(super) enum Replaced {
    Nothing,
    Record(Described),
    /// Something that cannot be read, as it was listed.
    Unreadable(ListedRecord),
}

impl Replaced {
    /// Keeps a copy of what is replaced. What cannot be read is kept where the storage can move it as it is.
    pub(super) async fn keep_aside(&self, cx: &FlowContext) -> Result<Option<RecordHandle>, StorageError> {
        match self {
            Self::Nothing => Ok(None),
            Self::Record(standing) => keep_aside(cx, standing).await.map(Some),
            Self::Unreadable(listed) => {
                let storage = &cx.core.ports.storage;
                match storage.keep_aside(listed.handle, listed.revision.clone()).await {
                    Ok(aside) => Ok(Some(aside)),
                    Err(StorageError::Unreadable(_) | StorageError::Unsupported(_)) => Ok(None),
                    Err(error) => Err(error),
                }
            }
        }
    }

    /// Where the new record goes. By its handle the storage proves that what the app named lies in this very slot.
    pub(super) fn place(&self, slot: &Slot) -> Place {
        match self {
            Self::Nothing | Self::Record(_) => Place::Slot(slot.clone()),
            Self::Unreadable(listed) => Place::Handle(listed.handle),
        }
    }

    /// The state that is written over.
    pub(super) const fn revision(&self) -> Option<&Revision> {
        match self {
            Self::Nothing => None,
            Self::Record(standing) => Some(&standing.revision),
            Self::Unreadable(listed) => Some(&listed.revision),
        }
    }

    /// Whether the storage refused the write because what the app named lies in another slot.
    pub(super) const fn is_elsewhere(&self, error: &StorageError) -> bool {
        matches!((self, error), (Self::Unreadable(_), StorageError::Unsupported(_)))
    }
}

/// What the app named by its handle, if it cannot be read. Only a list tells its state.
pub(super) async fn find_unreadable(cx: &FlowContext, wish: &Wish) -> Result<Option<ListedRecord>, Cause> {
    let Some(RecordRef::Handle(named)) = &wish.replace else {
        return Ok(None);
    };
    let listed = find_listed(&cx.core, |listed| listed.handle == *named && listed.header.is_err()).await?;
    Ok(listed.into_iter().next())
}

/// What the app's `replace` names, seen from the slot. An enrolment that was begun stands for what it replaces, so that
/// an event which failed can be sent again as it was.
pub(super) async fn replace_of(cx: &FlowContext, wish: &Wish, standing: Option<&Described>) -> Result<Replace, Cause> {
    let (replace, standing) = match (&wish.replace, standing) {
        (None, _) => return Ok(Replace::Nothing),
        (Some(_), None) => return Ok(Replace::Another),
        (Some(replace), Some(standing)) => (replace, standing),
    };
    let header = &standing.header;
    let has_changed = cx.core.ledger.is_told_unreadable(standing.handle) && header.stage.user().is_some();
    if names(replace, standing.handle, user_of(header).as_ref()) && !has_changed {
        return Ok(Replace::ThisRecord);
    }
    let is_unfinished = matches!(header.stage, Stage::Enrolling { .. });
    Ok(if is_unfinished && replaces(cx, replace, header).await? {
        Replace::ThisRecord
    } else {
        Replace::Another
    })
}

/// Keeps a copy of a record that is replaced. Copies of what was there before it are removed first, so that nobody puts
/// back the wrong one.
async fn keep_aside(cx: &FlowContext, standing: &Described) -> Result<RecordHandle, StorageError> {
    let storage = &cx.core.ports.storage;
    for (copy, header) in find_asides(&cx.core, &standing.header.slot).await? {
        if header.record_id != standing.header.record_id {
            match storage.remove(copy.handle, copy.revision).await {
                Ok(()) | Err(StorageError::NotThere) => {}
                Err(error) => return Err(error),
            }
        }
    }
    storage.keep_aside(standing.handle, standing.revision.clone()).await
}

/// The copy of what an enrolment in this slot replaces, if it replaces anything. `handle` is the slot's.
pub(super) async fn find_aside(core: &Core, slot: &Slot, handle: RecordHandle) -> Result<Option<RecordHandle>, Cause> {
    let asides = find_asides(core, slot).await?;
    if let Some((copy, _)) = asides.first() {
        return Ok(Some(copy.handle));
    }
    Ok(find_unreadable_copy(core, handle).await?.map(|copy| copy.handle))
}

/// Whether an enrolment that was begun replaces what the app names.
async fn replaces(cx: &FlowContext, named: &RecordRef, begun: &Header) -> Result<bool, Cause> {
    let asides = find_asides(&cx.core, &begun.slot).await?;
    Ok(asides
        .iter()
        .any(|(copy, header)| names(named, copy.handle, user_of(header).as_ref())))
}

pub(super) async fn remove_aside(core: &Core, aside: RecordHandle) {
    let storage = &core.ports.storage;
    let (revision, header) = match storage.describe(Place::Handle(aside)).await {
        Ok(Lookup::Present(copy)) => (copy.revision, Some(copy.header)),
        Err(StorageError::Unreadable(_)) => match find_listed(core, |listed| listed.handle == aside).await.as_deref() {
            Ok([copy]) => (copy.revision.clone(), None),
            Ok(_) | Err(_) => return,
        },
        Ok(Lookup::Absent) | Err(_) => return,
    };
    match (storage.remove(aside, revision).await, header) {
        (Ok(()), Some(header)) => forget_key_of(core, &header).await,
        (Ok(()), None) => {}
        (Err(error), _) => tracing::info!(%error, "a copy kept aside is left for the next start"),
    }
}

/// Whether the app's `replace` names what stands in the slot.
fn names(replace: &RecordRef, handle: RecordHandle, user: Option<&UserIdentifier>) -> bool {
    match replace {
        RecordRef::Handle(named) => *named == handle,
        RecordRef::User(named) => user == Some(named),
    }
}
