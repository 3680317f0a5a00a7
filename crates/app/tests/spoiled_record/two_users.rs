//! Two users on one device, and the record of one that may not be read.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use vestibule::event::{EnrollAnonymousUserEvent, GetInformationEvent, OfflineLoginEvent, RecordRef, StartEvent};
use vestibule::ports::testing::{IdpCall, IdpKind, Journal, Rotation, ScriptedIdp, SeededEntropy};
use vestibule::status::StatusType;
use vestibule::{AuthenticationMode, Failure, Sdk, SdkState, SystemClock};
use vestibule_adapters_storage::{FileByteStore, FileDeviceKey, LockFilePresence, Vault};

struct Device {
    directory: tempfile::TempDir,
    journal: Journal,
    idp: ScriptedIdp,
    entropy: Arc<SeededEntropy>,
}

impl Device {
    fn new() -> Self {
        let journal = Journal::new();
        let kind = IdpKind {
            recoverable: false,
            rotation: Rotation::Reuse(0),
        };
        Self {
            directory: tempfile::tempdir().unwrap(),
            idp: ScriptedIdp::with_journal(kind, &journal),
            journal,
            entropy: Arc::new(SeededEntropy::new(1)),
        }
    }

    fn records(&self) -> PathBuf {
        self.directory.path().join("records")
    }

    /// An app that has started.
    async fn start(&self) -> Sdk {
        let state = self.directory.path().join("state");
        let store = FileByteStore::open(self.records(), self.entropy.clone()).unwrap();
        let key = FileDeviceKey::open(&state, self.entropy.clone()).unwrap();
        let presence = LockFilePresence::open(&state, self.entropy.clone()).unwrap();
        let vault = Vault::new(
            Arc::new(store),
            Arc::new(key),
            Arc::new(SystemClock),
            self.entropy.clone(),
        );
        let sdk = Sdk::builder(Arc::new(self.idp.clone()), Arc::new(vault))
            .presence(Arc::new(presence))
            .build()
            .unwrap();
        sdk.send(StartEvent::new("two users", "1", "en")).await.unwrap();
        sdk
    }

    /// The files of all records.
    fn files(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.records()).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        paths.filter(|path| !is_beside(path)).collect()
    }
}

/// Spares and the lock.
fn is_beside(path: &Path) -> bool {
    path.file_name().unwrap().to_str().unwrap().starts_with('.')
}

async fn enroll(sdk: &Sdk, tenant: &str) -> Result<(), Failure> {
    let event = EnrollAnonymousUserEvent::new(tenant, AuthenticationMode::No);
    sdk.send(event).await.map(drop)
}

async fn users(sdk: &Sdk) -> Vec<RecordRef> {
    let users = sdk.send(GetInformationEvent).await.unwrap().outcome.users;
    users.into_iter().map(RecordRef::User).collect()
}

#[tokio::test]
async fn a_record_that_may_not_be_read_is_never_absent_and_locks_no_other_user_out() {
    let device = Device::new();
    enroll(&device.start().await, "acme").await.unwrap();
    let [spoiled] = device.files().try_into().unwrap();
    enroll(&device.start().await, "other").await.unwrap();
    assert_eq!(users(&device.start().await).await.len(), 2);
    let enrolled = device.journal.requests(IdpCall::Enroll);

    fs::set_permissions(&spoiled, fs::Permissions::from_mode(0o644)).unwrap();
    let sdk = device.start().await;
    assert_eq!(sdk.state(), SdkState::LoginRequired);
    let [other] = users(&sdk).await.try_into().unwrap();
    sdk.send(OfflineLoginEvent::new(other)).await.unwrap();
    // Its own slot: not free, and the words say what to do.
    let sdk = device.start().await;
    let failure = enroll(&sdk, "acme").await.unwrap_err();
    assert_eq!(failure.status(), StatusType::StorageUnavailable);
    assert!(failure.to_string().contains("chmod"), "{failure}");
    assert_eq!(device.journal.requests(IdpCall::Enroll), enrolled, "no second user");

    fs::set_permissions(&spoiled, fs::Permissions::from_mode(0o600)).unwrap();
    let sdk = device.start().await;
    let both = users(&sdk).await;
    assert_eq!(both.len(), 2);
    for user in both {
        device.start().await.send(OfflineLoginEvent::new(user)).await.unwrap();
    }
}

#[tokio::test]
async fn a_device_with_nothing_but_a_record_that_may_not_be_read_is_not_empty() {
    let device = Device::new();
    enroll(&device.start().await, "acme").await.unwrap();
    let [spoiled] = device.files().try_into().unwrap();
    fs::set_permissions(&spoiled, fs::Permissions::from_mode(0o644)).unwrap();
    let sdk = device.start().await;
    assert_eq!(sdk.state(), SdkState::LoginRequired, "not as if nobody had enrolled");
}

#[tokio::test]
async fn a_backup_by_hard_links_locks_no_user_out() {
    let device = Device::new();
    for tenant in ["acme", "other"] {
        enroll(&device.start().await, tenant).await.unwrap();
    }
    let backup = device.directory.path().join("backup");
    fs::create_dir(&backup).unwrap();
    for file in device.files() {
        fs::hard_link(&file, backup.join(file.file_name().unwrap())).unwrap();
    }
    let both = users(&device.start().await).await;
    assert_eq!(both.len(), 2);
    for user in both {
        device.start().await.send(OfflineLoginEvent::new(user)).await.unwrap();
    }
}
