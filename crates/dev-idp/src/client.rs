//! The clients of every realm: public, PKCE with S256, two redirect URIs.

use std::ops::RangeInclusive;

/// Device enrollment flow; refresh tokens are bound to the device key, access tokens are not.
pub const DEVICE_ENROLLMENT: &str = "AstDeviceEnrollment";
/// An ordinary client: the authorization endpoint shows a login form.
pub const ORDINARY_LOGIN: &str = "OrdinaryLogin";
/// Device enrollment flow without the refresh-only policy: with a proof the access tokens come back bound too.
pub const ACCESS_TOKENS_BOUND: &str = "AccessTokensBound";
/// As the first, but its authorization requests must be pushed (RFC 9126).
pub const PUSHED_ONLY: &str = "PushedOnly";

/// The redirect URI with a private scheme (RFC 8252, section 7.1).
pub const PRIVATE_REDIRECT_URI: &str = "dev.vestibule.app:/enrolled";
/// The loopback redirect URI (RFC 8252, section 7.3), accepted with any port.
pub const LOOPBACK_REDIRECT_URI: &str = "http://127.0.0.1/cb";
const LOOPBACK_ORIGIN: &str = "http://127.0.0.1";
const LOOPBACK_PATH: &str = "/cb";
const PORTS: RangeInclusive<u16> = 1..=u16::MAX;

/// What a client's authorization endpoint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flow {
    DeviceEnrollment,
    LoginForm,
}

/// Which tokens a proof binds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Binding {
    /// Keycloak's policy `dpop-bind-enforcer` with `allow-only-refresh-token-binding`.
    RefreshOnly,
    /// Keycloak's default for a proof that is sent of one's own accord.
    AccessToo,
}

/// A client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Client {
    pub(crate) id: &'static str,
    pub(crate) flow: Flow,
    pub(crate) binding: Binding,
    pub(crate) pushed_only: bool,
}

const CLIENTS: [Client; 4] = [
    Client {
        id: DEVICE_ENROLLMENT,
        flow: Flow::DeviceEnrollment,
        binding: Binding::RefreshOnly,
        pushed_only: false,
    },
    Client {
        id: ORDINARY_LOGIN,
        flow: Flow::LoginForm,
        binding: Binding::AccessToo,
        pushed_only: false,
    },
    Client {
        id: ACCESS_TOKENS_BOUND,
        flow: Flow::DeviceEnrollment,
        binding: Binding::AccessToo,
        pushed_only: false,
    },
    Client {
        id: PUSHED_ONLY,
        flow: Flow::DeviceEnrollment,
        binding: Binding::RefreshOnly,
        pushed_only: true,
    },
];

/// The client of that id.
pub(crate) fn find(id: &str) -> Option<Client> {
    CLIENTS.into_iter().find(|client| client.id == id)
}

/// Whether the clients may be answered there: byte for byte, but for the port of the loopback one.
pub(crate) fn accepts_redirect_uri(uri: &str) -> bool {
    if uri == PRIVATE_REDIRECT_URI {
        return true;
    }
    let Some(rest) = uri.strip_prefix(LOOPBACK_ORIGIN) else {
        return false;
    };
    let Some(authority) = rest.strip_suffix(LOOPBACK_PATH) else {
        return false;
    };
    let Some(port) = authority.strip_prefix(':') else {
        return authority.is_empty();
    };
    port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse().is_ok_and(|port| PORTS.contains(&port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_port_of_the_loopback_redirect_uri_is_free() {
        let table = [
            ("dev.vestibule.app:/enrolled", true),
            ("http://127.0.0.1/cb", true),
            ("http://127.0.0.1:1/cb", true),
            ("http://127.0.0.1:65535/cb", true),
            ("http://127.0.0.1:65536/cb", false),
            ("http://127.0.0.1:+1/cb", false),
            ("http://127.0.0.1:0/cb", false),
            ("http://127.0.0.1:/cb", false),
            ("http://127.0.0.1:1@evil.example/cb", false),
            ("http://127.0.0.1.evil.example/cb", false),
            ("http://127.0.0.1:1/evil/cb", false),
            ("http://127.0.0.1:1/cb?a=b", false),
            ("http://localhost:1/cb", false),
            ("http://[::1]:1/cb", false),
            ("https://127.0.0.1/cb", false),
            ("dev.vestibule.app:/enrolled?a=b", false),
            ("dev.vestibule.App:/enrolled", false),
            ("", false),
        ];
        for (uri, accepted) in table {
            assert_eq!(accepts_redirect_uri(uri), accepted, "{uri}");
        }
    }
}
