//! A pushed request that was not taken (RFC 9126). It makes no user, so whatever happened, nothing was done.

use http::StatusCode;
use vestibule_domain::status::{Hint, Untrusted};
use vestibule_ports::IdpError;

use crate::authorization_walk::NoCode;
use crate::engine_wire::EngineWire;
use crate::http::{Flaw, HttpFault};
use crate::oauth_refusal::Refusal;

/// Why a request could not be pushed.
pub(crate) fn not_pushed(wire: &EngineWire) -> NoCode {
    let answer = match wire.take_last() {
        Ok(answer) => answer,
        Err(fault) => return NoCode::Failed(not_answered(fault)),
    };
    let refuses = answer.status.is_client_error() && answer.status != StatusCode::TOO_MANY_REQUESTS;
    if let Some(refusal) = Refusal::parse(&answer.body).filter(|_| refuses) {
        return NoCode::NotPushed(refusal, answer);
    }
    if answer.flaw == Some(Flaw::Cut) {
        return NoCode::Failed(IdpError::Unreachable(Hint::new(Flaw::Cut.why())));
    }
    NoCode::Failed(match answer.status.as_u16() {
        429 | 503 => IdpError::RateLimited {
            retry_after: answer.retry_after(),
        },
        200..=299 => IdpError::Misconfigured(Untrusted::Metadata("the answer to a pushed request cannot be read")),
        status => IdpError::Unreachable(Hint::new(&format!("status {status} to a pushed request"))),
    })
}

fn not_answered(fault: HttpFault) -> IdpError {
    let hint = Hint::new(fault.why());
    match fault {
        HttpFault::NotSent(_) | HttpFault::Lost => IdpError::Unreachable(hint),
        HttpFault::Untrusted(_) | HttpFault::NoCertificateStore => IdpError::UntrustedServer(hint),
    }
}
