//! The mac over a whole record: it lets `list` and `describe` trust a header without opening anything.
//!
//! ```text
//! index   = what the device key derives for label `index`, once per process
//! mac key = HKDF-Expand(index, "record" || record id, 32)
//! mac     = HMAC-SHA-256(mac key, head || body)
//! ```

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use vestibule_domain::record::Unreadable;
use zeroize::Zeroizing;

use super::EnvelopeError;
use super::key_schedule::{KEY_BYTES, expand};
use super::layout::MAC_BYTES;

/// The label that the device key derives the index key with; its context is empty.
pub(crate) const DEVICE_LABEL: &str = "index";
/// Separates the macs of records from those of later entries.
const RECORD_LABEL: &[u8] = b"record";

/// Proves what lies on this device to be written by it.
#[derive(Clone)]
pub(crate) struct IndexKey(pub Zeroizing<[u8; KEY_BYTES]>);

impl IndexKey {
    /// The mac of a record.
    pub(crate) fn mac(&self, record_id: &[u8; 16], signed: &[u8]) -> Result<[u8; MAC_BYTES], EnvelopeError> {
        Ok(self
            .keyed(record_id)?
            .chain_update(signed)
            .finalize()
            .into_bytes()
            .into())
    }

    /// Compares a record's mac, in constant time.
    pub(crate) fn verify(
        &self,
        record_id: &[u8; 16],
        signed: &[u8],
        mac: &[u8; MAC_BYTES],
    ) -> Result<(), EnvelopeError> {
        self.keyed(record_id)?
            .chain_update(signed)
            .verify_slice(mac)
            .map_err(|_| Unreadable::Corrupted.into())
    }

    fn keyed(&self, record_id: &[u8; 16]) -> Result<Hmac<Sha256>, EnvelopeError> {
        let expander = Hkdf::<Sha256>::from_prk(self.0.as_slice())
            .map_err(|_| EnvelopeError::Impossible("HKDF refused 32 bytes"))?;
        let key = expand(&expander, &[RECORD_LABEL, record_id].concat())?;
        Hmac::new_from_slice(key.as_slice()).map_err(|_| EnvelopeError::Impossible("HMAC refused 32 bytes"))
    }
}
