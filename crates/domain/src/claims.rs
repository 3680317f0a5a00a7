//! What a verified token says, typed: the IdP adapter proves it, the decisions of this crate judge it.

use alloc::{string::String, vec::Vec};

use crate::identifiers::UserId;
use crate::instant::WallTime;

/// The claims of one token whose signature and issuer the adapter has proven.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Claims {
    /// `sub`
    pub subject: UserId,
    /// `aud`, one or several; empty when the token has none.
    pub audiences: Vec<String>,
    /// `azp` or `client_id`: who the token was given to.
    pub authorized_party: Option<String>,
    /// `scope`, or the answer's scope where the token has none (RFC 6749, section 5.1).
    pub scopes: Vec<String>,
    /// `iat`
    pub issued_at: Option<WallTime>,
    /// `exp`
    pub expires_at: Option<WallTime>,
    /// Whether the header or payload type says that it is an access token (RFC 9068, section 2.1, or Keycloak's `Bearer`).
    pub is_access_token: bool,
    /// Whether it is bound to a key (`cnf`, RFC 9449, section 6).
    pub is_bound: bool,
    /// The audiences that roles are given for (Keycloak's `resource_access`, and `realm_access` as an empty name).
    pub role_audiences: Vec<String>,
    /// The names of all members of the token, for the search for user data; but those whose value is just the subject
    /// once more (Keycloak's `preferred_username` of an anonymous user), which say nothing about a person.
    pub names: Vec<String>,
}

impl Claims {
    /// Claims of this subject, everything else empty.
    #[must_use]
    pub const fn new(subject: UserId) -> Self {
        Self {
            subject,
            audiences: Vec::new(),
            authorized_party: None,
            scopes: Vec::new(),
            issued_at: None,
            expires_at: None,
            is_access_token: false,
            is_bound: false,
            role_audiences: Vec::new(),
            names: Vec::new(),
        }
    }
}
