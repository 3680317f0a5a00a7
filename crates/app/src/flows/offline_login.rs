//! OfflineLogin: unlocks a stored token and proves it at the IdP.

use vestibule_domain::event::{EventKind, OfflineLoginEvent, RecordRef};
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::notification::Notification;
use vestibule_domain::record::{Lookup, Place, Slot, Stage};
use vestibule_domain::sdk_state::Fact;
use vestibule_domain::status::Cause;
use vestibule_ports::{Described, Key};

use super::finish_deletion::finish_deletion;
use super::read_records::{find_user, remember};
use super::reprotect::raise;
use super::rotate_grant::rotate_grant;
use crate::core::{Core, FlowContext};
use crate::credential_prompt;
use crate::dispatch::{Lane, SdkEvent, sealed::Sealed};
use crate::ledger::Held;
use crate::outcome::user_of;

impl Sealed for OfflineLoginEvent {}

impl SdkEvent for OfflineLoginEvent {
    type Outcome = ();
    type Parsed = RecordRef;
    const KIND: EventKind = EventKind::OfflineLogin;
    const LANE: Lane = Lane::Queue;

    fn parse(self) -> Result<RecordRef, InvalidParameter> {
        Ok(self.record)
    }

    async fn run(record: RecordRef, cx: FlowContext) -> Result<(), Cause> {
        let (era, core) = (cx.era, cx.core.clone());
        match unlock_and_prove(&record, cx).await {
            Ok(held) => {
                let slot = held.header.slot.clone();
                let is_logged_in = core.ledger.conclude(era, Fact::LoggedIn, Some(held));
                remember(&core, &slot).await;
                if is_logged_in { Ok(()) } else { Err(Cause::QueueFull) }
            }
            Err(cause) => {
                core.ledger.conclude(era, Fact::LoginFailed, None);
                Err(cause)
            }
        }
    }
}

async fn unlock_and_prove(record: &RecordRef, cx: FlowContext) -> Result<Held, Cause> {
    let core = &cx.core;
    let slot = slot_of(core, record).await?;
    let _turn = core.enter_slot(&slot).await?;
    let described = describe(core, &slot).await?;
    // Another user may have taken the slot since it was found: nobody is logged in who was not named.
    if let RecordRef::User(user) = record
        && user_of(&described.header).as_ref() != Some(user)
    {
        return Err(Cause::NoSuchRecord);
    }
    if let Stage::Outdated { cause, .. } = described.header.stage
        && core.was_just_refused(&slot)
    {
        return Err(Cause::Outdated(cause));
    }
    let credential = credential_prompt::unlock(&cx, &described).await?;
    let place = Place::Slot(slot.clone());
    let opened = core
        .ports
        .storage
        .open(place.clone(), Key::Credential(credential.clone()))
        .await?;
    if opened.header.record_id != described.header.record_id {
        return Err(Cause::RecordInUse);
    }
    let weakly_sealed = opened.weakly_sealed;
    let mut held = Held::from_opened(place, opened)?;
    if weakly_sealed {
        held = raise(&cx, held, &credential).await?;
    }
    drop(credential);
    let rotated = rotate_grant(&cx, held, None).await.map_err(|failed| {
        if let Some(why) = failed.ended {
            core.ledger.tell(&Notification::SessionEnded { why });
        }
        failed.cause
    })?;
    match rotated.token {
        Some(Err(why)) => Err(Cause::UntrustedResponse(why)),
        Some(Ok(_)) | None => Ok(rotated.held),
    }
}

/// Which slot the app speaks of.
async fn slot_of(core: &Core, record: &RecordRef) -> Result<Slot, Cause> {
    let handle = match record {
        RecordRef::User(user) => return find_user(core, user).await,
        RecordRef::Handle(handle) => *handle,
    };
    let Lookup::Present(named) = core.ports.storage.describe(Place::Handle(handle)).await? else {
        return Err(Cause::NoSuchRecord);
    };
    let slot = named.header.slot;
    match core.ports.storage.describe(Place::Slot(slot.clone())).await? {
        Lookup::Present(standing) if standing.handle == handle => Ok(slot),
        Lookup::Present(_) | Lookup::Absent => Err(Cause::NoSuchRecord),
    }
}

/// What stands in the slot, if it is somebody to log in as.
async fn describe(core: &Core, slot: &Slot) -> Result<Described, Cause> {
    let Lookup::Present(described) = core.ports.storage.describe(Place::Slot(slot.clone())).await? else {
        return Err(Cause::NoSuchRecord);
    };
    match described.header.stage {
        Stage::Active { .. } | Stage::Rotating { .. } | Stage::Outdated { .. } => Ok(described),
        Stage::Enrolling { .. } => Err(Cause::NoToken),
        Stage::Deleting { .. } => {
            finish_deletion(core, slot).await?;
            Err(Cause::NoSuchRecord)
        }
        Stage::Revoking { .. } => Err(Cause::NoSuchRecord),
    }
}
