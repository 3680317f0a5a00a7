//! The engine's way to the network: our HTTP client, the raw answers kept.
//!
//! huskarl reads an answer its own way and drops what it cannot read. We keep every answer as it came, read it
//! ourselves, and know from the transport whether a request was sent.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HeaderValue};
use http::{Request, Uri};
use huskarl::core::dpop::{AuthorizationServerDPoP, DPoP, NoDPoP};
use huskarl::core::http::{HttpClient, HttpResponse, Idempotency};
use huskarl::core::platform::MaybeSendBoxFuture;
use huskarl::core::{EndpointUrl, Error, RetryAdvice};
use url::Url;

use crate::conversation::PROOF_HEADER;
use crate::deadline::Deadline;
use crate::dpop_key::DpopKey;
use crate::http::{Answer, Http, HttpFault, Limits, MAX_BODY_BYTES};
use crate::issuer_template::Issuer;
use crate::server_time::ServerTime;

/// One flow's way to the network.
#[derive(Clone)]
pub(crate) struct EngineWire {
    inner: Arc<Inner>,
}

struct Inner {
    http: Arc<Http>,
    time: Arc<ServerTime>,
    issuer: Issuer,
    end: Deadline,
    timeout: Duration,
    proof: bool,
    last: Mutex<Option<Result<Answer, HttpFault>>>,
}

impl EngineWire {
    /// A way that carries the engine's proofs, or takes them off. Each of its requests may take `timeout`, and never longer
    /// than up to the end of the flow: the engine and we may send more than one.
    pub(crate) fn new(
        network: (Arc<Http>, Arc<ServerTime>),
        issuer: Issuer,
        (end, timeout): (Deadline, Duration),
        proof: bool,
    ) -> Self {
        let (http, time) = network;
        let inner = Inner {
            http,
            time,
            issuer,
            end,
            timeout,
            proof,
            last: Mutex::default(),
        };
        Self { inner: Arc::new(inner) }
    }

    /// What the last request came to; taken once. An error when the engine sent nothing at all.
    pub(crate) fn take_last(&self) -> Result<Answer, HttpFault> {
        let last = self.inner.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        last.unwrap_or(Err(HttpFault::NotSent("the request could not be made")))
    }

    async fn send(&self, mut request: Request<Bytes>) -> Result<HttpResponse, Error> {
        request
            .headers_mut()
            .insert(ACCEPT, HeaderValue::from_static("application/json"));
        if !self.inner.proof {
            request.headers_mut().remove(PROOF_HEADER);
        }
        let url = Url::parse(&request.uri().to_string());
        let limits = Limits {
            body_bytes: MAX_BODY_BYTES,
            timeout: self.inner.end.limit(self.inner.time.device(), self.inner.timeout),
        };
        let outcome = self.inner.http.send(request, limits).await;
        if let (Ok(answer), Ok(url)) = (&outcome, url) {
            self.inner.time.learn_from_answer(&self.inner.issuer, &url, answer);
        }
        *self.inner.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome.clone());
        match outcome {
            // What breaks a rule is not for the engine, even where it could read it.
            Ok(Answer { flaw: Some(flaw), .. }) => Err(Error::new(RetryAdvice::No, flaw.why())),
            Ok(Answer {
                status, headers, body, ..
            }) => Ok(HttpResponse { status, headers, body }),
            Err(fault) => Err(Error::new(RetryAdvice::No, fault.why())),
        }
    }
}

impl HttpClient for EngineWire {
    fn execute(
        &self,
        request: Request<Bytes>,
        _idempotency: Idempotency,
    ) -> MaybeSendBoxFuture<'_, Result<HttpResponse, Error>> {
        Box::pin(self.send(request))
    }
}

/// What makes the proofs of one flow, and keeps the server's nonce for it; nothing where the device proves nothing.
pub(crate) fn prover(key: Option<&DpopKey>) -> Arc<dyn AuthorizationServerDPoP> {
    match key {
        Some(key) => Arc::new(DPoP::builder().signer(key.clone()).build()),
        None => Arc::new(NoDPoP),
    }
}

/// An address in the engine's words.
pub(crate) fn endpoint(url: &Url) -> Result<EndpointUrl, HttpFault> {
    uri(url).and_then(|uri| uri.to_string().parse().map_err(|_| NO_ADDRESS))
}

/// An address in the words of the HTTP types.
pub(crate) fn uri(url: &Url) -> Result<Uri, HttpFault> {
    url.as_str().parse().map_err(|_| NO_ADDRESS)
}

const NO_ADDRESS: HttpFault = HttpFault::NotSent("the server names an address that cannot be asked");
