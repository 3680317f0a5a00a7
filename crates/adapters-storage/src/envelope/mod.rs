//! Format 1 of a sealed record: what lies in a file, byte by byte, and how it is made and proven.
//!
//! ```text
//! file   = head || body || mac
//! head   = magic (8) || format (u16) || length of the header (u32) || length of the body (u32) || header
//! header = one deterministic CBOR map with numbered fields (see `header`)
//! body   = XChaCha20-Poly1305(DEK, body nonce, AAD = head)
//! mac    = HMAC-SHA-256(mac key, head || body)
//! ```
//!
//! All integers are big-endian. Magic and format lie in front of everything, so that a format of later days is told
//! from damage without knowing its layout. The published test vectors are `tests/vectors/format-1.json`.

pub(crate) mod aead;
pub(crate) mod attempts_entry;
pub(crate) mod header;
pub(crate) mod kdf;
pub(crate) mod key_schedule;
pub(crate) mod layout;
pub(crate) mod mac;
pub(crate) mod protection;
pub(crate) mod record_key;
pub(crate) mod sealed_record;
pub(crate) mod stage_code;

use minicbor::CborLen;
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::record::Unreadable;
use vestibule_ports::{EntropyError, StorageError};
use zeroize::Zeroizing;

/// Why an envelope was not made or not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum EnvelopeError {
    /// What lies there is not what was written.
    Unreadable(Unreadable),
    /// It does not fit into the format.
    TooLong(InvalidParameter),
    /// A step that cannot fail did: a library broke its word.
    Impossible(&'static str),
}

impl From<Unreadable> for EnvelopeError {
    fn from(why: Unreadable) -> Self {
        Self::Unreadable(why)
    }
}

impl From<EnvelopeError> for StorageError {
    fn from(error: EnvelopeError) -> Self {
        match error {
            EnvelopeError::Unreadable(why) => Self::Unreadable(why),
            EnvelopeError::TooLong(parameter) => Self::Unsupported(parameter),
            EnvelopeError::Impossible(why) => Self::Unavailable(why),
        }
    }
}

/// Without randomness nothing is sealed, and nothing was done.
pub(crate) const fn without_randomness(_: EntropyError) -> StorageError {
    StorageError::Unavailable("the operating system gave no randomness")
}

/// Deterministic CBOR (RFC 8949, section 4.2.1): shortest integers, definite lengths, fields in ascending order. The
/// buffer never grows, so that no copy of a secret is left behind.
pub(crate) fn to_cbor<T: minicbor::Encode<()> + CborLen<()>>(value: &T) -> Result<Vec<u8>, EnvelopeError> {
    let mut bytes = Vec::with_capacity(minicbor::len(value));
    minicbor::encode(value, &mut bytes).map_err(|_| EnvelopeError::Impossible("a header could not be encoded"))?;
    Ok(bytes)
}

/// Reads what [`to_cbor`] wrote. Any other encoding of the same value, and anything behind it, is damage.
pub(crate) fn from_cbor<T>(bytes: &[u8]) -> Result<T, EnvelopeError>
where
    T: for<'b> minicbor::Decode<'b, ()> + minicbor::Encode<()> + CborLen<()>,
{
    let value: T = minicbor::decode(bytes).map_err(|_| Unreadable::Corrupted)?;
    let again = Zeroizing::new(to_cbor(&value)?);
    if again.as_slice() == bytes {
        Ok(value)
    } else {
        Err(Unreadable::Corrupted.into())
    }
}
