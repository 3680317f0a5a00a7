//! Where head, body and mac lie in a sealed record. Sizes are checked before anything else is read.

use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::record::Unreadable;

use super::EnvelopeError;

/// The first bytes of every sealed record, in every format.
pub const MAGIC: [u8; 8] = *b"\x89VESTIB\n";
/// The format that this version writes.
pub const FORMAT: u16 = 1;
/// Longest header, in bytes.
pub const MAX_HEADER_BYTES: usize = 8 * 1024;
/// Longest sealed body, in bytes, its tag included.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;
/// Length of the mac, in bytes.
pub const MAC_BYTES: usize = 32;

/// A sealed record, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Layout<'a> {
    /// Magic, format, lengths and header: what the body is bound to.
    pub head: &'a [u8],
    /// The header alone.
    pub header: &'a [u8],
    /// The sealed body.
    pub body: &'a [u8],
    /// Head and body: what the mac is of.
    pub signed: &'a [u8],
    /// The mac.
    pub mac: &'a [u8; MAC_BYTES],
}

/// Takes a record apart. A file that is not exactly as long as it says is damaged.
pub(crate) fn split(bytes: &[u8]) -> Result<Layout<'_>, Unreadable> {
    let (magic, rest) = take::<8>(bytes)?;
    let (format, rest) = take::<2>(rest)?;
    let format = u16::from_be_bytes(*format);
    if *magic != MAGIC || format < FORMAT {
        return Err(Unreadable::Corrupted);
    }
    if format > FORMAT {
        return Err(Unreadable::NewerFormat);
    }
    let (header_len, rest) = take_length(rest, MAX_HEADER_BYTES)?;
    let (body_len, rest) = take_length(rest, MAX_BODY_BYTES)?;
    let (header, rest) = rest.split_at_checked(header_len).ok_or(Unreadable::Corrupted)?;
    let (body, rest) = rest.split_at_checked(body_len).ok_or(Unreadable::Corrupted)?;
    let mac: &[u8; MAC_BYTES] = rest.try_into().map_err(|_| Unreadable::Corrupted)?;
    let body_end = bytes.len().saturating_sub(MAC_BYTES);
    let signed = bytes.get(..body_end).ok_or(Unreadable::Corrupted)?;
    let head = bytes
        .get(..body_end.saturating_sub(body_len))
        .ok_or(Unreadable::Corrupted)?;
    Ok(Layout {
        head,
        header,
        body,
        signed,
        mac,
    })
}

/// The head in front of a sealed body of `body_len` bytes, with room for what follows.
pub(crate) fn head(header: &[u8], body_len: usize) -> Result<Vec<u8>, EnvelopeError> {
    let header_len = length(header.len(), MAX_HEADER_BYTES, "header", "is longer than 8 KiB")?;
    let sealed_len = length(
        body_len,
        MAX_BODY_BYTES,
        "payload",
        "is longer than 1 MiB when it is sealed",
    )?;
    let mut head = Vec::with_capacity(18 + header.len() + body_len + MAC_BYTES);
    head.extend_from_slice(&MAGIC);
    head.extend_from_slice(&FORMAT.to_be_bytes());
    head.extend_from_slice(&header_len.to_be_bytes());
    head.extend_from_slice(&sealed_len.to_be_bytes());
    head.extend_from_slice(header);
    Ok(head)
}

fn take<const N: usize>(bytes: &[u8]) -> Result<(&[u8; N], &[u8]), Unreadable> {
    bytes.split_first_chunk::<N>().ok_or(Unreadable::Corrupted)
}

fn take_length(bytes: &[u8], max: usize) -> Result<(usize, &[u8]), Unreadable> {
    let (length, rest) = take::<4>(bytes)?;
    match usize::try_from(u32::from_be_bytes(*length)) {
        Ok(length) if length <= max => Ok((length, rest)),
        Ok(_) | Err(_) => Err(Unreadable::Corrupted),
    }
}

fn length(len: usize, max: usize, field: &'static str, why: &'static str) -> Result<u32, EnvelopeError> {
    let too_long = EnvelopeError::TooLong(InvalidParameter { field, why });
    if len > max {
        return Err(too_long);
    }
    u32::try_from(len).map_err(|_| too_long)
}
