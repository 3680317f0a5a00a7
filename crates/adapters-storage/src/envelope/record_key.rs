//! What reseals and re-opens one epoch of a record without a prompt: its protection and its data key, opaque to others.

use minicbor::{CborLen, Decode, Encode};
use vestibule_domain::secret::RecordKey;
use zeroize::{Zeroize, Zeroizing};

use super::aead::DataKey;
use super::key_schedule::KEY_BYTES;
use super::protection::Protection;
use super::{EnvelopeError, from_cbor, to_cbor};

/// The version of what a record key holds.
pub(crate) const RECORD_KEY_VERSION: u8 = 1;

/// A record key, taken apart.
#[derive(Encode, Decode, CborLen)]
pub(crate) struct OpenedKey {
    #[n(0)]
    version: u8,
    #[n(1)]
    pub protection: Protection,
    #[cbor(n(2), with = "minicbor::bytes")]
    data_key: [u8; KEY_BYTES],
}

impl OpenedKey {
    /// The key of an epoch.
    pub(crate) fn new(protection: Protection, data_key: &DataKey) -> Self {
        Self {
            version: RECORD_KEY_VERSION,
            protection,
            data_key: *data_key.0,
        }
    }

    /// The key as it is handed out.
    pub(crate) fn hand_out(&self) -> Result<RecordKey, EnvelopeError> {
        to_cbor(self).map(RecordKey::new)
    }

    /// Takes a key apart that this version handed out; `None` for any other bytes.
    pub(crate) fn take(key: &RecordKey) -> Option<Self> {
        from_cbor::<Self>(key.expose())
            .ok()
            .filter(|key| key.version == RECORD_KEY_VERSION)
    }

    /// The data key.
    pub(crate) fn data_key(&self) -> DataKey {
        DataKey(Zeroizing::new(self.data_key))
    }
}

impl Drop for OpenedKey {
    fn drop(&mut self) {
        self.data_key.zeroize();
    }
}
