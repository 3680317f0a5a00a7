//! Format 1: the published test vectors, and the golden file that every later version must read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};
use vestibule_adapters_storage::{FileByteStore, MemoryByteStore, MemoryDeviceKey, Vault};
use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::{ClientId, OwnerId, RealmId, RecordHandle, RecordId, TenantId, UserId, WriteId};
use vestibule_domain::instant::BootTime;
use vestibule_domain::record::{Header, Lease, Place, Slot, Stage, Unreadable};
use vestibule_ports::{Credential, Entropy, EntropyError, Key, SecureStorage, StorageError, WriteRequest};

use super::reference::{self, Inputs};
use super::support::*;

const VECTORS: &str = include_str!("../vectors/format-1.json");

/// Gives these bytes, in this order.
struct Given(Mutex<Vec<u8>>);

impl Entropy for Given {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        let mut left = self.0.lock().unwrap();
        let rest = left.split_off(buffer.len());
        buffer.copy_from_slice(&left);
        *left = rest;
        Ok(())
    }
}

fn rotating() -> Inputs {
    let mut stage = minicbor::Encoder::new(Vec::new());
    stage
        .array(2)
        .unwrap()
        .u8(2)
        .unwrap()
        .array(2)
        .unwrap()
        .str("user-1")
        .unwrap();
    stage
        .array(2)
        .unwrap()
        .u64(86_400_000)
        .unwrap()
        .bytes(&[0x99; 16])
        .unwrap();
    Inputs {
        device_secret: [0xd0; 32],
        machine: Some([0x3a; 32]),
        record_id: [0x11; 16],
        epoch: 3,
        generation: 70_000,
        write_id: [0x22; 16],
        stage: stage.into_writer(),
        tenant: "acme",
        realm: "https://idp.example/realms/acme",
        client: "AstDeviceEnrollment",
        own_handle: None,
        payload: "what the SDK keeps of an identity",
        data_key: [0x44; 32],
        wrap_nonce: [0x55; 24],
        body_nonce: [0x66; 24],
    }
}

fn revoking_inputs() -> Inputs {
    let mut stage = minicbor::Encoder::new(Vec::new());
    stage.array(2).unwrap().u8(5).unwrap().array(0).unwrap();
    Inputs {
        machine: None,
        record_id: [0x12; 16],
        epoch: 1,
        generation: 1,
        write_id: [0x23; 16],
        stage: stage.into_writer(),
        own_handle: Some([0x77; 16]),
        payload: "",
        data_key: [0x45; 32],
        ..rotating()
    }
}

fn domain_header(inputs: &Inputs, stage: Stage) -> Header {
    let slot = Slot {
        realm: RealmId::new(inputs.realm).unwrap(),
        client_id: ClientId::parse(inputs.client).unwrap(),
    };
    let mut header = Header::first(
        RecordId::from_bytes(inputs.record_id),
        WriteId::from_bytes(inputs.write_id),
        stage,
        AuthenticationMode::No,
        TenantId::parse(inputs.tenant).unwrap(),
        slot,
    );
    header.epoch = inputs.epoch;
    header.generation = inputs.generation;
    header
}

fn cases() -> Vec<(&'static str, Inputs, Header)> {
    let lease = Lease {
        owner: Some(OwnerId::from_bytes([0x99; 16])),
        written: BootTime::from_ms(86_400_000),
    };
    let user = UserId::parse("user-1").unwrap();
    let rotating_header = domain_header(&rotating(), Stage::Rotating { user, lease });
    let revoking_header = domain_header(&revoking_inputs(), revoking());
    vec![
        ("rotating, at its slot, on a named machine", rotating(), rotating_header),
        (
            "revoking, at a handle of its own, empty payload",
            revoking_inputs(),
            revoking_header,
        ),
    ]
}

fn place_of(inputs: &Inputs, header: &Header) -> Place {
    match inputs.own_handle {
        Some(handle) => Place::Handle(RecordHandle::from_bytes(handle)),
        None => Place::Slot(header.slot.clone()),
    }
}

fn device_of(inputs: &Inputs) -> MemoryDeviceKey {
    let device = MemoryDeviceKey::absent(HashedEntropy::new(0)).with_secret(inputs.device_secret);
    match inputs.machine {
        Some(machine) => device.on_machine(machine),
        None => device,
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn vector(name: &str, inputs: &Inputs) -> Value {
    let given = json!({
        "device_secret": hex(&inputs.device_secret),
        "machine": inputs.machine.map(|machine| hex(&machine)),
        "record_id": hex(&inputs.record_id),
        "epoch": inputs.epoch,
        "generation": inputs.generation,
        "write_id": hex(&inputs.write_id),
        "stage": hex(&inputs.stage),
        "tenant": inputs.tenant,
        "realm": inputs.realm,
        "client": inputs.client,
        "own_handle": inputs.own_handle.map(|handle| hex(&handle)),
        "payload": hex(inputs.payload.as_bytes()),
        "data_key": hex(&inputs.data_key),
        "wrap_nonce": hex(&inputs.wrap_nonce),
        "body_nonce": hex(&inputs.body_nonce),
    });
    let steps: Map<_, _> = reference::steps(inputs)
        .into_iter()
        .map(|(name, bytes)| (name.to_owned(), hex(&bytes).into()))
        .collect();
    json!({ "name": name, "given": given, "steps": steps })
}

#[test]
fn the_published_vectors_follow_from_the_description() {
    let published: Value = serde_json::from_str(VECTORS).unwrap();
    let computed: Vec<_> = cases().iter().map(|(name, inputs, _)| vector(name, inputs)).collect();
    let computed = json!({ "format": 1, "vectors": computed });
    assert!(
        published == computed,
        "{}",
        serde_json::to_string_pretty(&computed).unwrap()
    );
}

#[tokio::test]
async fn the_vault_writes_the_published_bytes_and_reads_them() {
    for (name, inputs, header) in cases() {
        let steps = reference::steps(&inputs);
        let record = &steps.iter().find(|(step, _)| *step == "record").unwrap().1;
        let random = [&inputs.data_key[..], &inputs.wrap_nonce, &inputs.body_nonce].concat();
        let store = Arc::new(MemoryByteStore::default());
        let entropy = Arc::new(Given(Mutex::new(random)));
        let vault = Vault::new(store.clone(), Arc::new(device_of(&inputs)), clock(), entropy);
        let place = place_of(&inputs, &header);
        let request = WriteRequest::new(place.clone(), None, header.clone(), sealed(inputs.payload));
        vault.write(request).await.unwrap();
        let slot_id: [u8; 16] = steps[1].1.clone().try_into().unwrap();
        let handle = RecordHandle::from_bytes(inputs.own_handle.unwrap_or(slot_id));
        assert_eq!(hex(&bytes_at(&*store, handle).await), hex(record), "{name}");

        let fresh = Arc::new(MemoryByteStore::default());
        plant(&*fresh, &handle.to_string(), record.clone()).await;
        let vault = vault_on(fresh, device_of(&inputs));
        let opened = vault.open(place, Key::Credential(Credential::None)).await.unwrap();
        assert_eq!(opened.header, header, "{name}");
        assert_eq!(opened.payload.expose(), inputs.payload.as_bytes(), "{name}");
    }
}

#[tokio::test]
async fn a_wrap_with_another_commitment_is_refused_though_all_else_is_right() {
    let (_, inputs, header) = cases().swap_remove(0);
    let steps = reference::steps(&inputs);
    let step = |name| steps.iter().find(|(step, _)| *step == name).unwrap().1.clone();
    let right: [u8; 32] = step("com").try_into().unwrap();
    let mut wrong = right;
    wrong[31] ^= 1;
    let handle = RecordHandle::from_bytes(step("slot_id").try_into().unwrap());
    for (commitment, refused) in [
        (right, None),
        (wrong, Some(StorageError::Unreadable(Unreadable::Corrupted))),
    ] {
        let store = Arc::new(MemoryByteStore::default());
        let record = reference::record_committed_to(&inputs, &commitment);
        plant(&*store, &handle.to_string(), record).await;
        let vault = vault_on(store, device_of(&inputs));
        let opened = vault
            .open(place_of(&inputs, &header), Key::Credential(Credential::None))
            .await;
        assert_eq!(opened.err(), refused);
    }
}

/// Written once by the file byte store of the first version. It must never be written again.
const GOLDEN: &[u8] = include_bytes!("../fixtures/format-1-rotating.record");

#[tokio::test]
async fn the_golden_file_of_format_1_is_read() {
    let (_, inputs, header) = cases().swap_remove(0);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("records");
    let store = Arc::new(FileByteStore::open(&path, HashedEntropy::new(1)).unwrap());
    let slot_id: [u8; 16] = reference::steps(&inputs)[1].1.clone().try_into().unwrap();
    let file = path.join(RecordHandle::from_bytes(slot_id).to_string());
    fs::write(&file, GOLDEN).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();

    let vault = Vault::new(store, Arc::new(device_of(&inputs)), clock(), HashedEntropy::new(1));
    let opened = vault
        .open(Place::Slot(header.slot.clone()), Key::Credential(Credential::None))
        .await
        .unwrap();
    assert_eq!(opened.header, header);
    assert_eq!(opened.payload.expose(), inputs.payload.as_bytes());
}
