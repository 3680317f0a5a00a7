//! The copy of what an enrolment replaces: kept aside until the new user stands.

use vestibule_domain::event::RecordRef;
use vestibule_domain::identifiers::{RecordHandle, UserIdentifier};
use vestibule_domain::record::{Header, Lookup, Place, Slot};
use vestibule_domain::status::Cause;
use vestibule_ports::{Described, StorageError};

use crate::core::{Core, FlowContext};
use crate::flows::read_records::find_asides;
use crate::gate_keys::forget_key_of;
use crate::outcome::user_of;

/// Keeps a copy of what is replaced. Copies of what was there before it are removed first, so that nobody puts back the
/// wrong one.
pub(super) async fn keep_aside(cx: &FlowContext, standing: &Described) -> Result<RecordHandle, StorageError> {
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

/// The copy of what an enrolment in this slot replaces, if it replaces anything.
pub(super) async fn find_aside(core: &Core, slot: &Slot) -> Result<Option<RecordHandle>, Cause> {
    let asides = find_asides(core, slot).await?;
    Ok(asides.first().map(|(copy, _)| copy.handle))
}

/// Whether an enrolment that was begun replaces what the app names.
pub(super) async fn replaces(cx: &FlowContext, named: &RecordRef, begun: &Header) -> Result<bool, Cause> {
    let asides = find_asides(&cx.core, &begun.slot).await?;
    Ok(asides
        .iter()
        .any(|(copy, header)| names(named, copy.handle, user_of(header).as_ref())))
}

pub(super) async fn remove_aside(core: &Core, aside: RecordHandle) {
    let storage = &core.ports.storage;
    let Ok(Lookup::Present(copy)) = storage.describe(Place::Handle(aside)).await else {
        return;
    };
    match storage.remove(aside, copy.revision).await {
        Ok(()) => forget_key_of(core, &copy.header).await,
        Err(error) => tracing::info!(%error, "a copy kept aside is left for the next start"),
    }
}

/// Whether the app's `replace` names what stands in the slot.
pub(super) fn names(replace: &RecordRef, handle: RecordHandle, user: Option<&UserIdentifier>) -> bool {
    match replace {
        RecordRef::Handle(named) => *named == handle,
        RecordRef::User(named) => user == Some(named),
    }
}
