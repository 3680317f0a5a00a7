//! Who is at work, for "processes" that are all within one test.

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use vestibule_domain::identifiers::OwnerId;
use vestibule_domain::record_lease::Presence;

use super::lock;
use super::seeded_entropy::SplitMix64;
use crate::flow_presence::{Entered, FlowPresence, PresenceError};

/// A [`FlowPresence`] over a set of ids. A clone belongs to the same process, [`another_process`](Self::another_process)
/// to a new one that sees the same set.
#[derive(Clone, Debug)]
pub struct SharedPresence {
    set: Arc<Mutex<Set>>,
    process: u64,
}

#[derive(Debug)]
struct Set {
    living: BTreeMap<OwnerId, u64>,
    killed: Vec<u64>,
    processes: u64,
    cannot_tell: bool,
    ids: SplitMix64,
}

impl SharedPresence {
    /// An empty set, and the first process on it.
    #[must_use]
    pub fn new() -> Self {
        let set = Set {
            living: BTreeMap::new(),
            killed: Vec::new(),
            processes: 1,
            cannot_tell: false,
            ids: SplitMix64::new(0x0e5e_11ce),
        };
        Self {
            set: Arc::new(Mutex::new(set)),
            process: 1,
        }
    }

    /// A new process on the same set.
    #[must_use]
    pub fn another_process(&self) -> Self {
        let mut set = lock(&self.set);
        set.processes += 1;
        Self {
            set: Arc::clone(&self.set),
            process: set.processes,
        }
    }

    /// Kills this process: its flows are Gone from now on, even those whose tasks still exist, and it enters no more.
    pub fn kill(&self) {
        let mut set = lock(&self.set);
        set.killed.push(self.process);
        set.living.retain(|_, process| *process != self.process);
    }

    /// Makes it a platform that cannot tell (or can again): every answer is Unknown.
    pub fn cannot_tell(&self, cannot_tell: bool) {
        lock(&self.set).cannot_tell = cannot_tell;
    }

    /// The flows at work, in the order of their ids.
    #[must_use]
    pub fn living(&self) -> Vec<OwnerId> {
        lock(&self.set).living.keys().copied().collect()
    }

    fn enter_now(&self) -> Option<OwnerId> {
        let mut set = lock(&self.set);
        if set.killed.contains(&self.process) {
            return None;
        }
        let owner = OwnerId::from_bytes(set.ids.bytes());
        set.living.insert(owner, self.process);
        Some(owner)
    }
}

impl Default for SharedPresence {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl FlowPresence for SharedPresence {
    async fn enter(&self) -> Result<Entered, PresenceError> {
        match self.enter_now() {
            Some(owner) => {
                let set = Arc::clone(&self.set);
                Ok(Entered::new(owner, Leave { set, owner }))
            }
            None => pending().await,
        }
    }

    async fn of(&self, owner: OwnerId) -> Result<Presence, PresenceError> {
        let set = lock(&self.set);
        Ok(if set.cannot_tell {
            Presence::Unknown
        } else if set.living.contains_key(&owner) {
            Presence::Alive
        } else {
            Presence::Gone
        })
    }
}

struct Leave {
    set: Arc<Mutex<Set>>,
    owner: OwnerId,
}

impl Drop for Leave {
    fn drop(&mut self) {
        lock(&self.set).living.remove(&self.owner);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_owner_is_alive_until_its_entered_is_dropped() {
        let presence = SharedPresence::new();
        let entered = presence.enter().await.unwrap();
        let elsewhere = presence.another_process();
        assert_eq!(elsewhere.of(entered.owner()).await, Ok(Presence::Alive));
        let owner = entered.owner();
        drop(entered);
        assert_eq!(elsewhere.of(owner).await, Ok(Presence::Gone));
    }

    #[tokio::test]
    async fn every_flow_gets_an_id_of_its_own() {
        let presence = SharedPresence::new();
        let first = presence.enter().await.unwrap();
        let second = presence.clone().enter().await.unwrap();
        let third = presence.another_process().enter().await.unwrap();
        let owners = [first.owner(), second.owner(), third.owner()];
        assert_eq!(presence.living().len(), 3, "{owners:?}");
    }

    #[tokio::test]
    async fn killing_a_process_ends_its_flows_and_nobody_elses() {
        let presence = SharedPresence::new();
        let other = presence.another_process();
        let mine = presence.clone().enter().await.unwrap();
        let theirs = other.enter().await.unwrap();
        presence.kill();
        assert_eq!(other.of(mine.owner()).await, Ok(Presence::Gone));
        assert_eq!(other.of(theirs.owner()).await, Ok(Presence::Alive));
    }

    #[tokio::test]
    async fn a_platform_that_cannot_tell_says_unknown_of_the_dead_too() {
        let presence = SharedPresence::new();
        let entered = presence.enter().await.unwrap();
        presence.cannot_tell(true);
        assert_eq!(presence.of(entered.owner()).await, Ok(Presence::Unknown));
        let owner = entered.owner();
        drop(entered);
        assert_eq!(presence.of(owner).await, Ok(Presence::Unknown));
    }
}
