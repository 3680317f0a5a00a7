//! Mode `password`: what opens, what does not, and at which price.

use std::sync::Arc;

use async_trait::async_trait;
use vestibule_adapters_storage::{KdfParameters, MIN_KDF_MEMORY_KIB, MemoryByteStore, MemoryDeviceKey, Vault};
use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::record::{Header, Lookup, Unreadable};
use vestibule_ports::{
    Credential, DeviceKey, DeviceKeyError, DeviceKeyId, Key, Opened, SecureStorage, StorageError, Written,
};
use zeroize::Zeroizing;

use super::support::*;

const RIGHT: &str = "correct horse";

fn vault_in(store: &Arc<MemoryByteStore>) -> Vault {
    vault_on(store.clone(), device()).with_settings(cheap())
}

fn header_with_password() -> Header {
    in_mode(AuthenticationMode::Password, header(1, "app", active()))
}

async fn begin_with_password(vault: &Vault) -> Written {
    let content = sealed_under("text", password(RIGHT));
    write(vault, None, &header_with_password(), content).await.unwrap()
}

async fn open_with(vault: &Vault, credential: Credential) -> Result<Opened, StorageError> {
    vault
        .open(place(&header_with_password()), Key::Credential(credential))
        .await
}

#[tokio::test]
async fn a_later_process_opens_with_the_password_and_with_nothing_else() {
    let store = Arc::new(MemoryByteStore::default());
    let _ = begin_with_password(&vault_in(&store)).await;
    let later = vault_in(&store);
    for wrong in [
        password("correct horse "),
        password("Correct horse"),
        Credential::None,
        gate(1),
    ] {
        assert_eq!(
            open_with(&later, wrong).await.unwrap_err(),
            StorageError::WrongCredential
        );
    }
    let opened = open_with(&later, password(RIGHT)).await.unwrap();
    assert_eq!(opened.payload.expose(), b"text");
    assert_eq!(opened.header, header_with_password());
    let again = later
        .open(place(&opened.header), Key::RecordKey(opened.key))
        .await
        .unwrap();
    assert_eq!(again.payload.expose(), b"text");
}

#[tokio::test]
async fn a_password_opens_however_its_letters_and_spaces_were_typed() {
    let store = Arc::new(MemoryByteStore::default());
    let header = header_with_password();
    let content = sealed_under("text", password("p\u{e4}ss w\u{f6}rter"));
    let _ = write(&vault_in(&store), None, &header, content).await.unwrap();
    for typed in [
        "p\u{e4}ss w\u{f6}rter",
        "pa\u{308}ss wo\u{308}rter",
        "p\u{e4}ss\u{a0}w\u{f6}rter",
    ] {
        assert!(open_with(&vault_in(&store), password(typed)).await.is_ok(), "{typed:?}");
    }
}

/// A device key of which a host says that nobody can copy it.
struct Chip(MemoryDeviceKey);

#[async_trait]
impl DeviceKey for Chip {
    async fn id(&self) -> Result<Lookup<DeviceKeyId>, DeviceKeyError> {
        self.0.id().await
    }

    async fn make(&self) -> Result<DeviceKeyId, DeviceKeyError> {
        self.0.make().await
    }

    async fn derive(&self, label: &'static str, context: &[u8]) -> Result<Zeroizing<[u8; 32]>, DeviceKeyError> {
        self.0.derive(label, context).await
    }

    async fn machine(&self) -> Result<Option<[u8; 32]>, DeviceKeyError> {
        self.0.machine().await
    }

    fn excludes_export(&self) -> bool {
        true
    }
}

#[tokio::test]
async fn a_short_password_needs_a_device_key_that_cannot_be_copied() {
    let device_keys: [(bool, Arc<dyn DeviceKey>); 2] = [(false, Arc::new(device())), (true, Arc::new(Chip(device())))];
    for (excludes_export, device_key) in device_keys {
        let vault = |min| {
            let settings = cheap().with_min_password_characters(min).unwrap();
            let store = Arc::new(MemoryByteStore::default());
            Vault::new(store, device_key.clone(), clock(), HashedEntropy::new(1)).with_settings(settings)
        };
        // columns: fewest characters as set, password, whether it may be chosen
        let table = [
            (8, "1234567", false),
            (8, "12345678", true),
            (12, "12345678901", false),
            (12, "123456789012", true),
            (4, "1234", excludes_export),
            (4, "123", false),
        ];
        for (min, text, fits) in table {
            let content = sealed_under("text", password(text));
            let written = write(&vault(min), None, &header_with_password(), content).await;
            let refused =
                |error: &StorageError| matches!(error, StorageError::Unsupported(why) if why.field == "password");
            match written {
                Ok(_) => assert!(fits, "{text}, at least {min}, {excludes_export}"),
                Err(error) => assert!(!fits && refused(&error), "{text}, at least {min}: {error:?}"),
            }
        }
    }
}

#[tokio::test]
async fn a_record_that_was_sealed_for_less_says_so_until_it_is_sealed_again() {
    let store = Arc::new(MemoryByteStore::default());
    let kdf = |memory_mib: u32, passes| cheap().with_kdf(KdfParameters::new(memory_mib * 1024, passes, 1).unwrap());
    let at = |memory_mib, passes| vault_in(&store).with_settings(kdf(memory_mib, passes));
    let sealed = at(20, 3);
    let written = begin_with_password(&sealed).await;
    // columns: what the host sets, whether the record is weak beside it. What would lower anything raises nothing.
    let table = [
        ((20, 3), false),
        ((20, 4), true),
        ((21, 3), true),
        ((21, 4), true),
        ((21, 2), false),
        ((19, 4), false),
        ((19, 2), false),
    ];
    for ((memory_mib, passes), weak) in table {
        let opened = open_with(&at(memory_mib, passes), password(RIGHT)).await.unwrap();
        assert_eq!(opened.weakly_sealed, weak, "{memory_mib} MiB, {passes} passes");
    }
    let raised = reprotected_in(AuthenticationMode::Password, &header_with_password());
    let content = sealed_under("text", password(RIGHT));
    let _ = write(&at(20, 4), Some(&written.revision), &raised, content)
        .await
        .unwrap();
    let opened = open_with(&at(20, 4), password(RIGHT)).await.unwrap();
    assert!(!opened.weakly_sealed);
}

#[tokio::test]
async fn a_record_that_asks_for_more_memory_than_the_host_allows_is_kept_and_costs_no_attempt() {
    let store = Arc::new(MemoryByteStore::default());
    let dear = cheap().with_kdf(KdfParameters::new(20 * 1024, 2, 1).unwrap());
    let _ = begin_with_password(&vault_in(&store).with_settings(dear)).await;
    let frugal = cheap().with_max_kdf_memory_kib(MIN_KDF_MEMORY_KIB).unwrap();
    let vault = vault_in(&store).with_settings(frugal);
    for _ in 0..6 {
        let refused = open_with(&vault, password(RIGHT)).await.unwrap_err();
        assert!(
            matches!(refused, StorageError::Unavailable(why) if why.contains("max_kdf_memory_kib")),
            "{refused:?}"
        );
    }
    assert!(open_with(&vault_in(&store), password(RIGHT)).await.is_ok());
}

#[tokio::test]
async fn a_password_record_of_another_device_or_machine_costs_no_attempt() {
    let store = Arc::new(MemoryByteStore::default());
    let _ = begin_with_password(&vault_in(&store)).await;
    let other_key = || device().with_secret([0x0e; 32]);
    let other_machine = || device().on_machine([0x0e; 32]);
    for _ in 0..6 {
        let on = |device| vault_on(store.clone(), device).with_settings(cheap());
        let without_key = open_with(&on(other_key()), password(RIGHT)).await.unwrap_err();
        assert_eq!(without_key, StorageError::Unreadable(Unreadable::RestoredWithoutKey));
        let moved = open_with(&on(other_machine()), password(RIGHT)).await.unwrap_err();
        assert_eq!(moved, StorageError::DeviceChanged);
    }
    assert!(open_with(&vault_in(&store), password(RIGHT)).await.is_ok());
}
