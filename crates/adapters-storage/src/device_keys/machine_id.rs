//! The name of this machine, hashed for our use alone, as `machine-id(5)` asks: the id itself must not be told.

use std::fs;
use std::io::ErrorKind;

use sha2::{Digest, Sha256};
use vestibule_ports::DeviceKeyError;

/// Where systemd and D-Bus keep it; the first one that is there counts.
const FILES: [&str; 2] = ["/etc/machine-id", "/var/lib/dbus/machine-id"];
/// Makes the hash ours alone.
const LABEL: &[u8] = b"vestibule/1/machine";
/// Length of the id, in hex digits.
const ID_DIGITS: usize = 32;

/// The hashed name; `None` where the platform has none.
pub(super) fn read() -> Result<Option<[u8; 32]>, DeviceKeyError> {
    for file in FILES {
        match fs::read(file) {
            Ok(text) => return Ok(hash_of(&text)),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(_) => return Err(DeviceKeyError::Unavailable("the machine id cannot be read")),
        }
    }
    Ok(None)
}

/// The hash of an id; `None` for an empty file or one that says `uninitialized`.
fn hash_of(text: &[u8]) -> Option<[u8; 32]> {
    let id = text.trim_ascii();
    let is_id = id.len() == ID_DIGITS && id.iter().all(u8::is_ascii_hexdigit);
    is_id.then(|| Sha256::new_with_prefix(LABEL).chain_update(id).finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_machine_id_names_a_machine() {
        assert_eq!(hash_of(b""), None);
        assert_eq!(hash_of(b"uninitialized\n"), None);
        assert_eq!(hash_of(b"0123456789abcdef0123456789abcdeg\n"), None);
        let name = hash_of(b"0123456789abcdef0123456789abcdef\n").unwrap();
        assert_eq!(Some(name), hash_of(b"0123456789abcdef0123456789abcdef"));
        assert_ne!(Some(name), hash_of(b"0123456789abcdef0123456789abcdee"));
    }
}
