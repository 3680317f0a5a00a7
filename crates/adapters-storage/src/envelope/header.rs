//! The header of a record: what can be read without opening it, in numbered fields of deterministic CBOR.

use minicbor::bytes::ByteArray;
use minicbor::{CborLen, Decode, Encode};
use vestibule_domain::identifiers::{ClientId, RealmId, RecordHandle, RecordId, TenantId, WriteId};
use vestibule_domain::record::{Header, Slot, Unreadable};

use super::aead::NONCE_BYTES;
use super::protection::Protection;
use super::stage_code::StageCode;
use super::{EnvelopeError, from_cbor, to_cbor};

/// A header as it lies in the file.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
#[cbor(map)]
pub(crate) struct SealedHeader {
    #[n(0)]
    pub protection: Protection,
    #[cbor(n(1), with = "minicbor::bytes")]
    pub body_nonce: [u8; NONCE_BYTES],
    #[n(2)]
    generation: u64,
    #[cbor(n(3), with = "minicbor::bytes")]
    write_id: [u8; 16],
    #[n(4)]
    stage: StageCode,
    /// The machine that sealed it, where the platform has a name for it.
    #[n(5)]
    machine: Option<ByteArray<32>>,
    #[n(6)]
    tenant: String,
    #[n(7)]
    realm: String,
    #[n(8)]
    client: String,
    /// The handle that a queued revocation was written under: a random one, which nothing else in it tells.
    #[n(9)]
    own_handle: Option<ByteArray<16>>,
}

impl SealedHeader {
    /// The header of a write. Record id, epoch and mode are those of the protection.
    pub(crate) fn new(
        protection: Protection,
        body_nonce: [u8; NONCE_BYTES],
        header: &Header,
        machine: Option<[u8; 32]>,
        own_handle: Option<RecordHandle>,
    ) -> Result<Self, EnvelopeError> {
        Ok(Self {
            protection,
            body_nonce,
            generation: header.generation,
            write_id: *header.write_id.as_bytes(),
            stage: StageCode::of(&header.stage)?,
            machine: machine.map(Into::into),
            tenant: header.tenant_id.as_str().to_owned(),
            realm: header.slot.realm.as_str().to_owned(),
            client: header.slot.client_id.as_str().to_owned(),
            own_handle: own_handle.map(|handle| (*handle.as_bytes()).into()),
        })
    }

    /// Its bytes.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, EnvelopeError> {
        to_cbor(self)
    }

    /// Reads the bytes of a header; any other encoding of it is damage.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, EnvelopeError> {
        let header: Self = from_cbor(bytes)?;
        header.protection.checked_mode()?;
        Ok(header)
    }

    /// The header in the domain's words.
    pub(crate) fn header(&self) -> Result<Header, Unreadable> {
        let slot = Slot {
            realm: RealmId::new(self.realm.as_str()).map_err(|_| Unreadable::Corrupted)?,
            client_id: ClientId::parse(&self.client).map_err(|_| Unreadable::Corrupted)?,
        };
        Ok(Header {
            record_id: RecordId::from_bytes(self.protection.record_id),
            epoch: self.protection.epoch,
            generation: self.generation,
            write_id: WriteId::from_bytes(self.write_id),
            stage: self.stage.stage()?,
            mode: self.protection.checked_mode()?,
            tenant_id: TenantId::parse(&self.tenant).map_err(|_| Unreadable::Corrupted)?,
            slot,
        })
    }

    /// The handle of its own that it was written under.
    pub(crate) fn own_handle(&self) -> Option<RecordHandle> {
        self.own_handle.map(|handle| RecordHandle::from_bytes(handle.into()))
    }

    /// The machine that sealed it.
    pub(crate) fn machine(&self) -> Option<[u8; 32]> {
        self.machine.map(Into::into)
    }
}
