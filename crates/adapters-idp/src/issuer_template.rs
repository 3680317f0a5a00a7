//! One tenant is one realm: the issuer is a template, and a tenant is exactly one path segment of it.
//!
//! Nothing that a tenant id holds may leave that segment. So it is percent-encoded, and the result is parsed again and
//! compared with the template: same origin, same number of segments, the same segment.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use url::{Host, Origin, Url};
use vestibule_domain::identifiers::{InvalidParameter, TenantId};

use crate::oidc_settings::InvalidSetting;

/// What a template holds where the tenant goes.
pub const TENANT_PLACEHOLDER: &str = "{tenant}";
/// Longest template, in bytes.
pub const MAX_TEMPLATE_BYTES: usize = 1024;
/// Everything but the unreserved characters of RFC 3986, section 2.3.
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// What a segment is replaced by while the template is checked.
const PROBE: &str = "tenant";

/// The issuer of every tenant, for example `https://idp.example/realms/{tenant}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct IssuerTemplate {
    text: String,
    origin: Origin,
    plain_http_to_loopback: bool,
}

impl IssuerTemplate {
    /// Checks a template: https (or http to a loopback address where that is switched on), no user, query or fragment,
    /// and the placeholder as one whole path segment or nowhere (a server with a single realm).
    pub(crate) fn parse(text: &str, plain_http_to_loopback: bool) -> Result<Self, InvalidSetting> {
        let invalid = |why| Err(InvalidSetting { setting: "issuer", why });
        if text.len() > MAX_TEMPLATE_BYTES {
            return invalid("is longer than 1,024 bytes");
        }
        let places = text.matches(TENANT_PLACEHOLDER).count();
        let segments = text
            .split('/')
            .skip(3)
            .filter(|segment| *segment == TENANT_PLACEHOLDER)
            .count();
        if places > 1 || segments != places {
            return invalid("must hold {tenant} once, as a whole path segment, or not at all");
        }
        let probe = text.replace(TENANT_PLACEHOLDER, PROBE);
        let Ok(url) = Url::parse(&probe) else {
            return invalid("is not a URL");
        };
        if !is_allowed_address(&url, plain_http_to_loopback) {
            return invalid("must be https (http only to 127.0.0.0/8 or [::1], and only when switched on)");
        }
        if !url.username().is_empty() || url.password().is_some() {
            return invalid("may not name a user");
        }
        if url.query().is_some() || url.fragment().is_some() {
            return invalid("may not have a query or a fragment");
        }
        // The parser has rewritten nothing: what we compare later is what was meant.
        if url.as_str().trim_end_matches('/') != probe.trim_end_matches('/') {
            return invalid("is not written in its normal form");
        }
        Ok(Self {
            text: text.into(),
            origin: url.origin(),
            plain_http_to_loopback,
        })
    }

    /// Where every tenant's issuer lies.
    pub(crate) fn origin(&self) -> Origin {
        self.origin.clone()
    }

    /// The issuer of a tenant.
    pub(crate) fn expand(&self, tenant: &TenantId) -> Result<Issuer, InvalidParameter> {
        self.with_segment(&utf8_percent_encode(tenant.as_str(), ENCODED).to_string())
            .ok_or(InvalidParameter {
                field: "tenant_id",
                why: "would leave its place in the issuer",
            })
    }

    /// The issuer that a realm id names, if this template is the one that gave it: a realm of another template is
    /// nowhere to send anything.
    pub(crate) fn issuer_of(&self, realm: &str) -> Option<Issuer> {
        let Some((before, after)) = self.text.split_once(TENANT_PLACEHOLDER) else {
            return (realm == self.text).then(|| self.with_segment(""))?;
        };
        let segment = realm.strip_prefix(before)?.strip_suffix(after)?;
        let tenant = TenantId::parse(&percent_decode_str(segment).decode_utf8().ok()?).ok()?;
        self.expand(&tenant).ok().filter(|issuer| issuer.as_str() == realm)
    }

    /// Puts an encoded segment in the tenant's place; `None` when the outcome is not the template with just that
    /// segment changed.
    fn with_segment(&self, segment: &str) -> Option<Issuer> {
        if segment.is_empty() && self.text.contains(TENANT_PLACEHOLDER) {
            return None;
        }
        let issuer = Issuer::parse(
            &self.text.replace(TENANT_PLACEHOLDER, segment),
            self.plain_http_to_loopback,
        )?;
        let model = Url::parse(&self.text.replace(TENANT_PLACEHOLDER, PROBE)).ok()?;
        // The parser has changed nothing of the text, so a segment that is still one is still the same.
        let same_shape = issuer.url.origin() == model.origin()
            && issuer.url.query().is_none()
            && issuer.url.fragment().is_none()
            && segments(&issuer.url).len() == segments(&model).len();
        same_shape.then_some(issuer)
    }
}

/// One tenant's issuer: its exact text, and the same parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Issuer {
    text: String,
    url: Url,
    plain_http_to_loopback: bool,
}

impl Issuer {
    fn parse(text: &str, plain_http_to_loopback: bool) -> Option<Self> {
        let url = Url::parse(text).ok()?;
        let unchanged = url.as_str().trim_end_matches('/') == text.trim_end_matches('/');
        (unchanged && is_allowed_address(&url, plain_http_to_loopback)).then(|| Self {
            text: text.into(),
            url,
            plain_http_to_loopback,
        })
    }

    /// The issuer, byte for byte as it must stand in metadata and tokens.
    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    /// Where the metadata lies (OpenID Connect Discovery 1.0, section 4).
    pub(crate) fn metadata_url(&self) -> Option<Url> {
        Url::parse(&format!(
            "{}/.well-known/openid-configuration",
            self.text.trim_end_matches('/')
        ))
        .ok()
    }

    /// Whether a URL lies on the issuer's origin and may be asked at all.
    pub(crate) fn is_own(&self, url: &Url) -> bool {
        url.origin() == self.url.origin() && self.may_be_asked(url)
    }

    /// Whether a URL is https, or plain http to a loopback address where that is switched on; without a user.
    pub(crate) fn may_be_asked(&self, url: &Url) -> bool {
        is_allowed_address(url, self.plain_http_to_loopback) && url.username().is_empty() && url.password().is_none()
    }
}

/// https anywhere; http only to a loopback *literal*, since a name can be made to point elsewhere.
fn is_allowed_address(url: &Url, plain_http_to_loopback: bool) -> bool {
    let loopback = match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(_)) | None => false,
    };
    match url.scheme() {
        "https" => url.host().is_some(),
        "http" => loopback && plain_http_to_loopback,
        _ => false,
    }
}

fn segments(url: &Url) -> Vec<&str> {
    // A template without a path has one empty segment here and none when it is split at `/`.
    let all: Vec<&str> = url.path_segments().map(Iterator::collect).unwrap_or_default();
    if all == [""] { Vec::new() } else { all }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn template(text: &str) -> IssuerTemplate {
        IssuerTemplate::parse(text, true).unwrap()
    }

    #[test]
    fn a_template_is_https_or_a_loopback_literal_and_holds_the_tenant_as_one_segment() {
        let table = [
            ("https://idp.example/realms/{tenant}", true),
            ("https://idp.example/realms/{tenant}/", true),
            ("https://idp.example/{tenant}/oidc", true),
            ("https://idp.example:8443/realms/one", true),
            ("https://idp.example", true),
            ("http://127.0.0.1:8080/realms/{tenant}", true),
            ("http://127.9.9.9/realms/{tenant}", true),
            ("http://[::1]:8080/realms/{tenant}", true),
            ("http://localhost/realms/{tenant}", false),
            ("http://idp.example/realms/{tenant}", false),
            ("http://127.0.0.1.nip.io/{tenant}", false),
            ("https://{tenant}.idp.example/", false),
            ("https://idp.example/realms/x{tenant}", false),
            ("https://idp.example/{tenant}/{tenant}", false),
            ("https://idp.example/realms/{tenant}?a=b", false),
            ("https://idp.example/?t={tenant}", false),
            ("https://idp.example/#{tenant}", false),
            ("https://user@idp.example/{tenant}", false),
            ("https://IDP.example/{tenant}", false),
            ("https://idp.example/a/../{tenant}", false),
            ("ftp://idp.example/{tenant}", false),
            ("idp.example/{tenant}", false),
            ("", false),
        ];
        for (text, accepted) in table {
            assert_eq!(IssuerTemplate::parse(text, true).is_ok(), accepted, "{text}");
        }
        assert!(IssuerTemplate::parse("http://127.0.0.1/{tenant}", false).is_err());
        assert!(IssuerTemplate::parse(&format!("https://idp.example/{}", "a".repeat(1024)), true).is_err());
    }

    #[test]
    fn a_tenant_becomes_one_segment() {
        let table = [
            ("acme", "https://idp.example/realms/acme"),
            ("Acme Ltd.", "https://idp.example/realms/Acme%20Ltd."),
            ("grün", "https://idp.example/realms/gr%C3%BCn"),
            ("...", "https://idp.example/realms/..."),
            ("a..b", "https://idp.example/realms/a..b"),
            ("a&b=c+d", "https://idp.example/realms/a%26b%3Dc%2Bd"),
            ("{tenant}", "https://idp.example/realms/%7Btenant%7D"),
        ];
        for (tenant, issuer) in table {
            let expanded = template("https://idp.example/realms/{tenant}").expand(&TenantId::parse(tenant).unwrap());
            assert_eq!(expanded.unwrap().as_str(), issuer);
        }
    }

    /// The grammar of the tenant refuses these already; the template does not lean on it.
    #[test]
    fn what_would_leave_the_segment_is_refused_even_if_the_grammar_let_it_through() {
        let model = template("https://idp.example/realms/{tenant}");
        let escapes = [
            "..", ".", "%2e%2e", "%2E%2E", "a\\..\\b", "a/../b", "a/b", "?x", "x#y", "\t/../x", "\t", "", "ü",
        ];
        for escape in escapes {
            assert!(escape == "ü" || TenantId::parse(escape).is_err(), "{escape:?}");
            assert_eq!(model.with_segment(escape), None, "{escape:?}");
            assert_eq!(
                model.issuer_of(&format!("https://idp.example/realms/{escape}")),
                None,
                "{escape:?}"
            );
        }
    }

    #[test]
    fn a_realm_is_known_only_by_the_template_that_gave_it() {
        let old = template("https://old.example/realms/{tenant}");
        let new = template("https://new.example/realms/{tenant}");
        let realm = old.expand(&TenantId::parse("acme").unwrap()).unwrap();
        assert!(old.issuer_of(realm.as_str()).is_some());
        assert!(new.issuer_of(realm.as_str()).is_none());
        assert!(old.issuer_of("https://old.example/realms/").is_none());
        assert!(old.issuer_of("https://old.example/realms/a/b").is_none());
        let single = template("https://one.example/realm");
        assert!(single.issuer_of("https://one.example/realm").is_some());
        assert!(single.issuer_of("https://one.example/realm/x").is_none());
    }

    #[test]
    fn only_the_own_origin_is_own() {
        let issuer = template("https://idp.example/realms/{tenant}")
            .expand(&TenantId::parse("acme").unwrap())
            .unwrap();
        let table = [
            ("https://idp.example/anything", true),
            ("https://idp.example:443/x", true),
            ("https://idp.example:8443/x", false),
            ("https://user@idp.example/x", false),
            ("http://idp.example/x", false),
            ("https://evil.example/x", false),
        ];
        for (url, own) in table {
            assert_eq!(issuer.is_own(&Url::parse(url).unwrap()), own, "{url}");
        }
        assert_eq!(
            issuer.metadata_url().unwrap().as_str(),
            "https://idp.example/realms/acme/.well-known/openid-configuration"
        );
    }

    proptest::proptest! {
        #[test]
        fn every_tenant_that_the_grammar_takes_stays_in_its_segment(tenant in "\\PC{1,40}") {
            let template = template("https://idp.example/realms/{tenant}/oidc");
            if let Ok(tenant) = TenantId::parse(&tenant) {
                let issuer = template.expand(&tenant).unwrap();
                proptest::prop_assert_eq!(issuer.url.origin().ascii_serialization(), "https://idp.example");
                proptest::prop_assert_eq!(segments(&issuer.url).len(), 3);
                proptest::prop_assert_eq!(template.issuer_of(issuer.as_str()), Some(issuer));
            }
        }
    }
}
