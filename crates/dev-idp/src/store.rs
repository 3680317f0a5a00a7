//! The state of all realms behind one lock. A change is in the file before anyone is told of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::realm_state::RealmState;
use crate::refusal::Refusal;
use crate::state_file::{FORMAT, StateFile, StateFileError};

/// Everything that survives a restart.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct IdpState {
    pub(crate) format: u32,
    pub(crate) port: u16,
    realms: BTreeMap<String, RealmState>,
}

impl IdpState {
    pub(crate) const fn new() -> Self {
        Self {
            format: FORMAT,
            port: 0,
            realms: BTreeMap::new(),
        }
    }
}

/// The one place where state is read and changed.
#[derive(Debug)]
pub(crate) struct Store(Mutex<Inner>);

#[derive(Debug)]
struct Inner {
    state: IdpState,
    file: Option<StateFile>,
    closed: bool,
}

impl Store {
    /// Begins to serve: the port is in the file when this returns.
    pub(crate) fn begin(state: IdpState, file: Option<StateFile>) -> Result<Self, StateFileError> {
        if let Some(file) = &file {
            file.write(&state)?;
        }
        Ok(Self(Mutex::new(Inner {
            state,
            file,
            closed: false,
        })))
    }

    /// Runs `act` on a realm, which is made when it is first met. What `act` changed stands also when it refuses (a wrong
    /// verifier burns its code), and is in the file when this returns. When the file cannot be written nothing has changed.
    pub(crate) fn change<T>(
        &self,
        tenant: &str,
        now: u64,
        act: impl FnOnce(&mut RealmState) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.closed {
            return Err(Refusal::server_error("the server is being shut down"));
        }
        let before = inner.file.is_some().then(|| inner.state.clone());
        if !inner.state.realms.contains_key(tenant) {
            inner.state.realms.insert(tenant.to_owned(), RealmState::make()?);
        }
        let realm = inner
            .state
            .realms
            .get_mut(tenant)
            .ok_or_else(|| Refusal::server_error("no realm"))?;
        realm.sweep(now);
        let answer = act(realm);
        if let (Some(file), Some(before)) = (&inner.file, before) {
            let changed = inner.state != before;
            if changed && let Err(error) = file.write(&inner.state) {
                tracing::error!(%error, "a change is not in the state file, so it is undone");
                inner.state = before;
                return Err(Refusal::server_error("the state file cannot be written"));
            }
        }
        answer
    }

    /// Nothing changes any more, and the file is free for another process.
    pub(crate) fn close(&self) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.closed = true;
        inner.file = None;
    }

    /// Reads a realm; `None` when nobody has met it yet.
    pub(crate) fn read<T>(&self, tenant: &str, look: impl FnOnce(&RealmState) -> T) -> Option<T> {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.state.realms.get(tenant).map(look)
    }
}
