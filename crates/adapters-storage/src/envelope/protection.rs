//! What a record is sealed with, and under which condition it opens: one epoch of one record.
//!
//! Everything here but the gate's blob and the wrap goes into `ctx`, which every key of the epoch is derived with. The
//! fields of the modes `password` and `biometric` are there from the first format on.

use minicbor::{CborLen, Decode, Encode, Encoder};
use sha2::{Digest, Sha256};
use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::RecordId;
use vestibule_domain::record::Unreadable;
use vestibule_ports::{DeviceKeyId, GateBlob, MAX_GATE_BLOB_BYTES};

use super::kdf::{KdfParameters, SALT_BYTES};
use super::layout::FORMAT;
use super::{EnvelopeError, aead, key_schedule};

/// No key derivation function: the mode has no password.
pub(crate) const KDF_NONE: u8 = 0;
/// Argon2id, version 1.3 (RFC 9106), 32 bytes long.
pub(crate) const KDF_ARGON2ID: u8 = 1;
/// No normalisation: the mode has no password.
pub(crate) const NORMALISATION_NONE: u8 = 0;
/// OpaqueString (RFC 8265, section 4.2).
pub(crate) const NORMALISATION_OPAQUE_STRING: u8 = 1;

/// One epoch's protection, as it stands in the header and in a record key.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
#[cbor(map)]
pub(crate) struct Protection {
    #[cbor(n(0), with = "minicbor::bytes")]
    pub record_id: [u8; 16],
    #[n(1)]
    pub epoch: u64,
    #[cbor(n(2), with = "minicbor::bytes")]
    pub device_key_id: [u8; 16],
    /// 0 no, 1 password, 2 biometric.
    #[n(3)]
    pub mode: u8,
    #[n(4)]
    pub kdf: u8,
    /// Memory of the KDF, in KiB.
    #[n(5)]
    pub kdf_memory_kib: u32,
    /// Passes of the KDF.
    #[n(6)]
    pub kdf_passes: u32,
    /// Lanes of the KDF.
    #[n(7)]
    pub kdf_lanes: u32,
    #[cbor(n(8), with = "minicbor::bytes")]
    pub salt: Vec<u8>,
    #[n(9)]
    pub normalisation: u8,
    #[cbor(n(10), with = "minicbor::bytes")]
    pub gate_blob: Vec<u8>,
    /// Exactly one in this format; a second one, such as a recovery password, is a later format.
    #[n(11)]
    pub wraps: Vec<Wrap>,
}

/// The data key, sealed under the key that opens the record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
pub(crate) struct Wrap {
    /// Compared first, so that a wrap opens with one key only.
    #[cbor(n(0), with = "minicbor::bytes")]
    pub commitment: [u8; key_schedule::KEY_BYTES],
    #[cbor(n(1), with = "minicbor::bytes")]
    pub nonce: [u8; aead::NONCE_BYTES],
    #[cbor(n(2), with = "minicbor::bytes")]
    pub sealed_key: [u8; key_schedule::KEY_BYTES + aead::TAG_BYTES],
}

impl Protection {
    /// The protection of mode `no`, before its data key is wrapped.
    pub(crate) const fn of_mode_no(record_id: RecordId, epoch: u64, device_key_id: DeviceKeyId) -> Self {
        Self {
            record_id: *record_id.as_bytes(),
            epoch,
            device_key_id: device_key_id.0,
            mode: code_of_mode(AuthenticationMode::No),
            kdf: KDF_NONE,
            kdf_memory_kib: 0,
            kdf_passes: 0,
            kdf_lanes: 0,
            salt: Vec::new(),
            normalisation: NORMALISATION_NONE,
            gate_blob: Vec::new(),
            wraps: Vec::new(),
        }
    }

    /// The protection of mode `password`, before its data key is wrapped.
    pub(crate) fn with_password(self, kdf: KdfParameters, salt: [u8; SALT_BYTES]) -> Self {
        Self {
            mode: code_of_mode(AuthenticationMode::Password),
            kdf: KDF_ARGON2ID,
            kdf_memory_kib: kdf.memory_kib(),
            kdf_passes: kdf.passes(),
            kdf_lanes: kdf.lanes(),
            salt: salt.to_vec(),
            normalisation: NORMALISATION_OPAQUE_STRING,
            ..self
        }
    }

    /// The protection of mode `biometric`, before its data key is wrapped.
    pub(crate) fn with_gate(self, blob: &GateBlob) -> Self {
        Self {
            mode: code_of_mode(AuthenticationMode::Biometric),
            gate_blob: blob.0.clone(),
            ..self
        }
    }

    /// What the password's derivation takes.
    pub(crate) fn password_kdf(&self) -> Result<(KdfParameters, [u8; SALT_BYTES]), Unreadable> {
        let parameters = KdfParameters::of_header(self.kdf_memory_kib, self.kdf_passes, self.kdf_lanes);
        let salt = self.salt.as_slice().try_into();
        match (parameters, salt) {
            (Some(parameters), Ok(salt)) if self.kdf == KDF_ARGON2ID => Ok((parameters, salt)),
            (Some(_) | None, Ok(_) | Err(_)) => Err(Unreadable::Corrupted),
        }
    }

    /// `ctx`: what every key of this epoch is derived with. One CBOR array, in exactly this order.
    pub(crate) fn context(&self) -> Result<Vec<u8>, EnvelopeError> {
        let mut encoder = Encoder::new(Vec::with_capacity(256));
        let encoded: Result<(), minicbor::encode::Error<core::convert::Infallible>> = (|| {
            encoder
                .array(12)?
                .u16(FORMAT)?
                .bytes(&self.record_id)?
                .u64(self.epoch)?;
            encoder.bytes(&self.device_key_id)?.u8(self.mode)?.u8(self.kdf)?;
            encoder
                .u32(self.kdf_memory_kib)?
                .u32(self.kdf_passes)?
                .u32(self.kdf_lanes)?;
            encoder.bytes(&self.salt)?.u8(self.normalisation)?;
            encoder.bytes(&Sha256::digest(&self.gate_blob))?;
            Ok(())
        })();
        match encoded {
            Ok(()) => Ok(encoder.into_writer()),
            Err(_) => Err(EnvelopeError::Impossible("the context could not be encoded")),
        }
    }

    /// The one wrap of this format.
    pub(crate) fn wrap(&self) -> Result<&Wrap, Unreadable> {
        match self.wraps.as_slice() {
            [wrap] => Ok(wrap),
            [] | [_, ..] => Err(Unreadable::Corrupted),
        }
    }

    /// The mode, if the fields are those that a writer of this format may have written.
    pub(crate) fn checked_mode(&self) -> Result<AuthenticationMode, Unreadable> {
        let mode = AuthenticationMode::ALL
            .into_iter()
            .find(|mode| code_of_mode(*mode) == self.mode)
            .ok_or(Unreadable::Corrupted)?;
        let fits = match mode {
            AuthenticationMode::No => self.has_no_kdf() && self.gate_blob.is_empty(),
            AuthenticationMode::Password => {
                self.password_kdf().is_ok()
                    && self.normalisation == NORMALISATION_OPAQUE_STRING
                    && self.gate_blob.is_empty()
            }
            AuthenticationMode::Biometric => self.has_no_kdf() && is_gate_blob(&self.gate_blob),
        };
        self.wrap()?;
        if fits { Ok(mode) } else { Err(Unreadable::Corrupted) }
    }

    fn has_no_kdf(&self) -> bool {
        let numbers = [self.kdf_memory_kib, self.kdf_passes, self.kdf_lanes];
        self.kdf == KDF_NONE && self.normalisation == NORMALISATION_NONE && numbers == [0; 3] && self.salt.is_empty()
    }
}

/// Whether a record can keep this blob of its gate: 1..=1,024 bytes.
pub(crate) const fn is_gate_blob(blob: &[u8]) -> bool {
    !blob.is_empty() && blob.len() <= MAX_GATE_BLOB_BYTES
}

/// The number of a mode in the format.
const fn code_of_mode(mode: AuthenticationMode) -> u8 {
    match mode {
        AuthenticationMode::No => 0,
        AuthenticationMode::Password => 1,
        AuthenticationMode::Biometric => 2,
    }
}
