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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use vestibule_domain::authentication_mode::AuthenticationMode;
    use vestibule_domain::identifiers::UserId;
    use vestibule_domain::record::Stage;
    use vestibule_ports::{DeviceKeyId, GateBlob};

    use super::*;
    use crate::envelope::kdf::KdfParameters;
    use crate::envelope::layout;
    use crate::envelope::protection::Wrap;
    use crate::envelope::sealed_record::ProvenRecord;
    use crate::support::{every_stage, slot};

    type Change = fn(&mut Protection);

    fn protection(record_id: [u8; 16], epoch: u64) -> Protection {
        let mut protection = Protection::of_mode_no(RecordId::from_bytes(record_id), epoch, DeviceKeyId([7; 16]));
        protection.wraps.push(Wrap {
            commitment: [1; 32],
            nonce: [2; 24],
            sealed_key: [3; 48],
        });
        protection
    }

    fn sealed(numbers: (u64, u64), ids: [[u8; 16]; 3], stage: Stage, texts: [&str; 2], some: bool) -> SealedHeader {
        let header = Header {
            record_id: RecordId::from_bytes(ids[0]),
            epoch: numbers.0,
            generation: numbers.1,
            write_id: WriteId::from_bytes(ids[1]),
            stage,
            mode: AuthenticationMode::No,
            tenant_id: TenantId::parse(texts[0]).unwrap(),
            slot: slot(texts[1]),
        };
        let machine = some.then_some([4; 32]);
        let own = some.then(|| RecordHandle::from_bytes(ids[2]));
        SealedHeader::new(protection(ids[0], numbers.0), [5; NONCE_BYTES], &header, machine, own).unwrap()
    }

    fn sample() -> SealedHeader {
        sealed((1, 1), [[8; 16]; 3], every_stage().remove(0), ["acme", "app"], true)
    }

    proptest! {
        #[test]
        fn a_header_comes_back_as_it_was(
            numbers: (u64, u64),
            ids: [[u8; 16]; 3],
            stage in prop::sample::select(every_stage()),
            user in "[!-~]{1,255}",
            tenant in "[a-z]{1,40}",
            client in "[!-~]{1,255}",
            some: bool,
        ) {
            let stage = match stage {
                Stage::Active { .. } => Stage::Active { user: UserId::parse(&user).unwrap() },
                other => other,
            };
            let header = sealed(numbers, ids, stage.clone(), [&tenant, &client], some);
            let bytes = header.encode().unwrap();
            prop_assert!(bytes.len() <= layout::MAX_HEADER_BYTES);
            let decoded = SealedHeader::decode(&bytes).unwrap();
            prop_assert_eq!(&decoded, &header);
            let words = decoded.header().unwrap();
            prop_assert_eq!((words.epoch, words.generation, words.stage), (numbers.0, numbers.1, stage));
        }

        #[test]
        fn arbitrary_bytes_are_refused_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            prop_assert!(SealedHeader::decode(&bytes).is_err());
            let record = [layout::MAGIC.as_slice(), &[0, 1], &bytes].concat();
            prop_assert!(ProvenRecord::peek(&record).is_err());
            prop_assert!(ProvenRecord::peek(&bytes).is_err());
        }

        #[test]
        fn a_changed_header_is_refused_or_is_exactly_what_it_says(
            at in any::<prop::sample::Index>(),
            byte: u8,
            removed in 0_usize..3,
            added in prop::collection::vec(any::<u8>(), 0..3),
        ) {
            let mut bytes = sample().encode().unwrap();
            let start = at.index(bytes.len());
            let end = (start + removed).min(bytes.len());
            bytes.splice(start..end, added);
            if let Some(changed) = bytes.get_mut(start) {
                *changed ^= byte;
            }
            if let Ok(decoded) = SealedHeader::decode(&bytes) {
                prop_assert_eq!(decoded.encode().unwrap(), bytes);
                let _words_or_refused = decoded.header();
            }
        }
    }

    #[test]
    fn the_largest_header_fits() {
        let user = UserId::parse(&"u".repeat(vestibule_domain::identifiers::MAX_USER_ID_BYTES)).unwrap();
        let tenant = "t".repeat(vestibule_domain::identifiers::MAX_TENANT_ID_SCALARS);
        let client = "c".repeat(vestibule_domain::identifiers::MAX_CLIENT_ID_BYTES);
        let stage = Stage::Deleting {
            user: Some(user),
            lease: *every_stage()[0].lease().unwrap(),
        };
        let ids = [[0xff; 16]; 3];
        let mut header = sealed((u64::MAX, u64::MAX), ids, stage, [&tenant, &client], true);
        header.realm = "r".repeat(vestibule_domain::identifiers::MAX_REALM_ID_BYTES);
        // Four bytes to each scalar of the tenant, and what the other modes add.
        let more = tenant.len() * 3 + vestibule_ports::MAX_GATE_BLOB_BYTES + 64 + 16;
        assert!(header.encode().unwrap().len() + more <= layout::MAX_HEADER_BYTES);
    }

    #[test]
    fn what_no_writer_of_this_format_writes_is_corruption() {
        let changes: [(&str, Change); 9] = [
            ("an unknown mode", |p| p.mode = 3),
            ("a KDF in mode no", |p| p.kdf = 1),
            ("memory in mode no", |p| p.kdf_memory_kib = 1),
            ("passes in mode no", |p| p.kdf_passes = 1),
            ("lanes in mode no", |p| p.kdf_lanes = 1),
            ("a salt in mode no", |p| p.salt = vec![0; 16]),
            ("a gate blob in mode no", |p| p.gate_blob = vec![0]),
            ("no wrap", |p| p.wraps.clear()),
            ("two wraps", |p| p.wraps.push(p.wraps[0].clone())),
        ];
        for (what, change) in changes {
            let mut header = sample();
            change(&mut header.protection);
            let decoded = SealedHeader::decode(&header.encode().unwrap());
            assert_eq!(decoded, Err(EnvelopeError::Unreadable(Unreadable::Corrupted)), "{what}");
        }
    }

    fn with_password(protection: Protection) -> Protection {
        let floor = KdfParameters::new(19_456, 2, 1).unwrap();
        protection.with_password(floor, [6; 16])
    }

    fn with_gate(protection: Protection) -> Protection {
        protection.with_gate(&GateBlob(vec![7; 1024]))
    }

    #[test]
    fn what_no_writer_of_this_format_writes_in_the_other_modes_is_corruption() {
        type Base = fn(Protection) -> Protection;
        let bases: [(Base, AuthenticationMode); 2] = [
            (with_password, AuthenticationMode::Password),
            (with_gate, AuthenticationMode::Biometric),
        ];
        let decoded = |protection: Protection| {
            let header = SealedHeader { protection, ..sample() };
            SealedHeader::decode(&header.encode().unwrap()).map(|header| header.header().unwrap().mode)
        };
        for (base, mode) in bases {
            assert_eq!(decoded(base(sample().protection)), Ok(mode));
        }
        let changes: [(&str, Base, Change); 20] = [
            ("another mode", with_password, |p| p.mode = 2),
            ("no KDF", with_password, |p| p.kdf = 0),
            ("an unknown KDF", with_password, |p| p.kdf = 2),
            ("more memory than anybody may ask for", with_password, |p| {
                p.kdf_memory_kib = 262_145
            }),
            ("less memory than there can be", with_password, |p| p.kdf_memory_kib = 7),
            ("more passes", with_password, |p| p.kdf_passes = 17),
            ("no pass", with_password, |p| p.kdf_passes = 0),
            ("more lanes", with_password, |p| p.kdf_lanes = 9),
            ("no lane", with_password, |p| p.kdf_lanes = 0),
            ("a short salt", with_password, |p| p.salt = vec![6; 15]),
            ("a long salt", with_password, |p| p.salt = vec![6; 17]),
            ("no normalisation", with_password, |p| p.normalisation = 0),
            ("an unknown normalisation", with_password, |p| p.normalisation = 2),
            ("a gate blob beside a password", with_password, |p| {
                p.gate_blob = vec![7]
            }),
            ("two wraps", with_password, |p| p.wraps.push(p.wraps[0].clone())),
            ("no gate blob", with_gate, |p| p.gate_blob = vec![]),
            ("a gate blob over 1 KiB", with_gate, |p| p.gate_blob = vec![7; 1025]),
            ("a KDF beside a gate", with_gate, |p| p.kdf = 1),
            ("a salt beside a gate", with_gate, |p| p.salt = vec![6; 16]),
            ("a normalisation beside a gate", with_gate, |p| p.normalisation = 1),
        ];
        for (what, base, change) in changes {
            let mut protection = base(sample().protection);
            change(&mut protection);
            assert_eq!(
                decoded(protection),
                Err(EnvelopeError::Unreadable(Unreadable::Corrupted)),
                "{what}"
            );
        }
    }

    #[test]
    fn no_single_bit_of_the_context_is_without_effect() {
        let plain = protection([1; 16], 1);
        let changes: [(&str, Change); 11] = [
            ("record id", |p| p.record_id[0] ^= 1),
            ("epoch", |p| p.epoch += 1),
            ("device key id", |p| p.device_key_id[0] ^= 1),
            ("mode", |p| p.mode = 1),
            ("KDF", |p| p.kdf = 1),
            ("memory", |p| p.kdf_memory_kib = 1),
            ("passes", |p| p.kdf_passes = 1),
            ("lanes", |p| p.kdf_lanes = 1),
            ("salt", |p| p.salt.push(0)),
            ("normalisation", |p| p.normalisation = 1),
            ("gate blob", |p| p.gate_blob.push(0)),
        ];
        let mut seen = vec![plain.context().unwrap()];
        for (what, change) in changes {
            let mut changed = plain.clone();
            change(&mut changed);
            let context = changed.context().unwrap();
            assert!(!seen.contains(&context), "{what}");
            seen.push(context);
        }
    }
}
