//! The mac over a whole record: it lets `list` and `describe` trust a header without opening anything.
//!
//! ```text
//! index   = what the device key derives for label `index`, once per process
//! mac key = HKDF-Expand(index, "record" || record id, 32)
//! mac     = HMAC-SHA-256(mac key, head || body)
//! ```
//!
//! The entries that count wrong passwords are proven in the same way, with `"attempts" || slot id` (see `attempts_entry`).

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

/// What a mac is of. The labels keep the kinds apart; each id is 16 bytes long.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Signed<'a> {
    /// The record with this id.
    Record(&'a [u8; 16]),
    /// The counts of wrong passwords at the slot with this id.
    Attempts(&'a [u8; 16]),
}

impl Signed<'_> {
    fn info(self) -> Vec<u8> {
        match self {
            Self::Record(id) => [b"record".as_slice(), id].concat(),
            Self::Attempts(id) => [b"attempts".as_slice(), id].concat(),
        }
    }
}

/// Proves what lies on this device to be written by it.
#[derive(Clone)]
pub(crate) struct IndexKey(pub Zeroizing<[u8; KEY_BYTES]>);

impl IndexKey {
    /// The mac of these bytes.
    pub(crate) fn mac(&self, what: Signed<'_>, signed: &[u8]) -> Result<[u8; MAC_BYTES], EnvelopeError> {
        Ok(self.keyed(what)?.chain_update(signed).finalize().into_bytes().into())
    }

    /// Compares their mac, in constant time.
    pub(crate) fn verify(&self, what: Signed<'_>, signed: &[u8], mac: &[u8; MAC_BYTES]) -> Result<(), EnvelopeError> {
        self.keyed(what)?
            .chain_update(signed)
            .verify_slice(mac)
            .map_err(|_| Unreadable::Corrupted.into())
    }

    fn keyed(&self, what: Signed<'_>) -> Result<Hmac<Sha256>, EnvelopeError> {
        let expander = Hkdf::<Sha256>::from_prk(self.0.as_slice())
            .map_err(|_| EnvelopeError::Impossible("HKDF refused 32 bytes"))?;
        let key = expand(&expander, &what.info())?;
        Hmac::new_from_slice(key.as_slice()).map_err(|_| EnvelopeError::Impossible("HMAC refused 32 bytes"))
    }
}
