//! Claiming a slot: proven free, resumed, or replaced by name; the credential asked for; the key on disk.

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::enrolment::{Plan, Replace, SlotFault, plan};
use vestibule_domain::identifiers::{RecordHandle, RecordId};
use vestibule_domain::record::{Header, Lookup, Place, Slot, Stage};
use vestibule_domain::secret::EnrolmentKey;
use vestibule_domain::status::Cause;
use vestibule_ports::{Content, Credential, Described, Entered, Key, StorageError};

use super::replaced_record::{Replaced, find_aside, find_unreadable, remove_aside, replace_of};
use super::{Wish, undo};
use crate::core::FlowContext;
use crate::credential_prompt::{Chosen, choose_once, may_stand, unlock};
use crate::flows::finish_deletion::finish_deletion;
use crate::gate_keys::{GateKeyOwner, forget_key_of};
use crate::leased_record::{LeasedRecord, Work};
use crate::ledger::{Held, WriteFault};
use crate::record_body::RecordBody;
use crate::record_turn::{NoTurn, Standing, wait_for_turn};

/// So often a slot is tried for against writers that are always faster.
const CLAIM_TRIES: u32 = 16;

/// A slot that holds my Enrolling, with the key sealed in it.
pub(super) struct Claimed {
    pub leased: LeasedRecord,
    /// Whether no call with this key was ever unclear.
    pub fresh: bool,
    /// The copy of what is being replaced.
    pub aside: Option<RecordHandle>,
}

/// Whether the slot changed between the look and the write.
enum Claim {
    Done(Box<Claimed>),
    LookAgain,
}

/// Claims the slot. The credential is asked for once, and before anything is written or sent: a cancel costs nothing.
pub(super) async fn claim_slot(cx: &FlowContext, wish: &Wish, slot: &Slot) -> Result<Claimed, Cause> {
    let mut chosen = None;
    let claimed = try_to_claim(cx, wish, slot, &mut chosen).await;
    if let (Err(_), Some(unused)) = (&claimed, chosen) {
        unused.drop_unused(cx).await;
    }
    claimed
}

async fn try_to_claim(
    cx: &FlowContext,
    wish: &Wish,
    slot: &Slot,
    chosen: &mut Option<Chosen>,
) -> Result<Claimed, Cause> {
    for _ in 0..CLAIM_TRIES {
        let (found, unclear) = match wait_for_turn(&cx.core, &Place::Slot(slot.clone())).await {
            Ok(Standing { found, unclear }) => (Ok(found), unclear),
            Err(NoTurn::InUse) => return Err(Cause::RecordInUse),
            Err(NoTurn::Storage(error)) => (Err(SlotFault::from(error)), false),
        };
        let standing = found.as_ref().ok().and_then(|found| match found {
            Lookup::Present(described) => Some(described.clone()),
            Lookup::Absent => None,
        });
        let unreadable = match &found {
            Err(SlotFault::Unreadable(_)) => find_unreadable(cx, wish).await?,
            Ok(_) | Err(SlotFault::Storage(_)) => None,
        };
        let replace = match &unreadable {
            Some(_) => Replace::ThisRecord,
            None => replace_of(cx, wish, standing.as_ref()).await?,
        };
        let planned = plan(found.map(header_of), replace)?;
        let claim = match (planned, standing) {
            (Plan::FinishDeletion(_), _) => {
                finish_deletion(&cx.core, slot).await?;
                Claim::LookAgain
            }
            (Plan::Resume(_), Some(standing)) => resume(cx, wish, standing, unclear, chosen).await?,
            (Plan::Replace(_), Some(standing)) => begin(cx, wish, slot, Replaced::Record(standing), chosen).await?,
            (Plan::ReplaceUnreadable(_), _) => {
                let replaced = unreadable.map_or(Replaced::Nothing, Replaced::Unreadable);
                begin(cx, wish, slot, replaced, chosen).await?
            }
            (Plan::Begin | Plan::Resume(_) | Plan::Replace(_), _) => {
                begin(cx, wish, slot, Replaced::Nothing, chosen).await?
            }
        };
        if let Claim::Done(claimed) = claim {
            return Ok(*claimed);
        }
    }
    Err(Cause::RecordInUse)
}

/// Writes a new key into the slot, under the chosen mode.
async fn begin(
    cx: &FlowContext,
    wish: &Wish,
    slot: &Slot,
    replaced: Replaced,
    chosen: &mut Option<Chosen>,
) -> Result<Claim, Cause> {
    let core = &cx.core;
    let record_id = match chosen {
        Some(chosen) => chosen.owner.record_id,
        None => RecordId::from_bytes(core.random_16()?),
    };
    let owner = GateKeyOwner::first(record_id);
    let credential = choose_once(cx, wish.mode, owner, chosen).await?;
    let mut key = [0; 32];
    core.ports.entropy.fill(&mut key)?;
    let body = RecordBody::begun(EnrolmentKey::new(key));
    let entered = core.ports.presence.enter().await?;
    let aside = match replaced.keep_aside(cx).await {
        Ok(aside) => aside,
        Err(StorageError::Conflict | StorageError::NotThere) => return Ok(Claim::LookAgain),
        Err(error) => return Err(error.into()),
    };
    let stage = my_enrolling(cx, &entered);
    let header = Header::first(
        record_id,
        core.make_write_id()?,
        stage.clone(),
        wish.mode,
        wish.tenant_id.clone(),
        slot.clone(),
    );
    let content = Content::Seal {
        payload: body.encode()?,
        credential,
    };
    may_stand(chosen, true);
    match core
        .ledger
        .write(&replaced.place(slot), replaced.revision(), &header, &content)
        .await
    {
        Ok(written) => {
            let held = Held {
                place: Place::Slot(slot.clone()),
                header,
                revision: written.revision,
                body,
                key: written.key,
            };
            let leased = LeasedRecord::written(cx.clone(), held, Work::Enrolling, entered, stage, false);
            let claimed = Claimed {
                leased,
                fresh: true,
                aside,
            };
            if written.room {
                Ok(Claim::Done(Box::new(claimed)))
            } else {
                Err(without_room(claimed).await)
            }
        }
        Err(fault) if replaced.is_elsewhere(&fault.error) => {
            if let Some(aside) = aside {
                remove_aside(core, aside).await;
            }
            Err(Cause::NoSuchRecord)
        }
        // The copy stays: another process may be about to write over its original, too.
        Err(fault) => look_again_after(fault, chosen),
    }
}

/// Takes over an enrolment that was begun: its key is kept, and a mode chosen anew is applied before the request.
async fn resume(
    cx: &FlowContext,
    wish: &Wish,
    standing: Described,
    unclear: bool,
    chosen: &mut Option<Chosen>,
) -> Result<Claim, Cause> {
    let core = &cx.core;
    let recorded = unlock(cx, &standing).await?;
    let new = if wish.mode == standing.header.mode {
        None
    } else {
        Some(choose_once(cx, wish.mode, GateKeyOwner::after(&standing.header), chosen).await?)
    };
    let place = Place::Slot(standing.header.slot.clone());
    let opened = core
        .ports
        .storage
        .open(place.clone(), Key::Credential(recorded))
        .await?;
    if opened.revision != standing.revision {
        return Ok(Claim::LookAgain);
    }
    let mut held = Held::from_opened(place, opened)?;
    let aside = find_aside(core, &held.header.slot, standing.handle).await?;
    // The user is yet to be named: it will bear the tenant that the app names now.
    held.header.tenant_id = wish.tenant_id.clone();
    let entered = core.ports.presence.enter().await?;
    let stage = my_enrolling(cx, &entered);
    let written = match new {
        None => {
            let header = held.header.next(core.make_write_id()?, stage.clone());
            let body = held.body.clone();
            core.ledger.reseal(&mut held, header, body).await
        }
        Some(credential) => {
            may_stand(chosen, true);
            reprotect(cx, &mut held, stage.clone(), wish.mode, credential).await?
        }
    };
    match written {
        Ok(room) => {
            let leased = LeasedRecord::written(cx.clone(), held, Work::Enrolling, entered, stage, unclear);
            let claimed = Claimed {
                leased,
                fresh: false,
                aside,
            };
            if room {
                Ok(Claim::Done(Box::new(claimed)))
            } else {
                Err(without_room(claimed).await)
            }
        }
        Err(fault) => look_again_after(fault, chosen),
    }
}

/// Seals an unfinished record under a new mode. What its gate kept is forgotten once that stands.
async fn reprotect(
    cx: &FlowContext,
    held: &mut Held,
    stage: Stage,
    mode: AuthenticationMode,
    credential: Credential,
) -> Result<Result<bool, WriteFault>, Cause> {
    let ledger = &cx.core.ledger;
    let header = held.header.reprotected(cx.core.make_write_id()?, stage, mode);
    let content = Content::Seal {
        payload: held.body.encode()?,
        credential,
    };
    let written = match ledger.write(&held.place, Some(&held.revision), &header, &content).await {
        Ok(written) => written,
        Err(fault) => return Ok(Err(fault)),
    };
    forget_key_of(&cx.core, &held.header).await;
    (held.revision, held.key, held.header) = (written.revision, written.key, header);
    Ok(Ok(written.room))
}

fn my_enrolling(cx: &FlowContext, entered: &Entered) -> Stage {
    Work::Enrolling.stage(vestibule_domain::record::Lease {
        owner: Some(entered.owner()),
        written: cx.core.now(),
    })
}

fn look_again_after(fault: WriteFault, chosen: &mut Option<Chosen>) -> Result<Claim, Cause> {
    may_stand(chosen, fault.unclear);
    if fault.error == StorageError::Conflict {
        Ok(Claim::LookAgain)
    } else {
        Err(fault.into())
    }
}

/// The answer of the IdP might find no room: nothing was sent, so nothing of a fresh key exists.
async fn without_room(claimed: Claimed) -> Cause {
    if claimed.fresh {
        undo(claimed.leased.core(), &claimed.leased.held, claimed.aside).await;
    } else {
        claimed.leased.leave_to_nobody().await;
    }
    Cause::StorageUnavailable("there is no room for the answer of the IdP")
}

fn header_of(found: Lookup<Described>) -> Lookup<Header> {
    match found {
        Lookup::Absent => Lookup::Absent,
        Lookup::Present(described) => Lookup::Present(described.header),
    }
}
