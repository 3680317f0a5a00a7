//! The authorization endpoint (RFC 6749, section 4.1.1): a code, an error, or a page for a person.

use axum::body::Body;
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use serde_json::json;
use url::form_urlencoded::Serializer;

use crate::authorization_request::{self, AuthorizationRequest, Destination};
use crate::call::Call;
use crate::client::{self, Client, Flow};
use crate::device_enrollment;
use crate::page;
use crate::parameters::Parameters;
use crate::realm_state::IssuedCode;
use crate::refusal::{Refusal, answer as plain_answer, json_answer, marked};

/// Answers one request.
pub(crate) fn answer(call: &Call) -> Response {
    let parameters = if call.method == Method::POST {
        &call.form
    } else {
        &call.query
    };
    let (destination, checked) = match parameters.optional("request_uri") {
        Some(uri) => match pushed(call, parameters, uri) {
            Ok((destination, request)) => (destination, Ok(request)),
            Err(refusal) => return shown(call, &refusal),
        },
        None => match authorization_request::destination(parameters) {
            Ok(destination) => {
                let checked = sent_openly(call, &destination, parameters);
                (destination, checked)
            }
            Err(refusal) => return shown(call, &refusal),
        },
    };
    match checked.and_then(|request| run_flow(call, destination.client, request)) {
        Ok(Answer::Code(code)) => redirect(
            call,
            &destination,
            &[("session_state", &code.session), ("code", &code.code)],
        ),
        Ok(Answer::LoginForm) => page::login_form(call, StatusCode::OK),
        Err(refusal) => {
            let parameters = [("error", refusal.error), ("error_description", &*refusal.description)];
            marked(redirect(call, &destination, &parameters), refusal.error)
        }
    }
}

enum Answer {
    Code(IssuedCode),
    LoginForm,
}

/// A request that was pushed before (RFC 9126, section 4). It is used up whatever follows.
fn pushed(call: &Call, parameters: &Parameters, uri: &str) -> Result<(Destination, AuthorizationRequest), Refusal> {
    parameters.check_unique()?;
    let client = client::find(parameters.required("client_id")?)
        .ok_or_else(|| Refusal::bad_request("invalid_client", "Client not found."))?;
    let unknown = || Refusal::invalid_request("PAR not found. not issued or used multiple times.");
    let mut request = call.change(|realm| realm.take_pushed(uri).ok_or_else(unknown))?;
    if request.client_id != client.id {
        return Err(unknown());
    }
    // `prompt` beside the `request_uri` is not part of what was pushed, so it does not count.
    let destination = Destination {
        client,
        redirect_uri: request.redirect_uri.clone(),
        state: request.state.take(),
    };
    Ok((destination, request))
}

fn sent_openly(
    call: &Call,
    destination: &Destination,
    parameters: &Parameters,
) -> Result<AuthorizationRequest, Refusal> {
    if destination.client.pushed_only {
        return Err(Refusal::invalid_request(
            "Pushed Authorization Request is only allowed.",
        ));
    }
    let request = authorization_request::check(call, destination, parameters)?;
    authorization_request::check_binding(call, destination.client, &request)?;
    Ok(request)
}

fn run_flow(call: &Call, client: Client, request: AuthorizationRequest) -> Result<Answer, Refusal> {
    match client.flow {
        Flow::DeviceEnrollment => device_enrollment::enroll(call, request).map(Answer::Code),
        Flow::LoginForm if request.silent => Err(Refusal::bad_request(
            "login_required",
            "Nobody is logged in, and prompt=none forbids a form",
        )),
        Flow::LoginForm => Ok(Answer::LoginForm),
    }
}

/// RFC 6749, section 4.1.2, with `iss` (RFC 9207) in success and error alike.
fn redirect(call: &Call, destination: &Destination, parameters: &[(&str, &str)]) -> Response {
    let mut query = Serializer::new(String::new());
    if let Some(state) = &destination.state {
        query.append_pair("state", state);
    }
    query.extend_pairs(parameters);
    query.append_pair("iss", &call.issuer());
    let location = format!("{}?{}", destination.redirect_uri, query.finish());
    let Ok(location) = HeaderValue::from_str(&location) else {
        return shown(call, &Refusal::server_error("the answer does not fit in a header"));
    };
    let mut response = plain_answer(StatusCode::FOUND, "text/plain", Body::empty());
    response.headers_mut().remove(header::CONTENT_TYPE);
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// An error that must not be redirected: a page, or JSON for whoever accepts that.
fn shown(call: &Call, refusal: &Refusal) -> Response {
    let accept = call
        .headers
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let wants_json = accept
        .split(',')
        .any(|kind| kind.split(';').next().map(str::trim) == Some("application/json"));
    let response = if wants_json {
        json_answer(refusal.status, &json!({ "error": &refusal.description }))
    } else {
        page::error(refusal.status, &refusal.description)
    };
    marked(response, refusal.error)
}
