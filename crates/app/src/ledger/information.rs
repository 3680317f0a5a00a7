//! What memory tells of itself, in every state.

use vestibule_domain::identifiers::UserIdentifier;
use vestibule_domain::instant::WallTime;

use super::Ledger;
use crate::outcome::{Counters, Information, user_of};

impl Ledger {
    pub(crate) fn information(&self) -> Information {
        let memory = self.memory();
        let logged_in = memory.session.as_ref().and_then(|held| user_of(&held.header));
        let session_expires_at: Option<WallTime> = memory.session.as_ref().and_then(|held| held.body.session_ends);
        let users: Vec<UserIdentifier> = memory.known.iter().filter_map(|known| known.user().cloned()).collect();
        Information {
            sdk_version: env!("CARGO_PKG_VERSION"),
            sdk_state: memory.state,
            users,
            logged_in,
            session_expires_at,
            revocations_queued: 0,
            counters: Counters {
                cached_tokens: self.cached_tokens.total(),
                ..memory.counters
            },
        }
    }
}
