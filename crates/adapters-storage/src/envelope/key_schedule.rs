//! From the device secret and the mode's secret to the key that opens a record (HKDF-SHA-256, RFC 5869).
//!
//! ```text
//! PRK      = HKDF-Extract(salt = SHA-256("vestibule/1/record" || ctx), ikm = len || D' || len || S)
//! KEK, COM = HKDF-Expand(PRK, "kek" | "com", 32)
//! ```
//!
//! D' is what the device key derives for label `wrap` and context `ctx`; S is the mode's secret. Each length is a big-endian u64.

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use vestibule_domain::secret::GateKey;
use zeroize::Zeroizing;

use super::EnvelopeError;
use super::kdf::PasswordKey;

/// Length of every key, in bytes.
pub(crate) const KEY_BYTES: usize = 32;
/// The label that the device key derives a record's share with.
pub(crate) const DEVICE_LABEL: &str = "wrap";
/// Separates this use of SHA-256 from every other.
const SALT_LABEL: &[u8] = b"vestibule/1/record";

/// D': the device's share of one epoch's key.
pub(crate) struct DeviceShare(pub Zeroizing<[u8; KEY_BYTES]>);

/// S: the mode's share.
pub(crate) enum ModeSecret {
    /// Mode `no` adds nothing to the device key.
    None,
    /// Mode `password`.
    Password(PasswordKey),
    /// Mode `biometric`.
    Gate(GateKey),
}

/// Wraps the data key.
pub(crate) struct KeyEncryptionKey(pub Zeroizing<[u8; KEY_BYTES]>);

/// COM: tells, before the wrap is tried, whether a key is the right one; so that a wrap opens with one key only.
pub(crate) struct Commitment(pub [u8; KEY_BYTES]);

impl Commitment {
    /// Compares in constant time.
    pub(crate) fn is(&self, stored: &[u8; KEY_BYTES]) -> bool {
        self.0.ct_eq(stored).into()
    }
}

impl ModeSecret {
    fn expose(&self) -> &[u8] {
        match self {
            Self::None => &[],
            Self::Password(key) => key.0.as_slice(),
            Self::Gate(key) => key.expose(),
        }
    }
}

/// The key of one epoch, and its commitment.
pub(crate) fn derive_key_encryption_key(
    context: &[u8],
    device: &DeviceShare,
    mode: &ModeSecret,
) -> Result<(KeyEncryptionKey, Commitment), EnvelopeError> {
    let salt = Sha256::new_with_prefix(SALT_LABEL).chain_update(context).finalize();
    let mut material = Zeroizing::new(Vec::with_capacity(2 * (8 + KEY_BYTES)));
    push_with_length(&mut material, device.0.as_slice());
    push_with_length(&mut material, mode.expose());
    let expander = Hkdf::<Sha256>::new(Some(salt.as_slice()), &material);
    let key = expand(&expander, b"kek")?;
    let commitment = expand(&expander, b"com")?;
    Ok((KeyEncryptionKey(key), Commitment(*commitment)))
}

/// 32 bytes for a purpose.
pub(crate) fn expand(expander: &Hkdf<Sha256>, info: &[u8]) -> Result<Zeroizing<[u8; KEY_BYTES]>, EnvelopeError> {
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    expander
        .expand(info, key.as_mut_slice())
        .map_err(|_| EnvelopeError::Impossible("HKDF refused 32 bytes"))?;
    Ok(key)
}

fn push_with_length(material: &mut Vec<u8>, part: &[u8]) {
    material.extend_from_slice(&(part.len() as u64).to_be_bytes());
    material.extend_from_slice(part);
}
