//! The fakes behind the mocks of one row, and an SDK over the mocks.

use std::sync::Arc;

use vestibule::ports::testing::{
    IdpKind, JournalEntry, ManualClock, MemoryStorage, Outcome, Rotation, ScriptedGate, ScriptedIdp, SeededEntropy,
    SharedPresence, StoredRecord,
};
use vestibule::{Sdk, SdkSettings};

use crate::call_log::{CallLog, stage_word};
use crate::mocks;

pub(crate) const RECOVERABLE: IdpKind = IdpKind {
    recoverable: true,
    rotation: Rotation::Reuse(1),
};
pub(crate) const PLAIN: IdpKind = IdpKind {
    recoverable: false,
    rotation: Rotation::Reuse(1),
};

/// Everything around one SDK. A clone is the same world.
#[derive(Clone)]
pub(crate) struct World {
    pub(crate) idp: ScriptedIdp,
    pub(crate) disk: MemoryStorage,
    pub(crate) presence: SharedPresence,
    pub(crate) clock: ManualClock,
    pub(crate) entropy: SeededEntropy,
    pub(crate) gate: ScriptedGate,
    pub(crate) log: CallLog,
}

impl World {
    pub(crate) fn new(kind: IdpKind) -> Self {
        let clock = ManualClock::auto_advancing();
        Self {
            idp: ScriptedIdp::new(kind).with_clock(Arc::new(clock.clone())),
            disk: MemoryStorage::new(),
            presence: SharedPresence::new(),
            clock,
            entropy: SeededEntropy::new(11),
            gate: ScriptedGate::new(),
            log: CallLog::default(),
        }
    }

    /// An SDK over mocks of all ports.
    pub(crate) fn sdk(&self, settings: SdkSettings) -> Sdk {
        Sdk::builder(
            Arc::new(mocks::identity_provider(self)),
            Arc::new(mocks::secure_storage(self)),
        )
        .presence(Arc::new(mocks::flow_presence(self)))
        .password_source(Arc::new(mocks::password_source(self)))
        .biometric_gate(Arc::new(mocks::biometric_gate(self)))
        .entropy(Arc::new(mocks::entropy(self)))
        .clock(Arc::new(self.clock.clone()))
        .settings(settings)
        .build()
        .unwrap()
    }

    /// What lies on disk, in words: copies kept aside and queue entries, too; `+grant` where a grant that the IdP gave is
    /// in it.
    pub(crate) fn on_disk(&self) -> String {
        let mut words: Vec<String> = self.disk.records().iter().map(|record| self.word_of(record)).collect();
        words.sort();
        words.join(" ")
    }

    fn word_of(&self, record: &StoredRecord) -> String {
        let aside = if record.aside { "aside:" } else { "" };
        let grant = if self.holds_a_grant(record) { "+grant" } else { "" };
        format!("{aside}{}{grant}", stage_word(&record.header))
    }

    fn holds_a_grant(&self, record: &StoredRecord) -> bool {
        let within = |needle: &[u8]| {
            record
                .payload
                .expose()
                .windows(needle.len())
                .any(|window| window == needle)
        };
        self.idp.journal().entries().iter().any(|entry| match entry {
            JournalEntry::Closed { outcome, .. } => match outcome {
                Outcome::Enrolled { grant, .. } => within(grant.expose()),
                Outcome::Refreshed { successor: Some(grant) } => within(grant.expose()),
                _ => false,
            },
            _ => false,
        })
    }
}

/// What a future gives within very many turns of all tasks; a bug that waits for ever fails its test instead of hanging it.
pub(crate) async fn soon<T>(future: impl Future<Output = T>) -> T {
    tokio::select! {
        biased;
        output = future => output,
        () = turns(200_000) => panic!("it does not end"),
    }
}

async fn turns(count: usize) {
    for _ in 0..count {
        tokio::task::yield_now().await;
    }
}

/// Gives every other task many turns.
pub(crate) async fn let_others_finish() {
    turns(400).await;
}
