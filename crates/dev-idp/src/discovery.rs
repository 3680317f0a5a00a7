//! The documents that a client reads first (OpenID Connect Discovery 1.0, RFC 8414, RFC 7517).

use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value, json};

use crate::call::Call;
use crate::dpop_proof::ALGORITHM;
use crate::endpoint::Endpoint;
use crate::json_object::set;
use crate::realm::{DeviceProof, Enrolment};
use crate::refusal::{Refusal, json_answer};
use crate::scope;

/// The metadata of a realm. `none` is not among the authentication methods, as in Keycloak's: a client must not insist.
pub(crate) fn answer(call: &Call) -> Response {
    let mut document = json!({
        "issuer": call.issuer(),
        "authorization_endpoint": call.url(Endpoint::Authorization),
        "token_endpoint": call.url(Endpoint::Token),
        "jwks_uri": call.url(Endpoint::KeySet),
        "revocation_endpoint": call.url(Endpoint::Revocation),
        "pushed_authorization_request_endpoint": call.url(Endpoint::PushedAuthorization),
        "require_pushed_authorization_requests": false,
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
        "code_challenge_methods_supported": ["S256"],
        "scopes_supported": scope::supported(),
        "prompt_values_supported": ["none"],
        "claims_supported": claims(call.settings.enrolment),
        "authorization_response_iss_parameter_supported": true,
    });
    if call.settings.device_proof_in_effect() != DeviceProof::Ignored {
        set(&mut document, "dpop_signing_alg_values_supported", json!([ALGORITHM]));
    }
    json_answer(StatusCode::OK, &document)
}

/// The key set of a realm.
pub(crate) fn key_set(call: &Call) -> Response {
    match call.change(|realm| realm.keys.document()) {
        Ok(document) => json_answer(StatusCode::OK, &document),
        Err(refusal) => Refusal::into_json(refusal),
    }
}

fn claims(enrolment: Enrolment) -> Value {
    match enrolment {
        Enrolment::Recoverable => json!(["aud", "sub", "iss", "auth_time", "acr", "device_jkt", "device_user"]),
        Enrolment::Plain => json!(["aud", "sub", "iss", "auth_time", "acr"]),
    }
}
