//! An enrolment from the first request to the token answer.

use std::time::Duration;

use vestibule_domain::secret::Grant;
use vestibule_domain::status::{Hint, Untrusted};
use vestibule_ports::{Enrolled, Identity, IdpError, Interrupt};

use crate::authorization_request::{AuthorizationRequest, NotBegun, scopes_to_ask};
use crate::authorization_walk::{NoCode, refused, walk};
use crate::conversation::{Conversation, Repeats};
use crate::grant_contents::GrantContents;
use crate::http::{Answer, Flaw, REQUEST_TIMEOUT};
use crate::id_token::{IdTokenChecks, Nonce};
use crate::known_issuers::KnownIssuers;
use crate::oidc_settings::CheckedSettings;
use crate::pushed_request::not_pushed;
use crate::redirects::Code;
use crate::token_answer::{Malformed, RefreshToken, TokenAnswer, Tokens};
use crate::token_request::redeem;
use crate::verified_answer::{Doubt, is_bound, prove_identity};

/// Makes a user for the key, or finds it again.
pub(crate) async fn enroll(
    talk: &Conversation,
    settings: &CheckedSettings,
    known: &KnownIssuers,
    interrupt: &Interrupt,
) -> Result<Enrolled, IdpError> {
    let (request, code) = authorize(talk, settings, interrupt).await?;
    // The interrupt was obeyed up to the answer that brought the code; from here on it is ignored.
    let answer = redeem(talk, &request, &settings.redirect_uri, &code).await?;
    drop(code);
    let enrolled = judge(talk, settings, &request, &answer).await?;
    if enrolled.key_unknown {
        known.mark_keys_stale(&talk.issuer);
    }
    Ok(enrolled)
}

async fn authorize(
    talk: &Conversation,
    settings: &CheckedSettings,
    interrupt: &Interrupt,
) -> Result<(AuthorizationRequest, Code), IdpError> {
    let mut repeats = Repeats::default();
    let mut push_with_proof = true;
    loop {
        let corrected_ms = talk.correction_ms();
        let (refusal, answer, pushed) = match attempt(talk, settings, interrupt, push_with_proof).await {
            Ok(done) => return Ok(done),
            Err(NoCode::Failed(error)) => return Err(error),
            Err(NoCode::Refused(refusal, answer)) => (refusal, answer, false),
            Err(NoCode::NotPushed(refusal, answer)) => (refusal, answer, true),
        };
        if talk.repeat_helps(&refusal, &answer, corrected_ms, &mut repeats) {
            continue;
        }
        // The endpoint for pushed requests tells no time; the authorization endpoint, which does, gets its proof all the
        // same, and `dpop_jkt` binds the code (RFC 9449, section 10.1).
        let only_the_proof = pushed && push_with_proof && refusal.may_be_a_stale_proof();
        if !only_the_proof {
            return Err(refused(talk, &refusal, &answer));
        }
        push_with_proof = false;
    }
}

async fn attempt(
    talk: &Conversation,
    settings: &CheckedSettings,
    interrupt: &Interrupt,
    push_with_proof: bool,
) -> Result<(AuthorizationRequest, Code), NoCode> {
    let audiences = settings.audiences.iter().map(|audience| audience.scope.as_str());
    let scopes = scopes_to_ask(audiences, talk.facts.metadata.scopes.as_deref());
    let wire = talk.wire(REQUEST_TIMEOUT, push_with_proof);
    let request = tokio::select! {
        biased;
        () = interrupt.raised() => return Err(NoCode::Failed(IdpError::Interrupted { begun: false })),
        begun = AuthorizationRequest::begin(talk, &settings.redirect_uri, scopes, &wire) => {
            begun.map_err(|NotBegun| not_pushed(&wire))?
        }
    };
    let code = walk(talk, &request, &settings.redirect_uri, interrupt).await?;
    Ok((request, code))
}

async fn judge(
    talk: &Conversation,
    settings: &CheckedSettings,
    request: &AuthorizationRequest,
    answer: &Answer,
) -> Result<Enrolled, IdpError> {
    let TokenAnswer { refresh_token, tokens } = TokenAnswer::read(answer);
    let Some(refresh_token) = refresh_token else {
        return Err(no_grant(tokens.err()));
    };
    let granted = tokens.as_ref().ok().and_then(|tokens| tokens.scope.clone());
    let grant = grant(talk, request, refresh_token, granted);
    let tokens = match tokens {
        Ok(tokens) => tokens,
        Err(malformed) => return Ok(Enrolled::untrusted(Untrusted::TokenAnswer(malformed.why()), grant)),
    };
    let nonce = Nonce::Sent(request.nonce());
    let enrolled = match identity(talk, settings, &tokens, nonce).await {
        Ok(identity) => Enrolled::new(identity, grant),
        Err(doubt) if doubt.key_unknown => Enrolled::untrusted(doubt.why, grant).with_unknown_key(),
        Err(doubt) => Enrolled::untrusted(doubt.why, grant),
    };
    Ok(with_facts(talk, enrolled, &tokens))
}

/// The code was redeemed, but nothing came of it: a user exists.
fn no_grant(malformed: Option<Malformed>) -> IdpError {
    match malformed {
        Some(Malformed::Flaw(Flaw::Cut)) => IdpError::AnswerLost(Hint::new(Flaw::Cut.why())),
        Some(malformed) => IdpError::UntrustedResponse(Untrusted::TokenAnswer(malformed.why())),
        None => IdpError::UntrustedResponse(Untrusted::TokenAnswer("no refresh token")),
    }
}

/// Everything that a later process needs, and what binds it to this server.
fn grant(talk: &Conversation, request: &AuthorizationRequest, token: RefreshToken, granted: Option<String>) -> Grant {
    let contents = GrantContents::new(
        token.into_string(),
        granted.unwrap_or_else(|| request.scopes.join(" ")),
        talk.issuer.as_str().into(),
        talk.client_id.clone(),
        talk.facts.metadata.token_origin(),
        talk.key.is_some(),
        request.nonce_sha256(),
    );
    contents.encode()
}

async fn identity(
    talk: &Conversation,
    settings: &CheckedSettings,
    tokens: &Tokens,
    nonce: Nonce<'_>,
) -> Result<Identity, Doubt> {
    let Some(id_token) = &tokens.id_token else {
        let why = Untrusted::IdToken("there is none");
        return Err(Doubt {
            why,
            key_unknown: false,
        });
    };
    let checks = IdTokenChecks {
        issuer: talk.issuer.as_str(),
        client_id: &talk.client_id,
        nonce,
        access_token: tokens.access_token.expose(),
        leeway: settings.leeway,
    };
    prove_identity(talk, id_token.as_str(), &checks).await
}

fn with_facts(talk: &Conversation, mut enrolled: Enrolled, tokens: &Tokens) -> Enrolled {
    if let Some(life) = tokens.refresh_expires_in_s {
        let ends = talk.time.device().wall().after(Duration::from_secs(life));
        enrolled = enrolled.with_session_end(ends);
    }
    if is_bound(tokens) {
        enrolled.with_bound_access_tokens()
    } else {
        enrolled
    }
}
