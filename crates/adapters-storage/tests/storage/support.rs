//! What the tests of the vault share.

use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};
use vestibule_adapters_storage::{
    KdfParameters, MIN_KDF_MEMORY_KIB, MIN_KDF_PASSES, MemoryByteStore, MemoryDeviceKey, Vault, VaultSettings,
};
use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::{ClientId, OwnerId, RealmId, RecordHandle, RecordId, TenantId, UserId, WriteId};
use vestibule_domain::instant::{BootTime, WallTime};
use vestibule_domain::record::{Header, Lease, Lookup, OutdatedCause, Place, Revision, Slot, Stage};
use vestibule_domain::secret::{GateKey, Password, Payload, RecordKey};
use vestibule_ports::testing::ManualClock;
use vestibule_ports::{
    ByteStore, Content, Credential, Entropy, EntropyError, GateBlob, Key, Opened, SecureStorage, StorageError,
    StoreName, WriteRequest, Written,
};

/// Bytes that repeat themselves from run to run: SHA-256 of a seed and a counter.
pub(crate) struct HashedEntropy(Mutex<(u64, u64)>);

impl HashedEntropy {
    pub(crate) fn new(seed: u64) -> Arc<Self> {
        Arc::new(Self(Mutex::new((seed, 0))))
    }
}

impl Entropy for HashedEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        let mut state = self.0.lock().unwrap();
        for chunk in buffer.chunks_mut(32) {
            state.1 += 1;
            let block = Sha256::new()
                .chain_update(state.0.to_be_bytes())
                .chain_update(state.1.to_be_bytes())
                .finalize();
            chunk.copy_from_slice(&block[..chunk.len()]);
        }
        Ok(())
    }
}

pub(crate) const DEVICE_SECRET: [u8; 32] = [0xd0; 32];
pub(crate) const MACHINE: [u8; 32] = [0x3a; 32];

/// A device with a key and a machine's name.
pub(crate) fn device() -> MemoryDeviceKey {
    MemoryDeviceKey::absent(HashedEntropy::new(7))
        .with_secret(DEVICE_SECRET)
        .on_machine(MACHINE)
}

/// A vault in memory, and its store.
pub(crate) fn vault() -> (Vault, Arc<MemoryByteStore>) {
    let store = Arc::new(MemoryByteStore::default());
    (vault_on(store.clone(), device()), store)
}

pub(crate) fn vault_on(store: Arc<dyn ByteStore>, device: MemoryDeviceKey) -> Vault {
    Vault::new(store, Arc::new(device), clock(), HashedEntropy::new(1))
}

/// A clock that stands still.
pub(crate) fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new())
}

pub(crate) fn slot(client: &str) -> Slot {
    Slot {
        realm: RealmId::new("https://idp.example/realms/acme").unwrap(),
        client_id: ClientId::parse(client).unwrap(),
    }
}

pub(crate) fn active() -> Stage {
    Stage::Active {
        user: UserId::parse("user-1").unwrap(),
    }
}

pub(crate) fn enrolling() -> Stage {
    Stage::Enrolling {
        lease: Lease {
            owner: Some(OwnerId::from_bytes([9; 16])),
            written: BootTime::from_ms(1234),
        },
    }
}

pub(crate) fn revoking() -> Stage {
    Stage::Revoking { until: None }
}

/// The first header of the record with this number.
pub(crate) fn header(record: u8, client: &str, stage: Stage) -> Header {
    Header::first(
        RecordId::from_bytes([record; 16]),
        WriteId::from_bytes([record ^ 0x80; 16]),
        stage,
        AuthenticationMode::No,
        TenantId::parse("acme").unwrap(),
        slot(client),
    )
}

/// The header of the next write.
pub(crate) fn next(header: &Header) -> Header {
    let mut id = *header.write_id.as_bytes();
    id[0] = id[0].wrapping_add(1);
    header.next(WriteId::from_bytes(id), header.stage.clone())
}

/// The header of the next epoch.
pub(crate) fn reprotected(header: &Header) -> Header {
    reprotected_in(AuthenticationMode::No, header)
}

/// The header of the next epoch, in a mode.
pub(crate) fn reprotected_in(mode: AuthenticationMode, header: &Header) -> Header {
    let mut id = *header.write_id.as_bytes();
    id[1] = id[1].wrapping_add(1);
    header.reprotected(WriteId::from_bytes(id), header.stage.clone(), mode)
}

pub(crate) fn payload(text: &str) -> Payload {
    Payload::new(text.as_bytes().to_vec())
}

pub(crate) fn sealed(text: &str) -> Content {
    Content::Seal {
        payload: payload(text),
        credential: Credential::None,
    }
}

pub(crate) fn sealed_under(text: &str, credential: Credential) -> Content {
    Content::Seal {
        payload: payload(text),
        credential,
    }
}

pub(crate) fn password(text: &str) -> Credential {
    Credential::Password(Password::new(text.to_owned()))
}

/// What the gate gave for a key of these bytes.
pub(crate) fn gate(key: u8) -> Credential {
    gate_with(key, vec![0xb1; 40])
}

pub(crate) fn gate_with(key: u8, blob: Vec<u8>) -> Credential {
    Credential::Biometric {
        key: GateKey::new([key; 32]),
        blob: GateBlob(blob),
    }
}

/// The same header in another mode.
pub(crate) fn in_mode(mode: AuthenticationMode, header: Header) -> Header {
    Header { mode, ..header }
}

/// The cheapest derivation that a host may set.
pub(crate) fn cheap() -> VaultSettings {
    let floor = KdfParameters::new(MIN_KDF_MEMORY_KIB, MIN_KDF_PASSES, 1).unwrap();
    VaultSettings::DEFAULT.with_kdf(floor)
}

pub(crate) fn resealed(text: &str, key: &RecordKey) -> Content {
    Content::Reseal {
        payload: payload(text),
        key: key.clone(),
    }
}

pub(crate) fn place(header: &Header) -> Place {
    if matches!(header.stage, Stage::Revoking { .. }) {
        Place::Handle(own(header))
    } else {
        Place::Slot(header.slot.clone())
    }
}

/// The handle made of a record's id.
pub(crate) fn own(header: &Header) -> RecordHandle {
    RecordHandle::from_bytes(*header.record_id.as_bytes())
}

pub(crate) async fn write(
    vault: &Vault,
    expected: Option<&Revision>,
    header: &Header,
    content: Content,
) -> Result<Written, StorageError> {
    vault
        .write(WriteRequest::new(
            place(header),
            expected.cloned(),
            header.clone(),
            content,
        ))
        .await
}

/// Writes a first record and gives what was written.
pub(crate) async fn begin(vault: &Vault, header: &Header, text: &str) -> Written {
    write(vault, None, header, sealed(text)).await.unwrap()
}

pub(crate) async fn open(vault: &Vault, header: &Header) -> Result<Opened, StorageError> {
    vault.open(place(header), Key::Credential(Credential::None)).await
}

/// The text that a place holds now.
pub(crate) async fn text(vault: &Vault, header: &Header) -> String {
    String::from_utf8(open(vault, header).await.unwrap().payload.expose().to_vec()).unwrap()
}

/// One of each stage, with and without what is optional in it.
pub(crate) fn every_stage() -> Vec<Stage> {
    let user = UserId::parse("user-1").unwrap();
    let owned = Lease {
        owner: Some(OwnerId::from_bytes([9; 16])),
        written: BootTime::from_ms(u64::MAX),
    };
    let abandoned = Lease { owner: None, ..owned };
    let outdated = |cause| Stage::Outdated {
        user: user.clone(),
        cause,
    };
    vec![
        Stage::Enrolling { lease: owned },
        Stage::Enrolling { lease: abandoned },
        Stage::Active { user: user.clone() },
        Stage::Rotating {
            user: user.clone(),
            lease: owned,
        },
        outdated(OutdatedCause::Refused),
        outdated(OutdatedCause::AnotherUser),
        Stage::Deleting {
            user: None,
            lease: abandoned,
        },
        Stage::Deleting {
            user: Some(user.clone()),
            lease: owned,
        },
        Stage::Revoking { until: None },
        Stage::Revoking {
            until: Some(WallTime::from_unix_ms(-1)),
        },
    ]
}

/// The handle that a header's record lies at.
pub(crate) async fn handle(vault: &Vault, header: &Header) -> RecordHandle {
    match vault.describe(place(header)).await.unwrap() {
        Lookup::Present(described) => described.handle,
        Lookup::Absent => panic!("no record at {:?}", place(header)),
    }
}

/// The sealed bytes at a handle.
pub(crate) async fn bytes_at(store: &dyn ByteStore, handle: RecordHandle) -> Vec<u8> {
    bytes_named(store, &handle.to_string()).await
}

/// The bytes under a name.
pub(crate) async fn bytes_named(store: &dyn ByteStore, name: &str) -> Vec<u8> {
    match store.load(StoreName::new(name).unwrap()).await.unwrap() {
        Lookup::Present(loaded) => loaded.bytes,
        Lookup::Absent => panic!("nothing at {name}"),
    }
}

/// Removes what lies under a name.
pub(crate) async fn unplant(store: &dyn ByteStore, name: &str) {
    let name = StoreName::new(name).unwrap();
    if let Lookup::Present(loaded) = store.load(name.clone()).await.unwrap() {
        store.remove(name, loaded.revision).await.unwrap();
    }
}

/// Puts bytes under a name, over whatever lies there.
pub(crate) async fn plant(store: &dyn ByteStore, name: &str, bytes: Vec<u8>) {
    let name = StoreName::new(name).unwrap();
    let standing = match store.load(name.clone()).await.unwrap() {
        Lookup::Present(loaded) => Some(loaded.revision),
        Lookup::Absent => None,
    };
    store.replace(name, standing, bytes).await.unwrap();
}

/// The revision of what lies at a handle.
pub(crate) async fn revision_of(vault: &Vault, handle: RecordHandle) -> Revision {
    match vault.describe(Place::Handle(handle)).await.unwrap() {
        Lookup::Present(described) => described.revision,
        Lookup::Absent => panic!("nothing at {handle}"),
    }
}
