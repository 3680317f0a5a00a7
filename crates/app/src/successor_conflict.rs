//! A successor that could not be written because something else stands there now.

use vestibule_domain::record::{Lookup, SinceThen, Stage};
use vestibule_domain::record_lease::Turn;
use vestibule_domain::secret::Grant;
use vestibule_ports::{Key, StorageError};

use crate::core::FlowContext;
use crate::leased_record::LeasedRecord;
use crate::ledger::Held;
use crate::patience::Patience;
use crate::record_body::RecordBody;
use crate::record_turn::turn_now;

/// What became of the successor.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Settled {
    /// It stands.
    Stands,
    /// The record went on without it: dropped.
    Dropped,
}

/// Holds a successor while the disk still names the grant that was sent, and writes it once the lease that stands there
/// has ended. In every other case it is dropped: it is never written under another epoch or over another grant.
pub(crate) async fn settle(leased: &mut LeasedRecord, sent: &Grant, body: &RecordBody) -> Settled {
    let mut patience = Patience::new(&leased.cx);
    let mut seen_gone = None;
    loop {
        match look(leased, sent, body).await {
            Ok(Look::Dropped) => return Settled::Dropped,
            Ok(Look::Stands(now)) => {
                leased.held = *now;
                return Settled::Stands;
            }
            Ok(Look::NamesSent(now)) => {
                let turn = if leased.owns(&now.header.stage) {
                    Turn::Free
                } else {
                    turn_now(leased.core(), &now.header.stage, &mut seen_gone).await
                };
                match turn {
                    Turn::WaitForOwner | Turn::Settle(_) => {}
                    free @ (Turn::Free | Turn::TakeOver) => {
                        leased.held = *now;
                        if write(leased, free, body).await {
                            return Settled::Stands;
                        }
                    }
                }
            }
            Err(NotSeen { permanent }) => {
                if permanent && patience.is_over(&leased.cx) {
                    return Settled::Dropped;
                }
            }
        }
        patience.wait(&leased.cx).await;
    }
}

/// What a look at the record showed.
enum Look {
    /// The record went on without the successor.
    Dropped,
    /// The successor is there.
    Stands(Box<Held>),
    /// The disk still names the grant that was sent.
    NamesSent(Box<Held>),
}

/// The storage did not show the record now.
struct NotSeen {
    /// Whether looking again shows no more of it.
    permanent: bool,
}

impl From<StorageError> for NotSeen {
    fn from(error: StorageError) -> Self {
        Self {
            permanent: error.is_permanent(),
        }
    }
}

async fn look(leased: &LeasedRecord, sent: &Grant, body: &RecordBody) -> Result<Look, NotSeen> {
    let held = &leased.held;
    let storage = &leased.core().ports.storage;
    let Lookup::Present(described) = storage.describe(held.place.clone()).await? else {
        return Ok(Look::Dropped);
    };
    match held.header.compared_with(&described.header) {
        SinceThen::Reprotected | SinceThen::BeingDeleted | SinceThen::AnotherIdentity => return Ok(Look::Dropped),
        SinceThen::Unchanged | SinceThen::NewerGeneration | SinceThen::OlderGeneration => {}
    }
    let opened = storage
        .open(held.place.clone(), Key::RecordKey(held.key.clone()))
        .await?;
    let now = Held::from_opened(held.place.clone(), opened).map_err(|_| NotSeen { permanent: true })?;
    if body.grant.as_ref().is_some_and(|successor| now.body.holds(successor)) {
        Ok(Look::Stands(Box::new(now)))
    } else if now.body.holds(sent) {
        Ok(Look::NamesSent(Box::new(now)))
    } else {
        Ok(Look::Dropped)
    }
}

/// Writes the successor over what stands: Active where nobody is at work, else as an intent that nobody owns.
async fn write(leased: &mut LeasedRecord, turn: Turn, body: &RecordBody) -> bool {
    let FlowContext { core, .. } = &leased.cx;
    let lease = core.lease_of_nobody();
    let stage = match (leased.held.header.stage.user().cloned(), turn) {
        (Some(user), Turn::Free) => Stage::Active { user },
        (Some(user), Turn::TakeOver | Turn::WaitForOwner | Turn::Settle(_)) => Stage::Rotating { user, lease },
        (None, Turn::Free | Turn::TakeOver | Turn::WaitForOwner | Turn::Settle(_)) => Stage::Enrolling { lease },
    };
    let body = RecordBody {
        refused: body.refused && stage.user().is_none(),
        ..body.clone()
    };
    let Ok(write_id) = core.make_write_id() else {
        return false;
    };
    let header = leased.held.header.next(write_id, stage);
    core.ledger.reseal(&mut leased.held, header, body).await.is_ok()
}
