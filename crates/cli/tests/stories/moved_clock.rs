//! The clock is moved after wrong guesses: the files are those that the commands have written, and only the clock is not
//! the system's.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use vestibule::instant::{BootTime, WallTime};
use vestibule::ports::{Clock, Credential, Key, SecureStorage as _, StorageError};
use vestibule::record::Place;
use vestibule::secret::Password;
use vestibule::{SystemClock, SystemEntropy};
use vestibule_adapters_storage::{FileByteStore, FileDeviceKey, Vault};
use vestibule_dev_idp::{DevIdp, Settings};

use crate::device::Device;
use crate::password_mode::{FIRST_DELAYED_GUESS, PASSWORD, WRONG, enrol, record_handles};

/// The system's clock, moved by so many seconds.
#[derive(Clone, Copy, Debug)]
struct Moved {
    wall_s: i64,
    boot_s: u64,
}

#[async_trait]
impl Clock for Moved {
    fn wall(&self) -> WallTime {
        WallTime::from_unix_ms(SystemClock.wall().unix_ms() + self.wall_s * 1000)
    }

    fn since_boot(&self) -> BootTime {
        SystemClock.since_boot().after(Duration::from_secs(self.boot_s))
    }

    async fn sleep(&self, time: Duration) {
        SystemClock.sleep(time).await;
    }
}

#[tokio::test]
async fn no_date_that_somebody_sets_shortens_a_lock_out_and_time_that_passes_ends_it() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    enrol(&device).await;
    for _ in 0..FIRST_DELAYED_GUESS {
        let run = device.run_with_input(&["login"], &format!("{WRONG}\n")).await;
        assert_eq!(run.code, Some(4), "{run:?}");
    }
    let table = [
        ("nothing was moved", 0, 0, false),
        ("the date was set ahead by a year", 31_536_000, 0, false),
        (
            "the date was set back by an hour, and an hour passed",
            -3600,
            3600,
            false,
        ),
        ("since then no time has passed", 0, 3600, false),
        ("two hours have passed", 7200, 7200, true),
        ("it was opened, which forgets the wrong ones", 7200, 7200, true),
    ];
    for (what, wall_s, boot_s, opens) in table {
        let opened = open(&device, Moved { wall_s, boot_s }).await;
        match opened {
            Ok(()) => assert!(opens, "{what}: it opened"),
            Err(StorageError::LockedOut(wait)) => {
                assert!(!opens, "{what}: it is locked");
                assert!(wait <= Duration::from_secs(30), "{what}: {wait:?}");
            }
            Err(error) => panic!("{what}: {error}"),
        }
    }
    let run = device.run_with_input(&["login"], &format!("{PASSWORD}\n")).await;
    assert_eq!(run.code, Some(0), "{run:?}");
}

async fn open(device: &Device, clock: Moved) -> Result<(), StorageError> {
    let entropy = Arc::new(SystemEntropy);
    let store = FileByteStore::open(device.data_dir(), entropy.clone()).unwrap();
    let key = FileDeviceKey::open(device.state_dir(), entropy.clone()).unwrap();
    let vault = Vault::new(Arc::new(store), Arc::new(key), Arc::new(clock), entropy);
    let place = Place::Handle(record_handles(device)[0]);
    let key = Key::Credential(Credential::Password(Password::new(PASSWORD.into())));
    vault.open(place, key).await.map(drop)
}
