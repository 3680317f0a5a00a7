//! Revocation of a grant (RFC 7009), with a proof of its key: Keycloak wants one for a bound token, and the engine
//! sends none.

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE};
use http::{Method, StatusCode};
use url::{Url, form_urlencoded};
use vestibule_domain::status::{Hint, Untrusted};
use vestibule_ports::IdpError;

use crate::authorization_walk::hint;
use crate::conversation::{Conversation, Repeats};
use crate::http::{Answer, HttpFault, TOKEN_TIMEOUT};
use crate::oauth_refusal::Refusal;
use crate::token_request::plain_refusal;

/// Revokes a refresh token. A server that does not know it has nothing to do (section 2.2): only the status counts.
pub(crate) async fn revoke(talk: &Conversation, refresh_token: &str) -> Result<(), IdpError> {
    let no_endpoint = IdpError::Misconfigured(Untrusted::Metadata("it has no revocation endpoint"));
    let url = talk.facts.metadata.revocation.as_ref().ok_or(no_endpoint)?;
    let form = Bytes::from(form(&talk.client_id, refresh_token));
    let mut repeats = Repeats::default();
    loop {
        let corrected_ms = talk.correction_ms();
        let answer = post(talk, url, form.clone()).await.map_err(not_answered)?;
        if answer.status.is_success() {
            return Ok(());
        }
        let refusal = Refusal::parse_without(&answer.body, refresh_token).filter(|_| answer.status.is_client_error());
        if let Some(refusal) = &refusal
            && talk.repeat_helps(refusal, &answer, corrected_ms, &mut repeats)
        {
            continue;
        }
        return Err(refused(talk, &answer, refusal));
    }
}

fn form(client_id: &str, refresh_token: &str) -> String {
    form_urlencoded::Serializer::new(String::new())
        .append_pair("token", refresh_token)
        .append_pair("token_type_hint", "refresh_token")
        .append_pair("client_id", client_id)
        .finish()
}

async fn post(talk: &Conversation, url: &Url, form: Bytes) -> Result<Answer, HttpFault> {
    let headers = [
        (CONTENT_TYPE, "application/x-www-form-urlencoded"),
        (ACCEPT, "application/json"),
    ];
    talk.send(Method::POST, url, &headers, form, TOKEN_TIMEOUT).await
}

fn not_answered(fault: HttpFault) -> IdpError {
    let hint = Hint::new(fault.why());
    match fault {
        HttpFault::NotSent(_) => IdpError::Unreachable(hint),
        HttpFault::Untrusted(_) | HttpFault::NoCertificateStore => IdpError::UntrustedServer(hint),
        HttpFault::Lost => IdpError::AnswerLost(hint),
    }
}

fn refused(talk: &Conversation, answer: &Answer, refusal: Option<Refusal>) -> IdpError {
    if matches!(
        answer.status,
        StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
    ) {
        // Section 2.2.1: the token is still valid.
        return IdpError::RateLimited {
            retry_after: answer.retry_after(),
        };
    }
    match refusal {
        Some(refusal) if talk.is_clock_skew(&refusal) => IdpError::ClockSkewed {
            ahead_ms: talk.ahead_ms(),
        },
        Some(refusal) if refusal.is_about_the_proof() || refusal.code == "invalid_token" => {
            IdpError::ProofRefused(Hint::new(&hint(&refusal)))
        }
        Some(refusal) => IdpError::RefreshRefused(Hint::new(&hint(&refusal))),
        None => plain_refusal(answer, IdpError::RefreshRefused),
    }
}
