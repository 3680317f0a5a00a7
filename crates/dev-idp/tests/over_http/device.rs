//! A device: a P-256 key and the DPoP proofs that it signs.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

/// Makes each `jti` another one, over all devices.
static PROOFS: AtomicU64 = AtomicU64::new(0);

pub(crate) struct Device {
    pair: EcdsaKeyPair,
    x: String,
    y: String,
}

impl Device {
    pub(crate) fn new() -> Self {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).unwrap();
        let point = pair.public_key().as_ref().to_vec();
        Self {
            x: base64url(&point[1..33]),
            y: base64url(&point[33..]),
            pair,
        }
    }

    pub(crate) fn jkt(&self) -> String {
        let (x, y) = (&self.x, &self.y);
        sha256_base64url(&format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#))
    }

    pub(crate) fn proof(&self, method: &str, url: &str, iat: u64) -> String {
        self.sign(&self.header(), &Self::claims(method, url, iat))
    }

    pub(crate) fn header(&self) -> Value {
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": self.x, "y": self.y });
        json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": jwk })
    }

    pub(crate) fn claims(method: &str, url: &str, iat: u64) -> Value {
        let number = PROOFS.fetch_add(1, Ordering::SeqCst);
        json!({ "htm": method, "htu": url, "iat": iat, "jti": format!("proof-{number}") })
    }

    pub(crate) fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = format!(
            "{}.{}",
            base64url(header.to_string().as_bytes()),
            base64url(claims.to_string().as_bytes())
        );
        let signature = self.pair.sign(&SystemRandom::new(), input.as_bytes()).unwrap();
        format!("{input}.{}", base64url(signature.as_ref()))
    }
}

pub(crate) fn base64url(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn decode_base64url(text: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD.decode(text).unwrap()
}

pub(crate) fn sha256_base64url(text: &str) -> String {
    base64url(digest(&SHA256, text.as_bytes()).as_ref())
}

/// The claims of a JWT, unverified.
pub(crate) fn claims_of(jwt: &str) -> Value {
    serde_json::from_slice(&decode_base64url(jwt.split('.').nth(1).unwrap())).unwrap()
}

/// The header of a JWT.
pub(crate) fn header_of(jwt: &str) -> Value {
    serde_json::from_slice(&decode_base64url(jwt.split('.').next().unwrap())).unwrap()
}
