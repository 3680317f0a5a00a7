//! What is known of each issuer: metadata and keys, fetched before anything is sent, kept in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::ACCEPT;
use http::{Request, StatusCode};
use url::{Origin, Url};
use vestibule_domain::instant::BootTime;
use vestibule_domain::status::Untrusted;

use crate::deadline::Deadline;
use crate::discovery::{BadMetadata, METADATA_LIFE_S, Metadata};
use crate::http::{Answer, Flaw, Http, HttpFault, Limits, MAX_BODY_BYTES, REQUEST_TIMEOUT};
use crate::issuer_template::Issuer;
use crate::key_set::{KeySet, MAX_JWKS_BYTES};
use crate::server_time::ServerTime;

/// How often keys are fetched again at most, for a key that is not known: once per issuer in this time.
pub const KEYS_REFETCH_INTERVAL: Duration = Duration::from_secs(5 * 60);

/// Every issuer that was asked in this process.
pub(crate) struct KnownIssuers {
    http: Arc<Http>,
    time: Arc<ServerTime>,
    extra_origins: Vec<Origin>,
    known: Mutex<HashMap<String, Known>>,
}

/// What is known of one issuer.
#[derive(Clone)]
pub(crate) struct IssuerFacts {
    pub(crate) metadata: Arc<Metadata>,
    pub(crate) keys: Arc<KeySet>,
}

#[derive(Clone)]
struct Known {
    facts: IssuerFacts,
    metadata_fetched: BootTime,
    /// When the keys were last fetched again because of a key that was not known.
    keys_refetched: Option<BootTime>,
    /// A token named a key that is not in the set.
    keys_stale: bool,
}

/// Why an issuer is not known. Nothing was sent of an identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum NotKnown {
    /// No answer.
    Fault(HttpFault),
    /// The server asks to wait.
    Wait(Option<Duration>),
    /// An answer with another status than 200.
    Status(StatusCode),
    /// An answer that breaks a rule.
    Bad(Untrusted),
}

impl KnownIssuers {
    pub(crate) fn new(http: Arc<Http>, time: Arc<ServerTime>, extra_origins: Vec<Origin>) -> Self {
        Self {
            http,
            time,
            extra_origins,
            known: Mutex::default(),
        }
    }

    /// Metadata and keys of an issuer, fetched where they are missing or old.
    pub(crate) async fn facts(
        &self,
        issuer: &Issuer,
        needs_proof: bool,
        end: Deadline,
    ) -> Result<IssuerFacts, NotKnown> {
        let now = self.time.device().since_boot();
        let known = self.lock().get(issuer.as_str()).cloned();
        let keys_refetched = known.as_ref().and_then(|known| known.keys_refetched);
        let fresh = known.filter(|known| is_younger(known.metadata_fetched, now, Duration::from_secs(METADATA_LIFE_S)));
        let (metadata, metadata_fetched) = match &fresh {
            Some(known) => (Arc::clone(&known.facts.metadata), known.metadata_fetched),
            None => (Arc::new(self.fetch_metadata(issuer, end).await?), now),
        };
        // Keys may have been changed right after they were fetched, so how old they are says nothing.
        let has_to_wait = keys_refetched.is_some_and(|then| is_younger(then, now, KEYS_REFETCH_INTERVAL));
        let (keys, keys_refetched, keys_stale) = match fresh {
            Some(known) if !known.keys_stale || has_to_wait => (known.facts.keys, keys_refetched, known.keys_stale),
            Some(_) => (self.fetch_keys(issuer, &metadata.jwks, end).await?, Some(now), false),
            None => (
                self.fetch_keys(issuer, &metadata.jwks, end).await?,
                keys_refetched,
                false,
            ),
        };
        if needs_proof && !metadata.takes_proofs {
            return Err(NotKnown::breaks("it does not take proofs with ES256"));
        }
        let facts = IssuerFacts { metadata, keys };
        let known = Known {
            facts: facts.clone(),
            metadata_fetched,
            keys_refetched,
            keys_stale,
        };
        self.lock().insert(issuer.as_str().into(), known);
        Ok(facts)
    }

    /// Notes that a token named a key that is not known: the next flow fetches the keys again, before it asks.
    pub(crate) fn mark_keys_stale(&self, issuer: &Issuer) {
        if let Some(known) = self.lock().get_mut(issuer.as_str()) {
            known.keys_stale = true;
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn fetch_metadata(&self, issuer: &Issuer, end: Deadline) -> Result<Metadata, NotKnown> {
        let url = issuer
            .metadata_url()
            .ok_or_else(|| NotKnown::breaks("the issuer is no address"))?;
        let body = self.fetch(issuer, &url, MAX_BODY_BYTES, end).await?;
        Metadata::parse(&body, issuer, &self.extra_origins).map_err(|BadMetadata(why)| NotKnown::Bad(why))
    }

    async fn fetch_keys(&self, issuer: &Issuer, url: &Url, end: Deadline) -> Result<Arc<KeySet>, NotKnown> {
        let body = self.fetch(issuer, url, MAX_JWKS_BYTES, end).await?;
        KeySet::parse(&body)
            .map(Arc::new)
            .map_err(|refused| NotKnown::breaks(refused.why()))
    }

    async fn fetch(&self, issuer: &Issuer, url: &Url, body_bytes: usize, end: Deadline) -> Result<Bytes, NotKnown> {
        let request = Request::get(url.as_str())
            .header(ACCEPT, "application/json")
            .body(Bytes::new());
        let request = request.map_err(|_| NotKnown::breaks("an address that cannot be asked"))?;
        let answer = self
            .http
            .send(
                request,
                Limits {
                    body_bytes,
                    timeout: end.limit(self.time.device(), REQUEST_TIMEOUT),
                },
            )
            .await;
        let answer = answer.map_err(NotKnown::Fault)?;
        self.time.learn_from_answer(issuer, url, &answer);
        whole(answer)
    }
}

impl NotKnown {
    const fn breaks(rule: &'static str) -> Self {
        Self::Bad(Untrusted::Metadata(rule))
    }
}

fn whole(answer: Answer) -> Result<Bytes, NotKnown> {
    match answer.status {
        StatusCode::OK => match answer.flaw {
            None => Ok(answer.body),
            // A matter of the network, not of the server.
            Some(Flaw::Cut) => Err(NotKnown::Fault(HttpFault::Lost)),
            Some(flaw @ (Flaw::TooLong | Flaw::TooManyHeaderFields)) => Err(NotKnown::breaks(flaw.why())),
        },
        StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE => Err(NotKnown::Wait(answer.retry_after())),
        status => Err(NotKnown::Status(status)),
    }
}

fn is_younger(since: BootTime, now: BootTime, life: Duration) -> bool {
    now.checked_since(since).is_some_and(|age| age < life)
}
