//! The intent to delete, on disk before the IdP hears of it; and the one revocation that is asked for at once.

use std::time::Duration;

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::backoff;
use vestibule_domain::deletion::Asked;
use vestibule_domain::identifiers::OwnerId;
use vestibule_domain::record::{Header, Lease, Place, Revision, Stage};
use vestibule_domain::record_lease::may_start_call;
use vestibule_domain::secret::Payload;
use vestibule_domain::status::Cause;
use vestibule_ports::{Content, Credential, Described, IdpError, RevokeRequest, StorageError};

use crate::adapter_call;
use crate::core::{Core, FlowContext};
use crate::record_body::RecordBody;

/// What stands in stage Deleting.
pub(super) struct Written {
    pub header: Header,
    pub revision: Revision,
}

/// Seals the record in mode `no`, so that anybody finishes its deletion without a prompt. `None` where something else
/// stands by now.
pub(super) async fn write_deleting(
    core: &Core,
    standing: &Described,
    body: Option<&RecordBody>,
    owner: OwnerId,
) -> Result<Option<Written>, Cause> {
    let stage = Stage::Deleting {
        user: standing.header.stage.user().cloned(),
        lease: Lease {
            owner: Some(owner),
            written: core.now(),
        },
    };
    let header = standing
        .header
        .reprotected(core.make_write_id()?, stage, AuthenticationMode::No);
    let content = Content::Seal {
        payload: body.map_or_else(|| Ok(Payload::new(Vec::new())), RecordBody::encode)?,
        credential: Credential::None,
    };
    let place = Place::Slot(header.slot.clone());
    match core
        .ledger
        .write(&place, Some(&standing.revision), &header, &content)
        .await
    {
        Ok(written) => Ok(Some(Written {
            header,
            revision: written.revision,
        })),
        Err(fault) if fault.error == StorageError::Conflict => Ok(None),
        Err(fault) => Err(fault.into()),
    }
}

/// Asks the IdP to revoke the grant of a Deleting record, and says how long a failed revocation rests. An interrupted one
/// is queued like one that failed.
pub(super) async fn ask_to_revoke(cx: &FlowContext, deleting: &Header, body: &RecordBody) -> (Asked, Duration) {
    let core = &cx.core;
    let may_start = deleting
        .stage
        .lease()
        .is_some_and(|lease| may_start_call(lease.written, core.now()));
    let Some(grant) = body.grant.clone().filter(|_| may_start && !cx.interrupt.is_raised()) else {
        return (Asked::No, Duration::ZERO);
    };
    let slot = deleting.slot.clone();
    let request = RevokeRequest::new(slot.realm, slot.client_id, grant, body.key.clone());
    let revoked = tokio::select! {
        biased;
        revoked = adapter_call::revoke(core, request) => revoked,
        () = cx.interrupt.raised() => return (Asked::Failed, Duration::ZERO),
    };
    match revoked {
        Ok(()) => (Asked::Revoked, Duration::ZERO),
        Err(error) => {
            tracing::info!(%error, "a session is not revoked yet: queued");
            let retry_after = match error {
                IdpError::RateLimited { retry_after } => retry_after,
                _ => None,
            };
            (Asked::Failed, backoff::delay(0, retry_after, core.random_64()))
        }
    }
}
