//! A session: what one code exchange began and each refresh prolongs.

use serde::{Deserialize, Serialize};

use crate::rotation::Uses;

/// One session of one user at one client.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) user: String,
    pub(crate) client: String,
    /// The thumbprint that the refresh tokens are bound to.
    pub(crate) bound_to: Option<String>,
    /// The scope granted at the authorization endpoint; a refresh may narrow an answer, never this.
    pub(crate) scope: Vec<String>,
    pub(crate) nonce: Option<String>,
    /// Seconds since the Unix epoch.
    pub(crate) auth_time: u64,
    /// Seconds since the Unix epoch; none = no fixed end.
    pub(crate) expires_at: Option<u64>,
    /// The number of the next refresh token.
    pub(crate) next_token: u64,
    pub(crate) uses: Uses,
    /// A refresh token was used again that must not be: the session is lost, and says so in other words than an ended one.
    pub(crate) lost: bool,
}

impl Session {
    pub(crate) fn has_ended(&self, now: u64) -> bool {
        self.expires_at.is_some_and(|end| end <= now)
    }

    /// Moves the end of the session on from `now`.
    pub(crate) fn prolong(&mut self, now: u64, lifetime_s: u64) {
        self.expires_at = (lifetime_s > 0).then(|| now.saturating_add(lifetime_s));
    }
}
