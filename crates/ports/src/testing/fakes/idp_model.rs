//! The memory of an IdP: users, their sessions and grants.

use std::collections::{BTreeMap, BTreeSet};

use vestibule_domain::identifiers::{Audience, UserId};
use vestibule_domain::instant::WallTime;
use vestibule_domain::secret::{EnrolmentKey, Grant};

use super::idp_kind::{IdpKind, Rotation};
use super::idp_session::{Party, Refusal, Session};
use super::seeded_entropy::SplitMix64;
use crate::testing::journal::Fingerprint;

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

/// What a grant belongs to, and when it was given.
#[derive(Clone, Debug)]
struct Issued {
    session: usize,
    at: u64,
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
        let withheld = self.withheld.clone();
        self.sessions.push(Session::new(user, party, key, withheld, ends));
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
        self.session(&issued)?.proven(party, key)?;
        self.usable(&issued, now)?;
        self.moment += 1;
        let (moment, rotation) = (self.moment, self.kind.rotation);
        let session = self.sessions.get_mut(issued.session).ok_or(Refusal::NO_SESSION)?;
        session.use_grant(grant, issued.at, moment, rotation)?;
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
        self.session(&issued)?.proven(party, key)?;
        if let Some(session) = self.sessions.get_mut(issued.session) {
            session.alive = false;
        }
        Ok(())
    }

    pub(super) fn would_accept(&self, grant: &Grant, now: WallTime) -> bool {
        let accepted = || {
            let issued = self.issued(grant)?;
            self.usable(issued, now)?;
            self.session(issued)?.accepts(grant, issued.at, self.kind.rotation)
        };
        accepted().is_ok()
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

    /// The user that enrolling with this key would find now. No user of a plain server has the id of its key.
    pub(super) fn user_of(&self, key: &EnrolmentKey) -> Option<UserId> {
        let is_found = |(id, user): &(&UserId, &User)| {
            user.exists && user.key == *key.expose() && self.derived_user(&user.party, key) == **id
        };
        let mut found = self.users.iter().filter(is_found);
        found.next().map(|(id, _)| id.clone())
    }

    pub(super) fn user_of_grant(&self, grant: &Grant) -> Option<UserId> {
        let issued = self.issued(grant).ok()?;
        self.sessions.get(issued.session).map(|session| session.user.clone())
    }

    /// The user that the grants or the key within some bytes still lead to.
    pub(super) fn user_within(&self, bytes: &[u8], now: WallTime) -> Option<UserId> {
        let holds = |secret: &[u8]| bytes.windows(secret.len()).any(|part| part == secret);
        let held = self.grants.keys().filter(|grant| holds(grant)).cloned().map(Grant::new);
        let taken = held
            .filter(|grant| self.would_accept(grant, now))
            .find_map(|grant| self.user_of_grant(&grant));
        taken.or_else(|| {
            let keys = self.users.values().map(|user| user.key).filter(|key| holds(key));
            keys.map(EnrolmentKey::new).find_map(|key| self.user_of(&key))
        })
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

    fn session(&self, issued: &Issued) -> Result<&Session, Refusal> {
        self.sessions.get(issued.session).ok_or(Refusal::NO_SESSION)
    }

    fn usable(&self, issued: &Issued, now: WallTime) -> Result<(), Refusal> {
        let session = self.session(issued)?;
        if !session.is_live(now) {
            Err(Refusal::NO_SESSION)
        } else if self.users.get(&session.user).is_none_or(|user| user.disabled) {
            Err(Refusal::Grant("User disabled"))
        } else {
            Ok(())
        }
    }
}

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
