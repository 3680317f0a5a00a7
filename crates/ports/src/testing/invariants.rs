//! What must hold in every life, read from the log that an IdP and a storage share.

use std::collections::BTreeMap;

use vestibule_domain::identifiers::{RecordHandle, RecordId};
use vestibule_domain::record::{Header, StageKind};

use super::journal::{Fingerprint, IdpCall, Journal, JournalEntry, Outcome};

impl Journal {
    /// Every break of an invariant of the durable protocol, each with its line of the log. Empty is good.
    ///
    /// - No grant has two open requests.
    /// - No request leaves whose key and grant are not on disk.
    /// - No enrolment or refresh leaves but under a lease with an owner.
    /// - A grant is not sent any more once its successor is stored.
    /// - A grant is not written over its successor.
    /// - A key belongs to one identity.
    /// - The writes of one record under one protection count up.
    /// - An unfinished enrolment is not kept aside.
    ///
    /// A key or grant counts as stored where its bytes stand in a row in a record's content. What concerns the disk is
    /// judged only when a [`MemoryStorage`](super::MemoryStorage) shares this log. A request that arrives late is not judged
    /// by the disk, which may have gone on since it left.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        let mut replay = Replay {
            has_disk: self.has_storage(),
            ..Replay::default()
        };
        for (line, entry) in self.entries().iter().enumerate() {
            replay.line = line;
            replay.follow(entry);
        }
        replay.violations
    }
}

/// The log read again, line by line.
#[derive(Default)]
struct Replay {
    has_disk: bool,
    line: usize,
    disk: BTreeMap<RecordHandle, OnDisk>,
    open: BTreeMap<usize, Option<Vec<u8>>>,
    successors: Vec<Succession>,
    identities: BTreeMap<Vec<u8>, RecordId>,
    violations: Vec<String>,
}

struct OnDisk {
    header: Header,
    payload: Vec<u8>,
    aside: bool,
}

struct Succession {
    old: Vec<u8>,
    new: Vec<u8>,
    stored: bool,
}

impl Replay {
    fn follow(&mut self, entry: &JournalEntry) {
        match entry {
            JournalEntry::Opened {
                request,
                call,
                key,
                grant,
                late,
                ..
            } => {
                let grant = grant.as_ref().map(|grant| grant.expose().to_vec());
                if !late {
                    self.judge_request(*call, key.expose(), grant.as_deref());
                }
                self.open.insert(*request, grant);
            }
            JournalEntry::Closed { request, outcome } => self.close(*request, outcome),
            JournalEntry::Stored {
                handle,
                aside,
                header,
                payload,
            } => {
                let record = OnDisk {
                    header: header.clone(),
                    payload: payload.expose().to_vec(),
                    aside: *aside,
                };
                self.store(*handle, record);
            }
            JournalEntry::Removed { handle } => {
                self.disk.remove(handle);
            }
        }
    }

    fn judge_request(&mut self, call: IdpCall, key: &[u8], grant: Option<&[u8]>) {
        if let Some(grant) = grant {
            if self.open.values().flatten().any(|open| open == grant) {
                self.report("two open requests", grant);
            }
            if self.successors.iter().any(|one| one.old == grant && one.stored) {
                self.report("sent after its successor was stored: grant", grant);
            }
        }
        if !self.has_disk {
            return;
        }
        let holders: Vec<_> = self
            .disk
            .values()
            .filter(|record| record.holds(key) && !record.aside)
            .collect();
        let is_stored =
            grant.is_none_or(|grant| holders.iter().any(|record| record.holds(grant))) && !holders.is_empty();
        let is_leased = holders
            .iter()
            .any(|record| record.header.stage.lease().is_some_and(|lease| lease.owner.is_some()));
        let identities: Vec<_> = holders.iter().filter_map(|record| record.identity()).collect();
        if !is_stored {
            self.report("sent, but not on disk: key or grant", grant.unwrap_or(key));
        }
        match call {
            IdpCall::Enroll | IdpCall::Refresh if is_stored && !is_leased => {
                self.report("sent without a lease", grant.unwrap_or(key));
            }
            IdpCall::Enroll | IdpCall::Refresh | IdpCall::Revoke => {}
        }
        for identity in identities {
            if *self.identities.entry(key.to_vec()).or_insert(identity) != identity {
                self.report("two identities of one key", key);
            }
        }
    }

    fn close(&mut self, request: usize, outcome: &Outcome) {
        let sent = self.open.remove(&request).flatten();
        match (outcome, sent) {
            (Outcome::Refreshed { successor: Some(new) }, Some(old)) => self.successors.push(Succession {
                old,
                new: new.expose().to_vec(),
                stored: false,
            }),
            (
                Outcome::Enrolled { .. }
                | Outcome::Refreshed { .. }
                | Outcome::Revoked
                | Outcome::Refused(_)
                | Outcome::Scripted,
                _,
            ) => {}
        }
    }

    fn store(&mut self, handle: RecordHandle, record: OnDisk) {
        if record.aside && record.header.stage.kind() == StageKind::Enrolling {
            self.report(
                "an unfinished enrolment kept aside, record",
                record.header.record_id.as_bytes(),
            );
        }
        if let Some(before) = self.disk.get(&handle) {
            let same = |header: &Header| (header.record_id, header.epoch);
            if same(&before.header) == same(&record.header) && before.header.generation >= record.header.generation {
                self.report(
                    "written without counting up, record",
                    record.header.record_id.as_bytes(),
                );
            }
        }
        for one in &mut self.successors {
            one.stored |= record.holds(&one.new);
        }
        let goes_back = |one: &&Succession| one.stored && record.holds(&one.old) && !record.holds(&one.new);
        if let Some(old) = self.successors.iter().find(goes_back).map(|one| one.old.clone()) {
            self.report("written over its successor: grant", &old);
        }
        self.disk.insert(handle, record);
    }

    fn report(&mut self, what: &str, bytes: &[u8]) {
        let line = self.line;
        self.violations
            .push(format!("line {line}: {what} {}", Fingerprint::of(bytes)));
    }
}

impl OnDisk {
    fn holds(&self, secret: &[u8]) -> bool {
        !secret.is_empty() && self.payload.windows(secret.len()).any(|part| part == secret)
    }

    /// Whose record it is; a queued revocation is nobody's.
    fn identity(&self) -> Option<RecordId> {
        (self.header.stage.kind() != StageKind::Revoking).then_some(self.header.record_id)
    }
}
