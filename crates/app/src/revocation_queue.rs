//! Revocations that are still to be done, each a durable record of its own.

use std::time::Duration;

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::deletion::queue_place;
use vestibule_domain::identifiers::{RecordHandle, RecordId};
use vestibule_domain::instant::WallTime;
use vestibule_domain::notification::Notification;
use vestibule_domain::record::{Header, Lookup, Place, Slot, Stage};
use vestibule_domain::secret::{EnrolmentKey, Grant};
use vestibule_domain::status::Cause;
use vestibule_ports::{Content, Credential, IdpError, Key, RevokeRequest, StorageError};

use crate::adapter_call;
use crate::core::{Core, FlowContext};
use crate::patience::Patience;
use crate::record_body::RecordBody;

/// So many records are read at a time.
const PAGE: usize = 256;

/// A session that is to be revoked.
pub(crate) struct Revocable<'a> {
    /// The record that the grant comes from.
    pub of: &'a Header,
    pub key: &'a EnrolmentKey,
    pub grant: &'a Grant,
    /// When the session ends by itself.
    pub until: Option<WallTime>,
}

/// Puts a grant into the queue; it is worked off in the background.
pub(crate) async fn queue(core: &Core, revocable: &Revocable<'_>) -> Result<(), Cause> {
    let handle = RecordHandle::from_bytes(core.random_16()?);
    write_entry(core, handle, revocable).await?.map_err(Cause::from)?;
    queued(core, handle, Duration::ZERO);
    Ok(())
}

/// The same, again and again until it is definite: nothing else remembers this grant.
pub(crate) async fn queue_surely(cx: &FlowContext, revocable: &Revocable<'_>) {
    let mut patience = Patience::new(cx);
    while let Err(cause) = queue(&cx.core, revocable).await {
        tracing::warn!(%cause, "a session that nobody uses is not queued for revocation yet: trying again");
        patience.wait(cx).await;
    }
}

/// Puts the grant of a record that is being deleted into the queue, once: whoever finishes the deletion again finds it there.
/// It is tried first after `rest`.
pub(crate) async fn queue_deleted(core: &Core, revocable: &Revocable<'_>, rest: Duration) -> Result<(), Cause> {
    let handle = queue_place(revocable.of.record_id);
    match write_entry(core, handle, revocable).await? {
        Ok(()) => queued(core, handle, rest),
        Err(StorageError::Conflict) => core.revocations.add(handle, core.now().after(rest)),
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

/// Whether a queued revocation of this key stands.
pub(crate) async fn holds_key(core: &Core, slot: &Slot, key: &EnrolmentKey) -> Result<bool, Cause> {
    let storage = &core.ports.storage;
    let mut after = None;
    loop {
        let page = storage.list(after, PAGE).await?;
        for listed in page.records {
            let of_slot = listed
                .header
                .as_ref()
                .is_ok_and(|header| header.slot == *slot && matches!(header.stage, Stage::Revoking { .. }));
            if of_slot && holds(core, listed.handle, key).await? {
                return Ok(true);
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(false),
        }
    }
}

/// Works off one entry. One whose session has ended by itself is dropped; one that is gone was worked off by another.
pub(crate) async fn work_off(core: &Core, handle: RecordHandle) -> Result<(), NotRevoked> {
    let storage = &core.ports.storage;
    let place = Place::Handle(handle);
    let Lookup::Present(described) = storage.describe(place.clone()).await? else {
        return Ok(());
    };
    let Stage::Revoking { until } = described.header.stage else {
        return Ok(());
    };
    if until.is_none_or(|until| core.ports.clock.wall() < until) {
        let opened = storage.open(place, Key::Credential(Credential::None)).await?;
        let body = RecordBody::decode(&opened.payload)?;
        if let Some(grant) = body.grant {
            let slot = described.header.slot;
            let request = RevokeRequest::new(slot.realm, slot.client_id, grant, body.key);
            adapter_call::revoke(core, request).await?;
        }
    }
    match storage.remove(handle, described.revision).await {
        Ok(()) | Err(StorageError::NotThere) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Why an entry stays.
#[derive(Debug)]
pub(crate) struct NotRevoked {
    pub cause: Cause,
    /// When the IdP wants to be asked again.
    pub retry_after: Option<Duration>,
}

impl From<Cause> for NotRevoked {
    fn from(cause: Cause) -> Self {
        let retry_after = match &cause {
            Cause::RateLimited { retry_after } => *retry_after,
            _ => None,
        };
        Self { cause, retry_after }
    }
}

impl From<IdpError> for NotRevoked {
    fn from(error: IdpError) -> Self {
        Cause::from(error).into()
    }
}

impl From<StorageError> for NotRevoked {
    fn from(error: StorageError) -> Self {
        Cause::from(error).into()
    }
}

async fn write_entry(
    core: &Core,
    handle: RecordHandle,
    revocable: &Revocable<'_>,
) -> Result<Result<(), StorageError>, Cause> {
    let Revocable { of, key, grant, until } = *revocable;
    let header = Header::first(
        RecordId::from_bytes(core.random_16()?),
        core.make_write_id()?,
        Stage::Revoking { until },
        AuthenticationMode::No,
        of.tenant_id.clone(),
        of.slot.clone(),
    );
    let body = RecordBody {
        grant: Some(grant.clone()),
        ..RecordBody::begun(key.clone())
    };
    let content = Content::Seal {
        payload: body.encode()?,
        credential: Credential::None,
    };
    let written = core.ledger.write(&Place::Handle(handle), None, &header, &content).await;
    Ok(written.map(drop).map_err(|fault| fault.error))
}

fn queued(core: &Core, handle: RecordHandle, rest: Duration) {
    core.ledger.tell(&Notification::RevocationPending);
    core.revocations.add(handle, core.now().after(rest));
}

async fn holds(core: &Core, handle: RecordHandle, key: &EnrolmentKey) -> Result<bool, Cause> {
    let storage = &core.ports.storage;
    match storage
        .open(Place::Handle(handle), Key::Credential(Credential::None))
        .await
    {
        Ok(opened) => Ok(RecordBody::decode(&opened.payload)?.key.expose() == key.expose()),
        Err(StorageError::NotThere) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
