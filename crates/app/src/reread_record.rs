//! Reading a record anew that memory holds: what it is now, or why the session that holds it is over.

use vestibule_domain::notification::SessionEnd;
use vestibule_domain::record::{Lookup, SinceThen, Unreadable};
use vestibule_domain::status::Cause;
use vestibule_ports::Key;

use crate::core::Core;
use crate::ledger::Held;
use crate::record_turn::wait_for_turn;

/// So often a lease is tried for against writers that are always faster.
pub(crate) const LEASE_TRIES: u32 = 16;

/// Why a record could not be leased.
#[derive(Debug)]
pub(crate) enum NoLease {
    /// It is not what the session holds any more.
    Ended(SessionEnd),
    /// Another reason; the session stays.
    Failed(Cause),
}

impl From<Cause> for NoLease {
    fn from(cause: Cause) -> Self {
        Self::Failed(cause)
    }
}

/// Reads a record that is held anew, once it is this flow's turn.
pub(crate) async fn reread(core: &Core, mut held: Held) -> Result<(Held, bool), NoLease> {
    for _ in 0..LEASE_TRIES {
        let standing = wait_for_turn(core, &held.place).await.map_err(Cause::from)?;
        let Lookup::Present(described) = standing.found else {
            return Err(NoLease::Ended(SessionEnd::Removed));
        };
        match held.header.compared_with(&described.header) {
            SinceThen::Unchanged => {
                held.revision = described.revision;
                return Ok((held, standing.unclear));
            }
            SinceThen::NewerGeneration => {
                let key = Key::RecordKey(held.key.clone());
                let storage = &core.ports.storage;
                let opened = storage.open(held.place.clone(), key).await.map_err(Cause::from)?;
                if opened.revision == described.revision {
                    return Ok((Held::from_opened(held.place, opened)?, standing.unclear));
                }
            }
            SinceThen::OlderGeneration => return Err(Cause::Unreadable(Unreadable::Corrupted).into()),
            SinceThen::Reprotected => return Err(NoLease::Ended(SessionEnd::Reprotected)),
            SinceThen::BeingDeleted | SinceThen::AnotherIdentity => return Err(NoLease::Ended(SessionEnd::Removed)),
        }
    }
    Err(Cause::RecordInUse.into())
}
