//! An IdP in memory that behaves like one, and answers as it is told to where it must not.

use core::time::Duration;
use std::sync::{Arc, Mutex};

use vestibule_domain::identifiers::{Audience, UserId};
use vestibule_domain::secret::{EnrolmentKey, Grant, Payload};

use super::idp_answers::{IdpState, Script};
use super::idp_kind::IdpKind;
use super::lock;
use crate::clock::Clock;
use crate::identity_provider::{Enrolled, IdpError, Refreshed};
use crate::testing::journal::Journal;

/// An [`IdentityProvider`](crate::IdentityProvider) that models a server. A clone talks to the same server.
///
/// What it does by itself is what its [`IdpKind`] says; `next_..` scripts single answers, the admin's acts change its
/// users. The effect of a request is there at once; its answer leaves after others had a turn, so that requests overlap.
#[derive(Clone)]
pub struct ScriptedIdp {
    pub(super) state: Arc<Mutex<IdpState>>,
    pub(super) journal: Journal,
}

impl ScriptedIdp {
    /// A server without users, with a log of its own.
    #[must_use]
    pub fn new(kind: IdpKind) -> Self {
        Self::with_journal(kind, &Journal::new())
    }

    /// A server without users that writes into this log.
    #[must_use]
    pub fn with_journal(kind: IdpKind, journal: &Journal) -> Self {
        Self {
            state: Arc::new(Mutex::new(IdpState::new(kind))),
            journal: journal.clone(),
        }
    }

    /// The server's date; without one it is always 2026-01-01T00:00:00Z there.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        lock(&self.state).clock = Some(clock);
        self
    }

    /// Ends each session this long after its last refresh, and says so in the answers. Without it no end is known.
    #[must_use]
    pub fn with_session_length(self, length: Duration) -> Self {
        lock(&self.state).session_length = Some(length);
        self
    }

    /// What kind of server it is.
    #[must_use]
    pub fn kind(&self) -> IdpKind {
        lock(&self.state).model.kind()
    }

    /// Answers the next enrolment with this; the server does nothing.
    pub fn next_enroll(&self, answer: Result<Enrolled, IdpError>) {
        lock(&self.state).enrolls.push_back(Script::Answer(answer));
    }

    /// Lets the next enrolment make its user, and fail before the code is redeemed.
    pub fn next_enroll_fails_after_user(&self, error: IdpError) {
        lock(&self.state).enrolls.push_back(Script::FailAfterUser(error));
    }

    /// Does the next enrolment and alters its answer.
    pub fn next_enroll_altered(&self, alter: impl FnOnce(Enrolled) -> Enrolled + Send + 'static) {
        lock(&self.state).enrolls.push_back(Script::Alter(Box::new(alter)));
    }

    /// Answers the next refresh with this; the server does nothing.
    pub fn next_refresh(&self, answer: Result<Refreshed, IdpError>) {
        lock(&self.state).refreshes.push_back(Script::Answer(answer));
    }

    /// Does the next refresh and alters its answer.
    pub fn next_refresh_altered(&self, alter: impl FnOnce(Refreshed) -> Refreshed + Send + 'static) {
        lock(&self.state).refreshes.push_back(Script::Alter(Box::new(alter)));
    }

    /// Answers the next revocation with this; the server does nothing.
    pub fn next_revoke(&self, answer: Result<(), IdpError>) {
        lock(&self.state).revokes.push_back(answer);
    }

    /// Cuts the network: everything is `Unreachable` (or reachable again).
    pub fn set_unreachable(&self, unreachable: bool) {
        lock(&self.state).unreachable = unreachable;
    }

    /// Refuses to give this audience to the client at all: `AudienceRefused`.
    pub fn refuse_audience(&self, audience: Audience) {
        lock(&self.state).refused.insert(audience);
    }

    /// Sessions made from now on lack this audience: a 200 without it.
    pub fn withhold_audience(&self, audience: Audience) {
        lock(&self.state).model.withheld.insert(audience);
    }

    /// Sessions made from now on have this audience. Older ones still lack it.
    pub fn grant_audience(&self, audience: &Audience) {
        lock(&self.state).model.withheld.remove(audience);
    }

    /// Ends all sessions of a user.
    pub fn end_sessions(&self, user: &UserId) {
        lock(&self.state).model.end_sessions(user);
    }

    /// Disables a user, or enables it again; its sessions live on.
    pub fn set_disabled(&self, user: &UserId, disabled: bool) {
        lock(&self.state).model.set_disabled(user, disabled);
    }

    /// Deletes a user and its sessions. A recoverable server makes it anew, under the same id, for the same key.
    pub fn delete_user(&self, user: &UserId) {
        lock(&self.state).model.delete(user);
    }

    /// Breaks the promise of a recoverable server: the next enrolment with this key makes another user.
    pub fn forget_key(&self, key: &EnrolmentKey) {
        lock(&self.state).model.forget_key(key);
    }

    /// The users that exist, in the order of their ids.
    #[must_use]
    pub fn users(&self) -> Vec<UserId> {
        lock(&self.state).model.existing_users()
    }

    /// The users that were ever made for a key, deleted ones too.
    #[must_use]
    pub fn users_made_for(&self, key: &EnrolmentKey) -> Vec<UserId> {
        lock(&self.state).model.users_made_for(key)
    }

    /// The user that enrolling with this key would find; `None` where it would make one.
    #[must_use]
    pub fn user_of(&self, key: &EnrolmentKey) -> Option<UserId> {
        lock(&self.state).model.user_of(key)
    }

    /// The user of a grant, whether or not the grant still works.
    #[must_use]
    pub fn user_of_grant(&self, grant: &Grant) -> Option<UserId> {
        lock(&self.state).model.user_of_grant(grant)
    }

    /// The user that what lies on a disk still leads to: a grant within it that would be accepted, or, on a recoverable
    /// server, the key within it. The bytes of grant or key must stand there in a row.
    #[must_use]
    pub fn user_within(&self, payload: &Payload) -> Option<UserId> {
        let state = lock(&self.state);
        state.model.user_within(payload.expose(), state.now())
    }

    /// How many sessions of a user live.
    #[must_use]
    pub fn live_sessions(&self, user: &UserId) -> usize {
        let state = lock(&self.state);
        state.model.live_sessions(user, state.now())
    }

    /// Whether a refresh with this grant would be granted now. Nothing is used up.
    #[must_use]
    pub fn would_accept(&self, grant: &Grant) -> bool {
        let state = lock(&self.state);
        state.model.would_accept(grant, state.now())
    }

    /// The log.
    #[must_use]
    pub const fn journal(&self) -> &Journal {
        &self.journal
    }
}
