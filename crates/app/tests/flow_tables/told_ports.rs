//! Ports whose every request and reply is written down, and the secrets that went through them.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};
use vestibule::identifiers::{RealmId, RecordHandle, TenantId};
use vestibule::ports::testing::{MemoryStorage, ScriptedGate, ScriptedIdp};
use vestibule::ports::{
    BiometricGate, Content, Credential, Described, EnrollRequest, Enrolled, Entropy, EntropyError, GateAvailability,
    GateBlob, GateError, GateProperties, IdentityProvider, IdpError, Key, Opened, PasswordRequest, PasswordSource,
    PromptError, RecordsPage, RefreshRequest, Refreshed, RevokeRequest, SecureStorage, StorageError, WriteRequest,
    Written,
};
use vestibule::record::{Lookup, Place, Revision};
use vestibule::secret::{GateKey, Password};

/// All that anybody printed, and all that nobody may.
#[derive(Clone, Default)]
pub(crate) struct Diary(Arc<Mutex<Pages>>);

#[derive(Default)]
struct Pages {
    /// Each line once: a story repeats itself.
    lines: BTreeSet<String>,
    secrets: BTreeSet<(&'static str, Vec<u8>)>,
}

impl Diary {
    /// Writes a value down as a log line or a failed assertion would.
    pub(crate) fn tell(&self, value: &impl Debug) {
        self.tell_text(&format!("{value:?}\n{value:#?}"));
    }

    pub(crate) fn tell_text(&self, words: &str) {
        self.0.lock().unwrap().lines.extend(words.lines().map(str::to_owned));
    }

    pub(crate) fn hide(&self, what: &'static str, secret: &[u8]) {
        self.0.lock().unwrap().secrets.insert((what, secret.to_vec()));
    }

    pub(crate) fn text(&self) -> String {
        self.0
            .lock()
            .unwrap()
            .lines
            .iter()
            .fold(String::new(), |text, line| text + line + "\n")
    }

    pub(crate) fn secrets(&self) -> BTreeSet<(&'static str, Vec<u8>)> {
        self.0.lock().unwrap().secrets.clone()
    }

    fn hide_credential(&self, credential: &Credential) {
        match credential {
            Credential::None => {}
            Credential::Password(password) => self.hide("password", password.expose().as_bytes()),
            Credential::Biometric { key, .. } => self.hide("gate key", key.expose()),
        }
    }
}

/// A port with a diary.
pub(crate) struct Told<P>(pub(crate) P, pub(crate) Diary);

impl<P> Told<P> {
    fn told<T: Debug, E: Debug + std::fmt::Display>(&self, reply: Result<T, E>) -> Result<T, E> {
        self.1.tell(&reply);
        if let Err(error) = &reply {
            self.1.tell_text(&error.to_string());
        }
        reply
    }
}

#[async_trait]
impl IdentityProvider for Told<ScriptedIdp> {
    fn realm(&self, tenant: &TenantId) -> Result<RealmId, IdpError> {
        self.told(self.0.realm(tenant))
    }

    async fn enroll(&self, request: EnrollRequest) -> Result<Enrolled, IdpError> {
        self.1.tell(&request);
        self.1.hide("enrolment key", request.key.expose());
        let reply = self.told(self.0.enroll(request).await);
        if let Ok(enrolled) = &reply {
            self.1.hide("grant", enrolled.grant.expose());
        }
        reply
    }

    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed, IdpError> {
        self.1.tell(&request);
        let reply = self.told(self.0.refresh(request).await);
        if let Ok(refreshed) = &reply {
            refreshed
                .successor
                .iter()
                .for_each(|grant| self.1.hide("grant", grant.expose()));
            refreshed
                .access_token
                .iter()
                .for_each(|reply| self.1.hide("token", reply.token.expose().as_bytes()));
        }
        reply
    }

    async fn revoke(&self, request: RevokeRequest) -> Result<(), IdpError> {
        self.1.tell(&request);
        self.told(self.0.revoke(request).await)
    }
}

#[async_trait]
impl SecureStorage for Told<MemoryStorage> {
    async fn list(&self, after: Option<RecordHandle>, limit: usize) -> Result<RecordsPage, StorageError> {
        self.told(self.0.list(after, limit).await)
    }

    async fn describe(&self, place: Place) -> Result<Lookup<Described>, StorageError> {
        self.1.tell(&place);
        self.told(self.0.describe(place).await)
    }

    async fn open(&self, place: Place, key: Key) -> Result<Opened, StorageError> {
        self.1.tell(&key);
        self.told(self.0.open(place, key).await)
    }

    async fn write(&self, request: WriteRequest) -> Result<Written, StorageError> {
        self.1.tell(&request);
        if let Content::Seal { credential, .. } = &request.content {
            self.1.hide_credential(credential);
        }
        let reply = self.told(self.0.write(request).await);
        if let Ok(written) = &reply {
            self.1.hide("record key", written.key.expose());
        }
        reply
    }

    async fn keep_aside(&self, handle: RecordHandle, revision: Revision) -> Result<RecordHandle, StorageError> {
        self.told(self.0.keep_aside(handle, revision).await)
    }

    async fn put_back(&self, aside: RecordHandle, expected: Option<Revision>) -> Result<Revision, StorageError> {
        self.told(self.0.put_back(aside, expected).await)
    }

    async fn remove(&self, handle: RecordHandle, revision: Revision) -> Result<(), StorageError> {
        self.told(self.0.remove(handle, revision).await)
    }
}

#[async_trait]
impl PasswordSource for Told<&'static str> {
    async fn ask(&self, request: PasswordRequest) -> Result<Password, PromptError> {
        self.1.tell(&request);
        self.told(Ok(Password::new(self.0.to_owned())))
    }
}

#[async_trait]
impl BiometricGate for Told<ScriptedGate> {
    async fn availability(&self) -> GateAvailability {
        self.0.availability().await
    }

    fn properties(&self) -> GateProperties {
        self.0.properties()
    }

    async fn wrap(&self, label: &str, key: GateKey) -> Result<GateBlob, GateError> {
        self.1.tell(&key);
        self.told(self.0.wrap(label, key).await)
    }

    async fn unwrap(&self, label: &str, blob: GateBlob) -> Result<GateKey, GateError> {
        self.told(self.0.unwrap(label, blob).await)
    }

    async fn forget(&self, label: &str) -> Result<(), GateError> {
        self.told(self.0.forget(label).await)
    }
}

impl<E: Entropy> Entropy for Told<E> {
    /// What is drawn for a key is a secret; shorter draws are names.
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        let reply = self.0.fill(buffer);
        if buffer.len() >= 32 {
            self.1.hide("drawn key", buffer);
        }
        reply
    }
}

thread_local! {
    /// Who hears what is logged on this thread.
    static LISTENS: RefCell<Option<Diary>> = const { RefCell::new(None) };
}

/// Hears every event and span of `tracing` at every level, and writes it into the diary of its thread. It is the
/// process's one subscriber: a scoped one may stay deaf to what other threads logged first.
struct Listener;

/// Writes into the diary what this thread logs, until it is dropped.
pub(crate) struct Listening;

pub(crate) fn listen(diary: &Diary) -> Listening {
    // Whoever comes second finds the listener there.
    let _ = tracing::subscriber::set_global_default(Listener);
    LISTENS.set(Some(diary.clone()));
    Listening
}

impl Drop for Listening {
    fn drop(&mut self) {
        LISTENS.set(None);
    }
}

fn heard(words: &str) {
    LISTENS.with_borrow(|diary| diary.iter().for_each(|diary| diary.tell_text(words)));
}

impl Subscriber for Listener {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        heard(span.metadata().name());
        span.record(&mut Fields);
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields);
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        heard(&format!("{} {}", event.metadata().level(), event.metadata().target()));
        event.record(&mut Fields);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

struct Fields;

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        heard(&format!("{}={value:?}", field.name()));
    }
}
