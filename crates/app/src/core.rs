//! What every flow of one SDK shares: the ports, the ledger, who is at work in this process.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Mutex as AsyncMutex, Notify, OwnedMutexGuard};
use vestibule_domain::identifiers::{Audience, WriteId};
use vestibule_domain::instant::BootTime;
use vestibule_domain::record::{Lease, Slot};
use vestibule_domain::record_lease::WAIT_FOR_OWNER;
use vestibule_domain::rotation::OUTDATED_RESTS;
use vestibule_domain::status::Cause;
use vestibule_ports::{
    BiometricGate, Clock, Entropy, FlowPresence, IdentityProvider, Interrupt, PasswordSource, SecureStorage,
};

use crate::adapter_call::within;
use crate::ledger::Ledger;
use crate::outcome::IamToken;
use crate::revocation_worker::Revocations;
use crate::sdk_settings::SdkSettings;
use crate::single_flight::SingleFlight;

/// The adapters that an SDK was built over.
pub(crate) struct Ports {
    pub(crate) idp: Arc<dyn IdentityProvider>,
    pub(crate) storage: Arc<dyn SecureStorage>,
    pub(crate) presence: Arc<dyn FlowPresence>,
    pub(crate) password_source: Option<Arc<dyn PasswordSource>>,
    pub(crate) biometric_gate: Option<Arc<dyn BiometricGate>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) entropy: Arc<dyn Entropy>,
}

/// What every flow of one SDK shares.
pub struct Core {
    pub(crate) ports: Ports,
    pub(crate) settings: SdkSettings,
    pub(crate) ledger: Ledger,
    pub(crate) revocations: Revocations,
    /// By the session's era, by how often tokens were dropped, and by audience.
    pub(crate) token_flights: SingleFlight<(u64, u64, Audience), Result<Arc<IamToken>, Cause>>,
    slots: Mutex<HashMap<Slot, Arc<AsyncMutex<()>>>>,
    widened: Mutex<Vec<(Slot, Audience)>>,
    refused: Mutex<HashMap<Slot, BootTime>>,
}

impl Core {
    pub(crate) fn new(ports: Ports, settings: SdkSettings) -> Self {
        let ledger = Ledger::new(Arc::clone(&ports.storage));
        Self {
            ports,
            settings,
            ledger,
            revocations: Revocations::default(),
            token_flights: SingleFlight::default(),
            slots: Mutex::default(),
            widened: Mutex::default(),
            refused: Mutex::default(),
        }
    }

    /// Sixteen random bytes for a name of our own.
    pub(crate) fn random_16(&self) -> Result<[u8; 16], Cause> {
        let mut bytes = [0; 16];
        self.ports.entropy.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// A random number, to spread what many devices do. Without entropy it is a fixed one.
    pub(crate) fn random_64(&self) -> u64 {
        let mut bytes = [0xff; 8];
        match self.ports.entropy.fill(&mut bytes) {
            Ok(()) => u64::from_le_bytes(bytes),
            Err(_) => u64::MAX / 3,
        }
    }

    pub(crate) fn make_write_id(&self) -> Result<WriteId, Cause> {
        self.random_16().map(WriteId::from_bytes)
    }

    pub(crate) fn now(&self) -> BootTime {
        self.ports.clock.since_boot()
    }

    /// A lease that nobody owns, written now.
    pub(crate) fn lease_of_nobody(&self) -> Lease {
        Lease {
            owner: None,
            written: self.now(),
        }
    }

    /// Makes the flows of this process take turns at a slot. A flow that is still writing is waited for.
    ///
    /// # Errors
    /// `Busy` after [`WAIT_FOR_OWNER`].
    pub(crate) async fn enter_slot(&self, slot: &Slot) -> Result<OwnedMutexGuard<()>, Cause> {
        let lock = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(slots.entry(slot.clone()).or_default())
        };
        let clock = &*self.ports.clock;
        within(clock, WAIT_FOR_OWNER, lock.lock_owned())
            .await
            .ok_or(Cause::RecordInUse)
    }

    /// Remembers that the IdP has just refused the grant of a slot.
    pub(crate) fn remember_refusal(&self, slot: &Slot) {
        let now = self.now();
        self.refused
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(slot.clone(), now);
    }

    /// Whether the IdP has refused the grant of a slot just now.
    pub(crate) fn was_just_refused(&self, slot: &Slot) -> bool {
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let age = refused.get(slot).and_then(|at| self.now().checked_since(*at));
        age.is_some_and(|age| age < OUTDATED_RESTS)
    }

    /// Returns once no flow of this handle is at work on a record: those beside the queue, and those that go on after their
    /// caller was answered, hold their slot, too.
    pub(crate) async fn until_records_rest(&self) {
        let slots: Vec<_> = {
            let slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            slots.values().map(Arc::clone).collect()
        };
        for slot in slots {
            drop(slot.lock_owned().await);
        }
    }

    /// Whether a slot may be enrolled once more for an audience that it lacks: once per audience and process.
    pub(crate) fn may_widen(&self, slot: &Slot, audience: &Audience) -> bool {
        let mut widened = self.widened.lock().unwrap_or_else(PoisonError::into_inner);
        let asked = (slot.clone(), audience.clone());
        let first = !widened.contains(&asked);
        if first {
            widened.push(asked);
        }
        first
    }
}

/// What one flow runs in.
#[derive(Clone)]
pub struct FlowContext {
    pub(crate) core: Arc<Core>,
    /// Raised when the flow is to stop where it still can.
    pub(crate) interrupt: Interrupt,
    /// Told when a write that must not be given up takes too long for the caller to wait.
    pub(crate) overdue: Arc<Notify>,
    /// The ledger's era when the flow began: what it concludes counts only while that lasts.
    pub(crate) era: u64,
}
