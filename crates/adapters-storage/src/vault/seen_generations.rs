//! Refuses an older state of a record than one already seen, within one vault. Over restarts nothing is promised:
//! whoever can write the files can put old ones back.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use vestibule_domain::identifiers::RecordId;
use vestibule_domain::record::Header;

/// So many records are remembered; beyond that, old states of forgotten ones pass.
pub const MAX_REMEMBERED_RECORDS: usize = 65_536;

/// The newest epoch and generation of each record.
#[derive(Debug, Default)]
pub(super) struct SeenGenerations(Mutex<HashMap<RecordId, (u64, u64)>>);

impl SeenGenerations {
    /// Whether a state that was read is older than one already seen; if not, it is remembered.
    pub(super) fn is_older(&self, read: &Header) -> bool {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let state = (read.epoch, read.generation);
        match seen.get(&read.record_id) {
            Some(newest) if *newest > state => true,
            Some(_) | None => {
                remember(&mut seen, read.record_id, state);
                false
            }
        }
    }

    /// Remembers a state that this vault has written, whatever was seen before.
    pub(super) fn wrote(&self, written: &Header) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        remember(&mut seen, written.record_id, (written.epoch, written.generation));
    }
}

fn remember(seen: &mut HashMap<RecordId, (u64, u64)>, record: RecordId, state: (u64, u64)) {
    if seen.len() >= MAX_REMEMBERED_RECORDS && !seen.contains_key(&record) {
        seen.clear();
    }
    seen.insert(record, state);
}
