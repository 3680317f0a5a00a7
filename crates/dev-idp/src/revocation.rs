//! Token revocation (RFC 7009).

use axum::body::Body;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;

use crate::call::{Call, ProofRule};
use crate::client::Client;
use crate::compact_jws::CompactJws;
use crate::dpop_proof::ProofFault;
use crate::refusal::{Refusal, answer as plain_answer, json_answer};

/// Answers one request.
pub(crate) fn answer(call: &Call) -> Response {
    match revoke(call) {
        Ok(Revoked::Session) => plain_answer(StatusCode::OK, "text/plain", Body::empty()),
        // As Keycloak: a success whose body looks like an error. Only the status counts (RFC 7009, section 2.2).
        Ok(Revoked::NothingThere) => json_answer(
            StatusCode::OK,
            &json!({ "error": "invalid_token", "error_description": "Invalid token" }),
        ),
        Err(refusal) => refusal.into_json(),
    }
}

enum Revoked {
    Session,
    NothingThere,
}

fn revoke(call: &Call) -> Result<Revoked, Refusal> {
    let client = call.client()?;
    let proven = call
        .proven_key()
        .map_err(|fault| Refusal::invalid_request(fault.to_string()))?;
    let sent = call.form.required("token")?;
    call.change(|realm| {
        let Some(token) = realm.refresh_token_key.open(sent) else {
            return not_a_refresh_token(sent);
        };
        if token.client != client.id {
            return Err(Refusal::bad_request("invalid_token", "Unmatching clients"));
        }
        let Some(session) = realm.sessions.get(&token.session) else {
            return Ok(Revoked::NothingThere);
        };
        check_holder(call, client, session.bound_to.as_deref(), proven.as_deref())?;
        realm.sessions.remove(&token.session);
        Ok(Revoked::Session)
    })
}

/// A client with the refresh-only policy proves its key; any other client may revoke without, as on Keycloak.
fn check_holder(call: &Call, client: Client, bound: Option<&str>, proven: Option<&str>) -> Result<(), Refusal> {
    match (bound, proven) {
        (None, _) => Ok(()),
        (Some(_), None) if call.proof_rule(client) == ProofRule::Voluntary => Ok(()),
        (Some(_), None) => Err(Refusal::invalid_dpop_proof(ProofFault::Missing.to_string())),
        (Some(bound), Some(proven)) if bound == proven => Ok(()),
        (Some(_), Some(_)) => Err(Refusal::bad_request(
            "invalid_token",
            "DPoP confirmation doesn't match DPoP proof",
        )),
    }
}

/// Access tokens are not kept, so they cannot be revoked (RFC 7009, section 2.2.1); anything else is unknown.
fn not_a_refresh_token(sent: &str) -> Result<Revoked, Refusal> {
    let is_jwt = CompactJws::parse(sent).is_some_and(|jws| jws.header.contains_key("kid"));
    if is_jwt {
        Err(Refusal::bad_request(
            "unsupported_token_type",
            "Access tokens cannot be revoked here",
        ))
    } else {
        Ok(Revoked::NothingThere)
    }
}
