//! Fakes: ports with real behaviour and no outside world.

mod idp_answers;
mod idp_kind;
mod idp_model;
mod idp_requests;
mod idp_session;
mod manual_clock;
mod memory_storage;
#[cfg(test)]
mod memory_storage_tests;
mod scripted_gate;
mod scripted_idp;
#[cfg(test)]
mod scripted_idp_tests;
mod scripted_password_source;
mod sealed_entries;
mod seeded_entropy;
mod shared_presence;
mod storage_operations;

pub use idp_kind::{IdpKind, Rotation};
pub use manual_clock::ManualClock;
pub use memory_storage::{MemoryStorage, StoredRecord};
pub use scripted_gate::ScriptedGate;
pub use scripted_idp::ScriptedIdp;
pub use scripted_password_source::ScriptedPasswordSource;
pub use seeded_entropy::SeededEntropy;
pub use shared_presence::SharedPresence;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Locks a fake's state. A test that panicked elsewhere must not hide its own message behind a poisoned lock.
fn lock<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}
