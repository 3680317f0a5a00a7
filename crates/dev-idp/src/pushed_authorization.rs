//! Pushed authorization requests (RFC 9126).

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::authorization_request;
use crate::call::Call;
use crate::realm_state::PUSHED_LIFETIME_S;
use crate::refusal::{Refusal, json_answer};

/// Answers one request.
pub(crate) fn answer(call: &Call) -> Response {
    match push(call) {
        Ok(body) => json_answer(StatusCode::CREATED, &body),
        Err(refusal) => refusal.into_json(),
    }
}

fn push(call: &Call) -> Result<Value, Refusal> {
    let parameters = &call.form;
    let client = call.client()?;
    if parameters.optional("request_uri").is_some() {
        return Err(Refusal::invalid_request("Invalid parameter: request_uri"));
    }
    let destination = authorization_request::destination(parameters)?;
    let mut request = authorization_request::check(call, &destination, parameters)?;
    // RFC 9449, section 10.1: a proof that comes with the request binds the code as `dpop_jkt` does.
    if let Some(proven) = call
        .proven_key()
        .map_err(|fault| Refusal::invalid_request(fault.to_string()))?
    {
        let named = request.dpop_jkt.get_or_insert_with(|| proven.clone());
        if *named != proven {
            return Err(Refusal::invalid_request(
                "DPoP Proof public key thumbprint does not match dpop_jkt",
            ));
        }
    }
    authorization_request::check_binding(call, client, &request)?;
    let now = call.now();
    let request_uri = call.change(|realm| realm.push(request, now))?;
    Ok(json!({ "request_uri": request_uri, "expires_in": PUSHED_LIFETIME_S }))
}
