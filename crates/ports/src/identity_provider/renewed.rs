//! What is asked of a grant, and what the IdP gave for it.

use core::time::Duration;

use vestibule_domain::claims::Claims;
use vestibule_domain::identifiers::{Audience, ClientId, RealmId};
use vestibule_domain::instant::WallTime;
use vestibule_domain::secret::{AccessToken, EnrolmentKey, Grant};
use vestibule_domain::status::Untrusted;

use super::enrolled::Identity;

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
