//! No room for the first answer: nothing is sent. No room left for a later one: it stands all the same.

use std::path::Path;
use std::sync::Arc;

use vestibule::event::{
    EnrollAnonymousUserEvent, ExchangeIamTokenEvent, GetInformationEvent, OfflineLoginEvent, RecordRef, StartEvent,
};
use vestibule::ports::testing::{IdpCall, IdpKind, Journal, Rotation, ScriptedIdp, SeededEntropy};
use vestibule::status::StatusType;
use vestibule::{AuthenticationMode, Failure, Sdk, SdkState, SystemClock};
use vestibule_adapters_storage::{FileByteStore, FileDeviceKey, LockFilePresence, Vault};

use super::small_disk::SmallDisk;

/// A server that ends the session when an old grant comes again.
fn strict_server(journal: &Journal) -> ScriptedIdp {
    let kind = IdpKind {
        recoverable: false,
        rotation: Rotation::Reuse(0),
    };
    ScriptedIdp::with_journal(kind, journal)
}

/// An app that has started on a disk.
async fn start(disk: &Path, idp: &ScriptedIdp) -> Sdk {
    let (records, state) = (disk.join("records"), disk.join("state"));
    let entropy = Arc::new(SeededEntropy::new(u64::from(std::process::id())));
    let store = FileByteStore::open(records, entropy.clone()).unwrap();
    let key = FileDeviceKey::open(&state, entropy.clone()).unwrap();
    let presence = LockFilePresence::open(&state, entropy.clone()).unwrap();
    let vault = Vault::new(Arc::new(store), Arc::new(key), Arc::new(SystemClock), entropy);
    let sdk = Sdk::builder(Arc::new(idp.clone()), Arc::new(vault))
        .presence(Arc::new(presence))
        .build()
        .unwrap();
    sdk.send(StartEvent::new("full disk", "1", "en")).await.unwrap();
    sdk
}

async fn enroll(sdk: &Sdk) -> Result<(), Failure> {
    let event = EnrollAnonymousUserEvent::new("acme", AuthenticationMode::No);
    sdk.send(event).await.map(drop)
}

async fn login(sdk: &Sdk) -> Result<(), Failure> {
    let users = sdk.send(GetInformationEvent).await.unwrap().outcome.users;
    let user = RecordRef::User(users.first().unwrap().clone());
    sdk.send(OfflineLoginEvent::new(user)).await.map(drop)
}

async fn token(sdk: &Sdk) -> Result<(), Failure> {
    sdk.send(ExchangeIamTokenEvent::new("orders").forced()).await.map(drop)
}

#[tokio::test]
async fn an_enrolment_on_a_full_disk_sends_nothing_and_succeeds_once_there_is_room() {
    let disk = SmallDisk::mount();
    let journal = Journal::new();
    let idp = strict_server(&journal);
    let sdk = start(disk.path(), &idp).await;
    // Up to the last byte; and with room for the lease, but none for the answer.
    for kib in [0, 8] {
        disk.fill_but(kib);
        let failure = enroll(&sdk).await.unwrap_err();
        assert_eq!(failure.status(), StatusType::StorageUnavailable, "{kib} KiB");
        assert_eq!(journal.requests(IdpCall::Enroll), 0, "{kib} KiB");
        assert_eq!(sdk.state(), SdkState::ActivationRequired, "{kib} KiB");
        disk.free();
    }
    enroll(&sdk).await.unwrap();
    token(&sdk).await.unwrap();
    assert_eq!(idp.users().len(), 1);
}

#[tokio::test]
async fn a_rotation_that_meets_a_full_disk_between_lease_and_answer_still_stands() {
    let disk = Arc::new(SmallDisk::mount());
    let journal = Journal::new();
    let idp = strict_server(&journal);
    let sdk = start(disk.path(), &idp).await;
    enroll(&sdk).await.unwrap();
    let full = Arc::clone(&disk);
    idp.next_refresh_altered(move |refreshed| {
        full.fill();
        refreshed
    });
    token(&sdk).await.unwrap();
    // On the full disk the next ones do as well, and another process goes on with the last grant: with an older one the
    // server would have ended the session.
    token(&sdk).await.unwrap();
    drop(sdk);
    let sdk = start(disk.path(), &idp).await;
    login(&sdk).await.unwrap();
    token(&sdk).await.unwrap();
    assert_eq!(idp.users().len(), 1);
    assert_eq!(journal.requests(IdpCall::Enroll), 1);
}
