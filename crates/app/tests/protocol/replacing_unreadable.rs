//! `replace` over what cannot be read: named by its handle, kept aside as it is, put back where certainly nothing was done.

use vestibule::event::{DeleteUserEvent, EnrollAnonymousUserEvent, StartEvent};
use vestibule::identifiers::RecordHandle;
use vestibule::ports::testing::{FaultPlan, IdpKind, Rotation};
use vestibule::ports::{IdpError, SecureStorage};
use vestibule::record::{Place, StageKind, Unreadable};
use vestibule::status::{Hint, StatusType};
use vestibule::{AuthenticationMode, Failure, Sdk, SdkState};

use crate::world::{World, live_until_a_token};

const KIND: IdpKind = IdpKind {
    recoverable: true,
    rotation: Rotation::Reuse(1),
};
const WHYS: [Unreadable; 3] = [
    Unreadable::Corrupted,
    Unreadable::NewerFormat,
    Unreadable::RestoredWithoutKey,
];

/// A user whose record cannot be read any more, and its handle.
fn unreadable(why: Unreadable) -> (World, RecordHandle) {
    let world = World::new(KIND);
    world.process(&FaultPlan::none(), |sdk| async move { live_until_a_token(&sdk).await });
    let record = world.disk.records().remove(0);
    world.disk.plant_unreadable(&Place::Slot(record.header.slot), why);
    (world, record.handle)
}

async fn replace(sdk: &Sdk, named: RecordHandle) -> Result<SdkState, Failure> {
    let started = sdk.send(StartEvent::new("replacing", "1", "en")).await?;
    // An app looks before it sends again what failed: by now the new user may stand under that handle.
    let stands = |known: &vestibule::KnownRecord| known.handle == named && known.user().is_some();
    if started.outcome.known.iter().any(stands) {
        return Ok(SdkState::LoggedIn);
    }
    let event = EnrollAnonymousUserEvent::new("acme", AuthenticationMode::No).replacing(named);
    sdk.send(event).await.map(|answer| answer.sdk_state)
}

fn replaced(world: &World, named: RecordHandle) -> Result<SdkState, Failure> {
    let replaced = world.process(&FaultPlan::none(), |sdk| async move { replace(&sdk, named).await });
    replaced.expect("nobody kills")
}

/// All that lies on disk: the handle, and the stage or why it cannot be read.
fn on_disk(world: &World) -> Vec<(RecordHandle, Result<StageKind, Unreadable>)> {
    let listing = world.process(&FaultPlan::none(), |_| {
        let disk = world.disk.clone();
        async move { disk.list(None, 100).await }
    });
    let page = listing.expect("nobody kills").expect("it is there");
    let records = page.records.into_iter();
    records
        .map(|record| (record.handle, record.header.map(|header| header.stage.kind())))
        .collect()
}

#[test]
fn what_cannot_be_read_gives_way_to_a_new_user_where_it_is_named() {
    for why in WHYS {
        let (world, named) = unreadable(why);
        assert_eq!(replaced(&world, named).unwrap(), SdkState::LoggedIn, "{why:?}");
        assert_eq!(
            on_disk(&world),
            [(named, Ok(StageKind::Active))],
            "{why:?}: and its copy is gone"
        );
        assert_eq!(world.idp.users().len(), 2, "a new user, by a new key");
    }
}

#[test]
fn where_the_idp_certainly_did_nothing_it_stands_there_again() {
    for why in WHYS {
        let (world, named) = unreadable(why);
        world.idp.set_unreachable(true);
        let failure = replaced(&world, named).unwrap_err();
        assert_eq!(failure.status(), StatusType::NotReachable, "{why:?}");
        assert_eq!(on_disk(&world), [(named, Err(why))], "{why:?}");
    }
}

/// A replacement whose answers were lost: what it replaces is aside.
fn unfinished(why: Unreadable) -> (World, RecordHandle) {
    let (world, named) = unreadable(why);
    for _ in 0..2 {
        world.idp.next_enroll(Err(IdpError::AnswerLost(Hint::default())));
    }
    replaced(&world, named).unwrap_err();
    let lies: Vec<_> = on_disk(&world).into_iter().map(|(_, what)| what).collect();
    assert_eq!(lies.len(), 2);
    assert!(
        lies.contains(&Err(why)) && lies.contains(&Ok(StageKind::Enrolling)),
        "{lies:?}"
    );
    (world, named)
}

#[test]
fn after_an_unclear_answer_it_stays_aside_until_the_new_user_stands() {
    for why in WHYS {
        let (world, named) = unfinished(why);
        assert_eq!(replaced(&world, named).unwrap(), SdkState::LoggedIn, "{why:?}");
        assert_eq!(on_disk(&world), [(named, Ok(StageKind::Active))], "{why:?}");
    }
}

#[test]
fn deleting_the_unfinished_enrolment_puts_it_back() {
    for why in WHYS {
        let (world, named) = unfinished(why);
        let deleted = world.process(&FaultPlan::none(), |sdk| async move {
            sdk.send(StartEvent::new("deleting", "1", "en")).await?;
            sdk.send(DeleteUserEvent::new(named))
                .await
                .map(|answer| answer.sdk_state)
        });
        assert_eq!(deleted.unwrap().unwrap(), SdkState::LoginRequired, "{why:?}");
        assert_eq!(on_disk(&world), [(named, Err(why))], "{why:?}");
    }
}

/// Two processes replace it under every fault and pair of faults, the third one without.
#[test]
fn whatever_fails_it_stands_there_again_or_the_new_user_stands() {
    let mut lives = 0;
    for plan in FaultPlan::enumerate(2) {
        let (world, named) = unreadable(Unreadable::NewerFormat);
        plan.use_clock(std::sync::Arc::new(world.clock.clone()));
        for _ in 0..2 {
            let _ = world.process(&plan, |sdk| async move { replace(&sdk, named).await });
            world.clock.advance(std::time::Duration::from_secs(10));
            let lies = on_disk(&world);
            let kept = lies.iter().any(|(_, what)| *what == Err(Unreadable::NewerFormat));
            let stands = lies.contains(&(named, Ok(StageKind::Active)));
            assert!(kept || stands, "it is lost: {lies:?} {plan:?}\n{}", world.journal);
        }
        plan.stop();
        if !on_disk(&world).contains(&(named, Ok(StageKind::Active))) {
            let stood = replaced(&world, named);
            assert!(stood.is_ok(), "{stood:?} {plan:?}\n{}", world.journal);
        }
        world.rest();
        assert_eq!(
            on_disk(&world),
            [(named, Ok(StageKind::Active))],
            "{plan:?}\n{}",
            world.journal
        );
        lives += 1;
    }
    assert!(lives > 500, "only {lives} lives");
}

#[test]
fn what_can_be_read_by_now_is_another_record_than_the_app_named() {
    let (world, named) = unreadable(Unreadable::RestoredWithoutKey);
    let ended = world.process(&FaultPlan::none(), |sdk| {
        let other = world.sdk(&FaultPlan::none().process());
        async move {
            sdk.send(StartEvent::new("late", "1", "en")).await?;
            replace(&other, named).await?;
            let late = EnrollAnonymousUserEvent::new("acme", AuthenticationMode::No).replacing(named);
            let replaced = sdk.send(late).await.map(drop).unwrap_err();
            let deleted = sdk.send(DeleteUserEvent::new(named)).await.map(drop).unwrap_err();
            Ok::<_, Failure>([replaced.status(), deleted.status()])
        }
    });
    assert_eq!(ended.unwrap().unwrap(), [StatusType::InvalidUserId; 2]);
    assert_eq!(on_disk(&world), [(named, Ok(StageKind::Active))]);
}

#[test]
fn what_is_not_named_or_lies_in_another_slot_is_not_touched() {
    let (world, named) = unreadable(Unreadable::NewerFormat);
    let elsewhere = RecordHandle::from_bytes([9; 16]);
    world
        .disk
        .plant_unreadable(&Place::Handle(elsewhere), Unreadable::Corrupted);
    let before = on_disk(&world);
    let enrolled = world.process(&FaultPlan::none(), |sdk| async move {
        sdk.send(StartEvent::new("replacing", "1", "en")).await?;
        sdk.send(EnrollAnonymousUserEvent::new("acme", AuthenticationMode::No))
            .await
    });
    assert_eq!(enrolled.unwrap().unwrap_err().status(), StatusType::NewerFormat);
    assert_eq!(on_disk(&world), before);
    let failure = replaced(&world, elsewhere).unwrap_err();
    assert_eq!(failure.status(), StatusType::InvalidUserId);
    assert_eq!(on_disk(&world), before, "neither it, nor what lies in the slot");
    let nobody = RecordHandle::from_bytes([8; 16]);
    assert_eq!(replaced(&world, nobody).unwrap_err().status(), StatusType::NewerFormat);
    assert_eq!(on_disk(&world), before);
    assert_eq!(world.idp.users().len(), 1, "nobody was made");
    assert!(before.contains(&(named, Err(Unreadable::NewerFormat))));
}
