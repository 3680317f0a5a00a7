//! One answer is changed on its way out: status, header fields and body, as the test wants them.

use std::fmt;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

use crate::endpoint::Endpoint;
use crate::scenes::{RequestFacts, Scene, Work, no_answer};

type Change = Box<dyn FnOnce(&mut AnswerParts) + Send + Sync>;

/// Most bytes of an answer of ours that are read again.
pub(super) const MAX_ANSWER_BYTES: usize = 1024 * 1024;

/// An answer in plain parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerParts {
    /// The status.
    pub status: u16,
    /// Header fields in order; the length of the body is added.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// Changes one answer of an endpoint.
pub struct ChangeAnswer {
    endpoint: Endpoint,
    grant_type: Option<&'static str>,
    does_the_work: bool,
    change: Change,
}

impl ChangeAnswer {
    /// Of the next request to this endpoint. The work is done; the change sees what would have been answered.
    #[must_use]
    pub fn of(endpoint: Endpoint, change: impl FnOnce(&mut AnswerParts) + Send + Sync + 'static) -> Self {
        Self {
            endpoint,
            grant_type: None,
            does_the_work: true,
            change: Box::new(change),
        }
    }

    /// Only of a request for this grant type.
    #[must_use]
    pub const fn for_grant(mut self, grant_type: &'static str) -> Self {
        self.grant_type = Some(grant_type);
        self
    }

    /// Nothing is done of what was asked for; the change begins with an empty 200.
    #[must_use]
    pub const fn instead_of_the_work(mut self) -> Self {
        self.does_the_work = false;
        self
    }
}

impl AnswerParts {
    /// Makes it another answer altogether.
    pub fn become_json(&mut self, status: u16, body: &str) {
        self.status = status;
        self.headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        self.body = body.as_bytes().to_vec();
    }

    /// One more header field.
    pub fn add_header(&mut self, name: &str, value: &str) {
        self.headers.push((name.to_owned(), value.to_owned()));
    }

    /// Rewrites every field of that name.
    pub fn change_header(&mut self, name: &str, change: impl Fn(&str) -> String) {
        for (_, value) in self.headers.iter_mut().filter(|(other, _)| other == name) {
            *value = change(value);
        }
    }

    async fn taken_from(answer: Response) -> Option<Self> {
        let (parts, body) = answer.into_parts();
        let text = |value: &HeaderValue| value.to_str().ok().map(str::to_owned);
        let headers = parts
            .headers
            .iter()
            .filter(|(name, _)| *name != "content-length")
            .map(|(name, value)| Some((name.to_string(), text(value)?)))
            .collect::<Option<_>>()?;
        Some(Self {
            status: parts.status.as_u16(),
            headers,
            body: to_bytes(body, MAX_ANSWER_BYTES).await.ok()?.to_vec(),
        })
    }

    fn into_answer(self) -> Option<Response> {
        let mut answer = Response::new(Body::from(self.body));
        *answer.status_mut() = StatusCode::from_u16(self.status).ok()?;
        for (name, value) in self.headers {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            answer.headers_mut().append(name, HeaderValue::from_str(&value).ok()?);
        }
        Some(answer)
    }
}

impl fmt::Debug for ChangeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangeAnswer")
            .field("endpoint", &self.endpoint)
            .field("grant_type", &self.grant_type)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Scene for ChangeAnswer {
    fn name(&self) -> &'static str {
        "change the answer"
    }

    fn matches(&self, request: &RequestFacts) -> bool {
        request.endpoint == self.endpoint
            && self
                .grant_type
                .is_none_or(|wanted| request.grant_type.as_deref() == Some(wanted))
    }

    async fn play(self: Box<Self>, work: Work) -> Response {
        let answer = if self.does_the_work {
            work.perform().await
        } else {
            Response::default()
        };
        let Some(mut parts) = AnswerParts::taken_from(answer).await else {
            return no_answer();
        };
        (self.change)(&mut parts);
        parts.into_answer().unwrap_or_else(no_answer)
    }
}
