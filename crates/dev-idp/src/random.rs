//! Random bytes: this server's own, drawn from the operating system by aws-lc.

use aws_lc_rs::rand;

use crate::compact_jws::base64url;
use crate::refusal::Refusal;

/// Bytes of a code, a token id, a session id.
const TOKEN_BYTES: usize = 32;

/// Fills an array.
pub(crate) fn make_bytes<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    rand::fill(&mut bytes).map_err(|_| Refusal::server_error("no randomness"))?;
    Ok(bytes)
}

/// A word that nobody guesses.
pub(crate) fn make_word() -> Result<String, Refusal> {
    Ok(base64url(&make_bytes::<TOKEN_BYTES>()?))
}

/// A UUID of version 4 (RFC 9562, section 5.4).
pub(crate) fn make_uuid() -> Result<String, Refusal> {
    Ok(uuid_of(make_bytes()?, 4))
}

/// Writes 16 bytes as a UUID of that version.
pub(crate) fn uuid_of(bytes: [u8; 16], version: u8) -> String {
    let mut value = u128::from_be_bytes(bytes);
    value = (value & !(0xf << 76)) | (u128::from(version) << 76);
    value = (value & !(0b11 << 62)) | (0b10 << 62);
    let hex = format!("{value:032x}");
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32];
    parts
        .into_iter()
        .filter_map(|range| hex.get(range))
        .collect::<Vec<_>>()
        .join("-")
}
