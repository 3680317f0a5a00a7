//! Port: an identity provider.

use core::fmt;
use core::time::Duration;

use async_trait::async_trait;
use tokio::sync::watch;
use vestibule_domain::claims::Claims;
use vestibule_domain::enrolment::Effect;
use vestibule_domain::identifiers::{Audience, ClientId, InvalidParameter, RealmId, TenantId, UserId};
use vestibule_domain::instant::WallTime;
use vestibule_domain::rotation::{Answer, Reenrolled};
use vestibule_domain::secret::{AccessToken, EnrolmentKey, Grant};
use vestibule_domain::status::{Cause, Certainty, Denial, Hint, Untrusted};

/// Purpose: makes a user for a device key, renews its grant, hands out tokens for one audience, revokes.
///
/// - `realm` MUST be pure: no network, the same answer for the same tenant and settings.
/// - `enroll` MUST use the request's key as the identity on a recoverable server: the same key gives the same user.
/// - It MUST obey the interrupt until the code is about to be redeemed, and ignore it from there.
/// - After the token answer it MUST NOT make a further request before it returns.
/// - A 200 that holds a grant MUST bring the grant back, whatever else is wrong with it.
/// - The adapter MUST NOT repeat a request that may have been done, except a DPoP nonce or a clock correction with a new
///   proof; repeating is the flow's decision.
/// - A grant MUST be sent only to the server that gave it (`UntrustedResponse: issuer changed` otherwise, nothing sent).
/// - It judges protocol and cryptography and hands over typed [`Claims`]; what they mean is judged by the flow.
/// - Errors MUST say `AnswerLost` whenever a request may have been acted upon.
///
/// | error | means | then |
/// |---|---|---|
/// | `Unreachable`, `RateLimited`, `UntrustedServer`, `ClockSkewed`, `Interrupted`, `InvalidRequest` | certainly not done | the flow gives its lease back |
/// | `Denied`, `AuthorizationRefused` | refused before a code was given | a fresh record is removed |
/// | `CodeRefused` | refused after a code | the key stays |
/// | `GrantRefused` | `invalid_grant`, not because of the proof | recovery with the same key, or Outdated |
/// | `ProofRefused` | key or clock | nothing is marked |
/// | `RefreshRefused` | another OAuth error | CannotAcquireTokenData |
/// | `AnswerLost`, `UntrustedResponse` | may have been done | repeated once, then left for later |
///
/// Shortest adapter: `testing::ScriptedIdp`; the one for OpenID Connect is `vestibule_adapters_idp`.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// What this adapter calls the realm of a tenant.
    ///
    /// # Errors
    /// `InvalidRequest` when the tenant cannot be one of its realms.
    fn realm(&self, tenant: &TenantId) -> Result<RealmId, IdpError>;

    /// Makes a user for a key, or finds it again.
    ///
    /// # Errors
    /// See the table.
    async fn enroll(&self, request: EnrollRequest) -> Result<Enrolled, IdpError>;

    /// Proves a grant, and asks for a token for one audience where one is named.
    ///
    /// # Errors
    /// See the table.
    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed, IdpError>;

    /// Ends a grant's session. Unknown to the server is success (RFC 7009, section 2.2).
    ///
    /// # Errors
    /// See the table.
    async fn revoke(&self, request: RevokeRequest) -> Result<(), IdpError>;
}

/// Tells an enrolment to stop while it still may. Cheap to clone.
#[derive(Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// An interrupt and the switch that raises it. A dropped switch never raises it.
    #[must_use]
    pub fn new() -> (InterruptSwitch, Self) {
        let (sender, receiver) = watch::channel(false);
        (InterruptSwitch(sender), Self(receiver))
    }

    /// One that is never raised.
    #[must_use]
    pub fn never() -> Self {
        Self::new().1
    }

    /// Whether it is raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it is raised; never if it is not.
    pub async fn raised(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|raised| *raised).await.is_err() {
            core::future::pending::<()>().await;
        }
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Interrupt({})", self.is_raised())
    }
}

/// Raises an [`Interrupt`].
#[derive(Debug)]
pub struct InterruptSwitch(watch::Sender<bool>);

impl InterruptSwitch {
    /// Raises it.
    pub fn raise(&self) {
        self.0.send_replace(true);
    }
}

/// Asks for a user.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EnrollRequest {
    /// The realm, as `realm` named it.
    pub realm: RealmId,
    /// The client.
    pub client_id: ClientId,
    /// The key that is the account; sealed on disk before this call.
    pub key: EnrolmentKey,
    /// Obeyed until the code is about to be redeemed.
    pub interrupt: Interrupt,
}

impl EnrollRequest {
    /// A request.
    #[must_use]
    pub const fn new(realm: RealmId, client_id: ClientId, key: EnrolmentKey, interrupt: Interrupt) -> Self {
        Self {
            realm,
            client_id,
            key,
            interrupt,
        }
    }
}

/// What the IdP gave. Where there is a grant, it is on disk before anything else of this is used.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Enrolled {
    /// Who the user is, or why that must not be trusted.
    pub identity: Result<Identity, Untrusted>,
    /// Whether the identity is unproven only because its key is not known yet: one refresh can prove it.
    pub key_unknown: bool,
    /// What to go on with.
    pub grant: Grant,
    /// When the session at the IdP ends; `None` when no end is known.
    pub session_ends: Option<WallTime>,
    /// Whether access tokens come back bound to the key, so that no third party can use them.
    pub access_tokens_bound: bool,
}

impl Enrolled {
    /// A proven identity and its grant.
    #[must_use]
    pub const fn new(identity: Identity, grant: Grant) -> Self {
        Self {
            identity: Ok(identity),
            key_unknown: false,
            grant,
            session_ends: None,
            access_tokens_bound: false,
        }
    }

    /// A grant whose identity must not be trusted.
    #[must_use]
    pub const fn untrusted(why: Untrusted, grant: Grant) -> Self {
        Self {
            identity: Err(why),
            key_unknown: false,
            grant,
            session_ends: None,
            access_tokens_bound: false,
        }
    }

    /// The same, where one refresh may still prove the identity: its key was not known yet.
    #[must_use]
    pub const fn with_unknown_key(mut self) -> Self {
        self.key_unknown = true;
        self
    }

    /// The same, with an end of the session.
    #[must_use]
    pub const fn with_session_end(mut self, ends: WallTime) -> Self {
        self.session_ends = Some(ends);
        self
    }

    /// The same, saying that access tokens are bound to the key.
    #[must_use]
    pub const fn with_bound_access_tokens(mut self) -> Self {
        self.access_tokens_bound = true;
        self
    }
}

/// A proven identity.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Identity {
    /// The claims of the ID token.
    pub claims: Claims,
    /// Whether the IdP ties the user to the key: the ID token names our key's thumbprint.
    pub recoverable: bool,
    /// Whether the user was made now.
    pub origin: UserOrigin,
}

impl Identity {
    /// A proven identity that is not recoverable and does not say whether it is new.
    #[must_use]
    pub const fn new(claims: Claims) -> Self {
        Self {
            claims,
            recoverable: false,
            origin: UserOrigin::Unsaid,
        }
    }

    /// The same, recoverable.
    #[must_use]
    pub const fn recoverable(mut self, origin: UserOrigin) -> Self {
        self.recoverable = true;
        self.origin = origin;
        self
    }

    /// The user.
    #[must_use]
    pub const fn user(&self) -> &UserId {
        &self.claims.subject
    }
}

/// Whether the IdP made the user now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum UserOrigin {
    /// It did.
    New,
    /// It knew the user.
    Known,
    /// It does not say.
    Unsaid,
}

/// Asks for a renewed grant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RefreshRequest {
    /// The realm.
    pub realm: RealmId,
    /// The client.
    pub client_id: ClientId,
    /// What the IdP gave last.
    pub grant: Grant,
    /// The key.
    pub key: EnrolmentKey,
    /// Whom a token is asked for; `None` proves the grant only.
    pub audience: Option<Audience>,
}

impl RefreshRequest {
    /// A request.
    #[must_use]
    pub const fn new(
        realm: RealmId,
        client_id: ClientId,
        grant: Grant,
        key: EnrolmentKey,
        audience: Option<Audience>,
    ) -> Self {
        Self {
            realm,
            client_id,
            grant,
            key,
            audience,
        }
    }
}

/// A renewed grant.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Refreshed {
    /// The successor, where the server rotated; stored before anything else of this is used.
    pub successor: Option<Grant>,
    /// What the answer proved about the identity; `None` where it carried no ID token.
    pub identity: Option<Result<Identity, Untrusted>>,
    /// When the session at the IdP ends; `None` when no end is known.
    pub session_ends: Option<WallTime>,
    /// The access token, or why it must not be trusted.
    pub access_token: Result<AccessTokenReply, Untrusted>,
}

impl Refreshed {
    /// A renewed grant with its access token.
    #[must_use]
    pub const fn new(successor: Option<Grant>, access_token: Result<AccessTokenReply, Untrusted>) -> Self {
        Self {
            successor,
            identity: None,
            session_ends: None,
            access_token,
        }
    }

    /// The same, with what it proved about the identity.
    #[must_use]
    pub fn with_identity(mut self, identity: Result<Identity, Untrusted>) -> Self {
        self.identity = Some(identity);
        self
    }

    /// The same, with an end of the session.
    #[must_use]
    pub const fn with_session_end(mut self, ends: WallTime) -> Self {
        self.session_ends = Some(ends);
        self
    }
}

/// An access token whose protocol and cryptography are proven.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccessTokenReply {
    /// The token.
    pub token: AccessToken,
    /// What it says; `None` for an opaque token, about which nothing can be proven.
    pub claims: Option<Claims>,
    /// What it was asked to be.
    pub terms: TokenTerms,
    /// How long it lives, from now; `None` when the answer does not say.
    pub lifetime: Option<Duration>,
}

impl AccessTokenReply {
    /// A token whose claims are proven.
    #[must_use]
    pub const fn new(token: AccessToken, claims: Claims, terms: TokenTerms, lifetime: Option<Duration>) -> Self {
        Self {
            token,
            claims: Some(claims),
            terms,
            lifetime,
        }
    }

    /// A token about which nothing can be proven.
    #[must_use]
    pub const fn opaque(token: AccessToken, terms: TokenTerms, lifetime: Option<Duration>) -> Self {
        Self {
            token,
            claims: None,
            terms,
            lifetime,
        }
    }
}

/// What an audience's settings allow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TokenTerms {
    /// The scopes that were asked for.
    pub scopes: Vec<String>,
    /// The longest life.
    pub lifetime_cap: Duration,
    /// Whether an opaque token may be handed out.
    pub opaque_allowed: bool,
}

impl TokenTerms {
    /// Terms that refuse opaque tokens.
    #[must_use]
    pub const fn new(scopes: Vec<String>, lifetime_cap: Duration) -> Self {
        Self {
            scopes,
            lifetime_cap,
            opaque_allowed: false,
        }
    }

    /// The same, allowing opaque tokens.
    #[must_use]
    pub const fn allowing_opaque(mut self) -> Self {
        self.opaque_allowed = true;
        self
    }
}

/// Asks to end a session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct RevokeRequest {
    /// The realm.
    pub realm: RealmId,
    /// The client.
    pub client_id: ClientId,
    /// What the IdP gave last.
    pub grant: Grant,
    /// The key.
    pub key: EnrolmentKey,
}

impl RevokeRequest {
    /// A request.
    #[must_use]
    pub const fn new(realm: RealmId, client_id: ClientId, grant: Grant, key: EnrolmentKey) -> Self {
        Self {
            realm,
            client_id,
            grant,
            key,
        }
    }
}

/// Why an IdP did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum IdpError {
    /// The request does not fit this adapter; certainly not done.
    #[error("{0}")]
    InvalidRequest(InvalidParameter),
    /// The audience is not among the configured ones, or its scope is refused; certainly not done.
    #[error("audience refused{0}")]
    AudienceRefused(Hint),
    /// Certainly not sent.
    #[error("not reachable{0}")]
    Unreachable(Hint),
    /// The server asks to wait; certainly not done.
    #[error("the server asks to wait")]
    RateLimited {
        /// How long.
        retry_after: Option<Duration>,
    },
    /// The interrupt was obeyed; no code was redeemed. A user may exist when the redirects had begun (`begun`).
    #[error("interrupted")]
    Interrupted {
        /// Whether the authorization endpoint had been asked.
        begun: bool,
    },
    /// TLS could not prove the server; certainly not done.
    #[error("untrusted server{0}")]
    UntrustedServer(Hint),
    /// Metadata or the record's binding break a rule; nothing was sent of the record.
    #[error("{0}")]
    Misconfigured(Untrusted),
    /// The device's clock is wrong; certainly not done.
    #[error("the clock is wrong")]
    ClockSkewed {
        /// Milliseconds ahead of the server (negative: behind), if known.
        ahead_ms: Option<i64>,
    },
    /// Refused before a code was given.
    #[error("denied: {denial:?}{hint}")]
    Denied {
        /// To what.
        denial: Denial,
        /// The server's words.
        hint: Hint,
    },
    /// Another error at the authorization endpoint, before a code was given.
    #[error("no authorization code{0}")]
    AuthorizationRefused(Hint),
    /// The code was refused.
    #[error("the code was refused{0}")]
    CodeRefused(Hint),
    /// `invalid_grant`, and not because of the proof.
    #[error("the grant was refused{0}")]
    GrantRefused(Hint),
    /// Refused because of the proof, even after a correction.
    #[error("the proof was refused{0}")]
    ProofRefused(Hint),
    /// Another OAuth error at the token endpoint.
    #[error("the refresh was refused{0}")]
    RefreshRefused(Hint),
    /// It may have been done; the answer was lost.
    #[error("the answer was lost{0}")]
    AnswerLost(Hint),
    /// An answer breaks a rule and brought no grant; it may have been done.
    #[error("untrusted response: {0}")]
    UntrustedResponse(Untrusted),
}

impl IdpError {
    /// How far an enrolment got.
    #[must_use]
    pub const fn effect(&self) -> Effect {
        match self {
            Self::InvalidRequest(_)
            | Self::AudienceRefused(_)
            | Self::Unreachable(_)
            | Self::RateLimited { .. }
            | Self::Interrupted { begun: false }
            | Self::UntrustedServer(_)
            | Self::Misconfigured(_) => Effect::NotDone,
            Self::Denied { .. } | Self::AuthorizationRefused(_) | Self::ClockSkewed { .. } => Effect::RefusedBeforeCode,
            Self::CodeRefused(_) | Self::GrantRefused(_) | Self::ProofRefused(_) | Self::RefreshRefused(_) => {
                Effect::RefusedAfterCode
            }
            Self::AnswerLost(_) | Self::UntrustedResponse(_) | Self::Interrupted { begun: true } => Effect::Unclear,
        }
    }

    /// The answer to an enrolment with the key of a user that stands. A matter of key or clock is no refusal of the user.
    #[must_use]
    pub const fn reenrolled(&self) -> Reenrolled {
        match self {
            Self::ClockSkewed { .. }
            | Self::ProofRefused(_)
            | Self::InvalidRequest(_)
            | Self::AudienceRefused(_)
            | Self::Unreachable(_)
            | Self::RateLimited { .. }
            | Self::Interrupted { .. }
            | Self::UntrustedServer(_)
            | Self::Misconfigured(_)
            | Self::AnswerLost(_)
            | Self::UntrustedResponse(_) => Reenrolled::NotSentOrUnclear,
            Self::Denied { .. }
            | Self::AuthorizationRefused(_)
            | Self::CodeRefused(_)
            | Self::GrantRefused(_)
            | Self::RefreshRefused(_) => Reenrolled::Refused,
        }
    }

    /// The answer to a refresh, as the rotation sees it.
    #[must_use]
    pub const fn answer(&self) -> Answer {
        match self {
            Self::InvalidRequest(_)
            | Self::AudienceRefused(_)
            | Self::Unreachable(_)
            | Self::RateLimited { .. }
            | Self::Interrupted { .. }
            | Self::UntrustedServer(_)
            | Self::Misconfigured(_) => Answer::NotSent,
            Self::ClockSkewed { .. } | Self::ProofRefused(_) => Answer::ProofRefused,
            Self::GrantRefused(_) => Answer::GrantRefused,
            Self::Denied { .. } | Self::AuthorizationRefused(_) | Self::CodeRefused(_) | Self::RefreshRefused(_) => {
                Answer::OtherRefusal
            }
            Self::AnswerLost(_) | Self::UntrustedResponse(_) => Answer::Unclear,
        }
    }
}

impl From<IdpError> for Cause {
    fn from(error: IdpError) -> Self {
        match error {
            IdpError::InvalidRequest(parameter) => Self::InvalidParameter(parameter),
            IdpError::AudienceRefused(hint) => Self::AccessDenied {
                denial: Denial::AudienceRefused,
                hint,
            },
            IdpError::Unreachable(hint) => Self::NotReachable {
                certainty: Certainty::NotDone,
                hint,
            },
            IdpError::RateLimited { retry_after } => Self::RateLimited { retry_after },
            IdpError::Interrupted { .. } => Self::QueueFull,
            IdpError::UntrustedServer(hint) => Self::UntrustedServer { hint },
            IdpError::ClockSkewed { ahead_ms } => Self::ClockSkewed { ahead_ms },
            IdpError::Denied { denial, hint } => Self::AccessDenied { denial, hint },
            IdpError::AuthorizationRefused(hint) => Self::AuthorizationRefused { hint },
            IdpError::CodeRefused(hint) => Self::CodeRefused { hint },
            IdpError::GrantRefused(_) => Self::Outdated(vestibule_domain::record::OutdatedCause::Refused),
            IdpError::ProofRefused(hint) | IdpError::RefreshRefused(hint) => Self::RefreshRefused { hint },
            IdpError::AnswerLost(hint) => Self::NotReachable {
                certainty: Certainty::MayBeDone,
                hint,
            },
            IdpError::Misconfigured(why) | IdpError::UntrustedResponse(why) => Self::UntrustedResponse(why),
        }
    }
}
