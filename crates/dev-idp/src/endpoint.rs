//! The endpoints of a realm and their paths, spelt as Keycloak spells them.

/// An endpoint of a realm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// OpenID Connect Discovery 1.0, section 4.
    Discovery,
    /// RFC 8414: the same document for OAuth clients.
    ServerMetadata,
    /// RFC 7517.
    KeySet,
    /// RFC 6749, section 3.1.
    Authorization,
    /// RFC 9126.
    PushedAuthorization,
    /// RFC 6749, section 3.2.
    Token,
    /// RFC 7009.
    Revocation,
    /// Where the login form of the ordinary client goes.
    LoginForm,
}

impl Endpoint {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Discovery,
        Self::ServerMetadata,
        Self::KeySet,
        Self::Authorization,
        Self::PushedAuthorization,
        Self::Token,
        Self::Revocation,
        Self::LoginForm,
    ];

    /// The path below the issuer.
    #[must_use]
    pub const fn path(self) -> &'static str {
        match self {
            Self::Discovery => "/.well-known/openid-configuration",
            Self::ServerMetadata => "/.well-known/oauth-authorization-server",
            Self::KeySet => "/protocol/openid-connect/certs",
            Self::Authorization => "/protocol/openid-connect/auth",
            Self::PushedAuthorization => "/protocol/openid-connect/ext/par/request",
            Self::Token => "/protocol/openid-connect/token",
            Self::Revocation => "/protocol/openid-connect/revoke",
            Self::LoginForm => "/login-actions/authenticate",
        }
    }
}
