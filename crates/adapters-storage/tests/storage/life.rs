//! The vault over a byte store in memory: a record's life.

use std::sync::Arc;

use vestibule_adapters_storage::{MemoryByteStore, MemoryDeviceKey, Vault};
use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::{RecordHandle, WriteId};
use vestibule_domain::record::{Lookup, Place, Unreadable};
use vestibule_ports::{ByteStore, Credential, DeviceKey, Key, SecureStorage, StorageError, StoreName, WriteRequest};

use super::support::*;

#[tokio::test]
async fn what_was_sealed_opens_in_a_new_vault() {
    let (vault, store) = vault();
    let first = header(1, "app", enrolling());
    let written = begin(&vault, &first, "one").await;
    let second = next(&first);
    write(&vault, Some(&written.revision), &second, resealed("two", &written.key))
        .await
        .unwrap();

    let later = vault_on(store, device());
    let opened = open(&later, &first).await.unwrap();
    assert_eq!(opened.payload.expose(), b"two");
    assert_eq!(opened.header, second);
    let again = later.open(place(&first), Key::RecordKey(opened.key)).await.unwrap();
    assert_eq!(again.payload.expose(), b"two");
    let Lookup::Present(described) = later.describe(place(&first)).await.unwrap() else {
        panic!("the record is there");
    };
    assert_eq!(described.header, second);
    assert_eq!(described.gate_blob, None);
}

#[tokio::test]
async fn every_stage_comes_back_as_it_was_written() {
    for stage in every_stage() {
        let (vault, store) = vault();
        let header = header(1, "app", stage);
        let _ = begin(&vault, &header, "text").await;
        assert_eq!(open(&vault_on(store, device()), &header).await.unwrap().header, header);
    }
}

#[tokio::test]
async fn what_cannot_be_sealed_under_is_refused_before_anything_is_touched() {
    let right = || password("correct horse");
    let table = [
        (AuthenticationMode::Password, Credential::None, "authentication_mode"),
        (AuthenticationMode::Password, gate(1), "authentication_mode"),
        (AuthenticationMode::No, right(), "authentication_mode"),
        (AuthenticationMode::No, gate(1), "authentication_mode"),
        (AuthenticationMode::Biometric, right(), "authentication_mode"),
        (AuthenticationMode::Biometric, Credential::None, "authentication_mode"),
        (AuthenticationMode::Biometric, gate_with(1, vec![]), "gate_blob"),
        (AuthenticationMode::Biometric, gate_with(1, vec![0; 1025]), "gate_blob"),
        (AuthenticationMode::Password, password(""), "password"),
        (AuthenticationMode::Password, password("1234567"), "password"),
        (AuthenticationMode::Password, password("correct\thorse"), "password"),
        (AuthenticationMode::Password, password(&"x".repeat(1025)), "password"),
    ];
    for (mode, credential, field) in table {
        let store = Arc::new(MemoryByteStore::default());
        let device = Arc::new(MemoryDeviceKey::absent(HashedEntropy::new(3)));
        let vault = Vault::new(store.clone(), device.clone(), clock(), HashedEntropy::new(1));
        let header = in_mode(mode, header(1, "app", enrolling()));
        let refused = write(&vault, None, &header, sealed_under("text", credential)).await;
        assert!(
            matches!(refused, Err(StorageError::Unsupported(parameter)) if parameter.field == field),
            "{mode}: {refused:?}"
        );
        assert!(store.names(None, 10).await.unwrap().names.is_empty());
        assert_eq!(device.id().await.unwrap(), Lookup::Absent);
    }
}

#[tokio::test]
async fn a_password_opens_no_record_of_mode_no() {
    let (vault, _) = vault();
    let header = header(1, "app", active());
    let _ = begin(&vault, &header, "text").await;
    assert_eq!(
        vault
            .open(place(&header), Key::Credential(password("correct horse")))
            .await
            .unwrap_err(),
        StorageError::WrongCredential
    );
}

#[tokio::test]
async fn a_write_where_another_state_stands_is_a_conflict_and_changes_nothing() {
    let (vault, _) = vault();
    let first = header(1, "app", active());
    let written = begin(&vault, &first, "one").await;
    let second = next(&first);
    let newer = write(&vault, Some(&written.revision), &second, resealed("two", &written.key))
        .await
        .unwrap();
    let mut other = next(&first);
    other.write_id = WriteId::from_bytes([0x77; 16]);
    for expected in [None, Some(&written.revision)] {
        let content = resealed("three", &written.key);
        assert_eq!(
            write(&vault, expected, &other, content).await.unwrap_err(),
            StorageError::Conflict
        );
    }
    assert_eq!(text(&vault, &first).await, "two");
    write(
        &vault,
        Some(&newer.revision),
        &next(&second),
        resealed("four", &newer.key),
    )
    .await
    .unwrap();
}

#[tokio::test]
async fn the_same_write_once_more_is_done_and_its_key_is_the_one_that_stands() {
    let (vault, _) = vault();
    let first = header(1, "app", active());
    let written = begin(&vault, &first, "one").await;
    // Sealed anew, this try has a data key of its own: the key that stands is handed out.
    let again = write(&vault, None, &first, sealed("one")).await.unwrap();
    assert_eq!(again.key.expose(), written.key.expose());
    let opened = vault
        .open(place(&first), Key::RecordKey(again.key.clone()))
        .await
        .unwrap();
    assert_eq!(opened.revision, again.revision);

    let second = next(&first);
    for _ in 0..2 {
        let content = resealed("two", &again.key);
        write(&vault, Some(&again.revision), &second, content).await.unwrap();
    }
    assert_eq!(text(&vault, &first).await, "two");
}

#[tokio::test]
async fn a_new_epoch_is_a_new_key_and_the_old_one_opens_nothing_of_it() {
    let (vault, _) = vault();
    let first = header(1, "app", active());
    let written = begin(&vault, &first, "one").await;
    let second = reprotected(&first);
    let newer = write(&vault, Some(&written.revision), &second, sealed("two"))
        .await
        .unwrap();
    assert_ne!(newer.key.expose(), written.key.expose());
    let opened = vault.open(place(&first), Key::RecordKey(written.key.clone())).await;
    assert_eq!(opened.unwrap_err(), StorageError::WrongCredential);
    let resealed = write(
        &vault,
        Some(&newer.revision),
        &next(&second),
        resealed("three", &written.key),
    )
    .await;
    assert!(matches!(resealed.unwrap_err(), StorageError::Unsupported(parameter) if parameter.field == "header"));
    assert_eq!(text(&vault, &first).await, "two");
}

#[tokio::test]
async fn the_device_key_is_made_only_after_it_was_proven_that_no_record_exists() {
    let slot_name = StoreName::new("00112233445566778899aabbccddeeff").unwrap();
    let attempts = StoreName::new("00112233445566778899aabbccddeeff.attempts").unwrap();
    let foreign = StoreName::new("readme.txt").unwrap();
    for (entry, refused) in [
        (None, None),
        (Some(attempts), None),
        (Some(slot_name), Some(Unreadable::RestoredWithoutKey)),
        (Some(foreign), Some(Unreadable::Corrupted)),
    ] {
        let store = Arc::new(MemoryByteStore::default());
        if let Some(name) = entry {
            store.replace(name, None, b"anything".to_vec()).await.unwrap();
        }
        let device = Arc::new(MemoryDeviceKey::absent(HashedEntropy::new(3)));
        let vault = Vault::new(store, device.clone(), clock(), HashedEntropy::new(1));
        let written = write(&vault, None, &header(1, "app", active()), sealed("one")).await;
        assert_eq!(written.as_ref().err(), refused.map(StorageError::Unreadable).as_ref());
        assert_eq!(device.id().await.unwrap() == Lookup::Absent, refused.is_some());
    }
}

#[tokio::test]
async fn a_record_without_its_device_key_is_told_from_a_damaged_one() {
    let (vault, store) = vault();
    let header = header(1, "app", active());
    let written = begin(&vault, &header, "one").await;
    let without_key = StorageError::Unreadable(Unreadable::RestoredWithoutKey);
    for device in [
        MemoryDeviceKey::absent(HashedEntropy::new(3)),
        MemoryDeviceKey::absent(HashedEntropy::new(3)).with_secret([1; 32]),
    ] {
        let vault = vault_on(store.clone(), device);
        assert_eq!(vault.describe(place(&header)).await.unwrap_err(), without_key);
        assert_eq!(open(&vault, &header).await.unwrap_err(), without_key);
        let page = vault.list(None, 10).await.unwrap();
        assert_eq!(page.records[0].header, Err(Unreadable::RestoredWithoutKey));
        // It can still be removed by what the list gives.
        assert_eq!(page.records[0].revision, written.revision);
    }
}

#[tokio::test]
async fn on_another_machine_a_record_is_described_and_not_opened() {
    let (vault, store) = vault();
    let header = header(1, "app", active());
    let written = begin(&vault, &header, "one").await;
    let nameless = MemoryDeviceKey::absent(HashedEntropy::new(7)).with_secret(DEVICE_SECRET);
    for device in [device().on_machine([0x3b; 32]), nameless] {
        let vault = vault_on(store.clone(), device);
        assert!(matches!(
            vault.describe(place(&header)).await.unwrap(),
            Lookup::Present(_)
        ));
        for key in [Key::Credential(Credential::None), Key::RecordKey(written.key.clone())] {
            assert_eq!(
                vault.open(place(&header), key).await.unwrap_err(),
                StorageError::DeviceChanged
            );
        }
    }
}

#[tokio::test]
async fn what_is_absent_is_said_to_be_absent() {
    let (vault, _) = vault();
    let header = header(1, "app", active());
    assert_eq!(vault.describe(place(&header)).await.unwrap(), Lookup::Absent);
    assert_eq!(open(&vault, &header).await.unwrap_err(), StorageError::NotThere);
}

#[tokio::test]
async fn a_record_lies_only_where_it_belongs() {
    let (vault, _) = vault();
    let ordinary = header(1, "app", active());
    let revocation = header(2, "app", revoking());
    let elsewhere = RecordHandle::from_bytes([0x55; 16]);
    for (place, header, fits) in [
        (Place::Slot(slot("app")), &ordinary, true),
        (Place::Slot(slot("other")), &ordinary, false),
        (Place::Handle(elsewhere), &ordinary, false),
        (Place::Handle(elsewhere), &revocation, true),
    ] {
        let written = vault
            .write(WriteRequest::new(place.clone(), None, header.clone(), sealed("text")))
            .await;
        match written {
            Ok(_) => assert!(fits, "{place:?}"),
            Err(StorageError::Unsupported(parameter)) => assert!(!fits && parameter.field == "place", "{place:?}"),
            Err(error) => panic!("{place:?}: {error}"),
        }
    }
}

#[tokio::test]
async fn a_record_under_a_name_that_is_not_its_own_is_corrupted() {
    let (vault, store) = vault();
    let app = header(1, "app", active());
    let other = header(2, "other", active());
    let revocation = header(3, "app", revoking());
    for header in [&app, &other, &revocation] {
        let _ = begin(&vault, header, "text").await;
    }
    let elsewhere = RecordHandle::from_bytes([0x55; 16]);
    let places = [
        handle(&vault, &app).await,
        handle(&vault, &other).await,
        own(&revocation),
        elsewhere,
    ];
    for from in &places[..3] {
        for to in places.iter().filter(|to| *to != from) {
            let moved = Arc::new(MemoryByteStore::default());
            let name = StoreName::new(&to.to_string()).unwrap();
            moved.replace(name, None, bytes_at(&*store, *from).await).await.unwrap();
            let vault = vault_on(moved, device());
            let described = vault.describe(Place::Handle(*to)).await;
            assert_eq!(
                described.unwrap_err(),
                StorageError::Unreadable(Unreadable::Corrupted),
                "{from} to {to}"
            );
        }
    }
}

#[tokio::test]
async fn a_list_is_paged_and_says_what_it_cannot_read() {
    let (vault, store) = vault();
    for (number, client) in ["one", "two", "three", "four"].into_iter().enumerate() {
        let _ = begin(&vault, &header(u8::try_from(number).unwrap(), client, active()), client).await;
    }
    let revocation = header(9, "one", revoking());
    let _ = begin(&vault, &revocation, "queued").await;
    let one = handle(&vault, &header(0, "one", active())).await;
    plant(&*store, &one.to_string(), b"damaged".to_vec()).await;
    for (name, bytes) in [("notes.txt", "x"), ("0123", "x"), (&*format!("{one}.attempts"), "x")] {
        plant(&*store, name, bytes.into()).await;
    }
    let mut listed = Vec::new();
    let mut foreign = 0;
    let mut after = None;
    loop {
        let page = vault.list(after, 2).await.unwrap();
        assert!(page.records.len() <= 2);
        foreign += page.foreign;
        listed.extend(page.records);
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    assert_eq!(listed.len(), 5);
    assert_eq!(foreign, 2);
    assert!(listed.is_sorted_by_key(|record| record.handle));
    for record in &listed {
        assert_eq!(record.header.is_err(), record.handle == one);
        assert!(!record.aside);
    }
    assert!(listed.iter().any(|record| record.header.as_ref() == Ok(&revocation)));
}

#[tokio::test]
async fn an_older_state_than_one_already_seen_is_refused_within_one_vault() {
    let (vault, store) = vault();
    let first = header(1, "app", active());
    let written = begin(&vault, &first, "one").await;
    let slot = handle(&vault, &first).await;
    let older = bytes_at(&*store, slot).await;
    write(
        &vault,
        Some(&written.revision),
        &next(&first),
        resealed("two", &written.key),
    )
    .await
    .unwrap();
    plant(&*store, &slot.to_string(), older).await;

    let rolled_back = StorageError::Unreadable(Unreadable::Corrupted);
    assert_eq!(open(&vault, &first).await.unwrap_err(), rolled_back);
    assert_eq!(vault.describe(place(&first)).await.unwrap_err(), rolled_back);
    assert_eq!(
        vault.list(None, 9).await.unwrap().records[0].header,
        Err(Unreadable::Corrupted)
    );
    // A new process has seen nothing: the design promises nothing there.
    assert_eq!(text(&vault_on(store, device()), &first).await, "one");
}

#[tokio::test]
async fn a_vault_that_only_read_refuses_what_is_older_too() {
    let (vault, store) = vault();
    let first = header(1, "app", active());
    let written = begin(&vault, &first, "one").await;
    let slot = handle(&vault, &first).await;
    let older = bytes_at(&*store, slot).await;
    write(&vault, Some(&written.revision), &reprotected(&first), sealed("two"))
        .await
        .unwrap();
    let reader = vault_on(store.clone(), device());
    assert_eq!(text(&reader, &first).await, "two");
    plant(&*store, &slot.to_string(), older).await;
    assert_eq!(
        open(&reader, &first).await.unwrap_err(),
        StorageError::Unreadable(Unreadable::Corrupted)
    );
}

#[tokio::test]
async fn a_record_is_removed_only_at_the_named_revision() {
    let (vault, _) = vault();
    let first = header(1, "app", active());
    let written = begin(&vault, &first, "one").await;
    let newer = write(
        &vault,
        Some(&written.revision),
        &next(&first),
        resealed("two", &written.key),
    )
    .await
    .unwrap();
    let slot = handle(&vault, &first).await;
    assert_eq!(
        vault.remove(slot, written.revision.clone()).await.unwrap_err(),
        StorageError::Conflict
    );
    vault.remove(slot, newer.revision.clone()).await.unwrap();
    assert_eq!(
        vault.remove(slot, newer.revision).await.unwrap_err(),
        StorageError::NotThere
    );
    assert_eq!(vault.describe(place(&first)).await.unwrap(), Lookup::Absent);
}

#[tokio::test]
async fn a_payload_that_does_not_fit_is_refused_and_the_largest_fits() {
    let (vault, _) = vault();
    let header = header(1, "app", active());
    let largest = vestibule_adapters_storage::MAX_BODY_BYTES - 16;
    let refused = write(&vault, None, &header, sealed(&"x".repeat(largest + 1))).await;
    assert!(matches!(refused.unwrap_err(), StorageError::Unsupported(parameter) if parameter.field == "payload"));
    let _ = begin(&vault, &header, &"x".repeat(largest)).await;
    assert_eq!(text(&vault, &header).await.len(), largest);
}
