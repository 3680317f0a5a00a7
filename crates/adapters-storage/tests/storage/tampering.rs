//! What was changed is never opened: neither by chance nor by somebody who can make a right mac.

use std::sync::Arc;

use vestibule_adapters_storage::{MemoryByteStore, Vault};
use vestibule_domain::identifiers::RecordHandle;
use vestibule_domain::record::{Header, Unreadable};
use vestibule_ports::{Key, SecureStorage, StorageError};

use super::reference;
use super::support::*;

/// The record of the tests: its id stands nowhere else in its bytes.
const RECORD: u8 = 0xa7;

struct Victim {
    vault: Vault,
    store: Arc<MemoryByteStore>,
    header: Header,
    slot: RecordHandle,
    bytes: Vec<u8>,
    key: vestibule_domain::secret::RecordKey,
}

async fn victim() -> Victim {
    let (vault, store) = vault();
    let header = header(RECORD, "app", active());
    let key = begin(&vault, &header, "what must not be changed").await.key;
    let slot = handle(&vault, &header).await;
    let bytes = bytes_at(&*store, slot).await;
    Victim {
        vault,
        store,
        header,
        slot,
        bytes,
        key,
    }
}

impl Victim {
    /// Puts changed bytes there; whether anything of them is opened, by either way. A fresh vault each time: one that has
    /// seen a later epoch or generation would refuse everything else for its age.
    async fn opens(&self, bytes: Vec<u8>) -> Result<(), StorageError> {
        plant(&*self.store, &self.slot.to_string(), bytes).await;
        let fresh = || vault_on(self.store.clone(), device());
        let by_credential = open(&fresh(), &self.header).await.map(drop);
        let by_key = fresh()
            .open(place(&self.header), Key::RecordKey(self.key.clone()))
            .await;
        by_credential.or(by_key.map(drop))
    }
}

fn is_unreadable(error: &StorageError) -> bool {
    matches!(error, StorageError::Unreadable(_))
}

/// Makes the mac right again, under the record id that stands in the bytes.
fn remac(bytes: &mut [u8], id_at: usize) {
    let id: [u8; 16] = bytes[id_at..id_at + 16].try_into().unwrap();
    reference::remac(&DEVICE_SECRET, &id, bytes);
}

fn position(bytes: &[u8], pattern: &[u8]) -> usize {
    let mut found = bytes
        .windows(pattern.len())
        .enumerate()
        .filter(|(_, window)| *window == pattern);
    let first = found.next().expect("the pattern is there").0;
    assert!(found.next().is_none(), "the pattern is there once");
    first
}

#[tokio::test]
async fn every_change_of_every_byte_is_detected_before_anything_is_opened() {
    let victim = victim().await;
    for at in 0..victim.bytes.len() {
        for change in 1..=255_u8 {
            let mut bytes = victim.bytes.clone();
            bytes[at] ^= change;
            plant(&*victim.store, &victim.slot.to_string(), bytes).await;
            let described = victim.vault.describe(place(&victim.header)).await;
            assert!(
                described.as_ref().is_err_and(is_unreadable),
                "byte {at} ^ {change:#04x}: {described:?}"
            );
        }
    }
    victim.opens(victim.bytes.clone()).await.unwrap();
}

#[tokio::test]
async fn every_changed_byte_is_detected_even_with_a_right_mac() {
    let victim = victim().await;
    let id_at = position(&victim.bytes, &[RECORD; 16]);
    for at in 0..victim.bytes.len() - 32 {
        for change in [1, 2, 4, 8, 16, 32, 64, 128, 255] {
            let mut bytes = victim.bytes.clone();
            bytes[at] ^= change;
            remac(&mut bytes, id_at);
            assert!(victim.opens(bytes).await.is_err(), "byte {at} ^ {change:#04x}");
        }
    }
    let mut untouched = victim.bytes.clone();
    remac(&mut untouched, id_at);
    assert_eq!(untouched, victim.bytes, "the mac of the test is the right one");
}

#[tokio::test]
async fn every_truncation_and_extension_is_corruption_even_with_a_right_mac() {
    let victim = victim().await;
    let id_at = position(&victim.bytes, &[RECORD; 16]);
    let longer = [victim.bytes.clone(), vec![0; 40]].concat();
    for length in (0..longer.len()).filter(|length| *length != victim.bytes.len()) {
        for mac_is_right in [false, true] {
            let mut bytes = longer[..length].to_vec();
            if mac_is_right && length > id_at + 16 + 32 {
                remac(&mut bytes, id_at);
            }
            let error = victim.opens(bytes).await.unwrap_err();
            assert_eq!(error, StorageError::Unreadable(Unreadable::Corrupted), "{length} bytes");
        }
    }
}

#[tokio::test]
async fn a_newer_format_is_told_from_damage() {
    let victim = victim().await;
    for (format, why) in [
        (0_u16, Unreadable::Corrupted),
        (2, Unreadable::NewerFormat),
        (0xffff, Unreadable::NewerFormat),
    ] {
        // Nothing else about a later format is known: neither its sizes nor its mac.
        for rest in [&victim.bytes[10..], &[]] {
            let bytes = [&victim.bytes[..8], &format.to_be_bytes(), rest].concat();
            assert_eq!(
                victim.opens(bytes).await.unwrap_err(),
                StorageError::Unreadable(why),
                "format {format}"
            );
        }
    }
}

#[tokio::test]
async fn a_header_in_another_encoding_is_corruption_even_with_a_right_mac() {
    let victim = victim().await;
    // Generation 1 in two bytes instead of one: the same number, not the shortest form.
    let at = position(&victim.bytes, &[0x02, 0x01, 0x03, 0x50]) + 1;
    let mut bytes = victim.bytes.clone();
    bytes.splice(at..=at, [0x18, 0x01]);
    let header_len = u32::from_be_bytes(bytes[10..14].try_into().unwrap()) + 1;
    bytes[10..14].copy_from_slice(&header_len.to_be_bytes());
    remac(&mut bytes, position(&victim.bytes, &[RECORD; 16]));
    plant(&*victim.store, &victim.slot.to_string(), bytes).await;
    // Not only is the body bound to other bytes: such a header is not believed at all.
    let described = victim.vault.describe(place(&victim.header)).await;
    assert_eq!(described.unwrap_err(), StorageError::Unreadable(Unreadable::Corrupted));
}

/// Where the wrap lies: commitment, nonce and wrapped key, each with its length in front.
fn wrap_range(bytes: &[u8]) -> core::ops::Range<usize> {
    let start = position(bytes, &[0x0b, 0x81, 0x83, 0x58, 0x20]) + 3;
    start..start + 34 + 26 + 50
}

fn body_range(bytes: &[u8]) -> core::ops::Range<usize> {
    let header_len = u32::from_be_bytes(bytes[10..14].try_into().unwrap());
    18 + usize::try_from(header_len).unwrap()..bytes.len() - 32
}

#[tokio::test]
async fn wraps_and_bodies_of_other_records_and_epochs_are_refused_even_with_a_right_mac() {
    let victim = victim().await;
    let id_at = position(&victim.bytes, &[RECORD; 16]);
    let text = "what must not be changed";
    let record = header(0xb8, "other", active());
    let other_record = begin(&victim.vault, &record, text).await;
    drop(other_record);
    let other_record = bytes_at(&*victim.store, handle(&victim.vault, &record).await).await;
    let standing = revision_of(&victim.vault, victim.slot).await;
    let second = next(&victim.header);
    let written = write(&victim.vault, Some(&standing), &second, resealed(text, &victim.key))
        .await
        .unwrap();
    let other_generation = bytes_at(&*victim.store, victim.slot).await;
    let third = reprotected(&second);
    write(&victim.vault, Some(&written.revision), &third, sealed(text))
        .await
        .unwrap();
    let other_epoch = bytes_at(&*victim.store, victim.slot).await;

    // A fresh vault each time: the older states would be refused for their age already.
    for (what, donor) in [
        ("record", &other_record),
        ("generation", &other_generation),
        ("epoch", &other_epoch),
    ] {
        for (part, range) in [("wrap", wrap_range as fn(&[u8]) -> _), ("body", body_range)] {
            if (what, part) == ("generation", "wrap") {
                continue;
            }
            let mut bytes = victim.bytes.clone();
            bytes.splice(range(&victim.bytes), donor[range(donor)].iter().copied());
            assert_ne!(bytes, victim.bytes, "{part} of another {what}");
            remac(&mut bytes, id_at);
            plant(&*victim.store, &victim.slot.to_string(), bytes).await;
            let vault = vault_on(victim.store.clone(), device());
            let opened = open(&vault, &victim.header).await;
            assert_eq!(
                opened.unwrap_err(),
                StorageError::Unreadable(Unreadable::Corrupted),
                "{part} of another {what}"
            );
        }
    }
}

#[tokio::test]
async fn the_generation_of_an_epoch_shares_its_wrap_and_not_its_nonce() {
    let victim = victim().await;
    let standing = revision_of(&victim.vault, victim.slot).await;
    let again = resealed("what must not be changed", &victim.key);
    write(&victim.vault, Some(&standing), &next(&victim.header), again)
        .await
        .unwrap();
    let resealed = bytes_at(&*victim.store, victim.slot).await;
    assert_eq!(resealed[wrap_range(&resealed)], victim.bytes[wrap_range(&victim.bytes)]);
    // The same content, without the tag: under one nonce it would look the same.
    let content = |bytes: &[u8]| bytes[body_range(bytes)][..24].to_vec();
    assert_ne!(content(&resealed), content(&victim.bytes));
}

#[tokio::test]
async fn nothing_of_the_content_lies_there_in_clear() {
    let victim = victim().await;
    let content = b"what must not be changed";
    assert!(
        !victim
            .bytes
            .windows(8)
            .any(|window| content.windows(8).any(|part| part == window))
    );
}
