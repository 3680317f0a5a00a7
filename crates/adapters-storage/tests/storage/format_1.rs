//! Format 1: the published test vectors, and the golden files that every later version must read.

use core::time::Duration;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value, json};
use vestibule_adapters_storage::{FileByteStore, MemoryByteStore, MemoryDeviceKey, Vault};
use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::{ClientId, OwnerId, RealmId, RecordHandle, RecordId, TenantId, UserId, WriteId};
use vestibule_domain::instant::{BootTime, WallTime};
use vestibule_domain::record::{Header, Lease, Place, Slot, Stage, Unreadable};
use vestibule_domain::secret::GateKey;
use vestibule_ports::testing::ManualClock;
use vestibule_ports::{
    Content, Credential, Entropy, EntropyError, GateBlob, Key, SecureStorage, StorageError, WriteRequest,
};

use super::reference::{self, Inputs, Mode};
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
        mode: Mode::No,
    }
}

fn password_inputs() -> Inputs {
    Inputs {
        record_id: [0x13; 16],
        epoch: 2,
        data_key: [0x46; 32],
        mode: Mode::Password {
            typed: "pa\u{308}sswo\u{308}rt\u{a0}\u{2163}\u{1f98a}",
            prepared: "p\u{e4}ssw\u{f6}rt \u{2163}\u{1f98a}",
            salt: [0x88; 16],
            memory_kib: 19 * 1024,
            passes: 2,
            lanes: 1,
        },
        ..rotating()
    }
}

fn biometric_inputs() -> Inputs {
    Inputs {
        record_id: [0x14; 16],
        epoch: 1,
        data_key: [0x47; 32],
        mode: Mode::Biometric {
            gate_key: [0xaa; 32],
            blob: vec![0xbb; 300],
        },
        ..rotating()
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
    let mode = match inputs.mode {
        Mode::No => AuthenticationMode::No,
        Mode::Password { .. } => AuthenticationMode::Password,
        Mode::Biometric { .. } => AuthenticationMode::Biometric,
    };
    let mut header = Header::first(
        RecordId::from_bytes(inputs.record_id),
        WriteId::from_bytes(inputs.write_id),
        stage,
        mode,
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
    let rotating_in = |name, inputs: Inputs| {
        let stage = Stage::Rotating {
            user: user.clone(),
            lease,
        };
        let header = domain_header(&inputs, stage);
        (name, inputs, header)
    };
    let revoking_header = domain_header(&revoking_inputs(), revoking());
    vec![
        rotating_in("rotating, at its slot, on a named machine", rotating()),
        (
            "revoking, at a handle of its own, empty payload",
            revoking_inputs(),
            revoking_header,
        ),
        rotating_in("mode password, at the least price", password_inputs()),
        rotating_in("mode biometric", biometric_inputs()),
    ]
}

fn credential_of(inputs: &Inputs) -> Credential {
    match &inputs.mode {
        Mode::No => Credential::None,
        Mode::Password { typed, .. } => password(typed),
        Mode::Biometric { gate_key, blob } => Credential::Biometric {
            key: GateKey::new(*gate_key),
            blob: GateBlob(blob.clone()),
        },
    }
}

/// The random bytes of a vault that seals these inputs, in the order in which it asks for them.
fn random_of(inputs: &Inputs) -> Vec<u8> {
    let key_and_nonces = [&inputs.data_key[..], &inputs.wrap_nonce, &inputs.body_nonce].concat();
    match &inputs.mode {
        Mode::No | Mode::Biometric { .. } => key_and_nonces,
        // The last ones name the write of the entry that counts guesses.
        Mode::Password { salt, .. } => [&salt[..], &key_and_nonces, &ATTEMPTS_WRITE_ID].concat(),
    }
}

const ATTEMPTS_WRITE_ID: [u8; 16] = [0xcc; 16];
/// The clock of the attempts: the wall clock, and the time since boot.
const WALL: WallTime = WallTime::from_unix_s(1_800_000_000);
const SINCE_BOOT: Duration = Duration::from_secs(5_000);

fn clock_of_attempts() -> ManualClock {
    let clock = ManualClock::new();
    clock.reboot();
    clock.advance(SINCE_BOOT);
    clock.set_wall(WALL);
    clock
}

fn step(inputs: &Inputs, name: &str) -> Vec<u8> {
    let mut steps = reference::steps(inputs).into_iter();
    steps.find(|(step, _)| *step == name).unwrap().1
}

fn slot_of(inputs: &Inputs) -> RecordHandle {
    RecordHandle::from_bytes(step(inputs, "slot_id").try_into().unwrap())
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
    let mut given = json!({
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
    let of_the_mode = match &inputs.mode {
        Mode::No => json!({}),
        Mode::Password {
            typed,
            salt,
            memory_kib,
            passes,
            lanes,
            ..
        } => json!({
            "password": hex(typed.as_bytes()),
            "salt": hex(salt),
            "kdf_memory_kib": memory_kib,
            "kdf_passes": passes,
            "kdf_lanes": lanes,
        }),
        Mode::Biometric { gate_key, blob } => json!({ "gate_key": hex(gate_key), "gate_blob": hex(blob) }),
    };
    given
        .as_object_mut()
        .unwrap()
        .extend(of_the_mode.as_object().unwrap().clone());
    let steps: Map<_, _> = reference::steps(inputs)
        .into_iter()
        .map(|(name, bytes)| (name.to_owned(), hex(&bytes).into()))
        .collect();
    json!({ "name": name, "given": given, "steps": steps })
}

/// What lies there when the record of mode password was sealed: one line without a guess.
fn attempts_steps() -> Vec<(&'static str, Vec<u8>)> {
    let inputs = password_inputs();
    let line = reference::Line {
        record_id: inputs.record_id,
        begun: 0,
        failed: 0,
        wall_ms: WALL.unix_ms(),
        boot_ms: SINCE_BOOT.as_millis().try_into().unwrap(),
    };
    let slot = slot_of(&inputs);
    reference::attempts_steps(&inputs.device_secret, slot.as_bytes(), &ATTEMPTS_WRITE_ID, &[line])
}

fn attempts_vector() -> Value {
    let inputs = password_inputs();
    let given = json!({
        "device_secret": hex(&inputs.device_secret),
        "slot_id": slot_of(&inputs).to_string(),
        "write_id": hex(&ATTEMPTS_WRITE_ID),
        "record_id": hex(&inputs.record_id),
        "begun": 0,
        "failed": 0,
        "wall_ms": WALL.unix_ms(),
        "boot_ms": SINCE_BOOT.as_millis(),
    });
    let steps: Map<_, _> = attempts_steps()
        .into_iter()
        .map(|(name, bytes)| (name.to_owned(), hex(&bytes).into()))
        .collect();
    json!({ "name": "the count of a record that was just sealed", "given": given, "steps": steps })
}

#[test]
fn the_published_vectors_follow_from_the_description() {
    let published: Value = serde_json::from_str(VECTORS).unwrap();
    let computed: Vec<_> = cases().iter().map(|(name, inputs, _)| vector(name, inputs)).collect();
    let computed = json!({ "format": 1, "vectors": computed, "attempts": [attempts_vector()] });
    assert!(
        published == computed,
        "{}",
        serde_json::to_string_pretty(&computed).unwrap()
    );
}

#[tokio::test]
async fn the_vault_writes_the_published_bytes_and_reads_them() {
    for (name, inputs, header) in cases() {
        let record = step(&inputs, "record");
        let store = Arc::new(MemoryByteStore::default());
        let entropy = Arc::new(Given(Mutex::new(random_of(&inputs))));
        let clock = Arc::new(clock_of_attempts());
        let vault = Vault::new(store.clone(), Arc::new(device_of(&inputs)), clock, entropy).with_settings(cheap());
        let place = place_of(&inputs, &header);
        let content = Content::Seal {
            payload: payload(inputs.payload),
            credential: credential_of(&inputs),
        };
        let request = WriteRequest::new(place.clone(), None, header.clone(), content);
        vault.write(request).await.unwrap();
        let handle = inputs
            .own_handle
            .map_or_else(|| slot_of(&inputs), RecordHandle::from_bytes);
        assert_eq!(hex(&bytes_at(&*store, handle).await), hex(&record), "{name}");

        let fresh = Arc::new(MemoryByteStore::default());
        plant(&*fresh, &handle.to_string(), record.clone()).await;
        if matches!(inputs.mode, Mode::Password { .. }) {
            let attempts = attempts_steps().pop().unwrap().1;
            let written = bytes_named(&*store, &format!("{handle}.attempts")).await;
            assert_eq!(hex(&written), hex(&attempts), "{name}");
            plant(&*fresh, &format!("{handle}.attempts"), attempts).await;
        }
        let vault = vault_on(fresh, device_of(&inputs));
        let key = Key::Credential(credential_of(&inputs));
        let opened = vault.open(place, key).await.unwrap();
        assert_eq!(opened.header, header, "{name}");
        assert_eq!(opened.payload.expose(), inputs.payload.as_bytes(), "{name}");
    }
}

#[tokio::test]
async fn a_wrap_with_another_commitment_is_refused_though_all_else_is_right() {
    for (name, inputs, header) in cases() {
        let right: [u8; 32] = step(&inputs, "com").try_into().unwrap();
        let mut wrong = right;
        wrong[31] ^= 1;
        let proven_wrong = match inputs.mode {
            Mode::No => StorageError::Unreadable(Unreadable::Corrupted),
            Mode::Password { .. } | Mode::Biometric { .. } => StorageError::WrongCredential,
        };
        let handle = inputs
            .own_handle
            .map_or_else(|| slot_of(&inputs), RecordHandle::from_bytes);
        for (commitment, refused) in [(right, None), (wrong, Some(proven_wrong))] {
            let store = Arc::new(MemoryByteStore::default());
            let record = reference::record_committed_to(&inputs, &commitment);
            plant(&*store, &handle.to_string(), record).await;
            plant(
                &*store,
                &format!("{handle}.attempts"),
                attempts_steps().pop().unwrap().1,
            )
            .await;
            let vault = vault_on(store, device_of(&inputs));
            let key = Key::Credential(credential_of(&inputs));
            let opened = vault.open(place_of(&inputs, &header), key).await;
            assert_eq!(opened.err(), refused, "{name}");
        }
    }
}

/// Files that were written once, by the file byte store of the first version that had them. They must never be written
/// again.
struct Golden {
    /// Its place among the cases.
    case: usize,
    record: &'static [u8],
    attempts: Option<&'static [u8]>,
}

const GOLDEN: [Golden; 3] = [
    Golden {
        case: 0,
        record: include_bytes!("../fixtures/format-1-rotating.record"),
        attempts: None,
    },
    Golden {
        case: 2,
        record: include_bytes!("../fixtures/format-1-password.record"),
        attempts: Some(include_bytes!("../fixtures/format-1-password.attempts")),
    },
    Golden {
        case: 3,
        record: include_bytes!("../fixtures/format-1-biometric.record"),
        attempts: None,
    },
];

#[tokio::test]
async fn the_golden_files_of_format_1_are_read() {
    for Golden { case, record, attempts } in GOLDEN {
        let (name, inputs, header) = cases().swap_remove(case);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("records");
        let store = Arc::new(FileByteStore::open(&path, HashedEntropy::new(1)).unwrap());
        let file = path.join(slot_of(&inputs).to_string());
        for (file, bytes) in [
            (file.clone(), Some(record)),
            (file.with_extension("attempts"), attempts),
        ] {
            if let Some(bytes) = bytes {
                fs::write(&file, bytes).unwrap();
                fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
            }
        }
        let clock = clock_of_attempts();
        let device_key = Arc::new(device_of(&inputs));
        let vault = Vault::new(store, device_key, Arc::new(clock.clone()), HashedEntropy::new(1));
        let open = || {
            vault.open(
                Place::Slot(header.slot.clone()),
                Key::Credential(credential_of(&inputs)),
            )
        };
        if attempts.is_some() {
            // Five wrong guesses were made before it was put away.
            assert_eq!(
                open().await.unwrap_err(),
                StorageError::LockedOut(Duration::from_secs(30))
            );
            clock.advance(Duration::from_secs(30));
        }
        let opened = open().await.unwrap();
        assert_eq!(opened.header, header, "{name}");
        assert_eq!(opened.payload.expose(), inputs.payload.as_bytes(), "{name}");
    }
}
