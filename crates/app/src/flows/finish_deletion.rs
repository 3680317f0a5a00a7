//! A deletion that was begun is finished by whoever finds it: it is sealed so that nobody has to be asked.

use std::time::Duration;

use vestibule_domain::deletion::{Asked, Begun, CopyAside, Revocation, answer, copy_aside, must_queue, puts_back};
use vestibule_domain::identifiers::RecordHandle;
use vestibule_domain::record::{Header, Lookup, Place, Revision, Slot, Stage};
use vestibule_domain::secret::Payload;
use vestibule_domain::status::Cause;
use vestibule_ports::{Credential, Key, StorageError};

use super::read_records::{find_asides, find_unreadable_copy};
use crate::core::Core;
use crate::gate_keys::{GateKeyOwner, forget};
use crate::record_body::RecordBody;
use crate::record_turn::wait_for_turn;
use crate::revocation_queue::{Revocable, holds_key, queue_deleted};

/// A record that stands in stage Deleting.
pub(super) struct Deleting {
    pub handle: RecordHandle,
    pub revision: Revision,
    pub header: Header,
    /// Key and grant, where the credential was given.
    pub body: Option<RecordBody>,
}

/// What is known of its session.
pub(super) struct Session {
    pub begun: Begun,
    pub asked: Asked,
    /// How long its revocation rests in the queue before it is tried.
    pub rest: Duration,
}

/// Queues the revocation of what a Deleting record holds, then removes it, or puts back what it replaced. `None` where no
/// deletion is to be finished.
pub(super) async fn finish_deletion(core: &Core, slot: &Slot) -> Result<Option<Revocation>, Cause> {
    let place = Place::Slot(slot.clone());
    let standing = wait_for_turn(core, &place).await?;
    let Lookup::Present(described) = standing.found else {
        return Ok(None);
    };
    if !matches!(described.header.stage, Stage::Deleting { .. }) {
        return Ok(None);
    }
    let opened = match core.ports.storage.open(place, Key::Credential(Credential::None)).await {
        Ok(opened) if opened.revision == described.revision => opened,
        // Somebody else was faster.
        Ok(_) | Err(StorageError::NotThere) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let deleting = Deleting {
        handle: described.handle,
        revision: opened.revision,
        header: opened.header,
        body: body_of(&opened.payload)?,
    };
    let session = Session {
        begun: Begun::BySomebodyElse,
        asked: Asked::No,
        rest: Duration::ZERO,
    };
    let revocation = finish(core, &deleting, &session).await?;
    // Whoever began it may have died before the gate heard of it; in which mode it was, nothing says any more.
    forget(core, GateKeyOwner::before_deletion(&deleting.header)).await;
    Ok(Some(revocation))
}

/// The order is the protocol's: what is to be revoked is queued before the record that holds it goes, and copies of it go
/// before it does. Each step may be done twice.
pub(super) async fn finish(core: &Core, deleting: &Deleting, session: &Session) -> Result<Revocation, Cause> {
    let Session { begun, asked, rest } = *session;
    let (mut holds_grant, mut another_queued) = (false, false);
    if let Some(RecordBody {
        key,
        grant: Some(grant),
        session_ends,
        ..
    }) = &deleting.body
    {
        holds_grant = true;
        if must_queue(holds_grant, asked) {
            let revocable = Revocable {
                of: &deleting.header,
                key,
                grant,
                until: *session_ends,
            };
            queue_deleted(core, &revocable, rest).await?;
        } else {
            another_queued = holds_key(core, &deleting.header.slot, key).await?;
        }
    }
    match remove(core, deleting.handle, &deleting.revision, &deleting.header).await {
        // Another state stands there: nobody writes over a deletion before it is finished.
        Ok(()) | Err(StorageError::NotThere | StorageError::Conflict) => {}
        Err(error) => return Err(error.into()),
    }
    Ok(answer(begun, holds_grant, asked, another_queued))
}

/// Removes a record and the copies of it, or puts back what it replaced.
pub(super) async fn remove(
    core: &Core,
    handle: RecordHandle,
    revision: &Revision,
    header: &Header,
) -> Result<(), StorageError> {
    let storage = &core.ports.storage;
    let mut replaced = None;
    for (copy, of) in find_asides(core, &header.slot).await? {
        match copy_aside(header, &of) {
            CopyAside::PutBack => replaced = Some(copy.handle),
            CopyAside::RemoveFirst => match storage.remove(copy.handle, copy.revision).await {
                Ok(()) | Err(StorageError::NotThere) => {}
                Err(error) => return Err(error),
            },
        }
    }
    if replaced.is_none() && puts_back(header) {
        replaced = find_unreadable_copy(core, handle).await?.map(|copy| copy.handle);
    }
    match replaced {
        Some(copy) => storage.put_back(copy, Some(revision.clone())).await.map(drop),
        None => storage.remove(handle, revision.clone()).await,
    }
}

/// A record that is deleted without its credential holds nothing.
pub(super) fn body_of(payload: &Payload) -> Result<Option<RecordBody>, Cause> {
    if payload.expose().is_empty() {
        return Ok(None);
    }
    RecordBody::decode(payload).map(Some)
}
