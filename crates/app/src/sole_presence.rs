//! Presence where one SDK handle owns its storage alone: whoever is not in memory is gone.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use vestibule_domain::identifiers::OwnerId;
use vestibule_domain::record_lease::Presence;
use vestibule_ports::{Entered, Entropy, FlowPresence, PresenceError};

/// The flows of one SDK handle.
pub(crate) struct SolePresence {
    entropy: Arc<dyn Entropy>,
    at_work: Arc<Mutex<HashSet<OwnerId>>>,
}

struct Leave {
    owner: OwnerId,
    at_work: Arc<Mutex<HashSet<OwnerId>>>,
}

impl SolePresence {
    pub(crate) fn new(entropy: Arc<dyn Entropy>) -> Self {
        Self {
            entropy,
            at_work: Arc::default(),
        }
    }
}

#[async_trait]
impl FlowPresence for SolePresence {
    async fn enter(&self) -> Result<Entered, PresenceError> {
        let mut bytes = [0; 16];
        self.entropy
            .fill(&mut bytes)
            .map_err(|_| PresenceError("there is no randomness for an id"))?;
        let owner = OwnerId::from_bytes(bytes);
        self.at_work
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(owner);
        Ok(Entered::new(
            owner,
            Leave {
                owner,
                at_work: Arc::clone(&self.at_work),
            },
        ))
    }

    async fn of(&self, owner: OwnerId) -> Result<Presence, PresenceError> {
        let at_work = self.at_work.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(if at_work.contains(&owner) {
            Presence::Alive
        } else {
            Presence::Gone
        })
    }
}

impl Drop for Leave {
    fn drop(&mut self) {
        self.at_work
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.owner);
    }
}
