//! The one door to storage, `write`, and the one door to the state, `conclude`.

mod held;
mod information;
mod tokens;

pub(crate) use held::{Closed, Held, WriteFault};

use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;
use vestibule_domain::identifiers::RecordHandle;
use vestibule_domain::notification::Notification;
use vestibule_domain::record::{Header, Place, Revision};
use vestibule_domain::sdk_state::{Fact, Holdings, SdkState};
use vestibule_ports::{Content, SecureStorage, StorageError, WriteRequest, Written};

use crate::notifications::{Notifications, Notifier};
use crate::outcome::{Counters, KnownRecord};
use crate::record_body::RecordBody;
use crate::tally::Tally;
use crate::token_cache::TokenCache;

/// A write whose outcome stays unclear is repeated so often, as the very same write.
const TRIES_OF_ONE_WRITE: u32 = 3;

/// What the SDK remembers and what it has told.
pub(crate) struct Ledger {
    storage: Arc<dyn SecureStorage>,
    memory: Mutex<Memory>,
    notifier: Notifier,
    /// The state, for what goes on in the background.
    states: watch::Sender<SdkState>,
    /// The place of the state in [`SdkState::ALL`], for whoever waits for no lock.
    shown: AtomicU8,
    tokens: TokenCache,
    /// Beside the other counters: a token from memory waits for no lock.
    cached_tokens: Tally,
}

struct Memory {
    /// Changes with every conclusion: what a flow concludes counts only in the era that it began in.
    era: u64,
    /// Changes whenever the access tokens are dropped: one that was asked for before is not kept.
    tokens_dropped: u64,
    state: SdkState,
    known: Vec<KnownRecord>,
    session: Option<Held>,
    /// What was open when the SDK was suspended; its keys are wiped.
    suspended: Option<Closed>,
    /// The last era that a suspend ended: no token of it or of one before is handed out any more.
    last_suspended: Option<u64>,
    counters: Counters,
}

impl Ledger {
    pub(crate) fn new(storage: Arc<dyn SecureStorage>) -> Self {
        let memory = Memory {
            era: 0,
            tokens_dropped: 0,
            state: SdkState::NotStarted,
            known: Vec::new(),
            session: None,
            suspended: None,
            last_suspended: None,
            counters: Counters::default(),
        };
        Self {
            storage,
            memory: Mutex::new(memory),
            notifier: Notifier::default(),
            states: watch::Sender::new(SdkState::NotStarted),
            shown: AtomicU8::default(),
            tokens: TokenCache::default(),
            cached_tokens: Tally::default(),
        }
    }

    /// Writes. An unclear outcome is asked again as the very same write; what stays unclear is an error.
    pub(crate) async fn write(
        &self,
        place: &Place,
        expected: Option<&Revision>,
        header: &Header,
        content: &Content,
    ) -> Result<Written, WriteFault> {
        let mut unclear = false;
        for _ in 0..TRIES_OF_ONE_WRITE {
            let request = WriteRequest::new(place.clone(), expected.cloned(), header.clone(), content.clone());
            match self.storage.write(request).await {
                Ok(written) => return Ok(written),
                Err(StorageError::Unclear) => unclear = true,
                Err(error) => return Err(WriteFault { error, unclear }),
            }
        }
        Err(WriteFault {
            error: StorageError::Unclear,
            unclear,
        })
    }

    /// Writes a record that is open, under the protection that it has, and holds what stands then.
    pub(crate) async fn reseal(&self, held: &mut Held, header: Header, body: RecordBody) -> Result<bool, WriteFault> {
        let content = match body.encode() {
            Ok(payload) => Content::Reseal {
                payload,
                key: held.key.clone(),
            },
            Err(_) => {
                return Err(WriteFault {
                    error: StorageError::Unavailable("the body does not encode"),
                    unclear: false,
                });
            }
        };
        let written = self.write(&held.place, Some(&held.revision), &header, &content).await?;
        held.revision = written.revision;
        held.key = written.key;
        held.header = header;
        held.body = body;
        Ok(written.room)
    }

    /// Concludes a fact: the state follows from it. `session` is what is open from now on; everything else that memory
    /// held is wiped. A flow that began in an era which has passed concludes nothing, and is told so.
    pub(crate) fn conclude(&self, era: u64, fact: Fact, session: Option<Held>) -> bool {
        let mut memory = self.memory();
        if memory.era != era {
            return false;
        }
        memory.era += 1;
        memory.session = session;
        memory.suspended = None;
        self.drop_tokens(&mut memory);
        self.follow(&mut memory, fact);
        true
    }

    /// Wipes keys and tokens, and remembers whose record it was that was open.
    pub(crate) fn suspend(&self) {
        let mut memory = self.memory();
        memory.last_suspended = Some(memory.era);
        memory.era += 1;
        memory.suspended = memory.session.take().map(|held| Closed {
            place: held.place,
            header: held.header,
        });
        self.drop_tokens(&mut memory);
        self.follow(&mut memory, Fact::Suspended);
    }

    /// What was open when the SDK was suspended.
    pub(crate) fn suspended(&self) -> Option<Closed> {
        self.memory().suspended.clone()
    }

    fn drop_tokens(&self, memory: &mut Memory) {
        memory.tokens_dropped += 1;
        self.tokens.clear();
    }

    /// A user stands on disk, but the flow that wrote it was overtaken and may not log it in. An app that was told that
    /// nobody is here hears of it; what else runs goes on.
    pub(crate) fn conclude_user_stands(&self) {
        let mut memory = self.memory();
        if memory.state == SdkState::ActivationRequired {
            self.follow(&mut memory, Fact::Started(Holdings::PerhapsUsers));
        }
    }

    fn follow(&self, memory: &mut Memory, fact: Fact) {
        let from = memory.state;
        memory.state = fact.leads_to();
        let to = memory.state;
        let place = SdkState::ALL.into_iter().zip(0..).find(|(state, _)| *state == to);
        self.shown.store(place.map_or(0, |(_, place)| place), Ordering::Release);
        self.states.send_replace(to);
        if from != to {
            self.notifier.tell(&Notification::StateChanged { from, to });
        }
    }

    /// Ends this very era, if it lasts still: the event was answered, so that its flow, which goes on, must not log
    /// anybody in behind the app's back.
    pub(crate) fn give_up_era(&self, era: u64) {
        let mut memory = self.memory();
        if memory.era == era {
            memory.era += 1;
        }
    }

    /// Ends the era without a fact, so that flows which still run conclude nothing more.
    pub(crate) fn end_era(&self) -> u64 {
        let mut memory = self.memory();
        memory.era += 1;
        memory.session = None;
        self.drop_tokens(&mut memory);
        memory.era
    }

    /// Holds what now stands of the session's record.
    pub(crate) fn update_session(&self, era: u64, held: Held) {
        let mut memory = self.memory();
        if memory.era == era && memory.session.is_some() {
            memory.session = Some(held);
        }
    }

    /// Holds a record under its new protection, whatever has happened to the session meanwhile: the key that it held opens
    /// nothing any more.
    pub(crate) fn adopt_protection(&self, held: Held) {
        let mut memory = self.memory();
        let is_older = |standing: &mut Held| {
            standing.header.record_id == held.header.record_id && standing.header.epoch < held.header.epoch
        };
        if memory.session.as_mut().is_some_and(is_older) {
            memory.session = Some(held);
            self.drop_tokens(&mut memory);
        }
    }

    /// What is open, in which era.
    pub(crate) fn session(&self) -> Option<(u64, Held)> {
        let memory = self.memory();
        memory.session.as_ref().map(|held| (memory.era, held.clone()))
    }

    pub(crate) fn state_and_era(&self) -> (SdkState, u64) {
        let memory = self.memory();
        (memory.state, memory.era)
    }

    pub(crate) fn state(&self) -> SdkState {
        let place = usize::from(self.shown.load(Ordering::Acquire));
        SdkState::ALL.get(place).copied().unwrap_or(SdkState::NotStarted)
    }

    /// The state from now on, until the SDK is gone.
    pub(crate) fn states(&self) -> watch::Receiver<SdkState> {
        self.states.subscribe()
    }

    /// Whether the app was told last that what lies there cannot be read. Once it can, it is another record than the app
    /// named by that handle.
    pub(crate) fn is_told_unreadable(&self, handle: RecordHandle) -> bool {
        let known = &self.memory().known;
        known
            .iter()
            .any(|known| known.handle == handle && known.content.is_err())
    }

    /// The records that were last read.
    pub(crate) fn known(&self) -> Vec<KnownRecord> {
        self.memory().known.clone()
    }

    pub(crate) fn remember(&self, known: Vec<KnownRecord>) {
        self.memory().known = known;
    }

    /// Remembers one record in the place of what was known under its handle.
    pub(crate) fn remember_one(&self, record: KnownRecord) {
        let mut memory = self.memory();
        memory.known.retain(|known| known.handle != record.handle);
        memory.known.push(record);
    }

    pub(crate) fn count(&self, change: impl FnOnce(&mut Counters)) {
        change(&mut self.memory().counters);
    }

    pub(crate) fn tell(&self, notification: &Notification) {
        self.notifier.tell(notification);
    }

    pub(crate) fn notifications(&self) -> Notifications {
        self.notifier.subscribe()
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
