//! A session at an IdP, and what becomes of it when a grant is used again.

use std::collections::BTreeSet;

use vestibule_domain::identifiers::{Audience, ClientId, RealmId, UserId};
use vestibule_domain::instant::WallTime;
use vestibule_domain::secret::{EnrolmentKey, Grant};

use super::idp_kind::Rotation;

/// One session. It dies with all its grants.
#[derive(Debug)]
pub(super) struct Session {
    pub(super) user: UserId,
    pub(super) alive: bool,
    pub(super) ends: Option<WallTime>,
    pub(super) withheld: BTreeSet<Audience>,
    party: Party,
    key: [u8; 32],
    /// The grant that was used last, and how often.
    current: Option<Vec<u8>>,
    uses: u32,
    /// When the last refresh was.
    refreshed: u64,
}

/// Who asks, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) realm: RealmId,
    pub(super) client_id: ClientId,
}

/// Why a grant is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// `invalid_grant`, in Keycloak's words.
    Grant(&'static str),
    /// The proof is of another key.
    Proof,
    /// The grant is another server's or client's.
    AnotherParty,
}

impl Refusal {
    pub(super) const NO_SESSION: Self = Self::Grant("Session not active");
}

impl Session {
    pub(super) fn new(
        user: &UserId,
        party: &Party,
        key: &EnrolmentKey,
        withheld: BTreeSet<Audience>,
        ends: Option<WallTime>,
    ) -> Self {
        Self {
            user: user.clone(),
            alive: true,
            ends,
            withheld,
            party: party.clone(),
            key: *key.expose(),
            current: None,
            uses: 0,
            refreshed: 0,
        }
    }

    pub(super) fn is_live(&self, now: WallTime) -> bool {
        self.alive && self.ends.is_none_or(|ends| now < ends)
    }

    /// A grant is bound to its server, its client and its key.
    pub(super) fn proven(&self, party: &Party, key: &EnrolmentKey) -> Result<(), Refusal> {
        if self.party != *party {
            Err(Refusal::AnotherParty)
        } else if self.key != *key.expose() {
            Err(Refusal::Proof)
        } else {
            Ok(())
        }
    }

    /// Uses a grant that was given at `issued`; what the rule refuses ends the session.
    pub(super) fn use_grant(&mut self, grant: &Grant, issued: u64, now: u64, rule: Rotation) -> Result<(), Refusal> {
        if let Err(refusal) = self.accepts(grant, issued, rule) {
            self.alive = false;
            return Err(refusal);
        }
        if !self.is_current(grant) {
            self.current = Some(grant.expose().to_vec());
            self.uses = 0;
        }
        self.uses += 1;
        self.refreshed = now;
        Ok(())
    }

    /// Whether the rule takes this grant. One that is not the current one must be younger than the last refresh.
    pub(super) fn accepts(&self, grant: &Grant, issued: u64, rule: Rotation) -> Result<(), Refusal> {
        let Rotation::Reuse(most) = rule else {
            return Ok(());
        };
        if self.is_current(grant) {
            if self.uses > most {
                return Err(Refusal::Grant("Maximum allowed refresh token reuse exceeded"));
            }
            Ok(())
        } else if self.current.is_some() && issued < self.refreshed {
            Err(Refusal::Grant("Stale token"))
        } else {
            Ok(())
        }
    }

    fn is_current(&self, grant: &Grant) -> bool {
        self.current.as_deref() == Some(grant.expose())
    }
}
