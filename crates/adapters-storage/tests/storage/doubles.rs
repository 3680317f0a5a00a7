//! The vault over a device key and a byte store that behave oddly.

use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use vestibule_adapters_storage::{MemoryByteStore, MemoryDeviceKey, Vault};
use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::lockout::FIRST_DELAYED_GUESS;
use vestibule_domain::record::{Lookup, Revision};
use vestibule_ports::{
    ByteStore, ByteStoreError, DeviceKey, DeviceKeyError, DeviceKeyId, Key, Loaded, NamesPage, Replaced, SecureStorage,
    StorageError, StoreName,
};
use zeroize::Zeroizing;

use super::support::*;

/// A device key that derives another share each time.
struct Forgetful {
    inner: MemoryDeviceKey,
    derived: Mutex<u8>,
}

#[async_trait]
impl DeviceKey for Forgetful {
    async fn id(&self) -> Result<Lookup<DeviceKeyId>, DeviceKeyError> {
        self.inner.id().await
    }

    async fn make(&self) -> Result<DeviceKeyId, DeviceKeyError> {
        self.inner.make().await
    }

    async fn derive(&self, label: &'static str, context: &[u8]) -> Result<Zeroizing<[u8; 32]>, DeviceKeyError> {
        let mut derived = self.inner.derive(label, context).await?;
        if label == "wrap" {
            let mut times = self.derived.lock().unwrap();
            *times += 1;
            derived[0] ^= *times;
        }
        Ok(derived)
    }

    async fn machine(&self) -> Result<Option<[u8; 32]>, DeviceKeyError> {
        self.inner.machine().await
    }
}

#[tokio::test]
async fn what_does_not_re_open_replaces_nothing() {
    let (sound, store) = vault();
    let first = header(1, "app", active());
    let written = begin(&sound, &first, "one").await;
    let forgetful = Forgetful {
        inner: device(),
        derived: Mutex::new(0),
    };
    let vault = Vault::new(store, Arc::new(forgetful), clock(), HashedEntropy::new(2));
    let refused = write(&vault, Some(&written.revision), &reprotected(&first), sealed("two")).await;
    assert!(
        matches!(refused, Err(StorageError::Unavailable(why)) if why.contains("does not re-open")),
        "{refused:?}"
    );
    assert_eq!(text(&sound, &first).await, "one");
}

/// A device key that is locked after some records' shares.
struct Locking {
    inner: MemoryDeviceKey,
    shares_left: Mutex<u8>,
}

#[async_trait]
impl DeviceKey for Locking {
    async fn id(&self) -> Result<Lookup<DeviceKeyId>, DeviceKeyError> {
        self.inner.id().await
    }

    async fn make(&self) -> Result<DeviceKeyId, DeviceKeyError> {
        self.inner.make().await
    }

    async fn derive(&self, label: &'static str, context: &[u8]) -> Result<Zeroizing<[u8; 32]>, DeviceKeyError> {
        if label == "wrap" {
            let mut left = self.shares_left.lock().unwrap();
            *left = left.checked_sub(1).ok_or(DeviceKeyError::Unavailable("locked"))?;
        }
        self.inner.derive(label, context).await
    }

    async fn machine(&self) -> Result<Option<[u8; 32]>, DeviceKeyError> {
        self.inner.machine().await
    }
}

#[tokio::test]
async fn a_write_that_stands_is_never_told_as_not_done_because_its_key_cannot_be_had_now() {
    let (sound, store) = vault();
    let first = header(1, "app", active());
    let _ = begin(&sound, &first, "one").await;
    // Two shares to seal and to prove it; the third would open what an earlier try of the same write left.
    let locking = Locking {
        inner: device(),
        shares_left: Mutex::new(2),
    };
    let vault = Vault::new(store, Arc::new(locking), clock(), HashedEntropy::new(2));
    let repeated = write(&vault, None, &first, sealed("one")).await;
    assert_eq!(repeated.unwrap_err(), StorageError::Unclear);
}

#[tokio::test]
async fn a_device_key_that_is_locked_costs_no_guess() {
    let store = Arc::new(MemoryByteStore::default());
    let sound = vault_on(store.clone(), device()).with_settings(cheap());
    let first = in_mode(AuthenticationMode::Password, header(1, "app", active()));
    let _ = write(&sound, None, &first, sealed_under("one", password("correct horse")))
        .await
        .unwrap();
    let locking = Locking {
        inner: device(),
        shares_left: Mutex::new(0),
    };
    let locked = Vault::new(store, Arc::new(locking), clock(), HashedEntropy::new(2)).with_settings(cheap());
    let right = || Key::Credential(password("correct horse"));
    for _ in 0..=FIRST_DELAYED_GUESS {
        let refused = locked.open(place(&first), right()).await.unwrap_err();
        assert_eq!(refused, StorageError::Unavailable("locked"));
    }
    assert!(sound.open(place(&first), right()).await.is_ok());
}

/// A byte store that gives an old state once, as a read does that began before a write and ended after it.
struct Overtaken {
    inner: MemoryByteStore,
    old: Mutex<Option<Loaded>>,
}

#[async_trait]
impl ByteStore for Overtaken {
    async fn names(&self, after: Option<StoreName>, limit: usize) -> Result<NamesPage, ByteStoreError> {
        self.inner.names(after, limit).await
    }

    async fn load(&self, name: StoreName) -> Result<Lookup<Loaded>, ByteStoreError> {
        let old = self.old.lock().unwrap().take();
        match old {
            Some(old) => Ok(Lookup::Present(old)),
            None => self.inner.load(name).await,
        }
    }

    async fn replace(
        &self,
        name: StoreName,
        expected: Option<Revision>,
        bytes: Vec<u8>,
    ) -> Result<Replaced, ByteStoreError> {
        self.inner.replace(name, expected, bytes).await
    }

    async fn remove(&self, name: StoreName, expected: Revision) -> Result<(), ByteStoreError> {
        self.inner.remove(name, expected).await
    }
}

#[tokio::test]
async fn a_read_that_a_write_overtook_is_not_taken_for_a_rollback() {
    let store = Arc::new(Overtaken {
        inner: MemoryByteStore::default(),
        old: Mutex::new(None),
    });
    let vault = vault_on(store.clone(), device());
    let first = header(1, "app", active());
    let written = begin(&vault, &first, "one").await;
    let name = StoreName::new(&handle(&vault, &first).await.to_string()).unwrap();
    let Lookup::Present(old) = store.load(name).await.unwrap() else {
        panic!("the record is there");
    };
    write(
        &vault,
        Some(&written.revision),
        &next(&first),
        resealed("two", &written.key),
    )
    .await
    .unwrap();
    *store.old.lock().unwrap() = Some(old);
    assert_eq!(text(&vault, &first).await, "two");
}
