//! Makes the bytes of a record, and proves bytes to be one.

use vestibule_domain::record::{Header, Unreadable};
use vestibule_domain::secret::Payload;

use super::EnvelopeError;
use super::aead::{DataKey, TAG_BYTES};
use super::header::SealedHeader;
use super::layout;
use super::mac::{IndexKey, Signed};

/// A record whose mac was right: its header is what was written, its body may be opened.
#[derive(Debug)]
pub(crate) struct ProvenRecord {
    bytes: Vec<u8>,
    pub sealed: SealedHeader,
    pub header: Header,
}

impl ProvenRecord {
    /// Reads the header alone, to learn which device key proves it.
    pub(crate) fn peek(bytes: &[u8]) -> Result<SealedHeader, EnvelopeError> {
        SealedHeader::decode(layout::split(bytes)?.header)
    }

    /// Proves the bytes behind a header that was peeked.
    pub(crate) fn prove(bytes: Vec<u8>, sealed: SealedHeader, index: &IndexKey) -> Result<Self, EnvelopeError> {
        let parts = layout::split(&bytes)?;
        index.verify(Signed::Record(&sealed.protection.record_id), parts.signed, parts.mac)?;
        let header = sealed.header()?;
        Ok(Self { bytes, sealed, header })
    }

    /// The very bytes.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Opens the body.
    pub(crate) fn open(&self, key: &DataKey) -> Result<Payload, Unreadable> {
        let parts = layout::split(&self.bytes)?;
        key.open(&self.sealed.body_nonce, parts.head, parts.body)
            .map(Payload::new)
    }
}

/// The bytes of a record.
pub(crate) fn seal(
    sealed: &SealedHeader,
    key: &DataKey,
    payload: &Payload,
    index: &IndexKey,
) -> Result<Vec<u8>, EnvelopeError> {
    let header = sealed.encode()?;
    let mut bytes = layout::head(&header, payload.expose().len().saturating_add(TAG_BYTES))?;
    let body = key.seal(&sealed.body_nonce, &bytes, payload.expose())?;
    bytes.extend_from_slice(&body);
    let mac = index.mac(Signed::Record(&sealed.protection.record_id), &bytes)?;
    bytes.extend_from_slice(&mac);
    Ok(bytes)
}
