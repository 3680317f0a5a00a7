//! The keys that a biometric gate keeps for records: one per record and epoch, so that a new protection never destroys
//! the key of the old one before it stands.

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::RecordId;
use vestibule_domain::record::Header;

use crate::core::Core;

/// What every label of ours begins with.
pub(crate) const LABEL_PREFIX: &str = "vestibule";

/// The protection that a gate key belongs to: one epoch of one record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GateKeyOwner {
    pub record_id: RecordId,
    pub epoch: u64,
}

impl GateKeyOwner {
    /// The protection that a new identity begins with.
    pub(crate) const fn first(record_id: RecordId) -> Self {
        Self { record_id, epoch: 1 }
    }

    /// The protection that stands under this header.
    pub(crate) const fn of(header: &Header) -> Self {
        Self {
            record_id: header.record_id,
            epoch: header.epoch,
        }
    }

    /// The protection that comes after the one under this header.
    pub(crate) const fn after(header: &Header) -> Self {
        Self {
            record_id: header.record_id,
            epoch: header.epoch.saturating_add(1),
        }
    }

    /// The protection that a deletion has ended: a Deleting record is sealed anew, in mode `no`.
    pub(crate) const fn before_deletion(deleting: &Header) -> Self {
        Self {
            record_id: deleting.record_id,
            epoch: deleting.epoch.saturating_sub(1),
        }
    }

    /// The label that the gate keeps the key under.
    pub(crate) fn label(self) -> String {
        format!("{LABEL_PREFIX}.{}.{}", self.record_id, self.epoch)
    }
}

/// Forgets the key of a protection that stands no more. Nothing depends on it: what the gate keeps of it opens nothing.
pub(crate) async fn forget(core: &Core, owner: GateKeyOwner) {
    let Some(gate) = core.ports.biometric_gate.as_deref() else {
        return;
    };
    if let Err(error) = gate.forget(&owner.label()).await {
        tracing::info!(%error, "a biometric gate keeps a key that opens nothing any more");
    }
}

/// Forgets the key of a record that is gone or sealed anew; a record in another mode has none.
pub(crate) async fn forget_key_of(core: &Core, header: &Header) {
    match header.mode {
        AuthenticationMode::Biometric => forget(core, GateKeyOwner::of(header)).await,
        AuthenticationMode::No | AuthenticationMode::Password => {}
    }
}
