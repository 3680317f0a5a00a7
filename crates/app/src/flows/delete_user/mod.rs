//! DeleteUser: a deletion is on disk before the IdP hears of it, and what is to be revoked is queued before the record goes.

mod find_record;
mod write_deleting;

use std::sync::Arc;
use std::time::Duration;

use vestibule_domain::deletion::{Asked, Begun, Revocation, Step, step};
use vestibule_domain::event::{DeleteUserEvent, DeletionCredential, EventKind};
use vestibule_domain::identifiers::{InvalidParameter, RecordHandle, RecordId};
use vestibule_domain::record::{Lookup, Place, Revision, Slot};
use vestibule_domain::sdk_state::{Fact, Holdings};
use vestibule_domain::status::Cause;
use vestibule_ports::{Described, Key, StorageError};

use super::finish_deletion::{Deleting, Session, finish, finish_deletion, remove};
use super::read_records::read_records;
use super::rotate_grant::rotate_grant;
use crate::core::{Core, FlowContext};
use crate::credential_prompt::unlock;
use crate::dispatch::{Lane, SdkEvent, sealed::Sealed};
use crate::gate_keys::forget_key_of;
use crate::ledger::Held;
use crate::outcome::Deleted;
use crate::record_turn::wait_for_turn;
use find_record::{Named, find_record};
use write_deleting::{ask_to_revoke, write_deleting};

/// So often a record is looked at again against writers that are always faster.
const DELETE_TRIES: u32 = 16;

impl Sealed for DeleteUserEvent {}

impl SdkEvent for DeleteUserEvent {
    type Outcome = Deleted;
    type Parsed = Self;
    const KIND: EventKind = EventKind::DeleteUser;
    const LANE: Lane = Lane::Queue;

    fn parse(self) -> Result<Self, InvalidParameter> {
        Ok(self)
    }

    async fn run(event: Self, cx: FlowContext) -> Result<Deleted, Cause> {
        for _ in 0..DELETE_TRIES {
            let revocation = match find_record(&cx.core, &event.record).await? {
                Named::InSlot { slot, record_id } => {
                    let _turn = cx.core.enter_slot(&slot).await?;
                    let mut deletion = Deletion::new(&cx, slot, record_id, event.credential);
                    Some(deletion.delete().await?)
                }
                Named::Unreadable { handle, revision } => remove_unreadable(&cx.core, handle, revision).await?,
            };
            if let Some(revocation) = revocation {
                return Ok(conclude(&cx, revocation).await);
            }
        }
        Err(Cause::RecordInUse)
    }
}

/// A record whose header can't be trusted has no stage that could be written: it is removed in the state that was listed.
async fn remove_unreadable(core: &Core, handle: RecordHandle, revision: Revision) -> Result<Option<Revocation>, Cause> {
    match core.ports.storage.remove(handle, revision).await {
        Ok(()) => Ok(Some(Revocation::NotPossible)),
        Err(StorageError::Conflict | StorageError::NotThere) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The record is gone: what is left is read anew. Where that fails the app is told what was known before.
async fn conclude(cx: &FlowContext, revocation: Revocation) -> Deleted {
    let ledger = &cx.core.ledger;
    let (remaining, holdings) = match read_records(&cx.core).await {
        Ok(records) => (records.known, records.holdings),
        Err(cause) => {
            tracing::warn!(%cause, "a record was deleted, but what is left could not be read");
            (ledger.known(), Holdings::PerhapsUsers)
        }
    };
    ledger.remember(remaining.clone());
    ledger.conclude(cx.era, Fact::Deleted(holdings), None);
    Deleted { remaining, revocation }
}

/// One deletion of one identity. Another one that takes its place is left alone.
struct Deletion<'a> {
    cx: &'a FlowContext,
    place: Place,
    slot: Slot,
    record_id: RecordId,
    credential: DeletionCredential,
    /// The record as the credential opened it: asked for once, before anything is written.
    opened: Option<Held>,
    settled: bool,
    begun: Begun,
}

impl<'a> Deletion<'a> {
    fn new(cx: &'a FlowContext, slot: Slot, record_id: RecordId, credential: DeletionCredential) -> Self {
        Self {
            cx,
            place: Place::Slot(slot.clone()),
            slot,
            record_id,
            credential,
            opened: None,
            settled: false,
            begun: Begun::OfActive,
        }
    }

    async fn delete(&mut self) -> Result<Revocation, Cause> {
        for _ in 0..DELETE_TRIES {
            let standing = wait_for_turn(&self.cx.core, &self.place).await?;
            let standing = match standing.found {
                Lookup::Present(standing) if standing.header.record_id == self.record_id => standing,
                Lookup::Present(_) | Lookup::Absent => return Err(Cause::NoSuchRecord),
            };
            if let Some(revocation) = self.take_step(&standing).await? {
                return Ok(revocation);
            }
        }
        Err(Cause::RecordInUse)
    }

    /// Goes one step from what stands. `None`: look again.
    async fn take_step(&mut self, standing: &Described) -> Result<Option<Revocation>, Cause> {
        match step(&standing.header.stage, self.credential, self.settled) {
            Step::Finish => finish_deletion(&self.cx.core, &self.slot).await,
            Step::Refuse => Err(Cause::NoSuchRecord),
            Step::PutAway => self.put_away(standing).await,
            Step::WithoutGrant => self.through_deleting(standing, None).await,
            Step::OpenUnfinished => match self.open(standing).await? {
                Some(held) if held.body.grant.is_some() => {
                    self.begun = Begun::OfUnfinished;
                    self.through_deleting(standing, Some(held)).await
                }
                Some(_) => self.put_away(standing).await,
                None => Ok(None),
            },
            Step::Revoke => match self.open(standing).await? {
                Some(held) => self.through_deleting(standing, Some(held)).await,
                None => Ok(None),
            },
            Step::Settle => {
                if let Some(held) = self.open(standing).await? {
                    self.settle(held).await;
                }
                Ok(None)
            }
        }
    }

    /// Opens what stands. `None` where it has changed meanwhile.
    async fn open(&mut self, standing: &Described) -> Result<Option<Held>, Cause> {
        let known = self
            .opened
            .as_ref()
            .filter(|held| held.header.epoch == standing.header.epoch);
        let key = match known {
            Some(held) => Key::RecordKey(held.key.clone()),
            None => Key::Credential(unlock(self.cx, standing).await?),
        };
        let opened = self.cx.core.ports.storage.open(self.place.clone(), key).await?;
        let is_current = opened.revision == standing.revision;
        let held = Held::from_opened(self.place.clone(), opened)?;
        self.opened = Some(held.clone());
        Ok(is_current.then_some(held))
    }

    /// One rotation makes of an unclear or refused grant the last one, or fails: then nothing can be revoked.
    async fn settle(&mut self, held: Held) {
        self.settled = true;
        match rotate_grant(self.cx, held, None).await {
            Ok(rotated) if rotated.token.is_none() => self.begun = Begun::OfRecovered,
            Ok(_) => {}
            Err(failed) => tracing::info!(cause = %failed.cause, "the grant of a record to be deleted is not settled"),
        }
    }

    /// Removes an unfinished enrolment, or puts back what it replaced.
    async fn put_away(&self, standing: &Described) -> Result<Option<Revocation>, Cause> {
        let core = &self.cx.core;
        match remove(core, standing.handle, &standing.revision, &standing.header).await {
            Ok(()) => {
                forget_key_of(core, &standing.header).await;
                Ok(Some(Revocation::NotPossible))
            }
            Err(StorageError::Conflict | StorageError::NotThere) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes Deleting, revokes or queues, removes.
    async fn through_deleting(&self, standing: &Described, held: Option<Held>) -> Result<Option<Revocation>, Cause> {
        let core: &Arc<Core> = &self.cx.core;
        let entered = core.ports.presence.enter().await?;
        let body = held.map(|held| held.body);
        let Some(written) = write_deleting(core, standing, body.as_ref(), entered.owner()).await? else {
            return Ok(None);
        };
        let (asked, rest) = match &body {
            Some(body) if self.begun.revokes_at_once() => ask_to_revoke(self.cx, &written.header, body).await,
            Some(_) | None => (Asked::No, Duration::ZERO),
        };
        let deleting = Deleting {
            handle: standing.handle,
            revision: written.revision,
            header: written.header,
            body,
        };
        let session = Session {
            begun: self.begun,
            asked,
            rest,
        };
        let revocation = finish(core, &deleting, &session).await?;
        forget_key_of(core, &standing.header).await;
        Ok(Some(revocation))
    }
}
