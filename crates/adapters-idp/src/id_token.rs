//! The ID token (OpenID Connect Core 1.0, sections 3.1.3.6, 3.1.3.7 and 12.2): who the device is, and whether the IdP
//! ties that to the device's key.

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use subtle::ConstantTimeEq as _;
use vestibule_domain::claims::Claims;
use vestibule_domain::instant::WallTime;

use crate::key_set::KeySet;
use crate::signed_token::{Expected, SignedToken, TokenFault, verify};
use crate::typed_claims::typed;

/// By how much the device's clock and the issuer's may differ before a token counts as expired or from the future.
pub const DEFAULT_LEEWAY: Duration = Duration::from_secs(60);
/// The claim by which an IdP says that the user is tied to the key with this thumbprint.
pub const DEVICE_KEY_CLAIM: &str = "device_jkt";
/// The claim by which an IdP says whether it made the user with this enrolment (`new`) or found it (`known`).
pub const DEVICE_USER_CLAIM: &str = "device_user";

/// What the ID token is held against.
pub(crate) struct IdTokenChecks<'a> {
    pub(crate) issuer: &'a str,
    pub(crate) client_id: &'a str,
    pub(crate) nonce: Nonce<'a>,
    /// The access token that came with it.
    pub(crate) access_token: &'a str,
    pub(crate) leeway: Duration,
}

/// The nonce of the enrolment.
pub(crate) enum Nonce<'a> {
    /// The answer to our own request: the nonce must be there.
    Sent(&'a str),
    /// A refresh: where there is a nonce, its hash must be this one.
    Hash(&'a [u8; 32]),
}

/// A verified ID token.
#[derive(Debug)]
pub(crate) struct IdToken {
    pub(crate) claims: Claims,
    /// The thumbprint of the key that the user is tied to.
    pub(crate) device_jkt: Option<String>,
    /// `new`, `known`, or nothing that we know.
    pub(crate) device_user: Option<String>,
}

/// Verifies an ID token at a time.
pub(crate) async fn verify_id_token(
    token: &str,
    keys: &Arc<KeySet>,
    checks: &IdTokenChecks<'_>,
    now: WallTime,
) -> Result<IdToken, TokenFault> {
    let expected = Expected {
        issuer: checks.issuer,
        audience: Some(checks.client_id),
        types: &["JWT"],
        leeway: checks.leeway,
    };
    match verify(token, keys, &expected, now).await {
        Ok(token) => checked(&token, checks),
        // The issue time of a token that is wrong in any other way is worth nothing.
        Err(time @ TokenFault::Time { .. }) => checked(&crate::signed_token::parse(token)?, checks).and(Err(time)),
        Err(other) => Err(other),
    }
}

fn checked(token: &SignedToken, checks: &IdTokenChecks<'_>) -> Result<IdToken, TokenFault> {
    let claims = typed(token, None)?;
    if claims.audiences != [checks.client_id] {
        return Err(TokenFault::Claim("aud"));
    }
    if token.claims.get("azp").is_some_and(|azp| azp != checks.client_id) {
        return Err(TokenFault::Claim("azp"));
    }
    if !nonce_is_ours(token.claims.get("nonce"), &checks.nonce) {
        return Err(TokenFault::Claim("nonce"));
    }
    if !access_token_fits(token, checks.access_token) {
        return Err(TokenFault::Claim("at_hash"));
    }
    let text = |claims: &Map<String, Value>, name| claims.get(name).and_then(Value::as_str).map(Into::into);
    Ok(IdToken {
        device_jkt: text(&token.claims, DEVICE_KEY_CLAIM),
        device_user: text(&token.claims, DEVICE_USER_CLAIM),
        claims,
    })
}

fn nonce_is_ours(claim: Option<&Value>, nonce: &Nonce<'_>) -> bool {
    match (claim, nonce) {
        (Some(Value::String(claim)), Nonce::Sent(sent)) => claim.as_bytes().ct_eq(sent.as_bytes()).into(),
        (Some(Value::String(claim)), Nonce::Hash(hash)) => Sha256::digest(claim).ct_eq(hash.as_slice()).into(),
        (None, Nonce::Hash(_)) => true,
        (Some(_), _) | (None, Nonce::Sent(_)) => false,
    }
}

/// `at_hash`: the left half of the access token's hash, by the hash of the signature's algorithm. Optional in the code
/// flow; wrong is never right.
fn access_token_fits(token: &SignedToken, access_token: &str) -> bool {
    let Some(claim) = token.claims.get("at_hash") else {
        return true;
    };
    let digest = match token.header.get("alg").and_then(Value::as_str) {
        Some("ES384") => Sha384::digest(access_token).to_vec(),
        Some("EdDSA") => Sha512::digest(access_token).to_vec(),
        Some(_) | None => Sha256::digest(access_token).to_vec(),
    };
    let half = digest.get(..digest.len() / 2).unwrap_or_default();
    claim.as_str() == Some(URL_SAFE_NO_PAD.encode(half).as_str())
}
