//! One flow's talk with one issuer: who asks whom, with which key, by which time.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{HeaderName, HeaderValue};
use http::{Method, Request};
use huskarl::core::dpop::AuthorizationServerDPoP;
use huskarl::core::time::Clock as _;
use url::Url;

use crate::deadline::Deadline;
use crate::dpop_key::DpopKey;
use crate::engine_wire::{EngineWire, prover, uri};
use crate::http::{Answer, Http, HttpFault, Limits, MAX_BODY_BYTES};
use crate::issuer_template::Issuer;
use crate::known_issuers::IssuerFacts;
use crate::oauth_refusal::Refusal;
use crate::server_time::{IssuerClock, ServerTime, WORTH_REPEATING_MS};

/// The header that carries a proof (RFC 9449, section 4.1).
pub(crate) const PROOF_HEADER: HeaderName = HeaderName::from_static("dpop");
/// The header by which a server names the nonce of the next proof (RFC 9449, section 8).
const NONCE_HEADER: &str = "dpop-nonce";

/// A talk with an issuer.
pub(crate) struct Conversation {
    pub(crate) issuer: Issuer,
    pub(crate) client_id: String,
    pub(crate) facts: IssuerFacts,
    /// The key that is proven; none where the device proves nothing.
    pub(crate) key: Option<DpopKey>,
    pub(crate) prover: Arc<dyn AuthorizationServerDPoP>,
    pub(crate) time: Arc<ServerTime>,
    http: Arc<Http>,
    end: Deadline,
}

/// What may make a refused request worth sending once more, each once: a nonce for the proof, a corrected clock.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    nonce: bool,
    clock: bool,
}

impl Conversation {
    pub(crate) fn new(
        issuer: Issuer,
        client_id: &str,
        facts: IssuerFacts,
        key: Option<DpopKey>,
        network: (Arc<Http>, Arc<ServerTime>),
        end: Deadline,
    ) -> Self {
        let (http, time) = network;
        let prover = prover(key.as_ref());
        Self {
            issuer,
            client_id: client_id.into(),
            facts,
            key,
            prover,
            time,
            http,
            end,
        }
    }

    /// The engine's way to the network, with the engine's proofs or without.
    pub(crate) fn wire(&self, timeout: Duration, proof: bool) -> EngineWire {
        let network = (Arc::clone(&self.http), Arc::clone(&self.time));
        EngineWire::new(network, self.issuer.clone(), (self.end, timeout), proof)
    }

    /// The engine's clock.
    pub(crate) fn clock(&self) -> IssuerClock {
        IssuerClock::new(Arc::clone(&self.time), self.issuer.as_str())
    }

    /// Sends one request with a proof for it, where the device proves its key.
    pub(crate) async fn send(
        &self,
        method: Method,
        url: &Url,
        headers: &[(HeaderName, &str)],
        body: Bytes,
        timeout: Duration,
    ) -> Result<Answer, HttpFault> {
        const UNMADE: HttpFault = HttpFault::NotSent("the request could not be made");
        let mut request = Request::new(body);
        for (name, value) in headers {
            request
                .headers_mut()
                .insert(name.clone(), HeaderValue::from_str(value).map_err(|_| UNMADE)?);
        }
        *request.uri_mut() = uri(url)?;
        let thumbprint = self.key.as_ref().map(DpopKey::thumbprint);
        let now = self.clock().now();
        let proof = self
            .prover
            .proof_at(&method, request.uri(), thumbprint, now)
            .await
            .map_err(|_| UNMADE)?;
        if let Some(proof) = proof {
            let mut value = HeaderValue::from_str(proof.expose_secret()).map_err(|_| UNMADE)?;
            value.set_sensitive(true);
            request.headers_mut().insert(PROOF_HEADER, value);
        }
        *request.method_mut() = method;
        let answer = self.http.send(request, self.limits(timeout)).await?;
        self.time.learn_from_answer(&self.issuer, url, &answer);
        Ok(answer)
    }

    /// By how much the device's clock is corrected now, in milliseconds.
    pub(crate) fn correction_ms(&self) -> i64 {
        let wall = self.time.device().wall().unix_ms();
        self.time.now(self.issuer.as_str()).unix_ms().saturating_sub(wall)
    }

    /// Whether a refused request is to be sent once more with a new proof: the server named a nonce, or its refusal
    /// taught us its time. `corrected_ms` is the correction that the refused proof was made with.
    pub(crate) fn repeat_helps(
        &self,
        refusal: &Refusal,
        answer: &Answer,
        corrected_ms: i64,
        repeats: &mut Repeats,
    ) -> bool {
        if self.key.is_none() {
            return false;
        }
        if refusal.code == "use_dpop_nonce" {
            let nonce = answer.header(NONCE_HEADER).filter(|nonce| !nonce.is_empty());
            if let Some(nonce) = nonce.filter(|_| !repeats.nonce) {
                self.prover.update_nonce(nonce.into());
                repeats.nonce = true;
                return true;
            }
            return false;
        }
        let moved = self.correction_ms().saturating_sub(corrected_ms).saturating_abs() >= WORTH_REPEATING_MS;
        let helps = refusal.may_be_a_stale_proof() && moved && !repeats.clock;
        repeats.clock |= helps;
        helps
    }

    /// Whether a refusal that a repeat did not cure is a matter of the clock.
    pub(crate) fn is_clock_skew(&self, refusal: &Refusal) -> bool {
        let known_wrong = self
            .ahead_ms()
            .is_some_and(|ahead| ahead.saturating_abs() >= WORTH_REPEATING_MS);
        refusal.says_stale_proof() || (refusal.may_be_a_stale_proof() && known_wrong)
    }

    /// By how much the device is ahead of the issuer, if that is known.
    pub(crate) fn ahead_ms(&self) -> Option<i64> {
        self.time.ahead_ms(self.issuer.as_str())
    }

    /// Never longer than what is left of the flow.
    fn limits(&self, timeout: Duration) -> Limits {
        Limits {
            body_bytes: MAX_BODY_BYTES,
            timeout: self.end.limit(self.time.device(), timeout),
        }
    }
}
