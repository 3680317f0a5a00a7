//! SetAuthenticationMode: to, from and within each mode. Whoever changes the protection proves first that the record opens
//! to them; a cancel at either prompt leaves everything as it was.

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::event::{EventKind, SetAuthenticationModeEvent};
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::notification::{Notification, SessionEnd};
use vestibule_domain::record::{Lookup, SinceThen, Unreadable};
use vestibule_domain::reprotection::{Change, change};
use vestibule_domain::sdk_state::Fact;
use vestibule_domain::status::Cause;
use vestibule_ports::{Described, Key};

use super::read_records::remember;
use super::reprotect::{NewProtection, reprotect};
use crate::core::FlowContext;
use crate::credential_prompt::{Chosen, choose, unlock};
use crate::dispatch::{Lane, SdkEvent, sealed::Sealed};
use crate::gate_keys::GateKeyOwner;
use crate::ledger::Held;
use crate::outcome::user_of;
use crate::reread_record::NoLease;

impl Sealed for SetAuthenticationModeEvent {}

impl SdkEvent for SetAuthenticationModeEvent {
    type Outcome = ();
    type Parsed = AuthenticationMode;
    const KIND: EventKind = EventKind::SetAuthenticationMode;
    const LANE: Lane = Lane::Queue;

    fn parse(self) -> Result<AuthenticationMode, InvalidParameter> {
        Ok(self.mode)
    }

    async fn run(mode: AuthenticationMode, cx: FlowContext) -> Result<(), Cause> {
        match prompt_and_reprotect(&cx, mode).await {
            Ok(()) => Ok(()),
            Err(NoLease::Failed(cause)) => Err(cause),
            Err(NoLease::Ended(why)) => {
                let ledger = &cx.core.ledger;
                if ledger.conclude(cx.era, Fact::SessionEnded, None) {
                    ledger.tell(&Notification::SessionEnded { why });
                }
                Err(Cause::RecordInUse)
            }
        }
    }
}

/// Both prompts come before the slot is entered: tokens are handed out while somebody types.
async fn prompt_and_reprotect(cx: &FlowContext, mode: AuthenticationMode) -> Result<(), NoLease> {
    let held = session(cx)?;
    if change(held.header.mode, mode) == Change::Nothing {
        return Ok(());
    }
    let described = describe(cx, &held).await?;
    let recorded = unlock(cx, &described).await?;
    let storage = &cx.core.ports.storage;
    let proof = storage.open(held.place.clone(), Key::Credential(recorded)).await;
    drop(proof.map_err(Cause::from)?);
    let owner = GateKeyOwner::after(&described.header);
    let mut chosen = choose(cx, mode, owner, user_of(&described.header)).await?;
    let changed = seal_anew(cx, &mut chosen).await;
    if changed.is_err() {
        chosen.drop_unused(cx).await;
    }
    changed
}

/// Takes its turn at the slot, so that a grant which is being rotated is sealed anew and not the one before it.
async fn seal_anew(cx: &FlowContext, chosen: &mut Chosen) -> Result<(), NoLease> {
    let core = &cx.core;
    let slot = session(cx)?.header.slot;
    let _turn = core.enter_slot(&slot).await?;
    let new = NewProtection {
        mode: chosen.mode,
        credential: &chosen.credential,
        owner: chosen.owner,
    };
    // Until the write has answered it may stand.
    chosen.may_stand = true;
    match reprotect(cx, session(cx)?, &new).await {
        Ok(sealed) => {
            core.ledger.adopt_protection(sealed);
            remember(core, &slot).await;
            Ok(())
        }
        Err(failed) => {
            chosen.may_stand = failed.may_stand;
            Err(failed.why)
        }
    }
}

fn session(cx: &FlowContext) -> Result<Held, NoLease> {
    match cx.core.ledger.session() {
        Some((era, held)) if era == cx.era => Ok(held),
        Some(_) | None => Err(Cause::QueueFull.into()),
    }
}

/// What stands of the session's record.
async fn describe(cx: &FlowContext, held: &Held) -> Result<Described, NoLease> {
    let found = cx.core.ports.storage.describe(held.place.clone()).await;
    let Lookup::Present(described) = found.map_err(Cause::from)? else {
        return Err(NoLease::Ended(SessionEnd::Removed));
    };
    match held.header.compared_with(&described.header) {
        SinceThen::Unchanged | SinceThen::NewerGeneration => Ok(described),
        SinceThen::OlderGeneration => Err(Cause::Unreadable(Unreadable::Corrupted).into()),
        SinceThen::Reprotected => Err(NoLease::Ended(SessionEnd::Reprotected)),
        SinceThen::BeingDeleted | SinceThen::AnotherIdentity => Err(NoLease::Ended(SessionEnd::Removed)),
    }
}
