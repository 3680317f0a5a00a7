//! The contract of the secure storage, kept by the one in memory.

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::{ClientId, OwnerId, RealmId, RecordHandle, RecordId, TenantId, UserId, WriteId};
use vestibule_domain::instant::BootTime;
use vestibule_domain::record::{Header, Lease, Lookup, Place, Revision, Slot, Stage, Unreadable};
use vestibule_domain::secret::{GateKey, Password, Payload, RecordKey};

use super::MemoryStorage;
use crate::biometric_gate::GateBlob;
use crate::secure_storage::{Content, Credential, Key, SecureStorage, StorageError, WriteRequest, Written};

fn slot(client: &str) -> Slot {
    Slot {
        realm: RealmId::new("idp.example/acme").unwrap(),
        client_id: ClientId::parse(client).unwrap(),
    }
}

fn place(client: &str) -> Place {
    Place::Slot(slot(client))
}

fn active() -> Stage {
    Stage::Active {
        user: UserId::parse("u-1").unwrap(),
    }
}

fn header(record: u8, write: u8, mode: AuthenticationMode) -> Header {
    Header::first(
        RecordId::from_bytes([record; 16]),
        WriteId::from_bytes([write; 16]),
        active(),
        mode,
        TenantId::parse("acme").unwrap(),
        slot("a"),
    )
}

/// The header of an enrolment that has begun.
fn enrolling(record: u8) -> Header {
    let lease = Lease {
        owner: Some(OwnerId::from_bytes([1; 16])),
        written: BootTime::from_ms(0),
    };
    Header {
        stage: Stage::Enrolling { lease },
        ..header(record, 2, AuthenticationMode::No)
    }
}

/// The header of a queued revocation.
fn queued(record: u8) -> Header {
    Header {
        stage: Stage::Revoking { until: None },
        ..header(record, 1, AuthenticationMode::No)
    }
}

fn payload(byte: u8) -> Payload {
    Payload::new(vec![byte; 8])
}

fn seal(byte: u8, credential: Credential) -> Content {
    Content::Seal {
        payload: payload(byte),
        credential,
    }
}

fn reseal(byte: u8, key: &RecordKey) -> Content {
    Content::Reseal {
        payload: payload(byte),
        key: key.clone(),
    }
}

fn request(expected: Option<&Revision>, header: &Header, content: Content) -> WriteRequest {
    WriteRequest::new(place("a"), expected.cloned(), header.clone(), content)
}

/// A storage with one record in mode `no`, written once.
async fn with_record() -> (MemoryStorage, Header, Written) {
    let storage = MemoryStorage::new();
    let first = header(1, 1, AuthenticationMode::No);
    let written = storage
        .write(request(None, &first, seal(1, Credential::None)))
        .await
        .unwrap();
    (storage, first, written)
}

async fn content(storage: &MemoryStorage, key: Key) -> Result<u8, StorageError> {
    let opened = storage.open(place("a"), key).await?;
    Ok(opened.payload.expose()[0])
}

#[tokio::test]
async fn a_write_stands_only_over_the_state_that_it_expects() {
    let (storage, first, written) = with_record().await;
    let next = first.next(WriteId::from_bytes([2; 16]), active());
    let stranger = Revision::new(vec![9]);
    for wrong in [None, Some(&stranger)] {
        let refused = storage.write(request(wrong, &next, seal(2, Credential::None))).await;
        assert_eq!(refused.unwrap_err(), StorageError::Conflict);
    }
    let second = storage
        .clone()
        .write(request(Some(&written.revision), &next, reseal(2, &written.key)))
        .await
        .unwrap();
    assert_ne!(second.revision, written.revision);
    assert_eq!(content(&storage, Key::Credential(Credential::None)).await, Ok(2));
}

#[tokio::test]
async fn the_same_write_again_is_done_and_the_same_id_with_another_header_is_a_conflict() {
    let (storage, first, written) = with_record().await;
    let again = storage
        .write(request(None, &first, seal(1, Credential::None)))
        .await
        .unwrap();
    assert_eq!(again.revision, written.revision);
    assert_eq!(again.key.expose(), written.key.expose());
    let altered = Header { generation: 7, ..first };
    let refused = storage.write(request(None, &altered, seal(1, Credential::None))).await;
    assert_eq!(refused.unwrap_err(), StorageError::Conflict);
}

#[tokio::test]
async fn revisions_never_come_back() {
    let (storage, first, written) = with_record().await;
    let handle = MemoryStorage::handle_of(&slot("a"));
    storage.remove(handle, written.revision.clone()).await.unwrap();
    let again = storage
        .write(request(None, &first, seal(1, Credential::None)))
        .await
        .unwrap();
    assert_ne!(again.revision, written.revision);
}

#[tokio::test]
async fn a_record_key_opens_its_own_epoch_alone() {
    let (storage, first, written) = with_record().await;
    assert_eq!(content(&storage, Key::RecordKey(written.key.clone())).await, Ok(1));
    let protected = first.reprotected(WriteId::from_bytes([2; 16]), active(), AuthenticationMode::Password);
    let password = || Credential::Password(Password::new("correct horse".into()));
    let sealed = storage
        .write(request(Some(&written.revision), &protected, seal(2, password())))
        .await
        .unwrap();
    let old_key = content(&storage, Key::RecordKey(written.key.clone())).await;
    assert_eq!(old_key, Err(StorageError::WrongCredential));
    let next = protected.next(WriteId::from_bytes([3; 16]), active());
    let resealed = storage
        .write(request(Some(&sealed.revision), &next, reseal(3, &written.key)))
        .await;
    assert_eq!(resealed.unwrap_err(), StorageError::WrongCredential);
    assert_eq!(content(&storage, Key::RecordKey(sealed.key)).await, Ok(2));
}

#[tokio::test]
async fn a_reseal_keeps_record_epoch_and_mode() {
    let (storage, first, written) = with_record().await;
    let next = first.next(WriteId::from_bytes([2; 16]), active());
    let altered = [
        Header {
            epoch: 2,
            ..next.clone()
        },
        Header {
            record_id: RecordId::from_bytes([9; 16]),
            ..next.clone()
        },
        Header {
            mode: AuthenticationMode::Password,
            ..next
        },
    ];
    for header in altered {
        let refused = storage
            .write(request(Some(&written.revision), &header, reseal(2, &written.key)))
            .await;
        assert!(matches!(refused, Err(StorageError::Unsupported(_))), "{header:?}");
    }
    assert_eq!(content(&storage, Key::Credential(Credential::None)).await, Ok(1));
}

#[tokio::test]
async fn each_mode_opens_with_its_own_credential_alone() {
    let biometric = |byte: u8| Credential::Biometric {
        key: GateKey::new([byte; 32]),
        blob: GateBlob(vec![5]),
    };
    let password = |word: &str| Credential::Password(Password::new(word.into()));
    let cases = [
        (AuthenticationMode::No, Credential::None, password("x")),
        (AuthenticationMode::Password, password("right"), password("wrong")),
        (AuthenticationMode::Password, password("right"), Credential::None),
        (AuthenticationMode::Biometric, biometric(1), biometric(2)),
        (AuthenticationMode::Biometric, biometric(1), Credential::None),
    ];
    for (mode, right, wrong) in cases {
        let storage = MemoryStorage::new();
        let header = header(1, 1, mode);
        let misfit = storage
            .write(request(
                None,
                &header,
                seal(
                    1,
                    if mode == AuthenticationMode::No {
                        password("x")
                    } else {
                        Credential::None
                    },
                ),
            ))
            .await;
        assert!(matches!(misfit, Err(StorageError::Unsupported(_))), "{mode}");
        storage
            .write(request(None, &header, seal(1, right.clone())))
            .await
            .unwrap();
        assert_eq!(
            content(&storage, Key::Credential(wrong)).await,
            Err(StorageError::WrongCredential),
            "{mode}"
        );
        assert_eq!(content(&storage, Key::Credential(right)).await, Ok(1), "{mode}");
    }
}

#[tokio::test]
async fn what_a_gate_keeps_in_a_record_is_described_without_opening_it() {
    let storage = MemoryStorage::new();
    let credential = Credential::Biometric {
        key: GateKey::new([1; 32]),
        blob: GateBlob(vec![5]),
    };
    storage
        .write(request(
            None,
            &header(1, 1, AuthenticationMode::Biometric),
            seal(1, credential),
        ))
        .await
        .unwrap();
    let Ok(Lookup::Present(described)) = storage.describe(place("a")).await else {
        panic!("it is there")
    };
    assert_eq!(described.gate_blob, Some(GateBlob(vec![5])));
    assert_eq!(storage.describe(place("b")).await, Ok(Lookup::Absent));
}

#[tokio::test]
async fn a_list_goes_page_by_page_in_the_order_of_the_handles() {
    let storage = MemoryStorage::new();
    for byte in [3, 1, 2] {
        let handle = RecordHandle::from_bytes([byte; 16]);
        let write = WriteRequest::new(Place::Handle(handle), None, queued(byte), seal(byte, Credential::None));
        storage.write(write).await.unwrap();
    }
    let handles = |bytes: &[u8]| {
        bytes
            .iter()
            .map(|byte| RecordHandle::from_bytes([*byte; 16]))
            .collect::<Vec<_>>()
    };
    let first = storage.list(None, 2).await.unwrap();
    assert_eq!(
        first.records.iter().map(|record| record.handle).collect::<Vec<_>>(),
        handles(&[1, 2])
    );
    assert_eq!(first.next, Some(handles(&[2])[0]));
    let last = storage.list(first.next, 2).await.unwrap();
    assert_eq!(
        last.records.iter().map(|record| record.handle).collect::<Vec<_>>(),
        handles(&[3])
    );
    assert_eq!(last.next, None);
}

#[tokio::test]
async fn a_copy_kept_aside_is_marked_and_goes_back_over_what_replaced_it() {
    let (storage, old, written) = with_record().await;
    let handle = MemoryStorage::handle_of(&slot("a"));
    let aside = storage.keep_aside(handle, written.revision.clone()).await.unwrap();
    assert_eq!(storage.keep_aside(handle, written.revision.clone()).await, Ok(aside));
    let marked = storage.list(None, 9).await.unwrap().records;
    assert_eq!(
        marked
            .iter()
            .filter(|record| record.aside)
            .map(|record| record.handle)
            .collect::<Vec<_>>(),
        [aside]
    );

    let new = enrolling(2);
    let replaced = storage
        .write(request(Some(&written.revision), &new, seal(2, Credential::None)))
        .await
        .unwrap();
    assert_eq!(
        storage.put_back(aside, Some(written.revision)).await,
        Err(StorageError::Conflict)
    );
    let back = storage.put_back(aside, Some(replaced.revision.clone())).await.unwrap();
    assert_eq!(storage.record_at(&place("a")).unwrap().header, old);
    assert_eq!(content(&storage, Key::RecordKey(written.key)).await, Ok(1));
    assert_eq!(storage.describe(Place::Handle(aside)).await, Ok(Lookup::Absent));
    // Its answer was lost, and it is asked again.
    assert_eq!(storage.put_back(aside, Some(replaced.revision)).await, Ok(back));
}

#[tokio::test]
async fn a_copy_of_an_older_state_gives_way_to_the_current_one() {
    let (storage, first, written) = with_record().await;
    let handle = MemoryStorage::handle_of(&slot("a"));
    let aside = storage.keep_aside(handle, written.revision.clone()).await.unwrap();
    let next = first.next(WriteId::from_bytes([2; 16]), active());
    let second = storage
        .write(request(Some(&written.revision), &next, reseal(2, &written.key)))
        .await
        .unwrap();
    assert_eq!(
        storage.keep_aside(handle, written.revision).await,
        Err(StorageError::Conflict)
    );
    storage.keep_aside(handle, second.revision).await.unwrap();
    assert_eq!(storage.record_at(&Place::Handle(aside)).unwrap().payload.expose()[0], 2);
}

#[tokio::test]
async fn a_record_is_removed_in_the_named_state_alone() {
    let (storage, _, written) = with_record().await;
    let handle = MemoryStorage::handle_of(&slot("a"));
    let stranger = Revision::new(vec![9]);
    assert_eq!(storage.remove(handle, stranger).await, Err(StorageError::Conflict));
    assert_eq!(storage.remove(handle, written.revision.clone()).await, Ok(()));
    assert_eq!(
        storage.remove(handle, written.revision).await,
        Err(StorageError::NotThere)
    );
    assert_eq!(
        content(&storage, Key::Credential(Credential::None)).await,
        Err(StorageError::NotThere)
    );
}

#[tokio::test]
async fn what_cannot_be_read_is_an_error_everywhere_and_never_absent() {
    let storage = MemoryStorage::new();
    let revision = storage.plant_unreadable(&place("a"), Unreadable::NewerFormat);
    let unreadable = StorageError::Unreadable(Unreadable::NewerFormat);
    assert_eq!(storage.describe(place("a")).await, Err(unreadable.clone()));
    assert_eq!(
        content(&storage, Key::Credential(Credential::None)).await,
        Err(unreadable)
    );
    let listed = storage.list(None, 9).await.unwrap().records;
    assert_eq!(listed[0].header, Err(Unreadable::NewerFormat));
    storage.remove(listed[0].handle, revision).await.unwrap();
    assert_eq!(storage.describe(place("a")).await, Ok(Lookup::Absent));
}

#[tokio::test]
async fn an_unavailable_storage_does_nothing_and_says_so() {
    let (storage, first, written) = with_record().await;
    storage.set_unavailable(Some("locked"));
    let next = first.next(WriteId::from_bytes([2; 16]), active());
    let write = || request(Some(&written.revision), &next, reseal(2, &written.key));
    let unavailable = StorageError::Unavailable("locked");
    assert_eq!(storage.write(write()).await.unwrap_err(), unavailable);
    assert_eq!(storage.describe(place("a")).await, Err(unavailable.clone()));
    assert_eq!(storage.list(None, 9).await, Err(unavailable));
    storage.set_unavailable(None);
    assert_eq!(content(&storage, Key::Credential(Credential::None)).await, Ok(1));
}

#[tokio::test]
async fn a_lock_out_stops_passwords_and_another_machine_stops_everything() {
    let (storage, _, written) = with_record().await;
    let wait = core::time::Duration::from_secs(30);
    storage.set_locked_out(Some(wait));
    let password = Key::Credential(Credential::Password(Password::new("x".into())));
    assert_eq!(content(&storage, password).await, Err(StorageError::LockedOut(wait)));
    assert_eq!(content(&storage, Key::RecordKey(written.key.clone())).await, Ok(1));
    storage.set_on_another_device(true);
    assert_eq!(
        content(&storage, Key::RecordKey(written.key)).await,
        Err(StorageError::DeviceChanged)
    );
}

#[tokio::test]
async fn a_write_says_whether_there_is_room_for_the_next() {
    let (storage, first, written) = with_record().await;
    assert!(written.room);
    storage.set_room(false);
    let next = first.next(WriteId::from_bytes([2; 16]), active());
    let second = storage
        .write(request(Some(&written.revision), &next, reseal(2, &written.key)))
        .await
        .unwrap();
    assert!(!second.room);
}

#[tokio::test]
async fn a_record_lies_in_its_slot_or_aside_and_a_queued_revocation_anywhere_else() {
    let in_slot = MemoryStorage::handle_of(&slot("a"));
    let aside = RecordHandle::from_bytes([1; 16]);
    let elsewhere = RecordHandle::from_bytes([7; 16]);
    let ordinary = header(1, 1, AuthenticationMode::No);
    let table = [
        (in_slot, ordinary.clone(), true),
        (aside, ordinary.clone(), true),
        (elsewhere, ordinary, false),
        (
            MemoryStorage::handle_of(&slot("b")),
            header(1, 1, AuthenticationMode::No),
            false,
        ),
        (in_slot, queued(1), false),
        (elsewhere, queued(1), true),
    ];
    for (handle, header, fits) in table {
        let storage = MemoryStorage::new();
        let write = WriteRequest::new(Place::Handle(handle), None, header.clone(), seal(1, Credential::None));
        match storage.write(write).await {
            Ok(_) if fits => assert_eq!(storage.records()[0].aside, handle == aside),
            Err(StorageError::Unsupported(parameter)) if !fits => assert_eq!(parameter.field, "place"),
            other => panic!("{handle} {header:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_late_keeper_of_an_older_state_and_a_queued_revocation_keep_nothing_aside() {
    let (storage, first, written) = with_record().await;
    let handle = MemoryStorage::handle_of(&slot("a"));
    let aside = RecordHandle::from_bytes([1; 16]);
    let newer = first.next(WriteId::from_bytes([2; 16]), active());
    let write = WriteRequest::new(Place::Handle(aside), None, newer, seal(2, Credential::None));
    storage.write(write).await.unwrap();
    assert_eq!(
        storage.keep_aside(handle, written.revision).await,
        Err(StorageError::Conflict)
    );

    let queue = RecordHandle::from_bytes([7; 16]);
    let write = WriteRequest::new(Place::Handle(queue), None, queued(3), seal(1, Credential::None));
    let written = storage.write(write).await.unwrap();
    let refused = storage.keep_aside(queue, written.revision).await;
    assert!(matches!(refused, Err(StorageError::Unsupported(_))), "{refused:?}");
}
