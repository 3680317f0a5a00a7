//! Revocations that are still to be done, each a durable record of its own.

use std::sync::Arc;

use vestibule_domain::identifiers::{RecordHandle, RecordId};
use vestibule_domain::instant::WallTime;
use vestibule_domain::notification::Notification;
use vestibule_domain::record::{Header, Lookup, Place, Stage};
use vestibule_domain::secret::{EnrolmentKey, Grant};
use vestibule_domain::status::Cause;
use vestibule_ports::{Content, Credential, Key, RevokeRequest};

use crate::adapter_call;
use crate::core::{Core, FlowContext};
use crate::patience::Patience;
use crate::record_body::RecordBody;

/// Puts a grant into the queue; its session is revoked at a later start, or when the host asks for it.
pub(crate) async fn queue(
    core: &Core,
    of: &Header,
    key: &EnrolmentKey,
    grant: &Grant,
    until: Option<WallTime>,
) -> Result<(), Cause> {
    let handle = RecordHandle::from_bytes(core.random_16()?);
    let header = Header::first(
        RecordId::from_bytes(core.random_16()?),
        core.make_write_id()?,
        Stage::Revoking { until },
        vestibule_domain::authentication_mode::AuthenticationMode::No,
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
    core.ledger
        .write(&Place::Handle(handle), None, &header, &content)
        .await?;
    core.ledger.tell(&Notification::RevocationPending);
    Ok(())
}

/// The same, again and again until it is definite: nothing else remembers this grant.
pub(crate) async fn queue_surely(
    cx: &FlowContext,
    of: &Header,
    key: &EnrolmentKey,
    grant: &Grant,
    until: Option<WallTime>,
) {
    let mut patience = Patience::new(cx);
    while let Err(cause) = queue(&cx.core, of, key, grant, until).await {
        tracing::warn!(%cause, "a session that nobody uses is not queued for revocation yet: trying again");
        patience.wait(cx).await;
    }
}

/// Works off queued revocations, one after the other. What fails stays for the next time.
pub(crate) async fn work_off(core: Arc<Core>, queued: Vec<RecordHandle>) {
    for handle in queued {
        match work_off_one(&core, handle).await {
            Ok(()) => core.ledger.tell(&Notification::RevocationDone),
            Err(cause) => {
                tracing::info!(%cause, "a queued revocation is left for later");
                core.ledger.tell(&Notification::RevocationPending);
            }
        }
    }
}

async fn work_off_one(core: &Core, handle: RecordHandle) -> Result<(), Cause> {
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
    storage.remove(handle, described.revision).await?;
    Ok(())
}
