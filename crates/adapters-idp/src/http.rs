//! The one HTTP client: what it sends, what it takes, and what is known when a request fails.
//!
//! No redirect, no retry, no decompression, no shared cookie, and no shared connection: a request on a kept
//! connection can fail in ways that leave open whether it was sent. Whether a request was *certainly not sent* is
//! decided here, from the transport alone.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode};
use reqwest::{Client, Proxy, redirect, retry};
use rustls::ClientConfig;
use url::{Origin, Url};
use vestibule_ports::Clock;

use crate::extra_headers::ExtraHeaders;
use crate::server_trust::{ServerTrust, tls, tls_of_nobody, why_untrusted};
use crate::spki_pin::SpkiPin;

/// Most bytes of an answer's body, counted while they arrive.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Most header fields of an answer.
pub const MAX_HEADER_FIELDS: usize = 64;
/// How long a connection, TLS included, may take to stand.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a token request may take from its first byte to its answer's last.
pub const TOKEN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long any other request may take.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);

/// The longest wait that a server may ask for.
pub const LONGEST_WAIT: Duration = Duration::from_secs(24 * 60 * 60);

/// The client; built at the first request, since reading the system's CA certificates takes milliseconds. Plain http
/// to a loopback address has one of its own: it needs no certificates, and goes through no proxy.
pub(crate) struct Http {
    ways: Ways,
    clock: Arc<dyn Clock>,
    secured: OnceLock<Client>,
    plain: OnceLock<Client>,
}

/// How requests get to their server.
#[derive(Clone, Debug)]
pub(crate) struct Ways {
    pub(crate) trust: ServerTrust,
    pub(crate) pins: Vec<SpkiPin>,
    pub(crate) proxy: Option<Url>,
    pub(crate) extra_headers: ExtraHeaders,
    /// Where alone the extra headers go.
    pub(crate) issuers_origin: Origin,
}

/// How much of an answer is taken, and how long it may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) body_bytes: usize,
    pub(crate) timeout: Duration,
}

/// An answer, perhaps with a flaw. What of the body has arrived is kept all the same: a grant may be in it.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    pub(crate) flaw: Option<Flaw>,
}

/// What is wrong with an answer as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// The connection ended before the body did.
    Cut,
    /// The body is longer than what is taken.
    TooLong,
    /// More header fields than are taken.
    TooManyHeaderFields,
}

impl Flaw {
    /// What is wrong.
    pub(crate) const fn why(self) -> &'static str {
        match self {
            Self::Cut => "it ended early",
            Self::TooLong => "it is too long",
            Self::TooManyHeaderFields => "it has too many header fields",
        }
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HttpFault {
    /// Certainly not sent.
    NotSent(&'static str),
    /// The server could not prove who it is, and why; certainly not sent.
    Untrusted(&'static str),
    /// The system's CA certificates could not be read; certainly not sent.
    NoCertificateStore,
    /// Sent, at least in part: it may have been done.
    Lost,
}

impl HttpFault {
    /// What happened.
    pub(crate) const fn why(self) -> &'static str {
        match self {
            Self::NotSent(why) | Self::Untrusted(why) => why,
            Self::NoCertificateStore => NO_CERTIFICATE_STORE,
            Self::Lost => "the connection ended before an answer came",
        }
    }
}

impl Http {
    pub(crate) const fn new(ways: Ways, clock: Arc<dyn Clock>) -> Self {
        Self {
            ways,
            clock,
            secured: OnceLock::new(),
            plain: OnceLock::new(),
        }
    }

    /// Sends one request once.
    pub(crate) async fn send(&self, request: Request<Bytes>, limits: Limits) -> Result<Answer, HttpFault> {
        if limits.timeout.is_zero() {
            return Err(HttpFault::NotSent("the time for this flow is up"));
        }
        let mut request =
            reqwest::Request::try_from(request).map_err(|_| HttpFault::NotSent("the request has no valid address"))?;
        let client = self.client_for(request.url())?;
        if request.url().origin() == self.ways.issuers_origin {
            self.ways.extra_headers.add_to(request.headers_mut());
        }
        *request.timeout_mut() = Some(limits.timeout);
        let through_proxy = self.ways.proxy.is_some() && !is_plain(request.url());
        let (method, host) = (
            request.method().clone(),
            request.url().host_str().unwrap_or_default().to_owned(),
        );
        let outcome = match client.execute(request).await {
            Ok(response) => Ok(read(response, limits.body_bytes).await),
            Err(error) => Err(classify(&error, through_proxy)),
        };
        match &outcome {
            Ok(answer) => tracing::debug!(%method, host, status = answer.status.as_u16(), "answered"),
            Err(fault) => tracing::debug!(%method, host, why = fault.why(), "no answer"),
        }
        outcome
    }

    fn client_for(&self, url: &Url) -> Result<&Client, HttpFault> {
        let is_plain = is_plain(url);
        let client = if is_plain { &self.plain } else { &self.secured };
        if let Some(client) = client.get() {
            return Ok(client);
        }
        // What is missing on this system may be put there later: a fault is not kept.
        let built = if is_plain {
            build(tls_of_nobody()?, None)?
        } else {
            let config = tls(&self.ways.trust, &self.ways.pins, Arc::clone(&self.clock))?;
            build(config, self.ways.proxy.as_ref())?
        };
        Ok(client.get_or_init(|| built))
    }
}

impl Answer {
    /// A header's text.
    pub(crate) fn header(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// How long the server asks to wait (RFC 9110, section 10.2.3), a day at most; a date is held against its `Date`.
    pub(crate) fn retry_after(&self) -> Option<Duration> {
        let text = self.header(http::header::RETRY_AFTER)?.trim();
        let wait = match text.parse() {
            Ok(seconds) => Duration::from_secs(seconds),
            Err(_) => {
                let now = httpdate::parse_http_date(self.header(http::header::DATE)?).ok()?;
                httpdate::parse_http_date(text)
                    .ok()?
                    .duration_since(now)
                    .unwrap_or_default()
            }
        };
        Some(wait.min(LONGEST_WAIT))
    }
}

impl std::fmt::Debug for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Answer")
            .field("status", &self.status)
            .field("flaw", &self.flaw)
            .finish_non_exhaustive()
    }
}

/// What to do about a system without CA certificates.
const NO_CERTIFICATE_STORE: &str =
    "this system has no CA certificates: install them (package ca-certificates), or set a CA of your own";

fn build(tls: ClientConfig, proxy: Option<&Url>) -> Result<Client, HttpFault> {
    const UNBUILT: HttpFault = HttpFault::NotSent("the HTTP client could not be built");
    let mut builder = Client::builder()
        .user_agent(concat!("vestibule/", env!("CARGO_PKG_VERSION")))
        .referer(false)
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .http1_only()
        .pool_max_idle_per_host(0)
        .connect_timeout(CONNECT_TIMEOUT)
        .tls_backend_preconfigured(tls);
    if let Some(proxy) = proxy {
        builder = builder.proxy(Proxy::https(proxy.as_str()).map_err(|_| UNBUILT)?);
    }
    builder.build().map_err(|_| UNBUILT)
}

async fn read(mut response: reqwest::Response, limit: usize) -> Answer {
    let (status, headers) = (response.status(), response.headers().clone());
    let mut flaw = (headers.len() > MAX_HEADER_FIELDS).then_some(Flaw::TooManyHeaderFields);
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= limit => body.extend_from_slice(&chunk),
            Ok(Some(_)) => break flaw = flaw.or(Some(Flaw::TooLong)),
            Ok(None) => break,
            Err(_) => break flaw = flaw.or(Some(Flaw::Cut)),
        }
    }
    Answer {
        status,
        headers,
        body: body.into(),
        flaw,
    }
}

/// Whether it goes over plain http: to a loopback address, and through no proxy.
fn is_plain(url: &Url) -> bool {
    url.scheme() == "http"
}

/// Only an error while connecting proves that nothing was sent.
fn classify(error: &reqwest::Error, through_proxy: bool) -> HttpFault {
    if error.is_builder() {
        HttpFault::NotSent("the request has no valid address")
    } else if !error.is_connect() {
        HttpFault::Lost
    } else if let Some(error) = tls_cause(error) {
        HttpFault::Untrusted(why_untrusted(error))
    } else if error.is_timeout() {
        HttpFault::NotSent("the server did not take the connection in time")
    } else if through_proxy {
        // It may refuse, not be there, or not reach the server itself.
        HttpFault::NotSent("the server cannot be reached through the proxy")
    } else {
        HttpFault::NotSent("the server cannot be reached")
    }
}

/// What TLS says, if it is among the causes. An `io::Error` hides what it wraps from `source`, so it is opened.
fn tls_cause<'a>(error: &'a (dyn std::error::Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(found) = error.downcast_ref() {
        return Some(found);
    }
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match wrapped {
        Some(inner) => tls_cause(inner),
        None => error.source().and_then(tls_cause),
    }
}
