//! The modes `password` and `biometric` against changed, swapped, copied, planted and older records; mode `no` where it is
//! not covered elsewhere. What can be told without the credential costs no attempt.

use std::sync::Arc;

use minicbor::Decoder;
use vestibule_adapters_storage::{MAC_BYTES, MemoryByteStore, MemoryDeviceKey, Vault};
use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::RecordHandle;
use vestibule_domain::lockout::LONGEST_DELAY;
use vestibule_domain::record::{Header, Lookup, Unreadable};
use vestibule_ports::{Content, Credential, Key, SecureStorage, StorageError, StoreName};

use super::reference;
use super::support::*;

const TEXT: &str = "what must not be changed";
const CORRUPTED: StorageError = StorageError::Unreadable(Unreadable::Corrupted);
/// Where the header begins: behind magic, format and two lengths.
const HEADER_AT: usize = 18;

fn credential(mode: AuthenticationMode) -> Credential {
    match mode {
        AuthenticationMode::No => Credential::None,
        AuthenticationMode::Password => password("correct horse"),
        AuthenticationMode::Biometric => gate(1),
    }
}

fn content(mode: AuthenticationMode) -> Content {
    sealed_under(TEXT, credential(mode))
}

/// A sealed record, and what lies beside it.
struct Victim {
    mode: AuthenticationMode,
    header: Header,
    slot: RecordHandle,
    record: Vec<u8>,
    count: Option<Vec<u8>>,
    store: Arc<MemoryByteStore>,
    vault: Vault,
}

impl Victim {
    async fn new(mode: AuthenticationMode) -> Self {
        Self::sealed_on(mode, device()).await
    }

    async fn sealed_on(mode: AuthenticationMode, device: MemoryDeviceKey) -> Self {
        let store = Arc::new(MemoryByteStore::default());
        let vault = vault_on(store.clone(), device).with_settings(cheap());
        let header = in_mode(mode, header(0xa7, "app", active()));
        let _ = write(&vault, None, &header, content(mode)).await.unwrap();
        let slot = handle(&vault, &header).await;
        Self {
            mode,
            slot,
            record: bytes_at(&*store, slot).await,
            count: count_at(&store, slot).await,
            header,
            store,
            vault,
        }
    }

    /// A new process finds these bytes in the place of the record, and has the right credential.
    async fn opens(&self, record: Vec<u8>) -> Result<(), StorageError> {
        self.opens_on(device(), record).await
    }

    async fn opens_on(&self, device: MemoryDeviceKey, record: Vec<u8>) -> Result<(), StorageError> {
        let store = Arc::new(MemoryByteStore::default());
        plant(&*store, &self.slot.to_string(), record).await;
        if let Some(count) = &self.count {
            plant(&*store, &format!("{}.attempts", self.slot), count.clone()).await;
        }
        let vault = vault_on(store, device).with_settings(cheap());
        self.open_in(&vault).await
    }

    async fn open_in(&self, vault: &Vault) -> Result<(), StorageError> {
        let key = Key::Credential(credential(self.mode));
        let opened = vault.open(place(&self.header), key).await?;
        assert_eq!(opened.payload.expose(), TEXT.as_bytes());
        Ok(())
    }

    /// Whether no attempt was counted.
    async fn is_uncounted(&self) -> bool {
        count_at(&self.store, self.slot).await == self.count
    }
}

async fn count_at(store: &MemoryByteStore, slot: RecordHandle) -> Option<Vec<u8>> {
    use vestibule_ports::ByteStore;
    let name = StoreName::new(&format!("{slot}.attempts")).unwrap();
    match store.load(name).await.unwrap() {
        Lookup::Present(loaded) => Some(loaded.bytes),
        Lookup::Absent => None,
    }
}

const WITH_A_SECRET: [AuthenticationMode; 2] = [AuthenticationMode::Password, AuthenticationMode::Biometric];

#[tokio::test]
async fn a_changed_byte_is_corruption_before_any_attempt() {
    for mode in WITH_A_SECRET {
        let victim = Victim::new(mode).await;
        for at in 0..victim.record.len() {
            let mut record = victim.record.clone();
            record[at] ^= 1;
            plant(&*victim.store, &victim.slot.to_string(), record).await;
            for refused in [
                victim.vault.describe(place(&victim.header)).await.map(drop),
                victim.open_in(&victim.vault).await,
            ] {
                assert!(
                    matches!(refused, Err(StorageError::Unreadable(_))),
                    "{mode}, byte {at}: {refused:?}"
                );
            }
        }
        assert!(victim.is_uncounted().await);
    }
}

/// Every field of a record, by the last byte of its value.
fn fields(record: &[u8]) -> Vec<(String, usize)> {
    let header_len = u32::from_be_bytes(record[10..14].try_into().unwrap());
    let header = &record[HEADER_AT..HEADER_AT + usize::try_from(header_len).unwrap()];
    let mut cbor = Decoder::new(header);
    let mut fields = Vec::new();
    let in_ctx = [
        "record id",
        "epoch",
        "device key",
        "mode",
        "kdf",
        "memory",
        "passes",
        "lanes",
        "salt",
        "normalisation",
        "gate blob",
    ];
    let others = [
        "body nonce",
        "generation",
        "write id",
        "stage",
        "machine",
        "tenant",
        "realm",
        "client",
    ];
    cbor.map().unwrap();
    assert_eq!((cbor.u8().unwrap(), cbor.map().unwrap()), (0, Some(12)));
    for (number, name) in (0..).zip(in_ctx) {
        assert_eq!(cbor.u8().unwrap(), number);
        cbor.skip().unwrap();
        fields.push((name, cbor.position() - 1));
    }
    assert_eq!(
        (cbor.u8().unwrap(), cbor.array().unwrap(), cbor.array().unwrap()),
        (11, Some(1), Some(3))
    );
    for name in ["commitment", "wrap nonce", "wrapped key"] {
        cbor.skip().unwrap();
        fields.push((name, cbor.position() - 1));
    }
    for (number, name) in (1..).zip(others) {
        assert_eq!(cbor.u8().unwrap(), number);
        cbor.skip().unwrap();
        fields.push((name, cbor.position() - 1));
    }
    assert_eq!(cbor.position(), header.len());
    let body_at = HEADER_AT + header.len();
    let mac_at = record.len() - MAC_BYTES;
    let in_file = fields.into_iter().map(|(name, at)| (name.to_owned(), at + HEADER_AT));
    in_file
        .chain([("body".to_owned(), body_at), ("body's tag".to_owned(), mac_at - 1)])
        .collect()
}

/// What a change of a field leads to, where the mac is right: by whoever has the device key and not the credential.
fn expected(field: &str, mode: AuthenticationMode) -> StorageError {
    let is_password = mode == AuthenticationMode::Password;
    match field {
        // Another record: nobody knows how often it was guessed at.
        "record id" if is_password => StorageError::LockedOut(LONGEST_DELAY),
        "record id" | "epoch" | "commitment" => StorageError::WrongCredential,
        "memory" | "passes" | "salt" if is_password => StorageError::WrongCredential,
        "gate blob" if !is_password => StorageError::WrongCredential,
        "device key" => StorageError::Unreadable(Unreadable::RestoredWithoutKey),
        "machine" => StorageError::DeviceChanged,
        _ => CORRUPTED,
    }
}

#[tokio::test]
async fn a_changed_field_is_refused_even_with_a_right_mac() {
    for mode in WITH_A_SECRET {
        let victim = Victim::new(mode).await;
        let fields = fields(&victim.record);
        assert_eq!(fields.len(), 24);
        let id_at = fields[0].1 - 15;
        for (field, at) in fields {
            let mut record = victim.record.clone();
            record[at] ^= 1;
            let id: [u8; 16] = record[id_at..id_at + 16].try_into().unwrap();
            reference::remac(&DEVICE_SECRET, &id, &mut record);
            let refused = victim.opens(record).await;
            assert_eq!(refused, Err(expected(&field, mode)), "{mode}: {field}");
        }
        let mut untouched = victim.record.clone();
        reference::remac(&DEVICE_SECRET, &[0xa7; 16], &mut untouched);
        assert_eq!(untouched, victim.record, "the mac of the test is the right one");
        victim.opens(untouched).await.unwrap();
    }
}

/// The wrap: commitment, nonce and wrapped key, each with its length in front.
fn wrap_of(record: &[u8]) -> core::ops::Range<usize> {
    let at = |name| fields(record).into_iter().find(|(field, _)| field == name).unwrap().1;
    at("commitment") - 33..at("wrapped key") + 1
}

fn body_of(record: &[u8]) -> core::ops::Range<usize> {
    let at = |name| fields(record).into_iter().find(|(field, _)| field == name).unwrap().1;
    at("body")..at("body's tag") + 1
}

#[tokio::test]
async fn a_wrap_or_body_of_another_record_or_epoch_is_refused_even_with_a_right_mac() {
    for mode in WITH_A_SECRET {
        let victim = Victim::new(mode).await;
        let other = in_mode(mode, header(0xb8, "other", active()));
        let _ = write(&victim.vault, None, &other, content(mode)).await.unwrap();
        let of_other_record = bytes_at(&*victim.store, handle(&victim.vault, &other).await).await;
        let standing = revision_of(&victim.vault, victim.slot).await;
        let next = reprotected_in(mode, &victim.header);
        let _ = write(&victim.vault, Some(&standing), &next, content(mode))
            .await
            .unwrap();
        let of_other_epoch = bytes_at(&*victim.store, victim.slot).await;
        for (what, donor) in [("record", &of_other_record), ("epoch", &of_other_epoch)] {
            type Range = fn(&[u8]) -> core::ops::Range<usize>;
            let parts: [(&str, Range, StorageError); 2] = [
                ("wrap", wrap_of, StorageError::WrongCredential),
                ("body", body_of, CORRUPTED),
            ];
            for (part, range, refused) in parts {
                let mut record = victim.record.clone();
                record.splice(range(&victim.record), donor[range(donor)].iter().copied());
                assert_ne!(record, victim.record);
                reference::remac(&DEVICE_SECRET, &[0xa7; 16], &mut record);
                assert_eq!(
                    victim.opens(record).await,
                    Err(refused),
                    "{mode}: {part} of another {what}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_planted_record_needs_the_device_key() {
    for mode in AuthenticationMode::ALL {
        let victim = Victim::new(mode).await;
        // Sealed by whoever knows the very credential, on a device of his own.
        let foreign_secret = [0x0e; 32];
        let planted = Victim::sealed_on(mode, device().with_secret(foreign_secret))
            .await
            .record;
        let without_key = StorageError::Unreadable(Unreadable::RestoredWithoutKey);
        assert_eq!(victim.opens(planted.clone()).await, Err(without_key), "{mode}");
        // The same, with the id of our device key and a mac of his own.
        let (_, id_at) = fields(&planted).swap_remove(2);
        let mut forged = planted;
        forged[id_at - 15..=id_at].copy_from_slice(&victim.record[id_at - 15..=id_at]);
        reference::remac(&foreign_secret, &[0xa7; 16], &mut forged);
        assert_eq!(victim.opens(forged).await, Err(CORRUPTED), "{mode}");
    }
}

#[tokio::test]
async fn what_is_told_without_the_credential_is_told_in_every_mode() {
    for mode in AuthenticationMode::ALL {
        let victim = Victim::new(mode).await;
        let mut newer = victim.record.clone();
        newer[9] = 2;
        let newer_format = StorageError::Unreadable(Unreadable::NewerFormat);
        assert_eq!(victim.opens(newer).await, Err(newer_format), "{mode}");
        let moved = victim
            .opens_on(device().on_machine([0x3b; 32]), victim.record.clone())
            .await;
        assert_eq!(moved, Err(StorageError::DeviceChanged), "{mode}");
        let absent = MemoryDeviceKey::absent(HashedEntropy::new(3));
        let restored = victim.opens_on(absent, victim.record.clone()).await;
        let without_key = StorageError::Unreadable(Unreadable::RestoredWithoutKey);
        assert_eq!(restored, Err(without_key), "{mode}");
        victim.opens(victim.record.clone()).await.unwrap();
    }
}

#[tokio::test]
async fn a_record_that_was_copied_swapped_or_renamed_is_corruption_in_every_mode() {
    for mode in AuthenticationMode::ALL {
        let victim = Victim::new(mode).await;
        let other = in_mode(mode, header(0xb8, "other", active()));
        let _ = write(&victim.vault, None, &other, content(mode)).await.unwrap();
        let other_slot = handle(&victim.vault, &other).await;
        let other_record = bytes_at(&*victim.store, other_slot).await;
        // Copied over the other one; then swapped; then renamed, so that only one is left.
        plant(&*victim.store, &other_slot.to_string(), victim.record.clone()).await;
        let copied = victim.vault.describe(place(&other)).await.unwrap_err();
        plant(&*victim.store, &victim.slot.to_string(), other_record).await;
        let swapped = victim.open_in(&victim.vault).await.unwrap_err();
        unplant(&*victim.store, &victim.slot.to_string()).await;
        let key = Key::Credential(credential(mode));
        let renamed = victim.vault.open(place(&other), key).await.unwrap_err();
        assert_eq!([copied, swapped, renamed], [CORRUPTED, CORRUPTED, CORRUPTED], "{mode}");
        assert_eq!(
            victim.vault.describe(place(&victim.header)).await.unwrap(),
            Lookup::Absent
        );
        assert!(victim.is_uncounted().await);
    }
}

#[tokio::test]
async fn an_older_state_is_refused_within_one_vault_in_every_mode() {
    for mode in AuthenticationMode::ALL {
        let victim = Victim::new(mode).await;
        let standing = revision_of(&victim.vault, victim.slot).await;
        // The mode was raised from `no`, or the credential changed: the old one opens nothing current.
        let raised = reprotected_in(AuthenticationMode::Biometric, &victim.header);
        let _ = write(&victim.vault, Some(&standing), &raised, sealed_under(TEXT, gate(9)))
            .await
            .unwrap();
        let refused = victim.open_in(&victim.vault).await.unwrap_err();
        assert_eq!(refused, StorageError::WrongCredential, "{mode}");
        plant(&*victim.store, &victim.slot.to_string(), victim.record.clone()).await;
        assert_eq!(victim.open_in(&victim.vault).await.unwrap_err(), CORRUPTED, "{mode}");
        assert!(victim.is_uncounted().await);
    }
}

#[tokio::test]
async fn a_biometric_record_gives_its_blob_and_opens_with_the_released_key_alone() {
    let victim = Victim::new(AuthenticationMode::Biometric).await;
    let Lookup::Present(described) = victim.vault.describe(place(&victim.header)).await.unwrap() else {
        panic!("the record is there");
    };
    let blob = described.gate_blob.unwrap();
    assert_eq!(blob.0, [0xb1; 40]);
    let (right, wrong) = (gate_with(1, blob.0.clone()), gate_with(2, blob.0));
    // The blob of an opening is not looked at: the record keeps its own.
    for (credential, opens) in [
        (right, true),
        (gate_with(1, vec![]), true),
        (wrong, false),
        (Credential::None, false),
        (password("correct horse"), false),
    ] {
        let opened = victim
            .vault
            .open(place(&victim.header), Key::Credential(credential))
            .await;
        match opened {
            Ok(opened) => {
                assert!(opens);
                assert!(!opened.weakly_sealed);
                let again = Key::RecordKey(opened.key);
                assert!(victim.vault.open(place(&victim.header), again).await.is_ok());
            }
            Err(error) => assert_eq!((opens, error), (false, StorageError::WrongCredential)),
        }
    }
}
