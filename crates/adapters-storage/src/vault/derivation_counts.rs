//! How many derivations each step costs: counted, not timed.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use vestibule_adapters_storage::MemoryByteStore;
use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::record::{Header, Revision};
use vestibule_ports::{Key, SecureStorage, StorageError};

use super::Vault;
use crate::support::*;

const RIGHT: &str = "correct horse";

/// A vault with one record in mode password, whose derivations are counted from here on.
async fn guarded() -> (Vault, Arc<MemoryByteStore>, Header, Revision) {
    let (vault, store) = vault();
    let vault = vault.with_settings(cheap());
    let header = in_mode(AuthenticationMode::Password, header(1, "app", active()));
    let content = sealed_under("text", password(RIGHT));
    let written = write(&vault, None, &header, content).await.unwrap();
    (vault, store, header, written.revision)
}

/// The derivations since the last look.
fn derived(vault: &Vault) -> usize {
    vault.derivations.swap(0, Ordering::Relaxed)
}

#[tokio::test]
async fn a_hundred_reseals_cost_the_one_derivation_of_the_unlock() {
    let (sealed, store, mut header, mut standing) = guarded().await;
    assert_eq!(derived(&sealed), 2, "one to seal, one to prove that it re-opens");
    let vault = vault_on(store, device()).with_settings(cheap());
    let credential = Key::Credential(password(RIGHT));
    let key = vault.open(place(&header), credential).await.unwrap().key;
    for generation in 0..100 {
        header = next(&header);
        let content = resealed(&format!("generation {generation}"), &key);
        standing = write(&vault, Some(&standing), &header, content).await.unwrap().revision;
        let opened = vault.open(place(&header), Key::RecordKey(key.clone())).await.unwrap();
        assert_eq!(opened.payload.expose(), format!("generation {generation}").as_bytes());
        assert!(!opened.weakly_sealed);
    }
    vault.describe(place(&header)).await.unwrap();
    vault.list(None, 10).await.unwrap();
    assert_eq!(derived(&vault), 1);
}

#[tokio::test]
async fn a_wrong_guess_costs_what_a_right_one_does_and_a_locked_out_one_nothing() {
    let (vault, _, header, _) = guarded().await;
    derived(&vault);
    let guess = |text| vault.open(place(&header), Key::Credential(password(text)));
    guess(RIGHT).await.unwrap();
    assert_eq!(derived(&vault), 1);
    for _ in 0..5 {
        assert_eq!(
            guess("battery staple").await.unwrap_err(),
            StorageError::WrongCredential
        );
        assert_eq!(derived(&vault), 1);
    }
    assert!(matches!(guess(RIGHT).await.unwrap_err(), StorageError::LockedOut(_)));
    assert_eq!(derived(&vault), 0);
}

#[tokio::test]
async fn damage_is_told_before_a_derivation_and_damage_with_a_right_mac_after_one() {
    let (vault, store, header, _) = guarded().await;
    let slot = handle(&vault, &header).await;
    let sound = bytes_at(&*store, slot).await;
    let mut damaged = sound.clone();
    let in_body = sound.len() - 40;
    damaged[in_body] ^= 1;
    derived(&vault);
    let guess = || vault.open(place(&header), Key::Credential(password(RIGHT)));
    plant(&*store, &slot.to_string(), damaged.clone()).await;
    assert!(matches!(guess().await.unwrap_err(), StorageError::Unreadable(_)));
    assert_eq!(derived(&vault), 0);
    remac(&vault, &header, &mut damaged).await;
    plant(&*store, &slot.to_string(), damaged).await;
    assert!(matches!(guess().await.unwrap_err(), StorageError::Unreadable(_)));
    assert_eq!(derived(&vault), 1);
}

async fn remac(vault: &Vault, header: &Header, record: &mut [u8]) {
    use crate::envelope::mac::Signed;
    let id = vault.device.id().await.unwrap();
    let vestibule_domain::record::Lookup::Present(id) = id else {
        panic!("there is a device key");
    };
    let index = vault.device.index_key(id).await.unwrap();
    let signed = record.len() - crate::MAC_BYTES;
    let mac = index
        .mac(Signed::Record(header.record_id.as_bytes()), &record[..signed])
        .unwrap();
    record[signed..].copy_from_slice(&mac);
}
