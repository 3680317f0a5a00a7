//! The few pages for a person: the login form of the ordinary client, and errors.

use axum::http::StatusCode;
use axum::response::Response;

use crate::call::Call;
use crate::endpoint::Endpoint;
use crate::refusal::answer;

const LOGIN_FORM: &str = include_str!("login_form.html");
const ERROR: &str = include_str!("error.html");
const HTML: &str = "text/html;charset=utf-8";

/// The form of the ordinary client.
pub(crate) fn login_form(call: &Call, status: StatusCode) -> Response {
    let action = escape(&call.url(Endpoint::LoginForm));
    answer(
        status,
        HTML,
        LOGIN_FORM.replace("{action}", &action).replace("{message}", ""),
    )
}

/// What the form is answered with: this server has no accounts with a password.
pub(crate) fn refused_login(call: &Call) -> Response {
    let action = escape(&call.url(Endpoint::LoginForm));
    let message = "Invalid username or password. (This server knows no accounts with a password.)";
    answer(
        StatusCode::OK,
        HTML,
        LOGIN_FORM.replace("{action}", &action).replace("{message}", message),
    )
}

/// An error that is not sent to a redirect URI.
pub(crate) fn error(status: StatusCode, message: &str) -> Response {
    answer(status, HTML, ERROR.replace("{message}", &escape(message)))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
