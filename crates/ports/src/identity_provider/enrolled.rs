//! What is asked for a user, and what the IdP gave.

use vestibule_domain::claims::Claims;
use vestibule_domain::identifiers::{ClientId, RealmId, UserId};
use vestibule_domain::instant::WallTime;
use vestibule_domain::secret::{EnrolmentKey, Grant};
use vestibule_domain::status::Untrusted;

use super::interrupt::Interrupt;

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
