//! The issuer's metadata (OpenID Connect Discovery 1.0, RFC 8414): read before anything is sent, believed about its own
//! origin only.

use serde::Deserialize;
use serde_json::Value;
use url::{Origin, Url};
use vestibule_domain::status::{Hint, Untrusted};

use crate::issuer_template::Issuer;
use crate::strict_json::parse_object;

/// How long metadata are used before they are asked for again, in seconds.
pub const METADATA_LIFE_S: u64 = 60 * 60;

/// What we use of an issuer's metadata, every address checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Metadata {
    pub(crate) authorization: Url,
    pub(crate) token: Url,
    pub(crate) jwks: Url,
    pub(crate) pushed_request: Option<Url>,
    pub(crate) pushed_request_required: bool,
    pub(crate) revocation: Option<Url>,
    pub(crate) iss_announced: bool,
    /// Whether the issuer takes our proofs, or does not say which it takes.
    pub(crate) takes_proofs: bool,
    /// The scopes that the issuer knows, where it publishes them.
    pub(crate) scopes: Option<Vec<String>>,
}

/// Why metadata were refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadMetadata(pub(crate) Untrusted);

#[derive(Deserialize)]
struct Document {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    pushed_authorization_request_endpoint: Option<String>,
    #[serde(default)]
    require_pushed_authorization_requests: bool,
    revocation_endpoint: Option<String>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
    scopes_supported: Option<Vec<String>>,
    code_challenge_methods_supported: Option<Vec<String>>,
    response_types_supported: Option<Vec<String>>,
    dpop_signing_alg_values_supported: Option<Vec<String>>,
}

impl Metadata {
    /// Reads a metadata document for an issuer. Endpoints must lie on the issuer's origin or on one of `extra_origins`;
    /// the authorization endpoint, which is walked, on the issuer's own.
    pub(crate) fn parse(body: &[u8], issuer: &Issuer, extra_origins: &[Origin]) -> Result<Self, BadMetadata> {
        let malformed = || BadMetadata::breaks("no JSON object with the required members, each once");
        let object = parse_object(body).map_err(|_| malformed())?;
        let document: Document = serde_json::from_value(Value::Object(object)).map_err(|_| malformed())?;
        document.check(issuer)?;
        let near = |refusal: &'static str, text: &String| endpoint(text, issuer, extra_origins, refusal);
        let own = |refusal: &'static str, text: &String| endpoint(text, issuer, &[], refusal);
        let pushed = "pushed_authorization_request_endpoint is no usable address";
        let revocation = "revocation_endpoint is no usable address";
        Ok(Self {
            authorization: own(
                "authorization_endpoint is not on the issuer's origin",
                &document.authorization_endpoint,
            )?,
            token: near("token_endpoint is no usable address", &document.token_endpoint)?,
            jwks: near("jwks_uri is no usable address", &document.jwks_uri)?,
            pushed_request: optional(&document.pushed_authorization_request_endpoint, |text| {
                near(pushed, text)
            })?,
            pushed_request_required: document.require_pushed_authorization_requests,
            revocation: optional(&document.revocation_endpoint, |text| near(revocation, text))?,
            iss_announced: document.authorization_response_iss_parameter_supported,
            takes_proofs: !lacks(&document.dpop_signing_alg_values_supported, "ES256"),
            scopes: document.scopes_supported,
        })
    }

    /// The origin of the token endpoint, as a grant pins it.
    pub(crate) fn token_origin(&self) -> String {
        self.token.origin().ascii_serialization()
    }
}

impl BadMetadata {
    const fn breaks(rule: &'static str) -> Self {
        Self(Untrusted::Metadata(rule))
    }
}

impl Document {
    /// A list that is published must hold what we are going to use; none published says nothing.
    fn check(&self, issuer: &Issuer) -> Result<(), BadMetadata> {
        // Byte for byte (OpenID Connect Discovery 1.0, section 4.3).
        if self.issuer != issuer.as_str() {
            let (configured, named) = (Hint::new(issuer.as_str()), Hint::new(&self.issuer));
            Err(BadMetadata(Untrusted::AnotherIssuer { configured, named }))
        } else if lacks(&self.code_challenge_methods_supported, "S256") {
            Err(BadMetadata::breaks("it does not do PKCE with S256"))
        } else if lacks(&self.response_types_supported, "code") {
            Err(BadMetadata::breaks("it does not give authorization codes"))
        } else if self.require_pushed_authorization_requests && self.pushed_authorization_request_endpoint.is_none() {
            Err(BadMetadata::breaks(
                "pushed requests are required, but there is no endpoint for them",
            ))
        } else {
            Ok(())
        }
    }
}

fn lacks(list: &Option<Vec<String>>, word: &str) -> bool {
    list.as_ref()
        .is_some_and(|list| !list.iter().any(|known| known == word))
}

fn endpoint(text: &str, issuer: &Issuer, extra: &[Origin], refusal: &'static str) -> Result<Url, BadMetadata> {
    let url = Url::parse(text).map_err(|_| BadMetadata::breaks(refusal))?;
    let near = issuer.is_own(&url) || (issuer.may_be_asked(&url) && extra.contains(&url.origin()));
    if near && url.fragment().is_none() {
        Ok(url)
    } else {
        Err(BadMetadata::breaks(refusal))
    }
}

fn optional<T, E>(text: &Option<String>, read: impl FnOnce(&String) -> Result<T, E>) -> Result<Option<T>, E> {
    text.as_ref().map(read).transpose()
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use vestibule_domain::identifiers::TenantId;

    use super::*;
    use crate::issuer_template::IssuerTemplate;

    fn document() -> serde_json::Map<String, Value> {
        let document = json!({
            "issuer": "https://idp.example/realms/acme",
            "authorization_endpoint": "https://idp.example/realms/acme/auth",
            "token_endpoint": "https://idp.example/realms/acme/token",
            "jwks_uri": "https://idp.example/realms/acme/certs",
            "token_endpoint_auth_methods_supported": ["private_key_jwt"],
        });
        document.as_object().cloned().unwrap()
    }

    fn parse(document: &serde_json::Map<String, Value>) -> Result<Metadata, BadMetadata> {
        let template = IssuerTemplate::parse("https://idp.example/realms/{tenant}", false).unwrap();
        let issuer = template.expand(&TenantId::parse("acme").unwrap()).unwrap();
        let extra = [Url::parse("https://tokens.example").unwrap().origin()];
        Metadata::parse(&serde_json::to_vec(document).unwrap(), &issuer, &extra)
    }

    #[test]
    fn metadata_are_believed_about_their_own_origin_only() {
        let table = [
            ("issuer", json!("https://idp.example/realms/other"), false),
            ("issuer", json!("https://idp.example/realms/acme/"), false),
            ("authorization_endpoint", json!("https://tokens.example/auth"), false),
            ("authorization_endpoint", json!("http://idp.example/auth"), false),
            ("authorization_endpoint", json!("/auth"), false),
            ("token_endpoint", json!("https://tokens.example/token"), true),
            ("token_endpoint", json!("https://evil.example/token"), false),
            ("token_endpoint", json!("https://user@idp.example/token"), false),
            ("token_endpoint", json!("https://idp.example/token#x"), false),
            ("token_endpoint", json!(null), false),
            ("jwks_uri", json!("https://evil.example/certs"), false),
            ("revocation_endpoint", json!("https://evil.example/revoke"), false),
            (
                "pushed_authorization_request_endpoint",
                json!("https://evil.example/par"),
                false,
            ),
            ("require_pushed_authorization_requests", json!(true), false),
            ("code_challenge_methods_supported", json!(["plain"]), false),
            ("code_challenge_methods_supported", json!(["plain", "S256"]), true),
            ("response_types_supported", json!(["id_token"]), false),
            ("dpop_signing_alg_values_supported", json!(["RS256"]), true),
            ("unknown_member", json!({"any": "thing"}), true),
        ];
        for (member, value, accepted) in table {
            let mut changed = document();
            changed.insert(member.into(), value.clone());
            assert_eq!(parse(&changed).is_ok(), accepted, "{member}: {value}");
        }
    }

    #[test]
    fn what_is_not_there_is_not_needed_unless_it_is() {
        let metadata = parse(&document()).unwrap();
        assert_eq!(
            (metadata.pushed_request, metadata.revocation, metadata.scopes),
            (None, None, None)
        );
        for member in ["issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"] {
            let mut without = document();
            without.remove(member);
            assert!(parse(&without).is_err(), "{member}");
        }
        for (algorithms, takes_proofs) in [(json!(["RS256"]), false), (json!(["ES256"]), true), (json!(null), true)] {
            let mut changed = document();
            changed.insert("dpop_signing_alg_values_supported".into(), algorithms);
            assert_eq!(parse(&changed).unwrap().takes_proofs, takes_proofs);
        }
    }
}
