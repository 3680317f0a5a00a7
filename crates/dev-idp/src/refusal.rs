//! An OAuth error (RFC 6749, sections 4.1.2.1 and 5.2), before it is known in which shape it is answered.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

/// Why a request was not served.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) status: StatusCode,
    pub(crate) error: &'static str,
    pub(crate) description: Cow<'static, str>,
}

impl Refusal {
    fn new(status: StatusCode, error: &'static str, description: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            error,
            description: description.into(),
        }
    }

    pub(crate) fn invalid_request(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request", description)
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        Self::invalid_request(format!("Missing parameter: {parameter}"))
    }

    pub(crate) fn invalid_grant(description: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_grant", description)
    }

    pub(crate) fn invalid_scope(scope: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid_scope",
            format!("Invalid scopes: {scope}"),
        )
    }

    /// RFC 9449, section 5.
    pub(crate) fn invalid_dpop_proof(description: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_dpop_proof", description)
    }

    pub(crate) fn invalid_client() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "invalid_client",
            "Invalid client or Invalid client credentials",
        )
    }

    pub(crate) fn access_denied(description: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "access_denied", description)
    }

    pub(crate) fn bad_request(error: &'static str, description: &'static str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error, description)
    }

    /// The server's own fault.
    pub(crate) fn server_error(description: &'static str) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "server_error", description)
    }

    /// The JSON answer of every endpoint but the authorization endpoint.
    pub(crate) fn into_json(self) -> Response {
        let body = json!({ "error": self.error, "error_description": self.description });
        marked(json_answer(self.status, &body), self.error)
    }
}

/// The error code of an answer, for the request log: of a redirect nobody could read it otherwise.
#[derive(Debug, Clone)]
pub(crate) struct ErrorCode(pub(crate) String);

/// Leaves the error code on the answer for the log.
pub(crate) fn marked(mut response: Response, error: &str) -> Response {
    response.extensions_mut().insert(ErrorCode(error.to_owned()));
    response
}

/// A JSON answer that nobody may keep.
pub(crate) fn json_answer(status: StatusCode, body: &Value) -> Response {
    answer(status, "application/json", body.to_string())
}

/// An answer that nobody may keep. The headers are Keycloak's.
pub(crate) fn answer(status: StatusCode, content_type: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, header::HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, header::HeaderValue::from_static("no-store"));
    headers.insert(header::REFERRER_POLICY, header::HeaderValue::from_static("no-referrer"));
    response
}
