//! The vault over a byte store in memory: a record's life.

use super::support::*;
use vestibule_domain::record::Lookup;
use vestibule_ports::{Key, SecureStorage};

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
}
