//! Requests to the token endpoint: a code or a refresh token, made and proven by the engine, each sent once.
//!
//! Sent again are only requests that the server has refused because of their proof: the engine answers a nonce, and
//! here a corrected clock makes one more proof. Such a refusal burns neither code nor refresh token.

use huskarl::core::client_auth::NoAuth;
use huskarl::core::secrets::SecretString;
use huskarl::grant::authorization_code::{AuthorizationCodeGrant, AuthorizationCodeGrantParameters};
use huskarl::grant::core::OAuth2ExchangeGrant as _;
use huskarl::grant::refresh::{RefreshGrant, RefreshGrantParameters};
use huskarl::token::RefreshToken;
use vestibule_domain::status::{Hint, Untrusted};
use vestibule_ports::IdpError;

use crate::authorization_request::{AuthorizationRequest, code_grant};
use crate::authorization_walk::hint;
use crate::conversation::{Conversation, Repeats};
use crate::dpop_key::DpopKey;
use crate::engine_wire::{EngineWire, endpoint};
use crate::http::{Answer, Flaw, HttpFault, TOKEN_TIMEOUT};
use crate::oauth_refusal::Refusal;
use crate::redirects::Code;

/// What came of a token request.
pub(crate) enum TokenOutcome {
    /// A 2xx answer, whatever is in it.
    Answered(Answer),
    /// An OAuth error, after every repeat that may help.
    Refused(Refusal),
    /// A refusal without an OAuth error.
    RefusedPlainly(Answer),
    /// No answer, or one that says nothing about what was done.
    NoAnswer(HttpFault),
}

/// Redeems a code. A user exists by now: nothing that goes wrong here is told as *not done*.
pub(crate) async fn redeem(
    talk: &Conversation,
    request: &AuthorizationRequest,
    redirect_uri: &str,
    code: &Code,
) -> Result<Answer, IdpError> {
    let wire = talk.wire(TOKEN_TIMEOUT, true);
    let grant = code_grant(talk, redirect_uri, &wire)
        .await
        .map_err(|fault| lost(fault.why()))?;
    let grant = Box::new(grant);
    match send(
        talk,
        &wire,
        &Sending::Code {
            grant,
            verifier: request.verifier(),
            code,
        },
    )
    .await
    {
        TokenOutcome::Answered(answer) => Ok(answer),
        TokenOutcome::NoAnswer(fault) => Err(lost(fault.why())),
        TokenOutcome::RefusedPlainly(answer) => Err(plain_refusal(&answer, IdpError::CodeRefused)),
        TokenOutcome::Refused(refusal) if refusal.is_about_the_proof() => {
            Err(IdpError::ProofRefused(Hint::new(&hint(&refusal))))
        }
        TokenOutcome::Refused(refusal) => Err(IdpError::CodeRefused(Hint::new(&hint(&refusal)))),
    }
}

/// Sends a refresh token, with a narrowed scope.
pub(crate) async fn refresh(talk: &Conversation, refresh_token: &str, scopes: &[String]) -> TokenOutcome {
    let wire = talk.wire(TOKEN_TIMEOUT, true);
    let token_endpoint = match endpoint(&talk.facts.metadata.token) {
        Ok(url) => url,
        Err(fault) => return TokenOutcome::NoAnswer(fault),
    };
    let grant = RefreshGrant::builder()
        .clock(talk.clock())
        .client_id(talk.client_id.as_str())
        .http_client(wire.clone())
        .client_auth(NoAuth)
        .dpop(talk.prover.clone())
        .issuer(talk.issuer.as_str())
        .token_endpoint(token_endpoint)
        .build();
    send(
        talk,
        &wire,
        &Sending::Refresh {
            grant: Box::new(grant),
            refresh_token,
            scopes,
        },
    )
    .await
}

/// An answer that says nothing in OAuth's words.
pub(crate) fn plain_refusal(answer: &Answer, refused: impl FnOnce(Hint) -> IdpError) -> IdpError {
    let hint = Hint::new(&format!("status {}", answer.status.as_u16()));
    if answer.status.is_redirection() {
        IdpError::UntrustedResponse(Untrusted::TokenAnswer("a redirect"))
    } else if answer.status.is_client_error() && answer.status.as_u16() != 429 {
        refused(hint)
    } else {
        IdpError::AnswerLost(hint)
    }
}

/// A request that may have to be made more than once.
enum Sending<'a> {
    Code {
        grant: Box<AuthorizationCodeGrant>,
        verifier: Option<String>,
        code: &'a Code,
    },
    Refresh {
        grant: Box<RefreshGrant>,
        refresh_token: &'a str,
        scopes: &'a [String],
    },
}

impl Sending<'_> {
    /// What it hands over.
    fn secret(&self) -> &str {
        match self {
            Self::Code { code, .. } => code.as_str(),
            Self::Refresh { refresh_token, .. } => refresh_token,
        }
    }

    /// Lets the engine make and send it. What the engine makes of the answer is not looked at: the wire keeps the
    /// answer itself.
    async fn exchange(&self, talk: &Conversation) {
        match self {
            Self::Code { grant, verifier, code } => {
                let parameters = AuthorizationCodeGrantParameters::builder()
                    .maybe_dpop_jkt(thumbprint(talk))
                    .code(code.as_str())
                    .maybe_pkce_verifier(verifier.clone())
                    .build();
                let _read_by_engine = grant.exchange(parameters).await;
            }
            Self::Refresh {
                grant,
                refresh_token,
                scopes,
            } => {
                let token = RefreshToken::new(SecretString::new(*refresh_token), thumbprint(talk));
                let parameters = RefreshGrantParameters::builder()
                    .refresh_token(token)
                    .scope(scopes.to_vec())
                    .build();
                let _read_by_engine = grant.exchange(parameters).await;
            }
        }
    }
}

/// Sends a request, and once more where only the clock was wrong and the refusal told the right time.
async fn send(talk: &Conversation, wire: &EngineWire, sending: &Sending<'_>) -> TokenOutcome {
    let mut repeats = Repeats::default();
    loop {
        let corrected_ms = talk.correction_ms();
        sending.exchange(talk).await;
        let answer = match wire.take_last() {
            Ok(answer) => answer,
            Err(fault) => return TokenOutcome::NoAnswer(fault),
        };
        if answer.status.is_success() {
            return TokenOutcome::Answered(answer);
        }
        let refuses = answer.status.is_client_error() && answer.status.as_u16() != 429;
        match Refusal::parse_without(&answer.body, sending.secret()).filter(|_| refuses) {
            // The engine has answered the nonce already.
            Some(refusal) if refusal.code == "use_dpop_nonce" => return TokenOutcome::Refused(refusal),
            Some(refusal) if talk.repeat_helps(&refusal, &answer, corrected_ms, &mut repeats) => {}
            Some(refusal) => return TokenOutcome::Refused(refusal),
            None if answer.flaw == Some(Flaw::Cut) => return TokenOutcome::NoAnswer(HttpFault::Lost),
            None => return TokenOutcome::RefusedPlainly(answer),
        }
    }
}

fn thumbprint(talk: &Conversation) -> Option<String> {
    talk.key.as_ref().map(DpopKey::thumbprint).map(Into::into)
}

fn lost(why: &str) -> IdpError {
    IdpError::AnswerLost(Hint::new(why))
}
