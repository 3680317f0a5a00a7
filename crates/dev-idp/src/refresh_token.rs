//! Refresh tokens: to clients opaque, to this server a JWT under its own HMAC key, as Keycloak's are.

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::compact_jws::{CompactJws, base64url, decode_base64url, signing_input};
use crate::json_object::set;
use crate::random;
use crate::refusal::Refusal;

/// The key that marks this realm's refresh tokens as its own.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefreshTokenKey(String);

impl std::fmt::Debug for RefreshTokenKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshTokenKey(..)")
    }
}

/// What a refresh token says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RefreshToken {
    #[serde(rename = "sid")]
    pub(crate) session: String,
    /// Its number in the session.
    #[serde(rename = "num")]
    pub(crate) number: u64,
    #[serde(rename = "iat")]
    pub(crate) issued_at: u64,
    #[serde(rename = "exp", skip_serializing_if = "Option::is_none", default)]
    pub(crate) expires_at: Option<u64>,
    #[serde(rename = "azp")]
    pub(crate) client: String,
}

impl RefreshTokenKey {
    pub(crate) fn make() -> Result<Self, Refusal> {
        random::make_word().map(Self)
    }

    pub(crate) fn seal(&self, token: &RefreshToken) -> Result<String, Refusal> {
        let mut claims = serde_json::to_value(token).map_err(|_| Refusal::server_error("a token cannot be written"))?;
        set(&mut claims, "typ", "Refresh");
        set(&mut claims, "jti", random::make_uuid()?);
        let input = signing_input(&json!({ "alg": "HS256", "typ": "JWT" }), &claims);
        let tag = hmac::sign(&self.hmac_key(), input.as_bytes());
        Ok(format!("{input}.{}", base64url(tag.as_ref())))
    }

    /// What the token says; `None` when it is not of this realm.
    pub(crate) fn open(&self, token: &str) -> Option<RefreshToken> {
        let jws = CompactJws::parse(token)?;
        hmac::verify(&self.hmac_key(), jws.signing_input.as_bytes(), &jws.signature).ok()?;
        serde_json::from_value(Value::Object(jws.claims)).ok()
    }

    fn hmac_key(&self) -> hmac::Key {
        hmac::Key::new(hmac::HMAC_SHA256, &decode_base64url(&self.0).unwrap_or_default())
    }
}
