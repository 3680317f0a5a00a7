//! One request to one realm, as the endpoints see it.

use std::sync::Arc;

use axum::http::{HeaderMap, Method};

use crate::client::{self, Binding, Client};
use crate::clock::Clock;
use crate::dpop_proof::{self, Expected, ProofFault, SeenProofs};
use crate::endpoint::Endpoint;
use crate::parameters::Parameters;
use crate::realm::{DeviceProof, RealmSettings};
use crate::realm_state::RealmState;
use crate::refusal::Refusal;
use crate::request_log::{RequestLog, RequestRecord};
use crate::scenes::SceneQueue;
use crate::store::Store;

/// The server behind all requests.
pub(crate) struct Idp {
    pub(crate) port: u16,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) realms: std::collections::BTreeMap<String, RealmSettings>,
    pub(crate) store: Store,
    pub(crate) log: RequestLog,
    pub(crate) scenes: SceneQueue,
    pub(crate) seen_proofs: SeenProofs,
}

impl std::fmt::Debug for Idp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Idp").field("port", &self.port).finish_non_exhaustive()
    }
}

impl Idp {
    pub(crate) fn realm_settings(&self, tenant: &str) -> RealmSettings {
        self.realms
            .get(tenant)
            .cloned()
            .unwrap_or_else(|| RealmSettings::for_tenant(tenant))
    }

    pub(crate) fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

/// Whether a client must prove its key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ProofRule {
    Mandatory,
    Voluntary,
    Ignored,
}

/// The request.
pub(crate) struct Call {
    pub(crate) idp: Arc<Idp>,
    /// Its number in the request log.
    pub(crate) number: u64,
    pub(crate) endpoint: Endpoint,
    /// Decoded.
    pub(crate) tenant: String,
    /// The tenant's path segment as the client wrote it: the issuer is spelt so, byte for byte.
    pub(crate) segment: String,
    pub(crate) settings: RealmSettings,
    pub(crate) method: Method,
    pub(crate) headers: HeaderMap,
    pub(crate) query: Parameters,
    pub(crate) form: Parameters,
}

impl Call {
    pub(crate) fn now(&self) -> u64 {
        self.idp.clock.now()
    }

    pub(crate) fn issuer(&self) -> String {
        format!("{}/realms/{}", self.idp.origin(), self.segment)
    }

    pub(crate) fn url(&self, endpoint: Endpoint) -> String {
        format!("{}{}", self.issuer(), endpoint.path())
    }

    /// Changes the realm; see [`Store::change`].
    pub(crate) fn change<T>(&self, act: impl FnOnce(&mut RealmState) -> Result<T, Refusal>) -> Result<T, Refusal> {
        self.idp.store.change(&self.tenant, self.now(), act)
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut RequestRecord)) {
        self.idp.log.amend(self.number, change);
    }

    /// The client that the form names.
    pub(crate) fn client(&self) -> Result<Client, Refusal> {
        self.form
            .optional("client_id")
            .and_then(client::find)
            .ok_or_else(Refusal::invalid_client)
    }

    /// The key that this request proves. Proofs are not looked at in a realm that ignores them.
    pub(crate) fn proven_key(&self) -> Result<Option<String>, ProofFault> {
        if self.settings.device_proof_in_effect() == DeviceProof::Ignored {
            return Ok(None);
        }
        let (method, url) = (self.method.as_str(), self.url(self.endpoint));
        let expected = Expected {
            method,
            url: &url,
            now: self.now(),
        };
        match dpop_proof::thumbprint_proven(&self.headers, expected, &self.idp.seen_proofs) {
            Ok(thumbprint) => {
                self.note(|record| record.proof_thumbprint = Some(thumbprint.clone()));
                Ok(Some(thumbprint))
            }
            Err(ProofFault::Missing) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    pub(crate) fn proof_rule(&self, client: Client) -> ProofRule {
        match (self.settings.device_proof_in_effect(), client.binding) {
            (DeviceProof::Ignored, _) => ProofRule::Ignored,
            (DeviceProof::Demanded, Binding::RefreshOnly) => ProofRule::Mandatory,
            (DeviceProof::Demanded, Binding::AccessToo) | (DeviceProof::Accepted, _) => ProofRule::Voluntary,
        }
    }
}
