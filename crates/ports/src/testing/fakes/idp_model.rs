//! The memory of an IdP: users, sessions, and what becomes of a grant that is used again.

use std::collections::{BTreeMap, BTreeSet};

use vestibule_domain::identifiers::{Audience, ClientId, RealmId, UserId};
use vestibule_domain::instant::WallTime;
use vestibule_domain::secret::{EnrolmentKey, Grant};

use super::seeded_entropy::SplitMix64;
use crate::testing::journal::Fingerprint;

/// What kind of server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct IdpKind {
    /// Whether the user is tied to the device key: the same key finds the same user.
    pub recoverable: bool,
    /// What a refresh does to the grant.
    pub rotation: Rotation,
}

impl IdpKind {
    /// Every kind that behaves differently.
    pub const ALL: [Self; 8] = [
        Self::of(true, Rotation::None),
        Self::of(true, Rotation::Renewing),
        Self::of(true, Rotation::Reuse(1)),
        Self::of(true, Rotation::Reuse(0)),
        Self::of(false, Rotation::None),
        Self::of(false, Rotation::Renewing),
        Self::of(false, Rotation::Reuse(1)),
        Self::of(false, Rotation::Reuse(0)),
    ];

    const fn of(recoverable: bool, rotation: Rotation) -> Self {
        Self { recoverable, rotation }
    }
}

/// What a refresh does to the grant. The last is Keycloak's rule (`revokeRefreshToken`), as measured on 26.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Rotation {
    /// No successor: one grant for the whole session.
    None,
    /// A successor each time, and the old ones work on (Keycloak's default).
    Renewing,
    /// A successor each time. A grant may be used once and this many times more, until a successor of it is used; one use
    /// more, or an old grant behind its successor, ends the whole session.
    Reuse(u32),
}

/// Users, sessions and grants of every realm.
#[derive(Debug)]
pub(super) struct IdpModel {
    kind: IdpKind,
    users: BTreeMap<UserId, User>,
    sessions: Vec<Session>,
    grants: BTreeMap<Vec<u8>, Issued>,
    forgotten_keys: BTreeMap<[u8; 32], u8>,
    /// Audiences that new sessions do not get.
    pub(super) withheld: BTreeSet<Audience>,
    /// Orders grants and refreshes: everything takes a moment.
    moment: u64,
    pub(super) random: SplitMix64,
}

#[derive(Debug)]
struct User {
    party: Party,
    key: [u8; 32],
    exists: bool,
    disabled: bool,
}

#[derive(Debug)]
struct Session {
    user: UserId,
    party: Party,
    key: [u8; 32],
    alive: bool,
    ends: Option<WallTime>,
    withheld: BTreeSet<Audience>,
    current: Option<Vec<u8>>,
    uses: u32,
    refreshed: u64,
}

#[derive(Clone, Debug)]
struct Issued {
    session: usize,
    at: u64,
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
    /// `invalid_grant` in Keycloak's words.
    Grant(&'static str),
    /// The proof is of another key.
    Proof,
    /// The grant is another server's or client's.
    AnotherParty,
}

/// What a refresh gave.
#[derive(Debug)]
pub(super) struct Renewed {
    pub(super) user: UserId,
    pub(super) successor: Option<Grant>,
    pub(super) audience_granted: bool,
}

impl IdpModel {
    pub(super) const fn new(kind: IdpKind) -> Self {
        Self {
            kind,
            users: BTreeMap::new(),
            sessions: Vec::new(),
            grants: BTreeMap::new(),
            forgotten_keys: BTreeMap::new(),
            withheld: BTreeSet::new(),
            moment: 0,
            random: SplitMix64::new(0x1d_9000),
        }
    }

    pub(super) const fn kind(&self) -> IdpKind {
        self.kind
    }

    /// The authorization request: makes the user, or finds it. Whether it was made now; `None` where it is disabled.
    pub(super) fn authorize(&mut self, party: &Party, key: &EnrolmentKey) -> Option<(UserId, bool)> {
        let id = if self.kind.recoverable {
            self.derived_user(party, key)
        } else {
            user_id(&self.random.bytes::<16>())
        };
        let user = self.users.entry(id.clone()).or_insert_with(|| User {
            party: party.clone(),
            key: *key.expose(),
            exists: false,
            disabled: false,
        });
        let made = !user.exists;
        user.exists = true;
        (!user.disabled).then_some((id, made))
    }

    /// The code exchange: a new session; the older ones of a known key end here.
    pub(super) fn exchange_code(
        &mut self,
        user: &UserId,
        party: &Party,
        key: &EnrolmentKey,
        ends: Option<WallTime>,
    ) -> Grant {
        if self.kind.recoverable {
            self.end_sessions(user);
        }
        self.sessions.push(Session {
            user: user.clone(),
            party: party.clone(),
            key: *key.expose(),
            alive: true,
            ends,
            withheld: self.withheld.clone(),
            current: None,
            uses: 0,
            refreshed: 0,
        });
        self.issue(self.sessions.len() - 1)
    }

    /// The refresh, with all that a wrong one destroys.
    pub(super) fn refresh(
        &mut self,
        grant: &Grant,
        party: &Party,
        key: &EnrolmentKey,
        audience: Option<&Audience>,
        now: WallTime,
        ends: Option<WallTime>,
    ) -> Result<Renewed, Refusal> {
        let issued = self.issued(grant)?.clone();
        self.proven(&issued, party, key)?;
        self.usable(&issued, now)?;
        let overuse = self.overuse(grant, &issued);
        self.moment += 1;
        let (moment, rotation) = (self.moment, self.kind.rotation);
        let session = self.sessions.get_mut(issued.session).ok_or(NO_SESSION)?;
        if let Some(why) = overuse {
            session.alive = false;
            return Err(Refusal::Grant(why));
        }
        if session.current.as_deref() != Some(grant.expose()) {
            session.current = Some(grant.expose().to_vec());
            session.uses = 0;
        }
        session.uses += 1;
        session.refreshed = moment;
        session.ends = ends.or(session.ends);
        let user = session.user.clone();
        let audience_granted = audience.is_none_or(|audience| !session.withheld.contains(audience));
        let successor = (rotation != Rotation::None).then(|| self.issue(issued.session));
        Ok(Renewed {
            user,
            successor,
            audience_granted,
        })
    }

    /// The revocation: the session of a known grant ends, even when the grant is an old one.
    pub(super) fn revoke(&mut self, grant: &Grant, party: &Party, key: &EnrolmentKey) -> Result<(), Refusal> {
        let Ok(issued) = self.issued(grant).cloned() else {
            return Ok(());
        };
        self.proven(&issued, party, key)?;
        if let Some(session) = self.sessions.get_mut(issued.session) {
            session.alive = false;
        }
        Ok(())
    }

    pub(super) fn would_accept(&self, grant: &Grant, now: WallTime) -> bool {
        let Ok(issued) = self.issued(grant) else { return false };
        self.usable(issued, now).is_ok() && self.overuse(grant, issued).is_none()
    }

    pub(super) fn existing_users(&self) -> Vec<UserId> {
        let existing = self.users.iter().filter(|(_, user)| user.exists);
        existing.map(|(id, _)| id.clone()).collect()
    }

    /// Every user that was ever made for a key, deleted ones too.
    pub(super) fn users_made_for(&self, key: &EnrolmentKey) -> Vec<UserId> {
        let made = self.users.iter().filter(|(_, user)| user.key == *key.expose());
        made.map(|(id, _)| id.clone()).collect()
    }

    /// The user that enrolling with this key would find now.
    pub(super) fn user_of(&self, key: &EnrolmentKey) -> Option<UserId> {
        let is_found = |(id, user): &(&UserId, &User)| {
            user.exists && user.key == *key.expose() && self.derived_user(&user.party, key) == **id
        };
        let mut found = self.users.iter().filter(is_found);
        found.next().map(|(id, _)| id.clone()).filter(|_| self.kind.recoverable)
    }

    pub(super) fn user_of_grant(&self, grant: &Grant) -> Option<UserId> {
        let issued = self.issued(grant).ok()?;
        self.sessions.get(issued.session).map(|session| session.user.clone())
    }

    pub(super) fn live_sessions(&self, user: &UserId, now: WallTime) -> usize {
        let live = |session: &&Session| session.user == *user && session.is_live(now);
        self.sessions.iter().filter(live).count()
    }

    pub(super) fn end_sessions(&mut self, user: &UserId) {
        for session in self.sessions.iter_mut().filter(|session| session.user == *user) {
            session.alive = false;
        }
    }

    pub(super) fn set_disabled(&mut self, user: &UserId, disabled: bool) {
        if let Some(user) = self.users.get_mut(user) {
            user.disabled = disabled;
        }
    }

    pub(super) fn delete(&mut self, user: &UserId) {
        self.end_sessions(user);
        if let Some(user) = self.users.get_mut(user) {
            user.exists = false;
        }
    }

    pub(super) fn forget_key(&mut self, key: &EnrolmentKey) {
        *self.forgotten_keys.entry(*key.expose()).or_default() += 1;
    }

    fn derived_user(&self, party: &Party, key: &EnrolmentKey) -> UserId {
        let mut bytes = key.expose().to_vec();
        bytes.push(self.forgotten_keys.get(key.expose()).copied().unwrap_or(0));
        bytes.extend_from_slice(party.realm.as_str().as_bytes());
        bytes.push(0);
        bytes.extend_from_slice(party.client_id.as_str().as_bytes());
        user_id(&Fingerprint::of(&bytes).bits().to_be_bytes())
    }

    fn issue(&mut self, session: usize) -> Grant {
        self.moment += 1;
        let grant = self.random.bytes::<32>().to_vec();
        let at = self.moment;
        self.grants.insert(grant.clone(), Issued { session, at });
        Grant::new(grant)
    }

    fn issued(&self, grant: &Grant) -> Result<&Issued, Refusal> {
        self.grants
            .get(grant.expose())
            .ok_or(Refusal::Grant("Invalid refresh token"))
    }

    fn proven(&self, issued: &Issued, party: &Party, key: &EnrolmentKey) -> Result<(), Refusal> {
        let session = self.sessions.get(issued.session).ok_or(NO_SESSION)?;
        if session.party != *party {
            Err(Refusal::AnotherParty)
        } else if session.key != *key.expose() {
            Err(Refusal::Proof)
        } else {
            Ok(())
        }
    }

    fn usable(&self, issued: &Issued, now: WallTime) -> Result<(), Refusal> {
        let session = self.sessions.get(issued.session).ok_or(NO_SESSION)?;
        if !session.is_live(now) {
            Err(NO_SESSION)
        } else if self.users.get(&session.user).is_none_or(|user| user.disabled) {
            Err(Refusal::Grant("User disabled"))
        } else {
            Ok(())
        }
    }

    /// Why the use of this grant would end its session. An unused grant that is older than the last refresh is stale.
    fn overuse(&self, grant: &Grant, issued: &Issued) -> Option<&'static str> {
        let Rotation::Reuse(most) = self.kind.rotation else {
            return None;
        };
        let session = self.sessions.get(issued.session)?;
        if session.current.as_deref() == Some(grant.expose()) {
            (session.uses > most).then_some("Maximum allowed refresh token reuse exceeded")
        } else {
            (session.current.is_some() && issued.at < session.refreshed).then_some("Stale token")
        }
    }
}

impl Session {
    fn is_live(&self, now: WallTime) -> bool {
        self.alive && self.ends.is_none_or(|ends| now < ends)
    }
}

const NO_SESSION: Refusal = Refusal::Grant("Session not active");

/// A user id of hex digits, which every grammar takes.
fn user_id(bytes: &[u8]) -> UserId {
    use core::fmt::Write as _;
    let mut text = String::from("user-");
    for byte in bytes {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
    }
    UserId::parse(&text).unwrap_or_else(|_| unreachable!("hex digits are visible ASCII"))
}
