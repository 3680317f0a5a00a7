//! What the app names: the record of a slot, or something that cannot be read.

use vestibule_domain::event::RecordRef;
use vestibule_domain::identifiers::{InvalidParameter, RecordHandle, RecordId, UserIdentifier};
use vestibule_domain::record::{Header, Lookup, Place, Revision, Slot, Stage};
use vestibule_domain::status::Cause;
use vestibule_ports::StorageError;

use crate::core::Core;
use crate::flows::read_records::{find_headers, find_listed};

/// What is to be deleted.
pub(super) enum Named {
    InSlot {
        slot: Slot,
        record_id: RecordId,
    },
    /// Its header can't be trusted: there is nothing but its place and its state.
    Unreadable {
        handle: RecordHandle,
        revision: Revision,
    },
}

impl Named {
    fn in_slot(header: Header) -> Self {
        Self::InSlot {
            slot: header.slot,
            record_id: header.record_id,
        }
    }
}

/// Finds what the app names. Queued revocations and copies kept aside are no records of the app's.
pub(super) async fn find_record(core: &Core, record: &RecordRef) -> Result<Named, Cause> {
    match record {
        RecordRef::User(user) => find_by_user(core, user).await,
        RecordRef::Handle(handle) => find_by_handle(core, *handle).await,
    }
}

/// A user may stand in two slots of one realm: then only a handle says which record is meant.
async fn find_by_user(core: &Core, user: &UserIdentifier) -> Result<Named, Cause> {
    let mut headers = find_headers(core, |header| is_of(header, user)).await?.into_iter();
    match (headers.next(), headers.next()) {
        (Some(header), None) => Ok(Named::in_slot(header)),
        (None, _) => Err(Cause::NoSuchRecord),
        (Some(_), Some(_)) => Err(Cause::InvalidParameter(InvalidParameter {
            field: "record",
            why: "names the user of two records: name one by its handle",
        })),
    }
}

async fn find_by_handle(core: &Core, handle: RecordHandle) -> Result<Named, Cause> {
    let storage = &core.ports.storage;
    let header = match storage.describe(Place::Handle(handle)).await {
        Ok(Lookup::Present(described)) => described.header,
        Ok(Lookup::Absent) => return Err(Cause::NoSuchRecord),
        Err(StorageError::Unreadable(_)) => match find_unreadable(core, handle).await? {
            Ok(named) => return Ok(named),
            Err(readable_now) => readable_now,
        },
        Err(error) => return Err(error.into()),
    };
    match storage.describe(Place::Slot(header.slot)).await? {
        Lookup::Present(standing)
            if standing.handle == handle
                && !(core.ledger.is_told_unreadable(handle) && standing.header.stage.user().is_some()) =>
        {
            Ok(Named::in_slot(standing.header))
        }
        Lookup::Present(_) | Lookup::Absent => Err(Cause::NoSuchRecord),
    }
}

/// Only a list tells the state of what cannot be read.
async fn find_unreadable(core: &Core, handle: RecordHandle) -> Result<Result<Named, Header>, Cause> {
    let listed = find_listed(core, |listed| listed.handle == handle).await?;
    let listed = listed.into_iter().next().ok_or(Cause::NoSuchRecord)?;
    Ok(match listed.header {
        Err(_) => Ok(Named::Unreadable {
            handle,
            revision: listed.revision,
        }),
        Ok(header) => Err(header),
    })
}

/// Whether a record is of this user, also while it is being deleted.
fn is_of(header: &Header, user: &UserIdentifier) -> bool {
    let user_id = match &header.stage {
        Stage::Deleting { user, .. } => user.as_ref(),
        Stage::Enrolling { .. }
        | Stage::Active { .. }
        | Stage::Rotating { .. }
        | Stage::Outdated { .. }
        | Stage::Revoking { .. } => header.stage.user(),
    };
    header.tenant_id == user.tenant_id && user_id == Some(&user.user_id)
}
