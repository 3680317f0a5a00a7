//! The signing keys of a realm and its JSON Web Key Set (RFC 7517).

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::compact_jws::{base64url, decode_base64url, sha256, signing_input};
use crate::json_object::set;
use crate::refusal::Refusal;
use crate::scenes::{Signature, TokenPart};

/// Bytes of a coordinate on P-256.
const COORDINATE_BYTES: usize = 32;

/// The keys of one realm. The last one signs; all are listed. As in Keycloak's, one more key is for encryption and must
/// not be taken for a signing key; nobody has its private half.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeySet {
    signing: Vec<SigningKey>,
    encryption: Value,
}

#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SigningKey {
    kid: String,
    pkcs8: String,
}

impl std::fmt::Debug for KeySet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeySet")
            .field("keys", &self.signing.len())
            .finish_non_exhaustive()
    }
}

impl KeySet {
    pub(crate) fn make() -> Result<Self, Refusal> {
        let encryption = make_key_pair()?;
        let mut jwk = public_jwk(&encryption).ok_or_else(unusable)?;
        let kid = thumbprint_of(&jwk).ok_or_else(unusable)?;
        set(&mut jwk, "kid", kid);
        set(&mut jwk, "use", "enc");
        set(&mut jwk, "alg", "ECDH-ES");
        let mut keys = Self {
            signing: Vec::new(),
            encryption: jwk,
        };
        keys.add_signing_key()?;
        Ok(keys)
    }

    /// From now on a new key signs. The older ones stay in the set.
    pub(crate) fn add_signing_key(&mut self) -> Result<(), Refusal> {
        let pair = make_key_pair()?;
        let pkcs8 = pair.to_pkcs8v1().map_err(|_| unusable())?;
        let kid = public_jwk(&pair)
            .as_ref()
            .and_then(thumbprint_of)
            .ok_or_else(unusable)?;
        self.signing.push(SigningKey {
            kid,
            pkcs8: base64url(pkcs8.as_ref()),
        });
        Ok(())
    }

    /// The document behind `jwks_uri`.
    pub(crate) fn document(&self) -> Result<Value, Refusal> {
        let mut keys = vec![self.encryption.clone()];
        for key in &self.signing {
            let mut jwk = public_jwk(&key.pair()?).ok_or_else(unusable)?;
            set(&mut jwk, "kid", key.kid.as_str());
            set(&mut jwk, "use", "sig");
            set(&mut jwk, "alg", "ES256");
            keys.push(jwk);
        }
        Ok(json!({ "keys": keys }))
    }

    /// A JWT over the claims. Its header says `typ: JWT`, as Keycloak's do, never `at+jwt`.
    pub(crate) fn sign(&self, claims: &Value) -> Result<String, Refusal> {
        let key = self.signing.last().ok_or_else(unusable)?;
        let input = signing_input(&json!({ "alg": "ES256", "typ": "JWT", "kid": key.kid }), claims);
        signed(&key.pair()?, &input)
    }

    /// A token that a scene has changed, signed by what the scene wants.
    pub(crate) fn sign_forged(&self, token: &TokenPart) -> Result<String, Refusal> {
        let input = signing_input(&token.header.clone().into(), &token.claims.clone().into());
        let pair = self.signing.last().ok_or_else(unusable)?.pair()?;
        match token.signature {
            Signature::Realm => signed(&pair, &input),
            Signature::Foreign => signed(&make_key_pair()?, &input),
            Signature::MacOfPublicKey => {
                let key = hmac::Key::new(hmac::HMAC_SHA256, pair.public_key().as_ref());
                Ok(format!(
                    "{input}.{}",
                    base64url(hmac::sign(&key, input.as_bytes()).as_ref())
                ))
            }
            Signature::None => Ok(format!("{input}.")),
        }
    }
}

impl SigningKey {
    fn pair(&self) -> Result<EcdsaKeyPair, Refusal> {
        let pkcs8 = decode_base64url(&self.pkcs8).ok_or_else(unusable)?;
        EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &pkcs8).map_err(|_| unusable())
    }
}

/// RFC 7638: the thumbprint of a P-256 public key.
pub(crate) fn thumbprint(x: &str, y: &str) -> String {
    base64url(&sha256(
        format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes(),
    ))
}

/// The uncompressed point of a P-256 public key with these coordinates.
pub(crate) fn uncompressed_point(x: &str, y: &str) -> Option<Vec<u8>> {
    let (x, y) = (decode_base64url(x)?, decode_base64url(y)?);
    let fits = x.len() == COORDINATE_BYTES && y.len() == COORDINATE_BYTES;
    fits.then(|| [&[4], x.as_slice(), y.as_slice()].concat())
}

fn signed(pair: &EcdsaKeyPair, input: &str) -> Result<String, Refusal> {
    let signature = pair
        .sign(&SystemRandom::new(), input.as_bytes())
        .map_err(|_| unusable())?;
    Ok(format!("{input}.{}", base64url(signature.as_ref())))
}

fn make_key_pair() -> Result<EcdsaKeyPair, Refusal> {
    EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(|_| unusable())
}

fn public_jwk(pair: &EcdsaKeyPair) -> Option<Value> {
    let (x, y) = pair
        .public_key()
        .as_ref()
        .strip_prefix(&[4])?
        .split_at_checked(COORDINATE_BYTES)?;
    Some(json!({ "kty": "EC", "crv": "P-256", "x": base64url(x), "y": base64url(y) }))
}

fn thumbprint_of(jwk: &Value) -> Option<String> {
    Some(thumbprint(jwk.get("x")?.as_str()?, jwk.get("y")?.as_str()?))
}

fn unusable() -> Refusal {
    Refusal::server_error("a key of the realm cannot be used")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thumbprint_is_that_of_a_published_key() {
        // The P-256 key of RFC 9449, section 4.1, and its thumbprint in section 6.1.
        let x = "l8tFrhx-34tV3hRICRDY9zCkDlpBhF42UQUfWVAWBFs";
        let y = "9VE4jf_Ok_o64zbTTlcuNJajHmt6v9TDVrU0CdvGRDA";
        assert_eq!(thumbprint(x, y), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
    }
}
