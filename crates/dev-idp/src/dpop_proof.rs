//! Proof of possession of the device key (RFC 9449), checked in Keycloak's order and answered in Keycloak's words.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use axum::http::HeaderMap;
use serde_json::{Map, Value};

use crate::compact_jws::{CompactJws, sha256};
use crate::key_set::{thumbprint, uncompressed_point};

/// Seconds that `iat` may lie behind the server's clock: Keycloak's lifetime of 10 and skew of 15.
pub const PROOF_BEHIND_S: u64 = 25;
/// Seconds that `iat` may lie ahead of the server's clock.
pub const PROOF_AHEAD_S: u64 = 15;
/// The one algorithm that is taken.
pub(crate) const ALGORITHM: &str = "ES256";
/// The name of the header field.
const HEADER: &str = "dpop";
/// The `typ` of a proof (RFC 9449, section 4.2).
const PROOF_TYPE: &str = "dpop+jwt";

/// What is wrong with a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ProofFault {
    #[error("DPoP proof is missing")]
    Missing,
    #[error("Invalid DPoP proof")]
    Malformed,
    #[error("DPoP HTTP method mismatch")]
    Method,
    #[error("DPoP HTTP URL mismatch")]
    Url,
    #[error("DPoP proof is not active")]
    NotActive,
    #[error("DPoP proof has already been used")]
    Replayed,
}

/// The proofs taken lately, so that none is taken twice. They do not survive a restart; they are stale soon after it.
#[derive(Debug, Default)]
pub(crate) struct SeenProofs(Mutex<BTreeMap<[u8; 32], u64>>);

impl SeenProofs {
    /// Notes a proof; false when it was noted before.
    fn note(&self, jti: &str, url: &str, iat: u64, now: u64) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.retain(|_, stale_after| *stale_after >= now);
        let hash = sha256(format!("{jti}\n{url}").as_bytes());
        seen.insert(hash, iat.saturating_add(PROOF_BEHIND_S)).is_none()
    }
}

/// What a proof must fit.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    pub(crate) method: &'a str,
    pub(crate) url: &'a str,
    pub(crate) now: u64,
}

/// The thumbprint of the key that the request proves; `Missing` when no proof came with it.
pub(crate) fn thumbprint_proven(
    headers: &HeaderMap,
    expected: Expected<'_>,
    seen: &SeenProofs,
) -> Result<String, ProofFault> {
    let mut proofs = headers.get_all(HEADER).iter();
    let proof = proofs
        .next()
        .ok_or(ProofFault::Missing)?
        .to_str()
        .map_err(|_| ProofFault::Malformed)?;
    if proofs.next().is_some() {
        return Err(ProofFault::Malformed);
    }
    let jws = CompactJws::parse(proof).ok_or(ProofFault::Malformed)?;
    let thumbprint = verify_signature(&jws).ok_or(ProofFault::Malformed)?;
    let iat = check_claims(&jws.claims, expected)?;
    let jti = text(&jws.claims, "jti")
        .filter(|jti| !jti.is_empty())
        .ok_or(ProofFault::Malformed)?;
    if seen.note(jti, expected.url, iat, expected.now) {
        Ok(thumbprint)
    } else {
        Err(ProofFault::Replayed)
    }
}

/// The thumbprint of the key in the header, which signed the proof.
fn verify_signature(jws: &CompactJws<'_>) -> Option<String> {
    let fits = text(&jws.header, "typ") == Some(PROOF_TYPE) && text(&jws.header, "alg") == Some(ALGORITHM);
    if !fits || jws.header.contains_key("crit") {
        return None;
    }
    let jwk = jws.header.get("jwk")?.as_object()?;
    if text(jwk, "kty") != Some("EC") || text(jwk, "crv") != Some("P-256") || jwk.contains_key("d") {
        return None;
    }
    let (x, y) = (text(jwk, "x")?, text(jwk, "y")?);
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, uncompressed_point(x, y)?);
    key.verify(jws.signing_input.as_bytes(), &jws.signature).ok()?;
    Some(thumbprint(x, y))
}

fn check_claims(claims: &Map<String, Value>, expected: Expected<'_>) -> Result<u64, ProofFault> {
    if text(claims, "htm") != Some(expected.method) {
        return Err(ProofFault::Method);
    }
    // RFC 9449, section 4.3: query and fragment do not count.
    let url = text(claims, "htu").and_then(|htu| htu.split(['?', '#']).next());
    if url != Some(expected.url) {
        return Err(ProofFault::Url);
    }
    let iat = claims.get("iat").and_then(Value::as_u64).ok_or(ProofFault::Malformed)?;
    let active =
        iat.saturating_add(PROOF_BEHIND_S) >= expected.now && iat <= expected.now.saturating_add(PROOF_AHEAD_S);
    if active { Ok(iat) } else { Err(ProofFault::NotActive) }
}

fn text<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    object.get(name)?.as_str()
}
