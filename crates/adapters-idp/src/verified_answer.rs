//! What a token answer proves: who the user is, and what the access token says. No request is made from here.

use vestibule_domain::claims::Claims;
use vestibule_domain::status::Untrusted;
use vestibule_ports::{Identity, UserOrigin};

use crate::conversation::Conversation;
use crate::dpop_key::DpopKey;
use crate::id_token::{IdToken, IdTokenChecks, verify_id_token};
use crate::signed_token::{Expected, TokenFault, parse, verify};
use crate::token_answer::{TokenType, Tokens};
use crate::typed_claims::typed;

/// Why a token of the answer must not be trusted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Doubt {
    pub(crate) why: Untrusted,
    /// Its key is not known: keys that are fetched later may prove it.
    pub(crate) key_unknown: bool,
}

/// Verifies an ID token. Where only its time is wrong, and nothing is known yet of the issuer's time, its own `iat` is
/// taken for it: the token has just been made for us (OpenID Connect Core 1.0, section 12.2, for a refresh). The
/// correction is bounded.
pub(crate) async fn prove_identity(
    talk: &Conversation,
    token: &str,
    checks: &IdTokenChecks<'_>,
) -> Result<Identity, Doubt> {
    let issuer = talk.issuer.as_str();
    let keys = &talk.facts.keys;
    let nothing_known = talk.ahead_ms().is_none();
    let mut outcome = verify_id_token(token, keys, checks, talk.time.now(issuer)).await;
    let issued_at = match &outcome {
        Ok(token) => token.claims.issued_at,
        Err(TokenFault::Time { issued_at }) => *issued_at,
        Err(_) => None,
    };
    // A server without a `Date` says its time here; it is believed only where the token proves itself by it.
    if let Some(issued_at) = issued_at.filter(|_| nothing_known) {
        if outcome.is_err() {
            outcome = verify_id_token(token, keys, checks, talk.time.corrected(issued_at)).await;
        }
        if outcome.is_ok() {
            talk.time.learn(issuer, issued_at);
        }
    }
    let token = outcome.map_err(|fault| Doubt {
        why: Untrusted::IdToken(fault.why()),
        key_unknown: fault == TokenFault::UnknownKey,
    })?;
    Ok(identity(talk, token))
}

/// What an access token says. `None` for a token that is not a JWT: nothing about it can be proven.
pub(crate) async fn prove_access_token(
    talk: &Conversation,
    tokens: &Tokens,
    leeway: std::time::Duration,
) -> Result<Option<Claims>, Doubt> {
    let text = tokens.access_token.expose();
    if text.split('.').count() != 3 {
        return Ok(None);
    }
    let expected = Expected {
        issuer: talk.issuer.as_str(),
        audience: None,
        types: &["JWT", "at+jwt"],
        leeway,
    };
    let now = talk.time.now(talk.issuer.as_str());
    let verified = verify(text, &talk.facts.keys, &expected, now).await;
    let claims = verified.and_then(|token| typed(&token, tokens.scope.as_deref()));
    let mut claims = claims.map_err(|fault| Doubt {
        why: Untrusted::TokenAnswer(access_token_fault(fault)),
        key_unknown: fault == TokenFault::UnknownKey,
    })?;
    claims.is_bound |= tokens.token_type == TokenType::Dpop;
    Ok(Some(claims))
}

/// Whether an access token is bound to the device's key, as far as it says so itself.
pub(crate) fn is_bound(tokens: &Tokens) -> bool {
    tokens.token_type == TokenType::Dpop
        || parse(tokens.access_token.expose()).is_ok_and(|token| token.claims.contains_key("cnf"))
}

fn identity(talk: &Conversation, token: IdToken) -> Identity {
    let ours = talk.key.as_ref().map(DpopKey::thumbprint);
    let is_tied = ours.is_some() && token.device_jkt.as_deref() == ours;
    let identity = Identity::new(token.claims);
    if is_tied {
        identity.recoverable(match token.device_user.as_deref() {
            Some("new") => UserOrigin::New,
            Some("known") => UserOrigin::Known,
            Some(_) | None => UserOrigin::Unsaid,
        })
    } else {
        identity
    }
}

const fn access_token_fault(fault: TokenFault) -> &'static str {
    match fault {
        TokenFault::Malformed(_) => "the access token cannot be read",
        TokenFault::UnknownKey => "the access token is signed with a key that the issuer does not publish",
        TokenFault::BadSignature => "the access token's signature is wrong",
        TokenFault::Claim(_) => "a claim of the access token is not the expected one",
        TokenFault::Time { .. } => "the access token is expired or from the future",
    }
}
