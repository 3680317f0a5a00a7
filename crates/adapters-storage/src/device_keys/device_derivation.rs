//! What a device secret that is at hand gives out: its id, and keys for a purpose (HKDF-SHA-256, RFC 5869).
//!
//! ```text
//! id             = SHA-256("vestibule/1/device-key-id" || D)[..16]
//! derive(l, c)   = HKDF-Expand(HKDF-Extract("vestibule/1/device-key", D), len || l || len || c, 32)
//! ```

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use vestibule_ports::{DeviceKeyError, DeviceKeyId};
use zeroize::Zeroizing;

/// Length of a device secret, in bytes.
pub(crate) const SECRET_BYTES: usize = 32;
const ID_LABEL: &[u8] = b"vestibule/1/device-key-id";
const SALT: &[u8] = b"vestibule/1/device-key";

/// Names a secret without telling it.
pub(crate) fn id_of(secret: &[u8; SECRET_BYTES]) -> DeviceKeyId {
    let hash: [u8; 32] = Sha256::new_with_prefix(ID_LABEL).chain_update(secret).finalize().into();
    let mut id = [0; 16];
    for (byte, hashed) in id.iter_mut().zip(hash) {
        *byte = hashed;
    }
    DeviceKeyId(id)
}

/// 32 bytes for a purpose and a context. Each length is a big-endian u64, so that no two pairs run together.
pub(crate) fn derive(
    secret: &[u8; SECRET_BYTES],
    label: &str,
    context: &[u8],
) -> Result<Zeroizing<[u8; 32]>, DeviceKeyError> {
    let info = [
        &(label.len() as u64).to_be_bytes(),
        label.as_bytes(),
        &(context.len() as u64).to_be_bytes(),
        context,
    ];
    let mut derived = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(SALT), secret)
        .expand_multi_info(&info, derived.as_mut_slice())
        .map_err(|_| DeviceKeyError::Unavailable("HKDF refused 32 bytes"))?;
    Ok(derived)
}
