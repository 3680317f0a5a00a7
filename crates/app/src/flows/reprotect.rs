//! Sealing a record anew: another mode, another password, or stronger parameters. It needs no network. The old protection
//! or the new one stands on disk, never neither.

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::notification::Notification;
use vestibule_domain::record::Header;
use vestibule_domain::reprotection::{may_raise, stage_kept};
use vestibule_domain::status::Cause;
use vestibule_ports::{Content, Credential, Key, StorageError};

use crate::core::{Core, FlowContext};
use crate::gate_keys::{GateKeyOwner, forget_key_of};
use crate::ledger::{Held, WriteFault};
use crate::patience::Patience;
use crate::reread_record::{LEASE_TRIES, NoLease, reread};

/// Why a record was not sealed anew.
#[derive(Debug)]
pub(super) struct NotReprotected {
    pub why: NoLease,
    /// Whether a record sealed with the new credential may stand all the same.
    pub may_stand: bool,
}

/// A new protection: the credential, and the epoch that it was made for.
pub(super) struct NewProtection<'a> {
    pub mode: AuthenticationMode,
    pub credential: &'a Credential,
    pub owner: GateKeyOwner,
}

/// Seals a record anew by compare-and-swap, with the newest grant that stands. It begins only where no living lease stands.
/// Whose write of it is unclear is not given up: the caller is answered after a while, the write goes on.
pub(super) async fn reprotect(cx: &FlowContext, held: Held, new: &NewProtection<'_>) -> Result<Held, NotReprotected> {
    let core = &cx.core;
    let not_done = |why| NotReprotected { why, may_stand: false };
    let mut held = held;
    for _ in 0..LEASE_TRIES {
        (held, _) = reread(core, held).await.map_err(not_done)?;
        if GateKeyOwner::after(&held.header) != new.owner {
            return Err(not_done(Cause::RecordInUse.into()));
        }
        let write_id = core.make_write_id().map_err(|cause| not_done(cause.into()))?;
        let stage = stage_kept(&held.header.stage, core.lease_of_nobody());
        let header = held.header.reprotected(write_id, stage, new.mode);
        match seal(cx, &held, &header, new.credential).await {
            Ok(sealed) => {
                forget_key_of(core, &held.header).await;
                core.ledger.tell(&Notification::StorageProtectionChanged);
                return Ok(sealed);
            }
            Err(WriteFault {
                error: StorageError::Conflict,
                unclear: false,
            }) => {}
            Err(WriteFault {
                error: StorageError::Conflict,
                unclear: true,
            }) => {
                // Mine may have stood in between. What stands now says whether the old protection does.
                let why = match reread(core, held).await {
                    Ok((standing, _)) => {
                        held = standing;
                        continue;
                    }
                    Err(why) => why,
                };
                return Err(NotReprotected { why, may_stand: true });
            }
            Err(fault) => {
                return Err(NotReprotected {
                    may_stand: fault.unclear,
                    why: Cause::from(fault).into(),
                });
            }
        }
    }
    Err(not_done(Cause::RecordInUse.into()))
}

/// Seals a record more strongly that was just unlocked. Nothing of it fails a login: in doubt the record is opened once
/// more, and whatever stands is what the login goes on with.
pub(super) async fn raise(cx: &FlowContext, held: Held, credential: &Credential) -> Result<Held, Cause> {
    let core = &cx.core;
    if !may_raise(held.header.mode, &held.header.stage) {
        return Ok(held);
    }
    let Ok(write_id) = core.make_write_id() else {
        return Ok(held);
    };
    let header = held
        .header
        .reprotected(write_id, held.header.stage.clone(), held.header.mode);
    match once(core, &held, &header, credential).await {
        Ok(sealed) => {
            core.ledger.tell(&Notification::StorageProtectionChanged);
            Ok(sealed)
        }
        Err(fault) => {
            tracing::info!(error = %fault.error, "a record is not sealed more strongly yet");
            if !fault.unclear {
                return Ok(held);
            }
            let key = Key::Credential(credential.clone());
            let opened = core.ports.storage.open(held.place.clone(), key).await?;
            Held::from_opened(held.place, opened)
        }
    }
}

/// One write, repeated as the very same one until it is definite, if any try of it was unclear.
async fn seal(cx: &FlowContext, held: &Held, header: &Header, credential: &Credential) -> Result<Held, WriteFault> {
    let mut patience = Patience::new(cx);
    let mut unclear = false;
    loop {
        let fault = match once(&cx.core, held, header, credential).await {
            Ok(sealed) => return Ok(sealed),
            Err(fault) => fault,
        };
        unclear |= fault.unclear;
        let fault = WriteFault {
            error: fault.error,
            unclear,
        };
        let is_definite = fault.error == StorageError::Conflict || !unclear || fault.error.is_permanent();
        if is_definite {
            return Err(fault);
        }
        tracing::warn!(error = %fault.error, "whether a new protection stands is not clear yet: trying again");
        patience.wait(cx).await;
    }
}

async fn once(core: &Core, held: &Held, header: &Header, credential: &Credential) -> Result<Held, WriteFault> {
    let payload = held.body.encode().map_err(|_| WriteFault {
        error: StorageError::Unavailable("the body does not encode"),
        unclear: false,
    })?;
    let content = Content::Seal {
        payload,
        credential: credential.clone(),
    };
    let written = core
        .ledger
        .write(&held.place, Some(&held.revision), header, &content)
        .await?;
    Ok(Held {
        place: held.place.clone(),
        header: header.clone(),
        revision: written.revision,
        body: held.body.clone(),
        key: written.key,
    })
}
