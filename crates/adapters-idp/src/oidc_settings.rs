//! What a host may set about its OpenID provider. Every default and limit lives in the file of its rule.

use std::time::Duration;

use url::{Origin, Url};

use crate::audience_settings::{AudienceSettings, check_audiences};
use crate::extra_headers::ExtraHeaders;
use crate::http::Ways;
use crate::id_token::DEFAULT_LEEWAY;
use crate::issuer_template::IssuerTemplate;
use crate::server_trust::ServerTrust;
use crate::spki_pin::SpkiPin;

/// Where the IdP sends the answer of an enrolment, unless the host says otherwise: a private scheme (RFC 8252, section
/// 7.1), compared as text and never requested.
pub const DEFAULT_REDIRECT_URI: &str = "dev.vestibule.app:/enrolled";
/// Largest leeway between the clocks, so that nobody switches the check off by it.
pub const MAX_LEEWAY: Duration = Duration::from_secs(5 * 60);

/// A setting that cannot be used. The value itself is not repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{setting} {why}")]
pub struct InvalidSetting {
    /// The setting.
    pub setting: &'static str,
    /// What is wrong with it, as the rest of a sentence that begins with the setting.
    pub why: &'static str,
}

/// Whether an enrolment proves the device's key (DPoP, RFC 9449). A grant keeps what it was made with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum DeviceProof {
    /// Every request carries a proof; a recoverable IdP ties the user to the key.
    #[default]
    Required,
    /// For a server without DPoP: no proof, and never recoverable.
    Never,
}

/// The settings of an [`OidcIdentityProvider`](crate::OidcIdentityProvider).
#[derive(Clone, Debug)]
pub struct OidcSettings {
    issuer: String,
    redirect_uri: String,
    audiences: Vec<AudienceSettings>,
    device_proof: DeviceProof,
    plain_http_to_loopback: bool,
    extra_origins: Vec<String>,
    leeway: Duration,
    server_trust: ServerTrust,
    spki_pins: Vec<String>,
    extra_headers: ExtraHeaders,
    proxy: Option<String>,
}

impl OidcSettings {
    /// Settings for an issuer, with `{tenant}` as one whole path segment of it: `https://idp.example/realms/{tenant}`.
    /// A server with a single realm has no `{tenant}`.
    #[must_use]
    pub fn new(issuer: impl Into<String>) -> Self {
        Self {
            issuer: issuer.into(),
            redirect_uri: DEFAULT_REDIRECT_URI.into(),
            audiences: Vec::new(),
            device_proof: DeviceProof::default(),
            plain_http_to_loopback: false,
            extra_origins: Vec::new(),
            leeway: DEFAULT_LEEWAY,
            server_trust: ServerTrust::default(),
            spki_pins: Vec::new(),
            extra_headers: ExtraHeaders::default(),
            proxy: None,
        }
    }

    /// The redirect URI that is registered for the client.
    #[must_use]
    pub fn with_redirect_uri(mut self, redirect_uri: impl Into<String>) -> Self {
        self.redirect_uri = redirect_uri.into();
        self
    }

    /// One more audience. Its scope is asked for at enrolment: what is not granted there is not granted later.
    #[must_use]
    pub fn with_audience(mut self, audience: AudienceSettings) -> Self {
        self.audiences.push(audience);
        self
    }

    /// Whether new enrolments prove the device's key.
    #[must_use]
    pub const fn with_device_proof(mut self, device_proof: DeviceProof) -> Self {
        self.device_proof = device_proof;
        self
    }

    /// Allows plain http to 127.0.0.0/8 and \[::1\], written as addresses. For development only.
    #[must_use]
    pub const fn allowing_plain_http_to_loopback(mut self) -> Self {
        self.plain_http_to_loopback = true;
        self
    }

    /// One more origin (`https://tokens.example`) that the metadata may name for everything but the authorization
    /// endpoint.
    #[must_use]
    pub fn with_extra_origin(mut self, origin: impl Into<String>) -> Self {
        self.extra_origins.push(origin.into());
        self
    }

    /// By how much the clocks of device and server may differ when tokens are checked; five minutes at most.
    #[must_use]
    pub const fn with_leeway(mut self, leeway: Duration) -> Self {
        self.leeway = leeway;
        self
    }

    /// Which CAs may vouch for the IdP; without this the system's.
    #[must_use]
    pub fn with_server_trust(mut self, trust: ServerTrust) -> Self {
        self.server_trust = trust;
        self
    }

    /// One more key that a server may have: the SHA-256 hash of its `SubjectPublicKeyInfo` in base64 (RFC 7469, section
    /// 2.4). As soon as there is one, every server that is asked over TLS must have a pinned key, those of
    /// [`with_extra_origin`](Self::with_extra_origin) too, and still a certificate that is trusted. Set the key of the
    /// next certificate as well, before the server changes to it.
    #[must_use]
    pub fn with_spki_pin(mut self, pin: impl Into<String>) -> Self {
        self.spki_pins.push(pin.into());
        self
    }

    /// Headers that go along with every request to the issuer's origin, and to no other origin.
    #[must_use]
    pub fn with_extra_headers(mut self, headers: ExtraHeaders) -> Self {
        self.extra_headers = headers;
        self
    }

    /// A proxy (`http://proxy.example:3128`) that tunnels every request over TLS. Without this there is none, whatever
    /// the environment says. Plain http to a loopback address never goes through it.
    #[must_use]
    pub fn with_proxy(mut self, proxy: impl Into<String>) -> Self {
        self.proxy = Some(proxy.into());
        self
    }

    /// Checks every setting.
    pub(crate) fn checked(self) -> Result<CheckedSettings, InvalidSetting> {
        let template = IssuerTemplate::parse(&self.issuer, self.plain_http_to_loopback)?;
        check_redirect_uri(&self.redirect_uri)?;
        check_audiences(&self.audiences)?;
        if self.leeway > MAX_LEEWAY {
            return Err(InvalidSetting {
                setting: "leeway",
                why: "is longer than five minutes",
            });
        }
        let extra_origins = self
            .extra_origins
            .iter()
            .map(|text| origin(text, self.plain_http_to_loopback))
            .collect::<Result<_, _>>()?;
        let ways = Ways {
            trust: self.server_trust,
            pins: self
                .spki_pins
                .iter()
                .map(|pin| SpkiPin::parse(pin))
                .collect::<Result<_, _>>()?,
            proxy: self.proxy.as_deref().map(proxy).transpose()?,
            extra_headers: self.extra_headers,
            issuers_origin: template.origin(),
        };
        Ok(CheckedSettings {
            template,
            redirect_uri: self.redirect_uri,
            audiences: self.audiences,
            device_proof: self.device_proof,
            extra_origins,
            leeway: self.leeway,
            ways,
        })
    }
}

/// Settings of which each has been checked.
#[derive(Debug)]
pub(crate) struct CheckedSettings {
    pub(crate) template: IssuerTemplate,
    pub(crate) redirect_uri: String,
    pub(crate) audiences: Vec<AudienceSettings>,
    pub(crate) device_proof: DeviceProof,
    pub(crate) extra_origins: Vec<Origin>,
    pub(crate) leeway: Duration,
    pub(crate) ways: Ways,
}

fn check_redirect_uri(text: &str) -> Result<(), InvalidSetting> {
    let invalid = |why| {
        Err(InvalidSetting {
            setting: "redirect_uri",
            why,
        })
    };
    let Ok(url) = Url::parse(text) else {
        return invalid("is not a URL");
    };
    if url.query().is_some() || url.fragment().is_some() {
        invalid("may not have a query or a fragment")
    } else if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        invalid("may hold only visible ASCII characters")
    } else {
        Ok(())
    }
}

fn origin(text: &str, plain_http_to_loopback: bool) -> Result<Origin, InvalidSetting> {
    let invalid = InvalidSetting {
        setting: "extra_origins",
        why: "must each be an https origin and nothing more",
    };
    // An origin is held to the rules of an issuer, without a path.
    IssuerTemplate::parse(text, plain_http_to_loopback).map_err(|_| invalid)?;
    let url = Url::parse(text).map_err(|_| invalid)?;
    if url.path() == "/" {
        Ok(url.origin())
    } else {
        Err(invalid)
    }
}

/// A proxy is spoken to without TLS, so that pins name the keys of the IdP alone; what it tunnels is TLS.
fn proxy(text: &str) -> Result<Url, InvalidSetting> {
    let invalid = |why| Err(InvalidSetting { setting: "proxy", why });
    let Ok(url) = Url::parse(text) else {
        return invalid("is not a URL");
    };
    if !url.username().is_empty() || url.password().is_some() {
        invalid("may not name a user or a password")
    } else if url.scheme() != "http" || url.host().is_none() {
        invalid("must be of the form http://host:port")
    } else if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        invalid("may have nothing behind its port")
    } else {
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use vestibule_domain::identifiers::Audience;

    use super::*;
    use crate::audience_settings::MAX_AUDIENCES;

    fn settings() -> OidcSettings {
        OidcSettings::new("https://idp.example/realms/{tenant}")
    }

    fn audience(name: &str, scope: &str) -> AudienceSettings {
        AudienceSettings::new(Audience::parse(name).unwrap(), scope)
    }

    #[test]
    fn settings_are_checked_one_by_one() {
        let table = [
            (settings(), None),
            (settings().with_audience(audience("orders", "aud:orders")), None),
            (settings().with_redirect_uri("http://127.0.0.1/cb"), None),
            (settings().with_extra_origin("https://tokens.example"), None),
            (OidcSettings::new("http://idp.example/{tenant}"), Some("issuer")),
            (OidcSettings::new("http://127.0.0.1/{tenant}"), Some("issuer")),
            (settings().with_redirect_uri("no url"), Some("redirect_uri")),
            (settings().with_redirect_uri("app:/x?y=z"), Some("redirect_uri")),
            (settings().with_redirect_uri("app:/x#y"), Some("redirect_uri")),
            (settings().with_redirect_uri("app:/x y"), Some("redirect_uri")),
            (
                settings().with_audience(audience("orders", "two words")),
                Some("audiences"),
            ),
            (settings().with_audience(audience("orders", "")), Some("audiences")),
            (
                settings().with_audience(audience("orders", "openid")),
                Some("audiences"),
            ),
            (
                settings()
                    .with_audience(audience("orders", "a"))
                    .with_audience(audience("orders", "b")),
                Some("audiences"),
            ),
            (
                settings().with_extra_origin("https://tokens.example/path"),
                Some("extra_origins"),
            ),
            (
                settings().with_extra_origin("http://tokens.example"),
                Some("extra_origins"),
            ),
            (settings().with_spki_pin("AAAA"), Some("spki_pins")),
            (settings().with_proxy("proxy.example:3128"), Some("proxy")),
            (settings().with_proxy("https://proxy.example"), Some("proxy")),
            (settings().with_proxy("socks5://proxy.example"), Some("proxy")),
            (settings().with_proxy("http://user:word@proxy.example"), Some("proxy")),
            (settings().with_proxy("http://proxy.example/path"), Some("proxy")),
            (settings().with_proxy("http://proxy.example:3128"), None),
            (
                settings().with_leeway(MAX_LEEWAY + Duration::from_secs(1)),
                Some("leeway"),
            ),
        ];
        for (settings, refused) in table {
            let text = format!("{settings:?}");
            assert_eq!(settings.checked().err().map(|error| error.setting), refused, "{text}");
        }
        let many = (0..=MAX_AUDIENCES).fold(settings(), |all, n| all.with_audience(audience(&format!("a{n}"), "s")));
        assert_eq!(many.checked().err().map(|error| error.setting), Some("audiences"));
    }
}
