//! A deletion that was begun is finished by whoever finds it: it is sealed so that nobody has to be asked.

use vestibule_domain::record::{Lookup, Place, Slot, Stage};
use vestibule_domain::status::Cause;
use vestibule_ports::{Credential, Key};

use super::read_records::find_asides;
use crate::core::Core;
use crate::record_body::RecordBody;
use crate::record_turn::wait_for_turn;
use crate::revocation_queue;

/// Queues the revocation of what a Deleting record holds, then removes it, or puts back what it replaced.
pub(super) async fn finish_deletion(core: &Core, slot: &Slot) -> Result<(), Cause> {
    let place = Place::Slot(slot.clone());
    let standing = wait_for_turn(core, &place).await?;
    let Lookup::Present(described) = standing.found else {
        return Ok(());
    };
    if !matches!(described.header.stage, Stage::Deleting { .. }) {
        return Ok(());
    }
    let storage = &core.ports.storage;
    let opened = storage.open(place, Key::Credential(Credential::None)).await?;
    let body = RecordBody::decode(&opened.payload)?;
    if let Some(grant) = &body.grant {
        revocation_queue::queue(core, &described.header, &body.key, grant, body.session_ends).await?;
    }
    match find_asides(core, slot).await?.first() {
        Some((aside, _)) => drop(storage.put_back(aside.handle, Some(described.revision)).await?),
        None => storage.remove(described.handle, described.revision).await?,
    }
    Ok(())
}
