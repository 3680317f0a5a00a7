//! Format 1 once more, from its description alone: every step by hand, with the primitives and without the vault's code.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use chacha20poly1305::aead::{Aead, Payload as Message};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use minicbor::Encoder;
use sha2::{Digest, Sha256};

/// What a record is made of.
pub(crate) struct Inputs {
    pub device_secret: [u8; 32],
    pub machine: Option<[u8; 32]>,
    pub record_id: [u8; 16],
    pub epoch: u64,
    pub generation: u64,
    pub write_id: [u8; 16],
    /// The stage's number and its fields, as CBOR.
    pub stage: Vec<u8>,
    pub tenant: &'static str,
    pub realm: &'static str,
    pub client: &'static str,
    pub own_handle: Option<[u8; 16]>,
    pub payload: &'static str,
    pub data_key: [u8; 32],
    pub wrap_nonce: [u8; 24],
    pub body_nonce: [u8; 24],
    pub mode: Mode,
}

/// What a mode adds.
#[derive(Clone)]
pub(crate) enum Mode {
    No,
    Password {
        typed: &'static str,
        /// By hand: the profile OpaqueString of what was typed.
        prepared: &'static str,
        salt: [u8; 16],
        memory_kib: u32,
        passes: u32,
        lanes: u32,
    },
    Biometric {
        gate_key: [u8; 32],
        blob: Vec<u8>,
    },
}

/// The fields of a mode as they stand in the header and in ctx.
struct ModeFields {
    /// Mode, KDF, memory in KiB, passes, lanes.
    numbers: [u32; 5],
    salt: Vec<u8>,
    normalisation: u8,
    gate_blob: Vec<u8>,
}

impl Mode {
    fn fields(&self) -> ModeFields {
        let none = ModeFields {
            numbers: [0; 5],
            salt: Vec::new(),
            normalisation: 0,
            gate_blob: Vec::new(),
        };
        match self {
            Self::No => none,
            Self::Password {
                salt,
                memory_kib,
                passes,
                lanes,
                ..
            } => ModeFields {
                numbers: [1, 1, *memory_kib, *passes, *lanes],
                salt: salt.to_vec(),
                normalisation: 1,
                ..none
            },
            Self::Biometric { blob, .. } => ModeFields {
                numbers: [2, 0, 0, 0, 0],
                gate_blob: blob.clone(),
                ..none
            },
        }
    }

    /// S.
    fn secret(&self) -> Vec<u8> {
        match self {
            Self::No => Vec::new(),
            Self::Password {
                prepared,
                salt,
                memory_kib,
                passes,
                lanes,
                ..
            } => {
                let params = Params::new(*memory_kib, *passes, *lanes, Some(32)).unwrap();
                let mut memory = vec![Block::new(); params.block_count()];
                let mut secret = vec![0; 32];
                Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                    .hash_password_into_with_memory(prepared.as_bytes(), salt, &mut secret, &mut memory)
                    .unwrap();
                secret
            }
            Self::Biometric { gate_key, .. } => gate_key.to_vec(),
        }
    }
}

/// Every step from the inputs to the bytes, by name.
pub(crate) fn steps(inputs: &Inputs) -> Vec<(&'static str, Vec<u8>)> {
    steps_committed_to(inputs, None)
}

/// The record of these inputs, right in everything but its commitment: as somebody could make it who has the data key
/// and wants one wrap to open with two keys.
pub(crate) fn record_committed_to(inputs: &Inputs, commitment: &[u8; 32]) -> Vec<u8> {
    let record = steps_committed_to(inputs, Some(commitment)).pop();
    record.expect("the last step is the record").1
}

fn steps_committed_to(inputs: &Inputs, commitment: Option<&[u8; 32]>) -> Vec<(&'static str, Vec<u8>)> {
    let device_key_id = sha256(&[b"vestibule/1/device-key-id", &inputs.device_secret])[..16].to_vec();
    let context = context(inputs, &device_key_id);
    let share = derive(&inputs.device_secret, "wrap", &context);
    let salt = sha256(&[b"vestibule/1/record", &context]);
    let secret = inputs.mode.secret();
    let lengths = [share.len() as u64, secret.len() as u64].map(u64::to_be_bytes);
    let material = [&lengths[0][..], &share, &lengths[1], &secret].concat();
    let (prk, expander) = Hkdf::<Sha256>::extract(Some(&salt), &material);
    let kek = expand(&expander, b"kek");
    let com = commitment.map_or_else(|| expand(&expander, b"com"), |commitment| commitment.to_vec());
    let wrap = seal(&kek, &inputs.wrap_nonce, &context, &inputs.data_key);
    let header = header(inputs, &device_key_id, &com, &wrap);
    let body_len = inputs.payload.len() + 16;
    let head = [
        b"\x89VESTIB\n".as_slice(),
        &1_u16.to_be_bytes(),
        &u32::try_from(header.len()).unwrap().to_be_bytes(),
        &u32::try_from(body_len).unwrap().to_be_bytes(),
        &header,
    ]
    .concat();
    let body = seal(&inputs.data_key, &inputs.body_nonce, &head, inputs.payload.as_bytes());
    let signed = [head.clone(), body.clone()].concat();
    let index = derive(&inputs.device_secret, "index", b"");
    let mac_key = mac_key(&inputs.device_secret, &inputs.record_id);
    let mac = hmac(&mac_key, &signed);
    let mode_secret = match &inputs.mode {
        Mode::No => vec![],
        Mode::Password { prepared, .. } => vec![
            ("password_prepared", prepared.as_bytes().to_vec()),
            ("mode_secret", secret),
        ],
        Mode::Biometric { .. } => vec![("mode_secret", secret)],
    };
    let steps = vec![
        ("device_key_id", device_key_id),
        ("slot_id", slot_id(inputs.realm, inputs.client)),
        ("ctx", context),
        ("device_share", share),
        ("salt", salt),
        ("ikm", material),
        ("prk", prk.to_vec()),
        ("kek", kek),
        ("com", com),
        ("wrap", wrap),
        ("header", header),
        ("head", head),
        ("body", body),
        ("index_key", index),
        ("mac_key", mac_key),
        ("mac", mac.clone()),
        ("record", [signed, mac].concat()),
    ];
    mode_secret.into_iter().chain(steps).collect()
}

/// The mac of changed bytes, as somebody could make it who has the device key.
pub(crate) fn remac(device_secret: &[u8; 32], record_id: &[u8; 16], record: &mut [u8]) {
    let end = record.len() - 32;
    let mac = hmac(&mac_key(device_secret, record_id), &record[..end]);
    record[end..].copy_from_slice(&mac);
}

fn mac_key(device_secret: &[u8; 32], record_id: &[u8; 16]) -> Vec<u8> {
    let index = derive(device_secret, "index", b"");
    let expander = Hkdf::<Sha256>::from_prk(&index).unwrap();
    expand(&expander, &[b"record".as_slice(), record_id].concat())
}

/// The guesses at one record, as they stand in the entry that counts them.
pub(crate) struct Line {
    pub record_id: [u8; 16],
    pub begun: u32,
    pub failed: u32,
    pub wall_ms: i64,
    pub boot_ms: u64,
}

/// Every step to an entry that counts guesses, by name.
pub(crate) fn attempts_steps(
    device_secret: &[u8; 32],
    slot_id: &[u8],
    write_id: &[u8; 16],
    lines: &[Line],
) -> Vec<(&'static str, Vec<u8>)> {
    let mut cbor = Encoder::new(Vec::new());
    cbor.map(4).unwrap().u8(0).unwrap().u8(1).unwrap();
    cbor.u8(1).unwrap().bytes(slot_id).unwrap();
    cbor.u8(2).unwrap().bytes(write_id).unwrap();
    cbor.u8(3).unwrap().array(lines.len() as u64).unwrap();
    for line in lines {
        cbor.array(5).unwrap().bytes(&line.record_id).unwrap();
        cbor.u32(line.begun).unwrap().u32(line.failed).unwrap();
        cbor.i64(line.wall_ms).unwrap().u64(line.boot_ms).unwrap();
    }
    let counts = cbor.into_writer();
    let index = derive(device_secret, "index", b"");
    let expander = Hkdf::<Sha256>::from_prk(&index).unwrap();
    let mac_key = expand(&expander, &[b"attempts".as_slice(), slot_id].concat());
    let mac = hmac(&mac_key, &counts);
    let entry = [counts.clone(), mac.clone()].concat();
    vec![("counts", counts), ("mac_key", mac_key), ("mac", mac), ("entry", entry)]
}

fn context(inputs: &Inputs, device_key_id: &[u8]) -> Vec<u8> {
    let mut cbor = Encoder::new(Vec::new());
    cbor.array(12).unwrap().u16(1).unwrap();
    cbor.bytes(&inputs.record_id).unwrap().u64(inputs.epoch).unwrap();
    cbor.bytes(device_key_id).unwrap();
    let mode = inputs.mode.fields();
    for number in mode.numbers {
        cbor.u32(number).unwrap();
    }
    cbor.bytes(&mode.salt).unwrap().u8(mode.normalisation).unwrap();
    cbor.bytes(&sha256(&[&mode.gate_blob])).unwrap();
    cbor.into_writer()
}

fn header(inputs: &Inputs, device_key_id: &[u8], com: &[u8], wrap: &[u8]) -> Vec<u8> {
    let optional = u64::from(inputs.machine.is_some()) + u64::from(inputs.own_handle.is_some());
    let mut cbor = Encoder::new(Vec::new());
    cbor.map(8 + optional).unwrap();
    cbor.u8(0).unwrap().map(12).unwrap();
    cbor.u8(0).unwrap().bytes(&inputs.record_id).unwrap();
    cbor.u8(1).unwrap().u64(inputs.epoch).unwrap();
    cbor.u8(2).unwrap().bytes(device_key_id).unwrap();
    let mode = inputs.mode.fields();
    for (field, number) in (3..).zip(mode.numbers) {
        cbor.u8(field).unwrap().u32(number).unwrap();
    }
    cbor.u8(8).unwrap().bytes(&mode.salt).unwrap();
    cbor.u8(9).unwrap().u8(mode.normalisation).unwrap();
    cbor.u8(10).unwrap().bytes(&mode.gate_blob).unwrap();
    cbor.u8(11).unwrap().array(1).unwrap().array(3).unwrap();
    cbor.bytes(com)
        .unwrap()
        .bytes(&inputs.wrap_nonce)
        .unwrap()
        .bytes(wrap)
        .unwrap();
    cbor.u8(1).unwrap().bytes(&inputs.body_nonce).unwrap();
    cbor.u8(2).unwrap().u64(inputs.generation).unwrap();
    cbor.u8(3).unwrap().bytes(&inputs.write_id).unwrap();
    cbor.u8(4).unwrap();
    cbor.writer_mut().extend_from_slice(&inputs.stage);
    if let Some(machine) = inputs.machine {
        cbor.u8(5).unwrap().bytes(&machine).unwrap();
    }
    cbor.u8(6).unwrap().str(inputs.tenant).unwrap();
    cbor.u8(7).unwrap().str(inputs.realm).unwrap();
    cbor.u8(8).unwrap().str(inputs.client).unwrap();
    if let Some(handle) = inputs.own_handle {
        cbor.u8(9).unwrap().bytes(&handle).unwrap();
    }
    cbor.into_writer()
}

fn slot_id(realm: &str, client: &str) -> Vec<u8> {
    let parts: [&[u8]; 5] = [
        b"vestibule/1/slot",
        &(realm.len() as u64).to_be_bytes(),
        realm.as_bytes(),
        &(client.len() as u64).to_be_bytes(),
        client.as_bytes(),
    ];
    sha256(&parts)[..16].to_vec()
}

fn derive(device_secret: &[u8; 32], label: &str, context: &[u8]) -> Vec<u8> {
    let info = [
        &(label.len() as u64).to_be_bytes(),
        label.as_bytes(),
        &(context.len() as u64).to_be_bytes(),
        context,
    ]
    .concat();
    expand(
        &Hkdf::<Sha256>::new(Some(b"vestibule/1/device-key"), device_secret),
        &info,
    )
}

fn expand(expander: &Hkdf<Sha256>, info: &[u8]) -> Vec<u8> {
    let mut key = vec![0; 32];
    expander.expand(info, &mut key).unwrap();
    key
}

fn sha256(parts: &[&[u8]]) -> Vec<u8> {
    Sha256::digest(parts.concat()).to_vec()
}

fn hmac(key: &[u8], signed: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(key).unwrap();
    mac.chain_update(signed).finalize().into_bytes().to_vec()
}

fn seal(key: &[u8], nonce: &[u8; 24], aad: &[u8], msg: &[u8]) -> Vec<u8> {
    let cipher = XChaCha20Poly1305::new_from_slice(key).unwrap();
    cipher.encrypt(nonce.into(), Message { msg, aad }).unwrap()
}
