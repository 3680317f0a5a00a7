//! Copies kept aside while their slot is being replaced.

use vestibule_adapters_storage::{FORMAT, MAGIC};
use vestibule_domain::record::{Lookup, Place, Revision, Unreadable, place_of_unreadable_copy};
use vestibule_ports::{ByteStore, SecureStorage, StorageError, StoreName};

use super::support::*;

#[tokio::test]
async fn a_replaced_record_comes_back_as_it_was() {
    let (vault, _) = vault();
    let old = header(1, "app", active());
    let written = begin(&vault, &old, "old").await;
    let slot = handle(&vault, &old).await;
    let aside = vault.keep_aside(slot, written.revision.clone()).await.unwrap();
    assert_eq!(aside, own(&old));
    assert_eq!(vault.keep_aside(slot, written.revision.clone()).await.unwrap(), aside);
    assert_eq!(
        vault.keep_aside(aside, revision_of(&vault, aside).await).await.unwrap(),
        aside
    );

    let new = header(2, "app", enrolling());
    let begun = write(&vault, Some(&written.revision), &new, sealed("new"))
        .await
        .unwrap();
    let listed = vault.list(None, 10).await.unwrap().records;
    let asides: Vec<_> = listed
        .iter()
        .map(|record| (record.handle == aside, record.aside))
        .collect();
    assert!(
        asides.contains(&(true, true)) && asides.contains(&(false, false)),
        "{asides:?}"
    );

    let back = vault.put_back(aside, Some(begun.revision)).await.unwrap();
    assert_ne!(back, written.revision, "a revision never comes back");
    let opened = open(&vault, &old).await.unwrap();
    assert_eq!(
        (opened.payload.expose(), opened.revision, opened.header),
        (b"old".as_slice(), back.clone(), old)
    );
    assert_eq!(vault.describe(Place::Handle(aside)).await.unwrap(), Lookup::Absent);
    // Once more: it is done already.
    assert_eq!(vault.put_back(aside, None).await.unwrap(), back);
}

/// Puts other bytes in the place of a record, and gives its state.
async fn spoil(store: &dyn ByteStore, name: &StoreName, change: fn(&mut [u8])) -> Revision {
    let Lookup::Present(loaded) = store.load(name.clone()).await.unwrap() else {
        panic!("a record");
    };
    let mut bytes = loaded.bytes.clone();
    change(&mut bytes);
    let spoilt = store.replace(name.clone(), Some(loaded.revision), bytes).await;
    spoilt.unwrap().revision
}

fn of_a_newer_format(bytes: &mut [u8]) {
    bytes[MAGIC.len()..MAGIC.len() + 2].copy_from_slice(&(FORMAT + 1).to_be_bytes());
}

fn damaged(bytes: &mut [u8]) {
    *bytes.last_mut().unwrap() ^= 1;
}

#[tokio::test]
async fn a_copy_that_may_become_readable_again_gives_way_to_no_other() {
    // columns: what becomes of the first record, whether its copy stays
    type Change = fn(&mut [u8]);
    let table: [(Change, Option<Unreadable>); 2] =
        [(of_a_newer_format, Some(Unreadable::NewerFormat)), (damaged, None)];
    for (spoils, stays) in table {
        let (vault, store) = vault();
        let old = header(1, "app", active());
        begin(&vault, &old, "old").await;
        let slot = handle(&vault, &old).await;
        let name = StoreName::new(&slot.to_string()).unwrap();
        let unreadable = spoil(&*store, &name, spoils).await;
        let aside = vault.keep_aside(slot, unreadable.clone()).await.unwrap();
        let new = header(2, "app", enrolling());
        write(&vault, Some(&unreadable), &new, sealed("new")).await.unwrap();
        let second = spoil(&*store, &name, damaged).await;
        let copy = StoreName::new(&aside.to_string()).unwrap();
        let before = store.load(copy.clone()).await.unwrap();
        let kept = vault.keep_aside(slot, second).await;
        assert_eq!(kept.err(), stays.map(StorageError::Unreadable));
        assert_eq!(store.load(copy).await.unwrap() == before, stays.is_some());
    }
}

#[tokio::test]
async fn what_cannot_be_read_is_kept_aside_and_comes_back_as_it_was() {
    let (vault, store) = vault();
    let old = header(1, "app", active());
    begin(&vault, &old, "old").await;
    let slot = handle(&vault, &old).await;
    let name = StoreName::new(&slot.to_string()).unwrap();
    let Lookup::Present(loaded) = store.load(name.clone()).await.unwrap() else {
        panic!("a record");
    };
    let mut damaged = loaded.bytes.clone();
    *damaged.last_mut().unwrap() ^= 1;
    store
        .replace(name.clone(), Some(loaded.revision), damaged.clone())
        .await
        .unwrap();
    let listed = vault.list(None, 10).await.unwrap().records.remove(0);
    assert_eq!(listed.header, Err(Unreadable::Corrupted));

    let stale = vault.keep_aside(slot, Revision::new(vec![9])).await;
    assert_eq!(stale.unwrap_err(), StorageError::Conflict);
    let aside = vault.keep_aside(slot, listed.revision.clone()).await.unwrap();
    assert_eq!(aside, place_of_unreadable_copy(slot));
    assert_eq!(vault.keep_aside(slot, listed.revision.clone()).await.unwrap(), aside);

    let new = header(2, "app", enrolling());
    let begun = write(&vault, Some(&listed.revision), &new, sealed("new"))
        .await
        .unwrap();
    let over_another = vault.put_back(aside, Some(listed.revision)).await;
    assert_eq!(
        over_another.unwrap_err(),
        StorageError::Unreadable(Unreadable::Corrupted)
    );
    vault.put_back(aside, Some(begun.revision)).await.unwrap();
    let Lookup::Present(back) = store.load(name).await.unwrap() else {
        panic!("it is back");
    };
    assert_eq!(back.bytes, damaged, "the very bytes");
    assert_eq!(
        vault.list(None, 10).await.unwrap().records.len(),
        1,
        "and the copy is gone"
    );
}

#[tokio::test]
async fn putting_back_over_a_state_that_is_not_expected_is_a_conflict_and_keeps_both() {
    let (vault, _) = vault();
    let old = header(1, "app", active());
    let written = begin(&vault, &old, "old").await;
    let aside = vault
        .keep_aside(handle(&vault, &old).await, written.revision.clone())
        .await
        .unwrap();
    let new = header(2, "app", enrolling());
    write(&vault, Some(&written.revision), &new, sealed("new"))
        .await
        .unwrap();
    for expected in [None, Some(written.revision)] {
        assert_eq!(
            vault.put_back(aside, expected).await.unwrap_err(),
            StorageError::Conflict
        );
    }
    assert_eq!(text(&vault, &new).await, "new");
    assert!(matches!(
        vault.describe(Place::Handle(aside)).await.unwrap(),
        Lookup::Present(_)
    ));
}

#[tokio::test]
async fn only_the_named_state_of_a_record_is_kept_aside() {
    let (vault, _) = vault();
    let first = header(1, "app", active());
    let written = begin(&vault, &first, "one").await;
    let slot = handle(&vault, &first).await;
    let second = next(&first);
    write(&vault, Some(&written.revision), &second, resealed("two", &written.key))
        .await
        .unwrap();
    assert_eq!(
        vault.keep_aside(slot, written.revision.clone()).await.unwrap_err(),
        StorageError::Conflict
    );
    assert_eq!(
        vault.describe(Place::Handle(own(&first))).await.unwrap(),
        Lookup::Absent
    );
    let nowhere = vault.keep_aside(own(&first), written.revision).await;
    assert_eq!(nowhere.unwrap_err(), StorageError::NotThere);
    let revocation = header(3, "app", revoking());
    let queued = begin(&vault, &revocation, "queued").await;
    let kept = vault.keep_aside(own(&revocation), queued.revision).await;
    assert_eq!(kept.unwrap(), own(&revocation), "it lies where a copy of it would");
}

#[tokio::test]
async fn of_two_copies_of_one_record_the_newer_one_stays() {
    let (vault, store) = vault();
    let first = header(1, "app", active());
    let written = begin(&vault, &first, "one").await;
    let slot = handle(&vault, &first).await;
    let older = bytes_at(&*store, slot).await;
    let aside = vault.keep_aside(slot, written.revision.clone()).await.unwrap();
    let second = next(&first);
    let newer = write(&vault, Some(&written.revision), &second, resealed("two", &written.key))
        .await
        .unwrap();
    // An older copy, left by a crash, is listed and replaced.
    assert!(
        vault
            .list(None, 9)
            .await
            .unwrap()
            .records
            .iter()
            .all(|record| record.header.is_ok())
    );
    vault.keep_aside(slot, newer.revision).await.unwrap();
    assert_eq!(bytes_at(&*store, aside).await, bytes_at(&*store, slot).await);

    // A process that read the older state and keeps it aside late does not undo that.
    plant(&*store, &slot.to_string(), older).await;
    let late = vault_on(store.clone(), device());
    let revision = revision_of(&late, slot).await;
    assert_eq!(
        late.keep_aside(slot, revision).await.unwrap_err(),
        StorageError::Conflict
    );
    let Lookup::Present(copy) = late.describe(Place::Handle(aside)).await.unwrap() else {
        panic!("the copy is there");
    };
    assert_eq!(copy.header, second);
}

#[tokio::test]
async fn a_copy_older_than_its_record_was_seen_is_not_put_back() {
    let (vault, _) = vault();
    let first = header(1, "app", active());
    let written = begin(&vault, &first, "one").await;
    let slot = handle(&vault, &first).await;
    let aside = vault.keep_aside(slot, written.revision.clone()).await.unwrap();
    let second = next(&first);
    let newer = write(&vault, Some(&written.revision), &second, resealed("two", &written.key))
        .await
        .unwrap();
    let refused = vault.put_back(aside, Some(newer.revision)).await;
    assert_eq!(refused.unwrap_err(), StorageError::Unreadable(Unreadable::Corrupted));
    assert_eq!(text(&vault, &first).await, "two");
}

#[tokio::test]
async fn a_damaged_copy_is_never_put_back_and_is_replaced_by_a_good_one() {
    let (vault, store) = vault();
    let old = header(1, "app", active());
    let written = begin(&vault, &old, "old").await;
    let slot = handle(&vault, &old).await;
    plant(&*store, &own(&old).to_string(), b"damaged".to_vec()).await;
    let refused = vault.put_back(own(&old), Some(written.revision.clone())).await;
    assert_eq!(refused.unwrap_err(), StorageError::Unreadable(Unreadable::Corrupted));
    assert_eq!(text(&vault, &old).await, "old");
    vault.keep_aside(slot, written.revision).await.unwrap();
    assert_eq!(bytes_at(&*store, own(&old)).await, bytes_at(&*store, slot).await);
}

#[tokio::test]
async fn what_is_no_copy_is_not_put_back() {
    let (vault, _) = vault();
    let ordinary = header(1, "app", active());
    let _ = begin(&vault, &ordinary, "text").await;
    let revocation = header(2, "app", revoking());
    let _ = begin(&vault, &revocation, "queued").await;
    for handle in [handle(&vault, &ordinary).await, own(&revocation)] {
        assert_eq!(vault.put_back(handle, None).await.unwrap_err(), StorageError::NotThere);
    }
}
