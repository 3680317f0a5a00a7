//! The walk from the authorization endpoint to the redirect URI: as a browser would go it, without a person.
//!
//! From the first request on a user may exist. So a fault there is never told as *not done*, except when the very first
//! request was certainly not sent.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, HeaderName};
use http::{Method, StatusCode};
use serde_json::Value;
use url::Url;
use vestibule_domain::status::{Denial, Hint, Untrusted};
use vestibule_ports::{IdpError, Interrupt};

use crate::authorization_request::AuthorizationRequest;
use crate::conversation::Conversation;
use crate::cookies::Cookies;
use crate::http::{Answer, Flaw, HttpFault, REQUEST_TIMEOUT};
use crate::oauth_refusal::Refusal;
use crate::redirects::{BadRedirect, Code, Hop, MAX_HOPS, Walk};
use crate::strict_json::parse_object;

/// How a walk ended without a code.
#[derive(Debug)]
pub(crate) enum NoCode {
    /// With an error of the server.
    Refused(Refusal, Answer),
    /// Before it began: the pushed request was refused.
    NotPushed(Refusal, Answer),
    /// With a fault.
    Failed(IdpError),
}

/// Walks to the redirect URI.
pub(crate) async fn walk(
    talk: &Conversation,
    request: &AuthorizationRequest,
    redirect_uri: &str,
    interrupt: &Interrupt,
) -> Result<Code, NoCode> {
    let rules = Walk {
        issuer: &talk.issuer,
        redirect_uri,
        state: request.state(),
        iss_announced: talk.facts.metadata.iss_announced,
    };
    let mut cookies = Cookies::default();
    let mut at = request.url.clone();
    for hop in 0..=MAX_HOPS {
        let answer = tokio::select! {
            biased;
            () = interrupt.raised() => return Err(NoCode::Failed(IdpError::Interrupted { begun: true })),
            answer = ask(talk, &at, &cookies) => answer.map_err(|fault| NoCode::Failed(not_answered(fault, hop)))?,
        };
        if answer.flaw == Some(Flaw::TooManyHeaderFields) {
            return Err(bad_redirect(Flaw::TooManyHeaderFields.why()));
        }
        cookies.take_from(&answer.headers, at.path());
        match rules.follow(&at, answer.status, &answer.headers) {
            Some(Ok(Hop::Next(next))) => at = next,
            Some(Ok(Hop::Code(code))) => return Ok(code),
            Some(Ok(Hop::Refused(refusal))) => return Err(NoCode::Refused(refusal, answer)),
            Some(Err(bad)) => return Err(bad_redirect(bad.why())),

            None => return Err(no_redirect(answer, &at, &talk.client_id)),
        }
    }
    Err(bad_redirect(BadRedirect::TooMany.why()))
}

/// An error that the server gave instead of a code, after every repeat that may help.
pub(crate) fn refused(talk: &Conversation, refusal: &Refusal, answer: &Answer) -> IdpError {
    let hint = hint(refusal);
    let denied = |denial| IdpError::Denied {
        denial,
        hint: Hint::new(&hint),
    };
    match refusal.code.as_str() {
        "temporarily_unavailable" => IdpError::RateLimited {
            retry_after: answer.retry_after(),
        },
        "server_error" => IdpError::AnswerLost(Hint::new(&hint)),
        "login_required" | "interaction_required" | "consent_required" | "account_selection_required" => {
            let hint = format!(
                "client {}: {hint}; the flow wants a person, or refused the device",
                talk.client_id
            );
            IdpError::Denied {
                denial: Denial::InteractionRequired,
                hint: Hint::new(&hint),
            }
        }
        "access_denied" => denied(Denial::Refused),
        "unauthorized_client" | "invalid_client" => denied(Denial::ClientUnknown),
        _ if talk.is_clock_skew(refusal) => IdpError::ClockSkewed {
            ahead_ms: talk.ahead_ms(),
        },
        _ => IdpError::AuthorizationRefused(Hint::new(&hint)),
    }
}

/// The code and the server's words.
pub(crate) fn hint(refusal: &Refusal) -> String {
    match &refusal.hint {
        Some(words) => format!("{}: {words}", refusal.code),
        None => refusal.code.clone(),
    }
}

async fn ask(talk: &Conversation, at: &Url, cookies: &Cookies) -> Result<Answer, HttpFault> {
    let cookie = cookies.header_for(at.path());
    let mut headers: Vec<(HeaderName, &str)> = vec![(ACCEPT, "application/json")];
    headers.extend(cookie.as_deref().map(|cookie| (COOKIE, cookie)));
    talk.send(Method::GET, at, &headers, Bytes::new(), REQUEST_TIMEOUT)
        .await
}

const fn bad_redirect(why: &'static str) -> NoCode {
    NoCode::Failed(IdpError::UntrustedResponse(Untrusted::Redirect(why)))
}

fn not_answered(fault: HttpFault, hop: usize) -> IdpError {
    let hint = Hint::new(fault.why());
    match fault {
        HttpFault::Lost => IdpError::AnswerLost(hint),
        _ if hop > 0 => IdpError::AnswerLost(hint),
        HttpFault::NotSent(_) => IdpError::Unreachable(hint),
        HttpFault::Untrusted(_) | HttpFault::NoCertificateStore => IdpError::UntrustedServer(hint),
    }
}

/// An answer that leads nowhere: an error of the server, or a page for a person.
fn no_redirect(answer: Answer, at: &Url, client_id: &str) -> NoCode {
    if let Some(refusal) = Refusal::parse(&answer.body).filter(|refusal| decides(refusal, answer.status)) {
        return NoCode::Refused(refusal, answer);
    }
    NoCode::Failed(match answer.status {
        StatusCode::TOO_MANY_REQUESTS => IdpError::RateLimited {
            retry_after: answer.retry_after(),
        },
        status if status.is_success() => wants_a_person(at, client_id),
        status => match words(&answer) {
            Some(words) if status.is_client_error() => refused_in_words(&words),
            Some(_) | None => IdpError::AnswerLost(Hint::new(&format!("status {}", status.as_u16()))),
        },
    })
}

/// Whether a refusal in JSON counts: a server's own fault decides nothing, whatever code it is dressed in (Keycloak writes
/// `unknown_error`), for a user may have been made before it.
fn decides(refusal: &Refusal, status: StatusCode) -> bool {
    let refuses = status.is_client_error() && status != StatusCode::TOO_MANY_REQUESTS;
    refuses || (status.is_server_error() && refusal.code == "temporarily_unavailable")
}

fn wants_a_person(at: &Url, client_id: &str) -> IdpError {
    // Keycloak names the required action in the address of its page.
    let action = at
        .query_pairs()
        .find(|(name, _)| name == "execution")
        .map(|(_, action)| action.into_owned());
    let asks = action
        .map(|action| format!(", it asks for {action}"))
        .unwrap_or_default();
    let hint = format!("client {client_id}: its flow at the IdP shows a page{asks}");
    IdpError::Denied {
        denial: Denial::InteractionRequired,
        hint: Hint::new(&crate::oauth_refusal::hint(&hint)),
    }
}

/// Keycloak writes a sentence where OAuth has a code: the page that a browser would show.
fn words(answer: &Answer) -> Option<String> {
    let is_json = answer
        .header(CONTENT_TYPE)
        .is_some_and(|kind| kind.starts_with("application/json"));
    let object = is_json.then(|| parse_object(&answer.body).ok())??;
    let text = object.get("error").and_then(Value::as_str)?;
    Some(crate::oauth_refusal::hint(text))
}

fn refused_in_words(words: &str) -> IdpError {
    let hint = Hint::new(words);
    if ["client not found", "client disabled"]
        .iter()
        .any(|known| words.to_ascii_lowercase().starts_with(known))
    {
        IdpError::Denied {
            denial: Denial::ClientUnknown,
            hint,
        }
    } else {
        IdpError::AuthorizationRefused(hint)
    }
}
