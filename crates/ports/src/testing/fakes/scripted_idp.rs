//! An IdP in memory that behaves like one, and answers as it is told to where it must not.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use vestibule_domain::claims::Claims;
use vestibule_domain::identifiers::{Audience, ClientId, RealmId, TenantId, UserId};
use vestibule_domain::instant::WallTime;
use vestibule_domain::secret::{AccessToken, EnrolmentKey, Grant};
use vestibule_domain::single_audience::LONGEST_LIFETIME;
use vestibule_domain::status::{Denial, Hint, Untrusted};

use super::idp_model::{IdpKind, IdpModel, Party, Refusal, Renewed};
use super::lock;
use super::manual_clock::{FIRST_WALL, let_others_run};
use crate::clock::Clock;
use crate::identity_provider::{
    AccessTokenReply, EnrollRequest, Enrolled, Identity, IdentityProvider, IdpError, RefreshRequest, Refreshed,
    RevokeRequest, TokenTerms, UserOrigin,
};
use crate::testing::journal::{IdpCall, Journal, JournalEntry, Outcome};

/// For how many turns of the others a request stays open before its answer leaves.
const TURNS_OPEN: usize = 3;

/// An [`IdentityProvider`] that models a server. A clone talks to the same server.
///
/// What it does by itself is what its [`IdpKind`] says; `next_..` scripts single answers, the admin's acts change its
/// users. The effect of a request is there at once; its answer leaves after others had a turn, so that requests overlap.
#[derive(Clone)]
pub struct ScriptedIdp {
    state: Arc<Mutex<State>>,
    journal: Journal,
}

struct State {
    model: IdpModel,
    clock: Option<Arc<dyn Clock>>,
    session_length: Option<Duration>,
    refused: BTreeSet<Audience>,
    unreachable: bool,
    enrolls: VecDeque<Script<Enrolled>>,
    refreshes: VecDeque<Script<Refreshed>>,
    revokes: VecDeque<Result<(), IdpError>>,
}

enum Script<T> {
    Answer(Result<T, IdpError>),
    FailAfterUser(IdpError),
    Alter(Box<dyn FnOnce(T) -> T + Send>),
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
        let state = State {
            model: IdpModel::new(kind),
            clock: None,
            session_length: None,
            refused: BTreeSet::new(),
            unreachable: false,
            enrolls: VecDeque::new(),
            refreshes: VecDeque::new(),
            revokes: VecDeque::new(),
        };
        Self {
            state: Arc::new(Mutex::new(state)),
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

#[async_trait]
impl IdentityProvider for ScriptedIdp {
    fn realm(&self, tenant: &TenantId) -> Result<RealmId, IdpError> {
        RealmId::new(format!("idp.example/{tenant}")).map_err(IdpError::InvalidRequest)
    }

    async fn enroll(&self, request: EnrollRequest) -> Result<Enrolled, IdpError> {
        let open = self.open(IdpCall::Enroll, &request.key, None, None)?;
        if request.interrupt.is_raised() {
            return open
                .answer(Err(IdpError::Interrupted { begun: false }), |_| Outcome::Scripted)
                .await;
        }
        let answer = lock(&self.state).enroll(&request);
        open.answer(answer, |enrolled| {
            match lock(&self.state).model.user_of_grant(&enrolled.grant) {
                Some(user) => Outcome::Enrolled {
                    user,
                    grant: enrolled.grant.clone(),
                },
                None => Outcome::Scripted,
            }
        })
        .await
    }

    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed, IdpError> {
        let open = self.open(
            IdpCall::Refresh,
            &request.key,
            Some(&request.grant),
            request.audience.as_ref(),
        )?;
        let answer = lock(&self.state).refresh(&request);
        open.answer(answer, |refreshed| Outcome::Refreshed {
            successor: refreshed.successor.clone(),
        })
        .await
    }

    async fn revoke(&self, request: RevokeRequest) -> Result<(), IdpError> {
        let open = self.open(IdpCall::Revoke, &request.key, Some(&request.grant), None)?;
        let answer = lock(&self.state).revoke(&request);
        open.answer(answer, |()| Outcome::Revoked).await
    }
}

impl ScriptedIdp {
    fn open(
        &self,
        call: IdpCall,
        key: &EnrolmentKey,
        grant: Option<&Grant>,
        audience: Option<&Audience>,
    ) -> Result<Open<'_>, IdpError> {
        if lock(&self.state).unreachable {
            return Err(IdpError::Unreachable(Hint::new("the network is cut")));
        }
        Ok(Open {
            journal: &self.journal,
            request: self.journal.open(call, key, grant, audience),
            outcome: Outcome::Scripted,
        })
    }
}

/// A request that has reached the server. It closes when it is dropped, whoever waited for it.
struct Open<'a> {
    journal: &'a Journal,
    request: usize,
    outcome: Outcome,
}

impl Open<'_> {
    async fn answer<T>(
        mut self,
        answer: Result<T, IdpError>,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> Result<T, IdpError> {
        self.outcome = match &answer {
            Ok(granted) => outcome(granted),
            Err(error) => Outcome::Refused(error.to_string()),
        };
        for _ in 0..TURNS_OPEN {
            let_others_run().await;
        }
        answer
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.journal.push(JournalEntry::Closed {
            request: self.request,
            outcome: self.outcome.clone(),
        });
    }
}

impl State {
    fn enroll(&mut self, request: &EnrollRequest) -> Result<Enrolled, IdpError> {
        let script = self.enrolls.pop_front();
        if let Some(Script::Answer(answer)) = script {
            return answer;
        }
        let party = Party {
            realm: request.realm.clone(),
            client_id: request.client_id.clone(),
        };
        let refused = || IdpError::Denied {
            denial: Denial::Refused,
            hint: Hint::new("User disabled"),
        };
        let (user, made) = self.model.authorize(&party, &request.key).ok_or_else(refused)?;
        if let Some(Script::FailAfterUser(error)) = script {
            return Err(error);
        }
        let ends = self.session_end();
        let grant = self.model.exchange_code(&user, &party, &request.key, ends);
        let mut enrolled = Enrolled::new(self.identity(user, &party.client_id, made), grant);
        enrolled.session_ends = ends;
        Ok(match script {
            Some(Script::Alter(alter)) => alter(enrolled),
            Some(Script::Answer(_) | Script::FailAfterUser(_)) | None => enrolled,
        })
    }

    fn refresh(&mut self, request: &RefreshRequest) -> Result<Refreshed, IdpError> {
        let script = self.refreshes.pop_front();
        match script {
            Some(Script::Answer(answer)) => return answer,
            Some(Script::FailAfterUser(error)) => return Err(error),
            Some(Script::Alter(_)) | None => {}
        }
        let audience = request.audience.as_ref();
        if audience.is_some_and(|audience| self.refused.contains(audience)) {
            return Err(IdpError::AudienceRefused(Hint::new("invalid_scope")));
        }
        let party = Party {
            realm: request.realm.clone(),
            client_id: request.client_id.clone(),
        };
        let (now, ends) = (self.now(), self.session_end());
        let renewed = self
            .model
            .refresh(&request.grant, &party, &request.key, audience, now, ends);
        let renewed = renewed.map_err(refusal)?;
        let token = self.access_token(&renewed, request);
        let identity = self.identity(renewed.user, &party.client_id, false);
        let mut refreshed = Refreshed::new(renewed.successor, Ok(token)).with_identity(Ok(identity));
        refreshed.session_ends = ends;
        Ok(match script {
            Some(Script::Alter(alter)) => alter(refreshed),
            Some(Script::Answer(_) | Script::FailAfterUser(_)) | None => refreshed,
        })
    }

    fn revoke(&mut self, request: &RevokeRequest) -> Result<(), IdpError> {
        if let Some(answer) = self.revokes.pop_front() {
            return answer;
        }
        let party = Party {
            realm: request.realm.clone(),
            client_id: request.client_id.clone(),
        };
        self.model.revoke(&request.grant, &party, &request.key).map_err(refusal)
    }

    fn now(&self) -> WallTime {
        self.clock.as_ref().map_or(FIRST_WALL, |clock| clock.wall())
    }

    fn session_end(&self) -> Option<WallTime> {
        self.session_length.map(|length| self.now().after(length))
    }

    fn identity(&self, user: UserId, client_id: &ClientId, made: bool) -> Identity {
        let identity = Identity::new(self.claims(user, vec![client_id.to_string()], client_id));
        match (self.model.kind().recoverable, made) {
            (true, true) => identity.recoverable(UserOrigin::New),
            (true, false) => identity.recoverable(UserOrigin::Known),
            (false, _) => identity,
        }
    }

    fn access_token(&mut self, renewed: &Renewed, request: &RefreshRequest) -> AccessTokenReply {
        let asked: Vec<_> = request.audience.iter().map(ToString::to_string).collect();
        let scopes: Vec<_> = asked.iter().map(|audience| format!("aud:{audience}")).collect();
        let granted = renewed.audience_granted;
        let audiences = if granted { asked } else { Vec::new() };
        let mut claims = self.claims(renewed.user.clone(), audiences, &request.client_id);
        claims.scopes = if granted { scopes.clone() } else { Vec::new() };
        claims.is_access_token = true;
        let token = AccessToken::new(format!("access-token-{:016x}", self.model.random.next()));
        AccessTokenReply::new(
            token,
            claims,
            TokenTerms::new(scopes, LONGEST_LIFETIME),
            Some(LONGEST_LIFETIME),
        )
    }

    fn claims(&self, user: UserId, audiences: Vec<String>, client_id: &ClientId) -> Claims {
        let mut claims = Claims::new(user);
        claims.audiences = audiences;
        claims.authorized_party = Some(client_id.to_string());
        claims.issued_at = Some(self.now());
        claims.expires_at = Some(self.now().after(LONGEST_LIFETIME));
        claims
    }
}

fn refusal(refusal: Refusal) -> IdpError {
    match refusal {
        Refusal::Grant(why) => IdpError::GrantRefused(Hint::new(why)),
        Refusal::Proof => IdpError::ProofRefused(Hint::new("DPoP confirmation doesn't match DPoP proof")),
        Refusal::AnotherParty => IdpError::Misconfigured(Untrusted::IssuerChanged),
    }
}
