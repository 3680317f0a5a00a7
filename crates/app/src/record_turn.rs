//! Waiting until nobody else is at work on a record.

use std::time::Duration;

use vestibule_domain::identifiers::OwnerId;
use vestibule_domain::instant::BootTime;
use vestibule_domain::record::{Lookup, Place, Stage};
use vestibule_domain::record_lease::{Presence, Turn, WAIT_FOR_OWNER, turn};
use vestibule_domain::status::Cause;
use vestibule_ports::{Described, StorageError};

use crate::core::Core;

/// How often a record that somebody is at work on is looked at again.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A record at which it is my turn.
#[derive(Debug)]
pub(crate) struct Standing {
    pub found: Lookup<Described>,
    /// Whether a lease is taken over whose request may have been done.
    pub unclear: bool,
}

/// Why it is not my turn.
#[derive(Debug)]
pub(crate) enum NoTurn {
    /// Somebody else is at work, and stays so.
    InUse,
    /// The storage did not say what lies there.
    Storage(StorageError),
}

impl From<NoTurn> for Cause {
    fn from(why: NoTurn) -> Self {
        match why {
            NoTurn::InUse => Self::RecordInUse,
            NoTurn::Storage(error) => error.into(),
        }
    }
}

/// Reads a place until nobody else is at work there. A living owner is never taken over, an abandoned lease not before
/// its request has had time to end.
pub(crate) async fn wait_for_turn(core: &Core, place: &Place) -> Result<Standing, NoTurn> {
    let deadline = core.now().after(WAIT_FOR_OWNER);
    let mut seen_gone = None;
    loop {
        let found = core
            .ports
            .storage
            .describe(place.clone())
            .await
            .map_err(NoTurn::Storage)?;
        let Lookup::Present(described) = &found else {
            return Ok(Standing { found, unclear: false });
        };
        let wait = match turn_now(core, &described.header.stage, &mut seen_gone).await {
            Turn::Free => return Ok(Standing { found, unclear: false }),
            Turn::TakeOver => return Ok(Standing { found, unclear: true }),
            Turn::WaitForOwner => LOOK_AGAIN,
            Turn::Settle(rest) => rest,
        };
        if core.now().after(wait) > deadline {
            return Err(NoTurn::InUse);
        }
        core.ports.clock.sleep(wait).await;
    }
}

/// Judges the lease of a stage now. `seen_gone` remembers when its owner was first seen gone.
pub(crate) async fn turn_now(core: &Core, stage: &Stage, seen_gone: &mut Option<(OwnerId, BootTime)>) -> Turn {
    let owner = stage.lease().and_then(|lease| lease.owner);
    let presence = match owner {
        Some(owner) => core.ports.presence.of(owner).await.unwrap_or(Presence::Unknown),
        None => Presence::Unknown,
    };
    let now = core.now();
    match (owner, presence) {
        (Some(owner), Presence::Gone) if seen_gone.is_none_or(|(seen, _)| seen != owner) => {
            *seen_gone = Some((owner, now));
        }
        (Some(_), Presence::Gone) => {}
        (None, Presence::Alive | Presence::Gone | Presence::Unknown)
        | (Some(_), Presence::Alive | Presence::Unknown) => {
            *seen_gone = None;
        }
    }
    turn(stage, presence, seen_gone.map(|(_, at)| at), now)
}
