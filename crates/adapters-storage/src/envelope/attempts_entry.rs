//! The entry that counts wrong passwords at a slot, byte by byte. It is no record, and it holds no secret.
//!
//! ```text
//! entry   = counts || mac
//! counts  = one deterministic CBOR map: version, slot id, write id, and one line for each record that lay at the slot
//! line    = [record id, begun, failed, wall clock in ms, time since boot in ms]
//! mac key = HKDF-Expand(index, "attempts" || slot id, 32)
//! mac     = HMAC-SHA-256(mac key, counts)
//! ```
//!
//! Each record has a line of its own: a new user of a slot begins without the old one's wrong guesses, and an old one that
//! was put back still has them. So replacing a record and putting it back buys no guess.

use minicbor::{CborLen, Decode, Encode};
use vestibule_domain::identifiers::RecordId;
use vestibule_domain::instant::{BootTime, WallTime};
use vestibule_domain::lockout::{Guesses, Moment};
use vestibule_domain::record::Unreadable;

use super::layout::MAC_BYTES;
use super::mac::{IndexKey, Signed};
use super::{EnvelopeError, from_cbor, to_cbor};

/// So many records of one slot are remembered; of another one the count is not known, and that is the longest delay.
pub const MAX_COUNTED_RECORDS: usize = 8;
/// The version of the entry.
const VERSION: u8 = 1;
/// Longest entry, in bytes.
const MAX_ENTRY_BYTES: usize = 1024;

/// The counts of one slot.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
#[cbor(map)]
pub(crate) struct AttemptsEntry {
    #[n(0)]
    version: u8,
    #[cbor(n(1), with = "minicbor::bytes")]
    slot: [u8; 16],
    /// Random, so that two writers never write the same bytes: each knows whether its own stand.
    #[cbor(n(2), with = "minicbor::bytes")]
    write_id: [u8; 16],
    /// In the order in which they came.
    #[n(3)]
    lines: Vec<Line>,
}

/// The guesses at one record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, CborLen)]
struct Line {
    #[cbor(n(0), with = "minicbor::bytes")]
    record_id: [u8; 16],
    #[n(1)]
    started: u32,
    #[n(2)]
    failed: u32,
    #[n(3)]
    wall_ms: i64,
    #[n(4)]
    boot_ms: u64,
}

impl AttemptsEntry {
    /// No counts at all.
    pub(crate) const fn empty(slot: [u8; 16]) -> Self {
        Self {
            version: VERSION,
            slot,
            write_id: [0; 16],
            lines: Vec::new(),
        }
    }

    /// Proves bytes to be the counts of this slot.
    pub(crate) fn prove(bytes: &[u8], slot: [u8; 16], index: &IndexKey) -> Result<Self, EnvelopeError> {
        let corrupted = EnvelopeError::Unreadable(Unreadable::Corrupted);
        if bytes.len() > MAX_ENTRY_BYTES {
            return Err(corrupted);
        }
        let (counts, mac) = bytes.split_last_chunk::<MAC_BYTES>().ok_or(corrupted)?;
        index.verify(Signed::Attempts(&slot), counts, mac)?;
        let entry: Self = from_cbor(counts)?;
        let fits = entry.version == VERSION && entry.slot == slot && entry.lines.len() <= MAX_COUNTED_RECORDS;
        if fits { Ok(entry) } else { Err(corrupted) }
    }

    /// Its bytes.
    pub(crate) fn seal(&self, index: &IndexKey) -> Result<Vec<u8>, EnvelopeError> {
        let mut bytes = to_cbor(self)?;
        let mac = index.mac(Signed::Attempts(&self.slot), &bytes)?;
        bytes.extend_from_slice(&mac);
        Ok(bytes)
    }

    /// The guesses at a record, where they are known.
    pub(crate) fn guesses(&self, record: RecordId) -> Option<Guesses> {
        let line = self.lines.iter().find(|line| line.record_id == *record.as_bytes())?;
        Some(Guesses {
            started: line.started,
            failed: line.failed,
            noted: Moment {
                wall: WallTime::from_unix_ms(line.wall_ms),
                boot: BootTime::from_ms(line.boot_ms),
            },
        })
    }

    /// The same counts with these of one record. Where there are too many, the record that came first is forgotten.
    pub(crate) fn with(mut self, record: RecordId, guesses: Guesses, write_id: [u8; 16]) -> Self {
        let line = Line {
            record_id: *record.as_bytes(),
            started: guesses.started,
            failed: guesses.failed,
            wall_ms: guesses.noted.wall.unix_ms(),
            boot_ms: guesses.noted.boot.ms(),
        };
        self.write_id = write_id;
        match self.lines.iter_mut().find(|known| known.record_id == line.record_id) {
            Some(known) => *known = line,
            None => self.lines.push(line),
        }
        if self.lines.len() > MAX_COUNTED_RECORDS {
            self.lines.remove(0);
        }
        self
    }
}
