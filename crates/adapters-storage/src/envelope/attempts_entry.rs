//! The entry that counts wrong passwords at a slot, byte by byte. It is no record, and it holds no secret.
//!
//! ```text
//! entry   = counts || mac
//! counts  = one deterministic CBOR map: version, slot id, write id, and one line for each record that lay at the slot
//! line    = [record id, begun, failed, wall clock in ms, time since boot in ms, what had passed of the delay in ms]
//!           (the last one only where it is not zero)
//! mac key = HKDF-Expand(index, "attempts" || slot id, 32)
//! mac     = HMAC-SHA-256(mac key, counts)
//! ```
//!
//! Each record has a line of its own: a new user of a slot begins without the old one's wrong guesses, and an old one that
//! was put back still has them. So replacing a record and putting it back buys no guess.

use core::num::NonZeroU64;
use core::time::Duration;

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
    /// The one that is forgotten first is in front.
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
    #[n(5)]
    passed_ms: Option<NonZeroU64>,
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
            passed: Duration::from_millis(line.passed_ms.map_or(0, NonZeroU64::get)),
            noted: Moment {
                wall: WallTime::from_unix_ms(line.wall_ms),
                boot: BootTime::from_ms(line.boot_ms),
            },
        })
    }

    /// The same counts, this record's being forgotten last of all that are there.
    pub(crate) fn forgotten_last(mut self, record: RecordId) -> Self {
        self.lines.sort_by_key(|line| line.record_id == *record.as_bytes());
        self
    }

    /// The same counts with these of one record. Where there are too many, the record that came first is forgotten.
    pub(crate) fn with(mut self, record: RecordId, guesses: Guesses, write_id: [u8; 16]) -> Self {
        let line = Line {
            record_id: *record.as_bytes(),
            started: guesses.started,
            failed: guesses.failed,
            wall_ms: guesses.noted.wall.unix_ms(),
            boot_ms: guesses.noted.boot.ms(),
            passed_ms: NonZeroU64::new(u64::try_from(guesses.passed.as_millis()).unwrap_or(u64::MAX)),
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use zeroize::Zeroizing;

    use super::*;

    const SLOT: [u8; 16] = [5; 16];

    fn index() -> IndexKey {
        IndexKey(Zeroizing::new([9; 32]))
    }

    fn guesses(started: u32) -> Guesses {
        Guesses {
            started,
            failed: u32::MAX,
            passed: Duration::from_millis(u64::MAX),
            noted: Moment {
                wall: WallTime::from_unix_ms(i64::MIN),
                boot: BootTime::from_ms(u64::MAX),
            },
        }
    }

    fn record(number: u8) -> RecordId {
        RecordId::from_bytes([number; 16])
    }

    #[test]
    fn the_count_of_the_record_that_came_first_is_forgotten_and_the_longest_entry_fits() {
        let mut entry = AttemptsEntry::empty(SLOT);
        for number in 0..9 {
            entry = entry.with(record(number), guesses(u32::MAX), [number; 16]);
            // What is known already is changed in its place.
            entry = entry.with(record(number), guesses(u32::from(number) + 70_000), [number; 16]);
        }
        let bytes = entry.seal(&index()).unwrap();
        let proven = AttemptsEntry::prove(&bytes, SLOT, &index()).unwrap();
        assert_eq!(proven, entry);
        assert_eq!(proven.guesses(record(0)), None);
        for number in 1..9 {
            assert_eq!(
                proven.guesses(record(number)),
                Some(guesses(u32::from(number) + 70_000))
            );
        }
        let room = MAX_ENTRY_BYTES - bytes.len();
        assert!(
            room >= MAX_COUNTED_RECORDS * 2,
            "{room} bytes for numbers that take 4 bytes more"
        );
    }

    #[test]
    fn an_entry_of_another_slot_key_or_version_is_not_believed() {
        let entry = AttemptsEntry::empty(SLOT).with(record(1), guesses(1), [1; 16]);
        let bytes = entry.seal(&index()).unwrap();
        assert!(AttemptsEntry::prove(&bytes, SLOT, &index()).is_ok());
        assert!(AttemptsEntry::prove(&bytes, [6; 16], &index()).is_err());
        let other_key = IndexKey(Zeroizing::new([8; 32]));
        assert!(AttemptsEntry::prove(&bytes, SLOT, &other_key).is_err());
        let many = AttemptsEntry {
            lines: entry.lines.iter().cycle().take(9).cloned().collect(),
            ..entry.clone()
        };
        let later = AttemptsEntry { version: 2, ..entry };
        for not_ours in [many, later] {
            let bytes = not_ours.seal(&index()).unwrap();
            assert!(AttemptsEntry::prove(&bytes, SLOT, &index()).is_err());
        }
    }

    #[test]
    fn the_mac_of_a_record_is_not_one_of_a_count() {
        let signed = b"the same bytes";
        let as_record = index().mac(Signed::Record(&SLOT), signed).unwrap();
        assert!(index().verify(Signed::Attempts(&SLOT), signed, &as_record).is_err());
        assert!(index().verify(Signed::Record(&SLOT), signed, &as_record).is_ok());
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_are_refused_and_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert!(AttemptsEntry::prove(&bytes, SLOT, &index()).is_err());
            let mac = index().mac(Signed::Attempts(&SLOT), &bytes).unwrap();
            prop_assert!(AttemptsEntry::prove(&[bytes.as_slice(), &mac].concat(), SLOT, &index()).is_err());
        }
    }
}
