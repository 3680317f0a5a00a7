//! A token signed by the issuer (JWS, RFC 7515; JWT, RFC 7519): read strictly, verified by the issuer's keys alone.
//!
//! The engine checks signature, `crit`, algorithm, issuer, audience, type and times. Before it, this file refuses
//! doubled members and tells an unknown key from a wrong signature, which the engine does not.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use huskarl::core::jwt::validator::{ClaimCheck, JwtValidationError, JwtValidator};
use jiff::Timestamp;
use serde_json::{Map, Value};
use vestibule_domain::instant::WallTime;

use crate::key_set::{ALGORITHMS, KeySet};
use crate::strict_json::parse_object;

/// Longest token that is looked at, in bytes.
pub const MAX_TOKEN_BYTES: usize = 64 * 1024;

/// What a token must say.
pub(crate) struct Expected<'a> {
    pub(crate) issuer: &'a str,
    /// The `aud` that must be among the token's; `None` where somebody else judges it.
    pub(crate) audience: Option<&'a str>,
    /// The header types that are accepted; a token without one is accepted too.
    pub(crate) types: &'a [&'a str],
    pub(crate) leeway: Duration,
}

/// A verified token.
#[derive(Debug)]
pub(crate) struct SignedToken {
    pub(crate) header: Map<String, Value>,
    pub(crate) claims: Map<String, Value>,
}

/// Why a token must not be trusted. Never holds a value of the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenFault {
    /// It cannot be read, or uses what we do not accept.
    Malformed(&'static str),
    /// Signed by a key that the key set does not hold: the key set may be old.
    UnknownKey,
    /// The signature is wrong.
    BadSignature,
    /// A claim is missing or not the expected one.
    Claim(&'static str),
    /// Everything but the time is right: it is expired or from the future.
    Time {
        /// When the issuer says that it made it.
        issued_at: Option<WallTime>,
    },
}

impl TokenFault {
    /// What is wrong, in words that hold no value of the token.
    pub(crate) const fn why(self) -> &'static str {
        match self {
            Self::Malformed(why) | Self::Claim(why) => why,
            Self::UnknownKey => "signed with a key that the issuer does not publish",
            Self::BadSignature => "the signature is wrong",
            Self::Time { .. } => "expired or from the future",
        }
    }
}

/// Splits and reads a token without believing it.
pub(crate) fn parse(token: &str) -> Result<SignedToken, TokenFault> {
    if token.len() > MAX_TOKEN_BYTES {
        return Err(TokenFault::Malformed("it is too long"));
    }
    let mut parts = token.split('.');
    let (Some(header), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else {
        return Err(TokenFault::Malformed("it has not three parts"));
    };
    let object = |part: &str, what| {
        let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|_| TokenFault::Malformed(what))?;
        parse_object(&bytes).map_err(|_| TokenFault::Malformed(what))
    };
    Ok(SignedToken {
        header: object(header, "its header is no JSON object, or names a member twice")?,
        claims: object(claims, "its claims are no JSON object, or name a member twice")?,
    })
}

/// Verifies a token.
pub(crate) async fn verify(
    token: &str,
    keys: &Arc<KeySet>,
    expected: &Expected<'_>,
    now: WallTime,
) -> Result<SignedToken, TokenFault> {
    let parsed = parse(token)?;
    let alg = parsed.header.get("alg").and_then(Value::as_str).unwrap_or_default();
    if !ALGORITHMS.contains(&alg) {
        return Err(TokenFault::Malformed("its algorithm is not accepted"));
    }
    let kid = match parsed.header.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.as_str()),
        Some(_) => return Err(TokenFault::Malformed("its key id is no text")),
    };
    if !keys.knows(alg, kid) {
        return Err(TokenFault::UnknownKey);
    }
    let now = Timestamp::from_millisecond(now.unix_ms()).unwrap_or(Timestamp::MAX);
    match validator(keys, expected).validate_at::<()>(token, now).await {
        Ok(_) => Ok(parsed),
        Err(error) => Err(untrusted(&error, &parsed)),
    }
}

fn validator(keys: &Arc<KeySet>, expected: &Expected<'_>) -> JwtValidator {
    let audience = expected.audience.map_or(ClaimCheck::NoCheck, |audience| {
        ClaimCheck::RequiredValue(audience.into())
    });
    JwtValidator::builder()
        .verifier(Arc::clone(keys))
        .iss(ClaimCheck::RequiredValue(expected.issuer.into()))
        .aud(audience)
        .typ(ClaimCheck::IfPresentAny(
            expected.types.iter().map(|name| (*name).into()).collect(),
        ))
        .require_exp(true)
        .require_iat(true)
        .clock_leeway(expected.leeway)
        .allowed_algorithms(ALGORITHMS.iter().map(|name| (*name).to_owned()).collect::<HashSet<_>>())
        .build()
}

fn untrusted(error: &JwtValidationError, parsed: &SignedToken) -> TokenFault {
    match error {
        JwtValidationError::Signature { .. } => TokenFault::BadSignature,
        JwtValidationError::Expired { .. }
        | JwtValidationError::NotYetValid { .. }
        | JwtValidationError::IssuedInFuture { .. } => TokenFault::Time {
            issued_at: time(&parsed.claims, "iat"),
        },
        JwtValidationError::ClaimMismatch { claim, .. } | JwtValidationError::RequiredClaimMissing { claim } => {
            TokenFault::Claim(claim)
        }
        JwtValidationError::InvalidTokenType { .. } => TokenFault::Claim("typ"),
        JwtValidationError::UnrecognizedCriticalHeader { .. } => TokenFault::Malformed("it has critical extensions"),
        _ => TokenFault::Malformed("it cannot be read"),
    }
}

/// A `NumericDate` claim (RFC 7519, section 2); fractions are cut off.
pub(crate) fn time(claims: &Map<String, Value>, name: &str) -> Option<WallTime> {
    let number = claims.get(name)?;
    #[expect(clippy::cast_possible_truncation, reason = "a cast from float saturates")]
    let seconds = number
        .as_i64()
        .or_else(|| number.as_f64().map(|seconds| seconds as i64))?;
    Some(WallTime::from_unix_s(seconds))
}
