//! Each invariant of the log, broken once.

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::{ClientId, OwnerId, RealmId, RecordHandle, RecordId, TenantId, UserId, WriteId};
use vestibule_domain::instant::BootTime;
use vestibule_domain::record::{Header, Lease, Slot, Stage};
use vestibule_domain::secret::{EnrolmentKey, Grant, Payload};

use super::journal::{IdpCall, Journal, JournalEntry, Outcome};
use super::late_requests::arriving_late;

const KEY: u8 = 0xaa;

fn user() -> UserId {
    UserId::parse("u").unwrap()
}

fn leased() -> Stage {
    let lease = Lease {
        owner: Some(OwnerId::from_bytes([1; 16])),
        written: BootTime::from_ms(0),
    };
    Stage::Rotating { user: user(), lease }
}

/// A log in which the test plays both the IdP and the storage. Grants are named by one byte.
struct Play(Journal, u64);

impl Play {
    fn new() -> Self {
        let journal = Journal::new();
        journal.attach_storage();
        Self(journal, 0)
    }

    fn store(&mut self, grant: u8, stage: Stage) -> &mut Self {
        self.1 += 1;
        self.write(1, 1, self.1, false, grant, stage)
    }

    fn write(&mut self, place: u8, record: u8, generation: u64, aside: bool, grant: u8, stage: Stage) -> &mut Self {
        let slot = Slot {
            realm: RealmId::new("r").unwrap(),
            client_id: ClientId::parse("c").unwrap(),
        };
        let (id, write) = (RecordId::from_bytes([record; 16]), WriteId::from_bytes([1; 16]));
        let tenant = TenantId::parse("t").unwrap();
        let first = Header::first(id, write, stage, AuthenticationMode::No, tenant, slot);
        let mut payload = vec![KEY; 32];
        payload.extend([grant; 32]);
        self.0.push(JournalEntry::Stored {
            handle: RecordHandle::from_bytes([place; 16]),
            aside,
            header: Header { generation, ..first },
            payload: Payload::new(payload),
        });
        self
    }

    fn open(&self, call: IdpCall, grant: u8) -> usize {
        let (key, grant) = (EnrolmentKey::new([KEY; 32]), Grant::new(vec![grant; 32]));
        self.0
            .open(call, &key, (call != IdpCall::Enroll).then_some(&grant), None)
    }

    fn refresh(&mut self, grant: u8, successor: u8) -> &mut Self {
        let request = self.open(IdpCall::Refresh, grant);
        self.close(request, successor)
    }

    fn close(&mut self, request: usize, successor: u8) -> &mut Self {
        let successor = Some(Grant::new(vec![successor; 32]));
        let outcome = Outcome::Refreshed { successor };
        self.0.push(JournalEntry::Closed { request, outcome });
        self
    }

    /// What is found, without line and fingerprint.
    fn found(&self) -> Vec<String> {
        let plain = |text: &String| {
            let text = text.split_once(": ").unwrap().1;
            text.rsplit_once(' ').unwrap().0.to_owned()
        };
        self.0.violations().iter().map(plain).collect()
    }
}

#[test]
fn an_orderly_rotation_breaks_nothing() {
    let mut play = Play::new();
    let active = Stage::Active { user: user() };
    play.store(1, leased()).refresh(1, 2).store(2, active);
    play.store(2, leased()).refresh(2, 3).refresh(2, 4).store(4, leased());
    play.open(IdpCall::Revoke, 4);
    assert_eq!(play.found(), Vec::<String>::new());
}

#[test]
fn two_open_requests_of_one_grant_are_found() {
    let mut play = Play::new();
    play.store(1, leased());
    let first = play.open(IdpCall::Refresh, 1);
    play.open(IdpCall::Refresh, 1);
    play.close(first, 2);
    assert_eq!(play.found(), ["two open requests"]);
}

#[test]
fn a_grant_or_key_that_is_not_on_disk_is_found() {
    let mut play = Play::new();
    play.open(IdpCall::Enroll, 0);
    play.store(1, leased());
    play.open(IdpCall::Refresh, 2);
    let not_on_disk = "sent, but not on disk: key or grant";
    assert_eq!(play.found(), [not_on_disk, not_on_disk]);
    let no_disk = Play(Journal::new(), 0);
    no_disk.open(IdpCall::Enroll, 0);
    assert_eq!(no_disk.found(), Vec::<String>::new(), "without a storage nobody knows");
}

#[test]
fn a_removed_record_and_a_copy_kept_aside_are_no_record_to_send_from() {
    let mut play = Play::new();
    play.write(9, 1, 1, true, 1, leased()).store(1, leased());
    let handle = RecordHandle::from_bytes([1; 16]);
    play.0.push(JournalEntry::Removed { handle });
    play.open(IdpCall::Refresh, 1);
    assert_eq!(play.found(), ["sent, but not on disk: key or grant"]);
}

#[test]
fn a_request_without_a_lease_or_under_nobodys_is_found_but_a_revocation_needs_none() {
    let nobody = Lease {
        owner: None,
        written: BootTime::from_ms(0),
    };
    let active = Stage::Active { user: user() };
    let abandoned = Stage::Rotating {
        user: user(),
        lease: nobody,
    };
    for stage in [active, abandoned] {
        let mut play = Play::new();
        play.store(1, stage);
        play.open(IdpCall::Refresh, 1);
        play.open(IdpCall::Enroll, 0);
        assert_eq!(play.found(), ["sent without a lease", "sent without a lease"]);
        let mut play = Play::new();
        play.store(1, Stage::Revoking { until: None });
        play.open(IdpCall::Revoke, 1);
        assert_eq!(play.found(), Vec::<String>::new());
    }
}

#[test]
fn an_old_grant_behind_its_stored_successor_is_found_in_every_request() {
    for call in [IdpCall::Refresh, IdpCall::Revoke] {
        let mut play = Play::new();
        play.store(1, leased()).refresh(1, 2).store(2, leased());
        play.write(7, 7, 1, false, 1, Stage::Revoking { until: None });
        play.open(call, 1);
        let found = play.found();
        assert!(
            found.contains(&"sent after its successor was stored: grant".to_owned()),
            "{found:?}"
        );
        assert!(
            found.contains(&"written over its successor: grant".to_owned()),
            "{found:?}"
        );
    }
}

#[test]
fn a_successor_that_was_never_stored_supersedes_nothing() {
    let mut play = Play::new();
    play.store(1, leased()).refresh(1, 2).store(1, leased()).refresh(1, 3);
    assert_eq!(play.found(), Vec::<String>::new());
}

#[test]
fn a_key_of_two_identities_is_found_but_a_queued_revocation_is_no_identity() {
    let mut play = Play::new();
    play.write(1, 1, 1, false, 1, leased());
    play.write(3, 3, 1, false, 1, Stage::Revoking { until: None });
    play.refresh(1, 2);
    assert_eq!(play.found(), Vec::<String>::new());
    play.write(1, 2, 1, false, 1, leased());
    play.refresh(1, 2);
    assert_eq!(play.found(), ["two identities of one key"]);
}

#[test]
fn a_write_that_does_not_count_up_is_found() {
    let mut play = Play::new();
    play.write(1, 1, 2, false, 1, leased())
        .write(1, 1, 2, false, 1, leased());
    assert_eq!(play.found(), ["written without counting up, record"]);
    let mut play = Play::new();
    play.write(1, 1, 2, false, 1, leased())
        .write(1, 2, 1, false, 1, leased());
    assert_eq!(play.found(), Vec::<String>::new(), "another identity begins anew");
}

#[test]
fn an_unfinished_enrolment_kept_aside_is_found() {
    let mut play = Play::new();
    let lease = Lease {
        owner: None,
        written: BootTime::from_ms(0),
    };
    play.write(1, 1, 1, true, 1, Stage::Enrolling { lease });
    assert_eq!(play.found(), ["an unfinished enrolment kept aside, record"]);
}

#[tokio::test]
async fn a_late_request_is_not_judged_by_what_has_happened_since() {
    let mut play = Play::new();
    play.store(1, leased()).refresh(1, 2).store(2, leased());
    arriving_late(async { play.open(IdpCall::Refresh, 1) }).await;
    assert_eq!(play.found(), Vec::<String>::new());
    play.open(IdpCall::Refresh, 1);
    assert_eq!(play.found().len(), 3);
}

#[test]
fn the_log_shows_no_secret() {
    let mut play = Play::new();
    play.store(0x5c, leased()).refresh(0x5c, 0x5d);
    let shown = format!("{} {:?}", play.0, play.0);
    for secret in ["92, 92", "5c5c", "170, 170", "aaaa"] {
        assert!(!shown.contains(secret), "{shown}");
    }
    assert!(shown.contains("Refresh key"));
}
