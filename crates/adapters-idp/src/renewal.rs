//! A refresh: proves the grant, and asks for a token for one audience where one is named.

use std::time::Duration;

use vestibule_domain::identifiers::Audience;
use vestibule_domain::secret::Grant;
use vestibule_domain::single_audience::Unfit;
use vestibule_domain::status::{Hint, Untrusted};
use vestibule_ports::{AccessTokenReply, Identity, IdpError, Refreshed, TokenTerms};

use crate::authorization_request::OPENID;
use crate::authorization_walk::hint;
use crate::conversation::Conversation;
use crate::grant_contents::GrantContents;
use crate::http::{Answer, Flaw, HttpFault};
use crate::id_token::{IdTokenChecks, Nonce};
use crate::known_issuers::KnownIssuers;
use crate::oauth_refusal::Refusal;
use crate::oidc_settings::CheckedSettings;
use crate::token_answer::{IdTokenText, Malformed, RefreshToken, TokenAnswer, TokenType, Tokens};
use crate::token_request::{TokenOutcome, plain_refusal, refresh};
use crate::verified_answer::{Doubt, prove_access_token, prove_identity};

/// What a refresh asks for.
pub(crate) fn terms(settings: &CheckedSettings, audience: Option<&Audience>) -> Option<TokenTerms> {
    let Some(audience) = audience else {
        // To prove a grant, no token that any audience takes needs to exist.
        return Some(TokenTerms::new(vec![OPENID.into()], Duration::ZERO));
    };
    let known = settings.audiences.iter().find(|known| known.audience == *audience)?;
    let terms = TokenTerms::new(vec![known.scope.clone()], known.lifetime_cap);
    Some(if known.opaque_allowed {
        terms.allowing_opaque()
    } else {
        terms
    })
}

/// Sends the grant, and judges the answer.
pub(crate) async fn renew(
    talk: &Conversation,
    settings: &CheckedSettings,
    known: &KnownIssuers,
    grant: &GrantContents,
    asked: (TokenTerms, bool),
) -> Result<Refreshed, IdpError> {
    let (terms, for_audience) = asked;
    let answer = match refresh(talk, &grant.refresh_token, &terms.scopes).await {
        TokenOutcome::Answered(answer) => answer,
        TokenOutcome::Refused(refusal) => return Err(refused(talk, &refusal, for_audience)),
        TokenOutcome::RefusedPlainly(answer) if answer.status.as_u16() == 429 => {
            return Err(IdpError::RateLimited {
                retry_after: answer.retry_after(),
            });
        }
        TokenOutcome::RefusedPlainly(answer) => return Err(plain_refusal(&answer, IdpError::RefreshRefused)),
        TokenOutcome::NoAnswer(fault) => return Err(not_answered(fault)),
    };
    let (refreshed, key_unknown) = judge(talk, settings, grant, terms, &answer).await?;
    if key_unknown {
        known.mark_keys_stale(&talk.issuer);
    }
    Ok(refreshed)
}

fn refused(talk: &Conversation, refusal: &Refusal, for_audience: bool) -> IdpError {
    let words = Hint::new(&hint(refusal));
    match refusal.code.as_str() {
        _ if talk.is_clock_skew(refusal) => IdpError::ClockSkewed {
            ahead_ms: talk.ahead_ms(),
        },
        _ if refusal.is_about_the_proof() => IdpError::ProofRefused(words),
        "invalid_grant" => IdpError::GrantRefused(words),
        "invalid_scope" | "invalid_target" if for_audience => IdpError::AudienceRefused(words),
        "temporarily_unavailable" | "server_error" => IdpError::AnswerLost(words),
        _ => IdpError::RefreshRefused(words),
    }
}

fn not_answered(fault: HttpFault) -> IdpError {
    let hint = Hint::new(fault.why());
    match fault {
        HttpFault::NotSent(_) => IdpError::Unreachable(hint),
        HttpFault::Untrusted(_) | HttpFault::NoCertificateStore => IdpError::UntrustedServer(hint),
        HttpFault::Lost => IdpError::AnswerLost(hint),
    }
}

async fn judge(
    talk: &Conversation,
    settings: &CheckedSettings,
    grant: &GrantContents,
    terms: TokenTerms,
    answer: &Answer,
) -> Result<(Refreshed, bool), IdpError> {
    let TokenAnswer { refresh_token, tokens } = TokenAnswer::read(answer);
    let tokens = match (tokens, &refresh_token) {
        (Ok(tokens), _) => tokens,
        // Whether the server rotated cannot be known.
        (Err(Malformed::Flaw(Flaw::Cut)), None) => return Err(IdpError::AnswerLost(Hint::new(Flaw::Cut.why()))),
        (Err(malformed), None) => return Err(IdpError::UntrustedResponse(Untrusted::TokenAnswer(malformed.why()))),
        (Err(malformed), Some(_)) => {
            let why = Untrusted::TokenAnswer(malformed.why());
            return Ok((Refreshed::new(successor(grant, refresh_token), Err(why)), false));
        }
    };
    let identity = identity(talk, settings, grant, &tokens).await;
    let access = if is_another_token_of_ours(grant, refresh_token.as_ref(), &tokens) {
        Err(Doubt {
            why: Untrusted::TokenAnswer("the access token is another token of this device"),
            key_unknown: false,
        })
    } else {
        access_token(talk, settings, terms, &tokens).await
    };
    let key_unknown = matches!(&identity, Some(Err(doubt)) if doubt.key_unknown)
        || matches!(&access, Err(doubt) if doubt.key_unknown);
    let mut refreshed = Refreshed::new(successor(grant, refresh_token), access.map_err(|doubt| doubt.why));
    if let Some(identity) = identity {
        refreshed = refreshed.with_identity(identity.map_err(|doubt| doubt.why));
    }
    if let Some(life) = tokens.refresh_expires_in_s {
        let ends = talk.time.device().wall().after(Duration::from_secs(life));
        refreshed = refreshed.with_session_end(ends);
    }
    Ok((refreshed, key_unknown))
}

/// Handing one of these to a third party would hand over the account.
fn is_another_token_of_ours(grant: &GrantContents, successor: Option<&RefreshToken>, tokens: &Tokens) -> bool {
    let ours = [
        Some(grant.refresh_token.as_str()),
        successor.map(RefreshToken::as_str),
        tokens.id_token.as_ref().map(IdTokenText::as_str),
    ];
    ours.contains(&Some(tokens.access_token.expose()))
}

/// A grant whenever the answer named a refresh token, even the same one: its end may have moved.
fn successor(grant: &GrantContents, refresh_token: Option<RefreshToken>) -> Option<Grant> {
    refresh_token.map(|token| grant.rotated(token.into_string()).encode())
}

async fn identity(
    talk: &Conversation,
    settings: &CheckedSettings,
    grant: &GrantContents,
    tokens: &Tokens,
) -> Option<Result<Identity, Doubt>> {
    let id_token = tokens.id_token.as_ref()?;
    let checks = IdTokenChecks {
        issuer: talk.issuer.as_str(),
        client_id: &talk.client_id,
        nonce: Nonce::Hash(&grant.nonce_sha256),
        access_token: tokens.access_token.expose(),
        leeway: settings.leeway,
    };
    Some(prove_identity(talk, id_token.as_str(), &checks).await)
}

async fn access_token(
    talk: &Conversation,
    settings: &CheckedSettings,
    terms: TokenTerms,
    tokens: &Tokens,
) -> Result<AccessTokenReply, Doubt> {
    let answered = tokens.expires_in_s.map(Duration::from_secs);
    let token = tokens.access_token.clone();
    match prove_access_token(talk, tokens, settings.leeway).await? {
        Some(claims) => {
            let by_claims = claims
                .expires_at
                .zip(claims.issued_at)
                .map(|(until, from)| until.since(from));
            let lifetime = answered.into_iter().chain(by_claims).min();
            Ok(AccessTokenReply::new(token, claims, terms, lifetime))
        }
        None if tokens.token_type == TokenType::Dpop => Err(Doubt {
            why: Untrusted::AccessToken(Unfit::Bound),
            key_unknown: false,
        }),
        None => Ok(AccessTokenReply::opaque(token, terms, answered)),
    }
}
