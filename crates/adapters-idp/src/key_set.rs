//! The keys that an issuer signs with (JWKS, RFC 7517), and which algorithm each may be used for.
//!
//! The algorithm follows from the key (kty, crv, alg) by an allow-list, never from the token alone (RFC 8725, section
//! 3.1). A token's `jku`, `x5u` and `jwk` are never looked at: the keys are here before a token is.

use std::fmt;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256,
    RsaPublicKeyComponents, UnparsedPublicKey,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use huskarl::core::crypto::KeyMatchStrength;
use huskarl::core::crypto::verifier::{JwsVerifier, KeyMatch, VerifyError};
use huskarl::core::platform::MaybeSendBoxFuture;
use serde_json::{Map, Value};

use crate::strict_json::parse_object;

/// Largest JWKS, in bytes.
pub const MAX_JWKS_BYTES: usize = 256 * 1024;
/// Most keys in a JWKS, whatever they are for.
pub const MAX_KEYS: usize = 64;
/// Smallest RSA modulus, in bits (RFC 7518, section 3.3).
pub const MIN_RSA_BITS: usize = 2048;
/// Largest RSA modulus, in bits: a larger one costs the device more than it gives.
pub const MAX_RSA_BITS: usize = 4096;
/// Every algorithm that a key may be used for (JWA names, RFC 7518 and RFC 8037); never `none`, never a MAC.
pub(crate) const ALGORITHMS: [&str; 5] = ["ES256", "ES384", "PS256", "RS256", "EdDSA"];

/// The usable keys of one issuer.
#[derive(Debug, Default)]
pub(crate) struct KeySet {
    keys: Vec<Key>,
}

/// Why a JWKS was refused as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum InvalidKeySet {
    /// Not a JSON object with a list of keys, or a member stands twice.
    Malformed,
    /// More keys than are looked at.
    TooManyKeys,
    /// Two keys that may have made the same signature bear the same id (RFC 7517, section 4.5).
    DoubledKeyId,
}

impl InvalidKeySet {
    /// What is wrong.
    pub(crate) const fn why(self) -> &'static str {
        match self {
            Self::Malformed => "the key set is no JSON object with a list of keys",
            Self::TooManyKeys => "the key set holds more than 64 keys",
            Self::DoubledKeyId => "two keys of the key set bear the same id",
        }
    }
}

impl KeySet {
    /// Reads a JWKS. A key that is not for signatures, or that we do not use, is left out: servers list others too.
    pub(crate) fn parse(body: &[u8]) -> Result<Self, InvalidKeySet> {
        let object = parse_object(body).map_err(|_| InvalidKeySet::Malformed)?;
        let keys = object
            .get("keys")
            .and_then(Value::as_array)
            .ok_or(InvalidKeySet::Malformed)?;
        if keys.len() > MAX_KEYS {
            return Err(InvalidKeySet::TooManyKeys);
        }
        let keys: Vec<Key> = keys
            .iter()
            .filter_map(Value::as_object)
            .filter_map(Key::parse)
            .collect();
        let is_doubled = |(at, key): (usize, &Key)| keys.iter().skip(at + 1).any(|other| key.is_confused_with(other));
        if keys.iter().enumerate().any(is_doubled) {
            return Err(InvalidKeySet::DoubledKeyId);
        }
        Ok(Self { keys })
    }

    /// Whether there is a key that a token with this header may be signed by.
    pub(crate) fn knows(&self, alg: &str, kid: Option<&str>) -> bool {
        self.candidates(alg, kid).next().is_some()
    }

    /// The keys for a header: with a key id only those that bear it.
    fn candidates<'a>(&'a self, alg: &'a str, kid: Option<&'a str>) -> impl Iterator<Item = &'a Key> {
        self.keys
            .iter()
            .filter(move |key| key.algorithms.contains(&alg) && kid.is_none_or(|kid| key.kid.as_deref() == Some(kid)))
    }
}

impl JwsVerifier for KeySet {
    fn key_match(&self, wanted: &KeyMatch<'_>) -> Option<KeyMatchStrength> {
        self.knows(wanted.alg, wanted.kid).then_some(match wanted.kid {
            Some(_) => KeyMatchStrength::ByKeyId,
            None => KeyMatchStrength::ByAlgorithm,
        })
    }

    fn verify<'a>(
        &'a self,
        input: &'a [u8],
        signature: &'a [u8],
        wanted: &'a KeyMatch<'a>,
    ) -> MaybeSendBoxFuture<'a, Result<(), VerifyError>> {
        Box::pin(async move {
            if !self.knows(wanted.alg, wanted.kid) {
                return Err(VerifyError::NoMatchingKey);
            }
            let verified = self
                .candidates(wanted.alg, wanted.kid)
                .any(|key| key.verifies(wanted.alg, input, signature));
            if verified {
                Ok(())
            } else {
                Err(VerifyError::SignatureMismatch)
            }
        })
    }
}

struct Key {
    kid: Option<String>,
    algorithms: &'static [&'static str],
    material: Material,
}

enum Material {
    Rsa {
        n: Vec<u8>,
        e: Vec<u8>,
    },
    /// An uncompressed point.
    Ec(Vec<u8>),
    Ed25519(Vec<u8>),
}

impl Key {
    fn parse(jwk: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| jwk.get(name).and_then(Value::as_str);
        let for_signatures = jwk.get("use").is_none_or(|purpose| purpose == "sig")
            && jwk
                .get("key_ops")
                .is_none_or(|ops| ops.as_array().is_some_and(|ops| ops.iter().any(|op| op == "verify")));
        if !for_signatures || jwk.contains_key("d") {
            return None;
        }
        let (material, possible): (Material, &'static [&'static str]) = match (text("kty")?, text("crv")) {
            ("EC", Some("P-256")) => (Material::Ec(point(jwk, 32)?), &["ES256"]),
            ("EC", Some("P-384")) => (Material::Ec(point(jwk, 48)?), &["ES384"]),
            ("OKP", Some("Ed25519")) => (
                Material::Ed25519(bytes(jwk, "x").filter(|x| x.len() == 32)?),
                &["EdDSA"],
            ),
            ("RSA", _) => (rsa(jwk)?, &["PS256", "RS256"]),
            _ => return None,
        };
        let algorithms = match jwk.get("alg") {
            None => possible,
            Some(alg) => {
                let at = possible.iter().position(|one| alg == one)?;
                possible.get(at..=at)?
            }
        };
        let kid = match jwk.get("kid") {
            None => None,
            Some(Value::String(kid)) => Some(kid.clone()),
            Some(_) => return None,
        };
        Some(Self {
            kid,
            algorithms,
            material,
        })
    }

    /// Whether a token's header cannot tell the two apart. The same id for another algorithm is another key.
    fn is_confused_with(&self, other: &Self) -> bool {
        self.kid.is_some() && self.kid == other.kid && self.algorithms.iter().any(|alg| other.algorithms.contains(alg))
    }

    fn verifies(&self, alg: &str, input: &[u8], signature: &[u8]) -> bool {
        match (&self.material, alg) {
            (Material::Rsa { n, e }, "RS256") => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PKCS1_2048_8192_SHA256, input, signature)
                .is_ok(),
            (Material::Rsa { n, e }, "PS256") => RsaPublicKeyComponents { n, e }
                .verify(&RSA_PSS_2048_8192_SHA256, input, signature)
                .is_ok(),
            (Material::Ec(point), "ES256") => UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point)
                .verify(input, signature)
                .is_ok(),
            (Material::Ec(point), "ES384") => UnparsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point)
                .verify(input, signature)
                .is_ok(),
            (Material::Ed25519(x), "EdDSA") => UnparsedPublicKey::new(&ED25519, x).verify(input, signature).is_ok(),
            (Material::Rsa { .. } | Material::Ec(_) | Material::Ed25519(_), _) => false,
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kid", &self.kid)
            .field("algorithms", &self.algorithms)
            .finish_non_exhaustive()
    }
}

fn bytes(jwk: &Map<String, Value>, name: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(jwk.get(name)?.as_str()?).ok()
}

fn point(jwk: &Map<String, Value>, coordinate_bytes: usize) -> Option<Vec<u8>> {
    let (x, y) = (bytes(jwk, "x")?, bytes(jwk, "y")?);
    (x.len() == coordinate_bytes && y.len() == coordinate_bytes).then(|| [&[4], x.as_slice(), &y].concat())
}

fn rsa(jwk: &Map<String, Value>) -> Option<Material> {
    let without_zeros = |bytes: Vec<u8>| {
        bytes
            .iter()
            .position(|byte| *byte != 0)
            .and_then(|at| bytes.get(at..).map(<[u8]>::to_vec))
    };
    let (n, e) = (without_zeros(bytes(jwk, "n")?)?, without_zeros(bytes(jwk, "e")?)?);
    let bits = n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize);
    (MIN_RSA_BITS..=MAX_RSA_BITS)
        .contains(&bits)
        .then_some(Material::Rsa { n, e })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(keys: &str) -> KeySet {
        KeySet::parse(format!("{{\"keys\":[{keys}]}}").as_bytes()).unwrap()
    }

    fn rsa_key(bits: usize, more: &str) -> String {
        let mut n = vec![0xff_u8; bits.div_ceil(8)];
        if !bits.is_multiple_of(8) {
            n[0] = (1 << (bits % 8)) - 1;
        }
        format!(
            r#"{{"kty":"RSA","n":"{}","e":"AQAB"{more}}}"#,
            URL_SAFE_NO_PAD.encode(n)
        )
    }

    const EC: &str = r#""kty":"EC","crv":"P-256","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM""#;

    #[test]
    fn the_algorithm_follows_from_the_key() {
        let x = "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4";
        let table: [(String, &[&str]); 17] = [
            (format!("{{{EC}}}"), &["ES256"]),
            (
                format!("{{{EC},\"alg\":\"ES256\",\"use\":\"sig\",\"key_ops\":[\"verify\"]}}"),
                &["ES256"],
            ),
            (format!("{{{EC},\"alg\":\"RS256\"}}"), &[]),
            (format!("{{{EC},\"alg\":\"HS256\"}}"), &[]),
            (format!("{{{EC},\"use\":\"enc\"}}"), &[]),
            (format!("{{{EC},\"key_ops\":[\"deriveKey\"]}}"), &[]),
            (format!("{{{EC},\"d\":\"AA\"}}"), &[]),
            (format!("{{{EC},\"kid\":7}}"), &[]),
            (rsa_key(2047, ""), &[]),
            (rsa_key(2048, ""), &["PS256", "RS256"]),
            (rsa_key(2048, ",\"alg\":\"RS256\""), &["RS256"]),
            (rsa_key(2048, ",\"alg\":\"RSA-OAEP\",\"use\":\"enc\""), &[]),
            (rsa_key(2048, ",\"alg\":\"RS512\""), &[]),
            (rsa_key(4096, ""), &["PS256", "RS256"]),
            (rsa_key(4104, ""), &[]),
            (format!(r#"{{"kty":"OKP","crv":"Ed25519","x":"{x}"}}"#), &["EdDSA"]),
            (format!(r#"{{"kty":"oct","k":"{x}","alg":"HS256"}}"#), &[]),
        ];
        for (key, expected) in table {
            let set = set(&key);
            let known: Vec<&str> = ["ES256", "ES384", "PS256", "RS256", "EdDSA", "HS256", "none", "RS512"]
                .into_iter()
                .filter(|alg| set.knows(alg, None))
                .collect();
            assert_eq!(known, expected, "{key}");
        }
    }

    #[test]
    fn a_key_id_is_an_opaque_name() {
        let set = set(&format!(r#"{{{EC},"kid":"../a?b"}},{{{EC}}}"#));
        let table = [
            (None, true),
            (Some("../a?b"), true),
            (Some("../a"), false),
            (Some(""), false),
        ];
        for (kid, known) in table {
            assert_eq!(set.knows("ES256", kid), known, "{kid:?}");
        }
    }

    #[test]
    fn a_set_is_bounded_and_strict() {
        let many = vec![format!("{{{EC}}}"); MAX_KEYS + 1].join(",");
        let table = [
            (format!("{{\"keys\":[{many}]}}"), Err(InvalidKeySet::TooManyKeys)),
            ("{\"keys\":[],\"keys\":[]}".into(), Err(InvalidKeySet::Malformed)),
            (
                format!("{{\"keys\":[{{{EC},\"crv\":\"P-256\"}}]}}"),
                Err(InvalidKeySet::Malformed),
            ),
            (
                format!("{{\"keys\":[{{{EC},\"kid\":\"1\"}},{{{EC},\"kid\":\"1\"}}]}}"),
                Err(InvalidKeySet::DoubledKeyId),
            ),
            (
                format!("{{\"keys\":[{{{EC},\"kid\":\"1\"}},{{{EC},\"kid\":\"1\",\"use\":\"enc\"}}]}}"),
                Ok(1),
            ),
            (
                format!(
                    "{{\"keys\":[{{{EC},\"kid\":\"1\"}},{},{{{EC},\"kid\":\"2\"}},{{{EC}}},{{{EC}}}]}}",
                    rsa_key(2048, ",\"kid\":\"1\"")
                ),
                Ok(5),
            ),
            ("{\"keys\":{}}".into(), Err(InvalidKeySet::Malformed)),
            ("[]".into(), Err(InvalidKeySet::Malformed)),
            ("{\"keys\":[1,null,{}]}".into(), Ok(0)),
        ];
        for (body, expected) in table {
            assert_eq!(
                KeySet::parse(body.as_bytes()).map(|set| set.keys.len()),
                expected,
                "{body}"
            );
        }
    }

    #[tokio::test]
    async fn every_algorithm_of_the_list_verifies_its_own_signature_and_no_other() {
        use aws_lc_rs::rand::SystemRandom;
        use aws_lc_rs::rsa::{KeyPair as RsaKeyPair, KeySize};
        use aws_lc_rs::signature::{
            ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
            KeyPair as _, RSA_PKCS1_SHA256, RSA_PSS_SHA256, RsaEncoding,
        };

        let rng = SystemRandom::new();
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let ec = |crv: &str, point: &[u8]| {
            let (x, y) = point[1..].split_at(point.len() / 2);
            format!(r#"{{"kty":"EC","crv":"{crv}","x":"{}","y":"{}"}}"#, text(x), text(y))
        };
        let p256 = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let p384 = EcdsaKeyPair::generate(&ECDSA_P384_SHA384_FIXED_SIGNING).unwrap();
        let ed25519 = Ed25519KeyPair::generate().unwrap();
        let rsa = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
        let rsa_sign = |encoding: &'static dyn RsaEncoding| {
            let mut signature = vec![0; rsa.public_modulus_len()];
            rsa.sign(encoding, &rng, b"input", &mut signature).unwrap();
            signature
        };
        let modulus = rsa.public_key().modulus().big_endian_without_leading_zero();
        let keys = set(&[
            ec("P-256", p256.public_key().as_ref()),
            ec("P-384", p384.public_key().as_ref()),
            format!(
                r#"{{"kty":"OKP","crv":"Ed25519","x":"{}"}}"#,
                text(ed25519.public_key().as_ref())
            ),
            format!(r#"{{"kty":"RSA","n":"{}","e":"AQAB"}}"#, text(modulus)),
        ]
        .join(","));
        let signatures = [
            ("ES256", p256.sign(&rng, b"input").unwrap().as_ref().to_vec()),
            ("ES384", p384.sign(&rng, b"input").unwrap().as_ref().to_vec()),
            ("PS256", rsa_sign(&RSA_PSS_SHA256)),
            ("RS256", rsa_sign(&RSA_PKCS1_SHA256)),
            ("EdDSA", ed25519.sign(b"input").as_ref().to_vec()),
        ];
        for alg in ALGORITHMS {
            for (signed_by, signature) in &signatures {
                let wanted = KeyMatch::builder().alg(alg).build();
                let verified = keys.verify(b"input", signature, &wanted).await.is_ok();
                assert_eq!(verified, alg == *signed_by, "{signed_by} as {alg}");
                assert!(keys.verify(b"other", signature, &wanted).await.is_err());
            }
        }
    }
}
