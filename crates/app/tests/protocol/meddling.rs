//! Strangers: what happens to a record while the IdP is being asked.

use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use vestibule::identifiers::{RealmId, TenantId, WriteId};
use vestibule::ports::testing::{IdpCall, JournalEntry, Outcome, ScriptedIdp, StoredRecord};
use vestibule::ports::{
    Content, Credential, EnrollRequest, Enrolled, IdentityProvider, IdpError, Key, RefreshRequest, Refreshed,
    RevokeRequest, SecureStorage, WriteRequest,
};
use vestibule::record::{Header, Lease, Place, Stage};
use vestibule::secret::{Grant, Payload};
use vestibule::status::Hint;
use vestibule::{Failure, Sdk};

use crate::world::World;

/// What becomes of the answer behind which something happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answered {
    AsItIs,
    Lost,
    Never,
}

type Act = Box<dyn FnOnce() + Send>;

/// An IdP that lets something happen once, behind its next request of a kind.
pub(crate) struct Meddling {
    inner: ScriptedIdp,
    act: Arc<Mutex<Option<(IdpCall, Answered, Act)>>>,
}

impl Meddling {
    pub(crate) fn new(world: &World, call: IdpCall, answered: Answered, act: impl FnOnce() + Send + 'static) -> Self {
        let act: Act = Box::new(act);
        Self {
            inner: world.idp.clone(),
            act: Arc::new(Mutex::new(Some((call, answered, act)))),
        }
    }

    async fn behind<T>(&self, call: IdpCall, answer: Result<T, IdpError>) -> Result<T, IdpError> {
        let due = self.act.lock().unwrap().take_if(|(due, _, _)| *due == call);
        let Some((_, answered, act)) = due else {
            return answer;
        };
        act();
        match answered {
            Answered::AsItIs => answer,
            Answered::Lost => Err(IdpError::AnswerLost(Hint::new("lost"))),
            Answered::Never => std::future::pending().await,
        }
    }
}

#[async_trait]
impl IdentityProvider for Meddling {
    fn realm(&self, tenant: &TenantId) -> Result<RealmId, IdpError> {
        // One realm, two names.
        match tenant.as_str() {
            "acme-too" => self.inner.realm(&TenantId::parse("acme").unwrap()),
            _ => self.inner.realm(tenant),
        }
    }

    async fn enroll(&self, request: EnrollRequest) -> Result<Enrolled, IdpError> {
        let answer = self.inner.enroll(request).await;
        self.behind(IdpCall::Enroll, answer).await
    }

    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed, IdpError> {
        let answer = self.inner.refresh(request).await;
        self.behind(IdpCall::Refresh, answer).await
    }

    async fn revoke(&self, request: RevokeRequest) -> Result<(), IdpError> {
        self.inner.revoke(request).await
    }
}

/// Runs an SDK over such an IdP on a runtime of its own.
pub(crate) fn with<F: Future<Output = Result<(), Failure>>>(
    world: &World,
    idp: Meddling,
    live: impl FnOnce(Sdk) -> F,
) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let sdk = Sdk::builder(Arc::new(idp), Arc::new(world.disk.clone()))
            .presence(Arc::new(world.presence.another_process()))
            .clock(Arc::new(world.clock.clone()))
            .entropy(Arc::new(world.entropy.clone()))
            .build()
            .expect("inside a runtime");
        live(sdk).await
    })
}

/// The record in its slot.
pub(crate) fn standing(world: &World) -> StoredRecord {
    let in_slot = |record: &StoredRecord| !record.aside && !matches!(record.header.stage, Stage::Revoking { .. });
    world.disk.records().into_iter().find(in_slot).expect("a record")
}

/// How many revocations are queued.
pub(crate) fn queued(world: &World) -> usize {
    let is_queued = |entry: &JournalEntry| match entry {
        JournalEntry::Stored { header, .. } => matches!(header.stage, Stage::Revoking { .. }),
        _ => false,
    };
    world.journal.entries().iter().filter(|entry| is_queued(entry)).count()
}

pub(crate) fn nobodys(world: &World) -> Lease {
    use vestibule::ports::Clock as _;
    Lease {
        owner: None,
        written: world.clock.since_boot(),
    }
}

/// A stranger writes the record once more, as `change` says.
pub(crate) fn stranger(world: &World, grant: Option<&Grant>, change: impl FnOnce(&Header, WriteId) -> Header) {
    let record = standing(world);
    let place = Place::Slot(record.header.slot.clone());
    let opened = now(world.disk.open(place.clone(), Key::Credential(Credential::None))).unwrap();
    let header = change(&opened.header, WriteId::from_bytes([0xee; 16]));
    let payload = match grant {
        Some(grant) => exchanged(&opened.payload, grant, world),
        None => opened.payload,
    };
    let content = if header.epoch == opened.header.epoch {
        Content::Reseal {
            payload,
            key: opened.key,
        }
    } else {
        let credential = Credential::None;
        Content::Seal { payload, credential }
    };
    let write = WriteRequest::new(place, Some(opened.revision), header, content);
    now(world.disk.write(write)).unwrap();
}

/// The grant that a record holds.
pub(crate) fn grant_of(world: &World) -> Grant {
    let payload = standing(world).payload;
    let given = given(world);
    let held = given
        .into_iter()
        .rev()
        .find(|grant| crate::oracle::log::holds(payload.expose(), grant.expose()));
    held.expect("a grant that the IdP gave")
}

/// Every grant that the IdP gave, in order.
pub(crate) fn given(world: &World) -> Vec<Grant> {
    let entries = world.journal.entries().into_iter();
    entries
        .filter_map(|entry| match entry {
            JournalEntry::Closed {
                outcome: Outcome::Enrolled { grant, .. },
                ..
            } => Some(grant),
            JournalEntry::Closed {
                outcome: Outcome::Refreshed { successor },
                ..
            } => successor,
            _ => None,
        })
        .collect()
}

/// The same content with another grant in it, of the same length.
fn exchanged(payload: &Payload, by: &Grant, world: &World) -> Payload {
    let old = grant_of(world);
    let mut bytes = payload.expose().to_vec();
    let at = bytes
        .windows(old.expose().len())
        .position(|window| window == old.expose())
        .unwrap();
    bytes[at..at + old.expose().len()].copy_from_slice(by.expose());
    Payload::new(bytes)
}

/// What a future of a fake gives: it never waits.
pub(crate) fn now<T>(answer: impl Future<Output = T>) -> T {
    match pin!(answer).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("a fake waits"),
    }
}
