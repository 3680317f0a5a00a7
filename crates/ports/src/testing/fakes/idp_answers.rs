//! What a scripted IdP answers: what its model says, unless the test said otherwise.

use core::time::Duration;
use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;

use vestibule_domain::claims::Claims;
use vestibule_domain::identifiers::{Audience, ClientId, UserId};
use vestibule_domain::instant::WallTime;
use vestibule_domain::secret::AccessToken;
use vestibule_domain::single_audience::LONGEST_LIFETIME;
use vestibule_domain::status::{Denial, Hint, Untrusted};

use super::idp_kind::IdpKind;
use super::idp_model::{IdpModel, Renewed};
use super::idp_session::{Party, Refusal};
use super::manual_clock::FIRST_WALL;
use crate::clock::Clock;
use crate::identity_provider::{
    AccessTokenReply, EnrollRequest, Enrolled, Identity, IdpError, RefreshRequest, Refreshed, RevokeRequest,
    TokenTerms, UserOrigin,
};

/// What a server knows and was told to say.
pub(super) struct IdpState {
    pub(super) model: IdpModel,
    pub(super) clock: Option<Arc<dyn Clock>>,
    pub(super) session_length: Option<Duration>,
    pub(super) refused: BTreeSet<Audience>,
    pub(super) unreachable: bool,
    pub(super) enrolls: VecDeque<Script<Enrolled>>,
    pub(super) refreshes: VecDeque<Script<Refreshed>>,
    pub(super) revokes: VecDeque<Result<(), IdpError>>,
}

/// What the next request of a kind meets.
pub(super) enum Script<T> {
    /// This answer; nothing is done.
    Answer(Result<T, IdpError>),
    /// This error, once the user is made.
    FailAfterUser(IdpError),
    /// The true answer, altered.
    Alter(Box<dyn FnOnce(T) -> T + Send>),
}

impl IdpState {
    pub(super) const fn new(kind: IdpKind) -> Self {
        Self {
            model: IdpModel::new(kind),
            clock: None,
            session_length: None,
            refused: BTreeSet::new(),
            unreachable: false,
            enrolls: VecDeque::new(),
            refreshes: VecDeque::new(),
            revokes: VecDeque::new(),
        }
    }

    pub(super) fn enroll(&mut self, request: &EnrollRequest) -> Result<Enrolled, IdpError> {
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

    pub(super) fn refresh(&mut self, request: &RefreshRequest) -> Result<Refreshed, IdpError> {
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

    pub(super) fn revoke(&mut self, request: &RevokeRequest) -> Result<(), IdpError> {
        if let Some(answer) = self.revokes.pop_front() {
            return answer;
        }
        let party = Party {
            realm: request.realm.clone(),
            client_id: request.client_id.clone(),
        };
        self.model.revoke(&request.grant, &party, &request.key).map_err(refusal)
    }

    pub(super) fn now(&self) -> WallTime {
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
