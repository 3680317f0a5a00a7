//! The adapter itself: what is checked before anything is sent, and to whom it may be sent at all.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use http::StatusCode;
use vestibule_domain::identifiers::{ClientId, InvalidParameter, RealmId, TenantId};
use vestibule_domain::secret::{EnrolmentKey, Grant};
use vestibule_domain::status::{Hint, Untrusted};
use vestibule_ports::{
    Clock, EnrollRequest, Enrolled, IdentityProvider, IdpError, RefreshRequest, Refreshed, RevokeRequest,
};

use crate::conversation::Conversation;
use crate::deadline::{Deadline, FLOW_TIMEOUT, RENEWAL_TIMEOUT};
use crate::dpop_key::DpopKey;
use crate::enrolment;
use crate::grant_contents::{GrantContents, UnreadableGrant};
use crate::http::{Http, HttpFault};
use crate::issuer_template::Issuer;
use crate::known_issuers::{IssuerFacts, KnownIssuers, NotKnown};
use crate::oidc_settings::{CheckedSettings, DeviceProof, InvalidSetting, OidcSettings};
use crate::renewal::{renew, terms};
use crate::revocation::revoke;
use crate::server_time::ServerTime;

/// An identity provider that speaks OpenID Connect.
pub struct OidcIdentityProvider {
    settings: CheckedSettings,
    http: Arc<Http>,
    time: Arc<ServerTime>,
    known: KnownIssuers,
}

impl OidcIdentityProvider {
    /// An adapter with these settings. Nothing is sent, and no certificate is read, before the first request.
    ///
    /// # Errors
    /// [`InvalidSetting`] names the first setting that cannot be used.
    pub fn new(settings: OidcSettings, clock: Arc<dyn Clock>) -> Result<Self, InvalidSetting> {
        let settings = settings.checked()?;
        let http = Arc::new(Http::new(settings.ways.clone(), Arc::clone(&clock)));
        let time = Arc::new(ServerTime::new(clock));
        let known = KnownIssuers::new(Arc::clone(&http), Arc::clone(&time), settings.extra_origins.clone());
        Ok(Self {
            settings,
            http,
            time,
            known,
        })
    }

    fn issuer(&self, realm: &RealmId) -> Result<Issuer, IdpError> {
        self.settings
            .template
            .issuer_of(realm.as_str())
            .ok_or(IdpError::Misconfigured(Untrusted::IssuerChanged))
    }

    async fn facts(&self, issuer: &Issuer, proves: bool, end: Deadline) -> Result<IssuerFacts, IdpError> {
        self.known.facts(issuer, proves, end).await.map_err(not_known)
    }

    fn talk(
        &self,
        issuer: Issuer,
        client_id: &ClientId,
        facts: IssuerFacts,
        key: Option<DpopKey>,
        end: Deadline,
    ) -> Conversation {
        let network = (Arc::clone(&self.http), Arc::clone(&self.time));
        Conversation::new(issuer, client_id.as_str(), facts, key, network, end)
    }

    /// A talk about a record: only with the server that the record is bound to.
    async fn talk_about(
        &self,
        realm: &RealmId,
        client_id: &ClientId,
        grant: &Grant,
        key: &EnrolmentKey,
    ) -> Result<(Conversation, GrantContents), IdpError> {
        let changed = IdpError::Misconfigured(Untrusted::IssuerChanged);
        let grant = GrantContents::decode(grant).map_err(unreadable)?;
        let issuer = self.issuer(realm)?;
        if grant.issuer != issuer.as_str() || grant.client_id != client_id.as_str() {
            return Err(changed);
        }
        let key = if grant.device_proof { Some(derive(key)?) } else { None };
        let end = Deadline::begin(self.time.device(), RENEWAL_TIMEOUT);
        let facts = self.facts(&issuer, grant.device_proof, end).await?;
        if facts.metadata.token_origin() != grant.token_origin {
            return Err(changed);
        }
        Ok((self.talk(issuer, client_id, facts, key, end), grant))
    }
}

#[async_trait]
impl IdentityProvider for OidcIdentityProvider {
    fn realm(&self, tenant: &TenantId) -> Result<RealmId, IdpError> {
        let issuer = self
            .settings
            .template
            .expand(tenant)
            .map_err(IdpError::InvalidRequest)?;
        RealmId::new(issuer.as_str()).map_err(IdpError::InvalidRequest)
    }

    async fn enroll(&self, request: EnrollRequest) -> Result<Enrolled, IdpError> {
        let issuer = self.issuer(&request.realm)?;
        let key = match self.settings.device_proof {
            DeviceProof::Required => Some(derive(&request.key)?),
            DeviceProof::Never => None,
        };
        let end = Deadline::begin(self.time.device(), FLOW_TIMEOUT);
        let facts = tokio::select! {
            biased;
            () = request.interrupt.raised() => return Err(IdpError::Interrupted { begun: false }),
            facts = self.facts(&issuer, key.is_some(), end) => facts?,
        };
        let talk = self.talk(issuer, &request.client_id, facts, key, end);
        enrolment::enroll(&talk, &self.settings, &self.known, &request.interrupt).await
    }

    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed, IdpError> {
        let RefreshRequest {
            realm,
            client_id,
            grant,
            key,
            audience,
            ..
        } = request;
        let asked = terms(&self.settings, audience.as_ref()).ok_or(IdpError::AudienceRefused(Hint::default()))?;
        let (talk, grant) = self.talk_about(&realm, &client_id, &grant, &key).await?;
        renew(&talk, &self.settings, &self.known, &grant, (asked, audience.is_some())).await
    }

    async fn revoke(&self, request: RevokeRequest) -> Result<(), IdpError> {
        let RevokeRequest {
            realm,
            client_id,
            grant,
            key,
            ..
        } = request;
        let (talk, grant) = self.talk_about(&realm, &client_id, &grant, &key).await?;
        revoke(&talk, &grant.refresh_token).await
    }
}

impl fmt::Debug for OidcIdentityProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OidcIdentityProvider")
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

fn derive(key: &EnrolmentKey) -> Result<DpopKey, IdpError> {
    let unfit = InvalidParameter {
        field: "key",
        why: "gives no P-256 key",
    };
    DpopKey::derive(key).ok_or(IdpError::InvalidRequest(unfit))
}

fn unreadable(why: UnreadableGrant) -> IdpError {
    let why = match why {
        UnreadableGrant::NewerFormat => "was written by a newer version",
        UnreadableGrant::Malformed => "is not one of this adapter",
    };
    IdpError::InvalidRequest(InvalidParameter { field: "grant", why })
}

fn not_known(why: NotKnown) -> IdpError {
    match why {
        NotKnown::Fault(fault @ (HttpFault::NotSent(_) | HttpFault::Lost)) => {
            IdpError::Unreachable(Hint::new(fault.why()))
        }
        NotKnown::Fault(fault @ (HttpFault::Untrusted(_) | HttpFault::NoCertificateStore)) => {
            IdpError::UntrustedServer(Hint::new(fault.why()))
        }
        NotKnown::Wait(retry_after) => IdpError::RateLimited { retry_after },
        NotKnown::Status(status) if status.is_server_error() => {
            IdpError::Unreachable(Hint::new(&format!("status {} for the metadata", status.as_u16())))
        }
        NotKnown::Status(StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN) => IdpError::Misconfigured(
            Untrusted::Metadata("the server refuses to show them; a gateway may want extra headers"),
        ),
        NotKnown::Status(_) => IdpError::Misconfigured(Untrusted::Metadata("the issuer publishes none")),
        NotKnown::Bad(why) => IdpError::Misconfigured(why),
    }
}
