//! The token endpoint (RFC 6749, section 3.2): one door for both grants.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;

use crate::call::Call;
use crate::refusal::{Refusal, json_answer};
use crate::token_answer::TokenAnswer;
use crate::{code_exchange, refresh};

/// Answers one request.
pub(crate) fn answer(call: &Call) -> Response {
    match grant(call) {
        Ok(answer) => {
            call.note(|record| {
                record.issued_refresh_token = Some(crate::fingerprint(&answer.refresh_token));
                record.user = Some(answer.user);
            });
            let mut response = json_answer(StatusCode::OK, &answer.body);
            response
                .headers_mut()
                .insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
            response
        }
        Err(refusal) => refusal.into_json(),
    }
}

fn grant(call: &Call) -> Result<TokenAnswer, Refusal> {
    call.form.check_unique()?;
    let client = call.client()?;
    match call.form.required("grant_type")? {
        "authorization_code" => code_exchange::exchange(call, client),
        "refresh_token" => refresh::refresh(call, client),
        _ => Err(Refusal::bad_request("unsupported_grant_type", "Unsupported grant_type")),
    }
}
