//! Which request goes to which endpoint, and what is done around each: log, scenes, `Date`.

use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::{get, post};
use percent_encoding::percent_decode_str;
use serde_json::json;

use crate::call::{Call, Idp};
use crate::endpoint::Endpoint;
use crate::parameters::Parameters;
use crate::realm::{DateHeader, RealmSettings};
use crate::refusal::{ErrorCode, json_answer};
use crate::request_log::{Outcome, RequestRecord};
use crate::scenes::{NoAnswer, RequestFacts, Work};
use crate::{authorization_endpoint, discovery, page, pushed_authorization, revocation, token_endpoint};

/// Bytes of a request body.
pub(crate) const MAX_BODY_BYTES: usize = 64 * 1024;

/// The whole server as one service.
pub(crate) fn router(idp: &Arc<Idp>) -> Router {
    let mut router = Router::new().fallback(async || not_found("Not found"));
    for endpoint in Endpoint::ALL {
        let path = format!("/realms/{{tenant}}{}", endpoint.path());
        // `get` of axum serves HEAD too, and a HEAD must never make a user.
        let route = match endpoint {
            Endpoint::Discovery | Endpoint::ServerMetadata => get(async |call: CallOf| discovery::answer(&call.0)),
            Endpoint::KeySet => get(async |call: CallOf| discovery::key_set(&call.0)),
            Endpoint::Authorization => get(async |call: CallOf| authorization_endpoint::answer(&call.0))
                .post(async |call: CallOf| authorization_endpoint::answer(&call.0)),
            Endpoint::PushedAuthorization => post(async |call: CallOf| pushed_authorization::answer(&call.0)),
            Endpoint::Token => post(async |call: CallOf| token_endpoint::answer(&call.0)),
            Endpoint::Revocation => post(async |call: CallOf| revocation::answer(&call.0)),
            Endpoint::LoginForm => post(async |call: CallOf| page::refused_login(&call.0)),
        };
        router = router.route(&path, route.head(async || head_refused()));
    }
    router.layer(middleware::from_fn_with_state(Arc::clone(idp), around))
}

/// The call that [`around`] has left on the request.
struct CallOf(Arc<Call>);

impl<S: Sync> axum::extract::FromRequestParts<S> for CallOf {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut axum::http::request::Parts, _: &S) -> Result<Self, Response> {
        parts
            .extensions
            .get()
            .map(|call| Self(Arc::clone(call)))
            .ok_or_else(|| not_found("Not found"))
    }
}

/// Around every request.
async fn around(State(idp): State<Arc<Idp>>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Some(target) = Target::of_path(parts.uri.path()) else {
        return not_found("Not found");
    };
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY_BYTES).await else {
        return too_large();
    };
    let query = Parameters::parse(parts.uri.query().unwrap_or_default().as_bytes());
    let form = form_of(&parts.headers, &body);
    let mut entry = LogEntry::open(&idp, &target, &parts.method, &query, &form);
    let settings = idp.realm_settings(&target.tenant);
    let (endpoint, date_header) = (target.endpoint, settings.date_header);
    let facts = facts_of(&target, &query, &form);
    let response = if settings.exists {
        let call = call_of(&idp, entry.number, target, settings, &parts, query, form);
        let mut request = Request::from_parts(parts, Body::from(body));
        request.extensions_mut().insert(Arc::new(call));
        play(&idp, entry.number, &facts, Work { request, next }).await
    } else {
        not_found("Realm does not exist")
    };
    let response = with_date(response, date_header, endpoint, idp.clock.now());
    entry.close(&response);
    response
}

async fn play(idp: &Idp, number: u64, facts: &RequestFacts, work: Work) -> Response {
    let Some(scene) = idp.scenes.take(facts) else {
        return work.perform().await;
    };
    idp.log.amend(number, |record| record.scene = Some(scene.name()));
    scene.play(work).await
}

/// Where a path points.
struct Target {
    tenant: String,
    segment: String,
    path: String,
    endpoint: Endpoint,
}

impl Target {
    fn of_path(path: &str) -> Option<Self> {
        let (segment, rest) = path
            .strip_prefix("/realms/")?
            .split_at_checked(path.get(8..)?.find('/')?)?;
        let tenant = percent_decode_str(segment).decode_utf8().ok()?;
        let endpoint = Endpoint::ALL.into_iter().find(|endpoint| endpoint.path() == rest)?;
        let (tenant, segment) = (tenant.into_owned(), segment.to_owned());
        (!tenant.is_empty()).then(|| Self {
            tenant,
            segment,
            path: path.to_owned(),
            endpoint,
        })
    }
}

/// The entry of a request in the log. Dropped before it is closed, it says that the client went away.
struct LogEntry {
    idp: Arc<Idp>,
    number: u64,
    closed: bool,
}

impl LogEntry {
    fn open(idp: &Arc<Idp>, target: &Target, method: &Method, query: &Parameters, form: &Parameters) -> Self {
        let parameter = |name| form.optional(name).or_else(|| query.optional(name)).map(str::to_owned);
        let secret = |name| form.optional(name).map(crate::fingerprint);
        let number = idp.log.arrive(|number, arrived| RequestRecord {
            number,
            arrived,
            ended: None,
            method: method.to_string(),
            path: target.path.clone(),
            endpoint: target.endpoint,
            tenant: target.tenant.clone(),
            client: parameter("client_id"),
            grant_type: parameter("grant_type"),
            scope: parameter("scope"),
            refresh_token: secret("refresh_token").or_else(|| secret("token")),
            code: secret("code"),
            issued_refresh_token: None,
            proof_thumbprint: None,
            user: None,
            scene: None,
            outcome: Outcome::Open,
        });
        Self {
            idp: Arc::clone(idp),
            number,
            closed: false,
        }
    }

    fn close(&mut self, response: &Response) {
        let outcome = if response.extensions().get::<NoAnswer>().is_some() {
            Outcome::NoAnswer
        } else {
            let error = response.extensions().get::<ErrorCode>().map(|code| code.0.clone());
            Outcome::Answered {
                status: response.status().as_u16(),
                error,
            }
        };
        self.closed = true;
        self.idp.log.end(self.number, outcome);
    }
}

impl Drop for LogEntry {
    fn drop(&mut self) {
        if !self.closed {
            self.idp.log.end(self.number, Outcome::Abandoned);
        }
    }
}

fn form_of(headers: &HeaderMap, body: &Bytes) -> Parameters {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let is_form = content_type.split(';').next().map(str::trim) == Some("application/x-www-form-urlencoded");
    if is_form {
        Parameters::parse(body)
    } else {
        Parameters::default()
    }
}

fn facts_of(target: &Target, query: &Parameters, form: &Parameters) -> RequestFacts {
    let parameter = |name| form.optional(name).or_else(|| query.optional(name)).map(str::to_owned);
    RequestFacts {
        tenant: target.tenant.clone(),
        endpoint: target.endpoint,
        client: parameter("client_id"),
        grant_type: parameter("grant_type"),
    }
}

fn call_of(
    idp: &Arc<Idp>,
    number: u64,
    target: Target,
    settings: RealmSettings,
    parts: &axum::http::request::Parts,
    query: Parameters,
    form: Parameters,
) -> Call {
    Call {
        idp: Arc::clone(idp),
        number,
        endpoint: target.endpoint,
        tenant: target.tenant,
        segment: target.segment,
        settings,
        method: parts.method.clone(),
        headers: parts.headers.clone(),
        query,
        form,
    }
}

fn with_date(mut response: Response, rule: DateHeader, endpoint: Endpoint, now: u64) -> Response {
    let wanted = match rule {
        DateHeader::Absent => false,
        DateHeader::OnEnrollment => endpoint == Endpoint::Authorization,
        DateHeader::OnEveryAnswer => true,
    };
    let date = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(now));
    if let (true, Ok(date)) = (wanted, HeaderValue::from_str(&date)) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

fn not_found(error: &str) -> Response {
    json_answer(StatusCode::NOT_FOUND, &json!({ "error": error }))
}

fn too_large() -> Response {
    json_answer(StatusCode::PAYLOAD_TOO_LARGE, &json!({ "error": "invalid_request" }))
}

fn head_refused() -> Response {
    let mut response = json_answer(
        StatusCode::METHOD_NOT_ALLOWED,
        &json!({ "error": "HEAD is not served" }),
    );
    response
        .headers_mut()
        .insert(header::ALLOW, HeaderValue::from_static("GET, POST"));
    response
}
