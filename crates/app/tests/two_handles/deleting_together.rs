//! One handle deletes, held at every step; the other lives on: it logs in, exchanges, enrols, or deletes, too.

use std::sync::Arc;

use vestibule::event::{ExchangeIamTokenEvent, OfflineLoginEvent, StartEvent};
use vestibule::identifiers::UserIdentifier;
use vestibule::ports::testing::{Fault, FaultPlan, IdpKind, Rotation};
use vestibule::record::StageKind;
use vestibule::status::StatusType;
use vestibule::{Failure, Revocation, Sdk};

use crate::deleting::{Told, delete_until_gone, enrol_two, has_record, violations};
use crate::stoppable_clock::StoppableClock;
use crate::world::{World, enroll};

/// What the other one does meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Other {
    Lives,
    Deletes,
}

fn meet(kind: IdpKind, other: Other, killed: bool, plan: &FaultPlan) {
    let world = World::new(kind);
    let two = enrol_two(&world);
    let told = Told::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let (one, another) = (plan.process(), FaultPlan::none().process());
        let clock = StoppableClock::new(&world.clock);
        let (sdk, other_sdk) = (world.sdk_with_clock(&one, Arc::new(clock.clone())), world.sdk(&another));
        let first = tokio::spawn({
            let (one, world, user, told) = (one.clone(), world.clone(), two.leaving.clone(), Arc::clone(&told));
            async move { one.run(delete_until_gone(&sdk, &world, &user, &told)).await }
        });
        tokio::pin!(first);
        let is_held = tokio::select! {
            () = plan.until_held() => true,
            _ = &mut first => false,
        };
        clock.stop(is_held);
        let met = match other {
            Other::Lives => live_as(&other_sdk, &two.leaving).await,
            Other::Deletes => {
                delete_until_gone(&other_sdk, &world, &two.leaving, &told).await;
                Ok(())
            }
        };
        if let Err(failure) = met {
            let fair = [StatusType::Busy, StatusType::InvalidUserId];
            assert!(fair.contains(&failure.status()), "{failure}\n{}", world.journal);
        }
        clock.stop(false);
        if killed {
            one.kill();
        } else {
            plan.release();
        }
        if is_held {
            drop(first.await);
        }
    });
    drop(runtime);
    world.rest();
    let life = || format!("{kind:?} {other:?} {killed} {plan:?} {told:?}\n{}", world.journal);
    let broken = violations(&world);
    assert!(broken.is_empty(), "{broken:#?}\n{}", life());
    let records = world.disk.records();
    let is_of = |user: &UserIdentifier| has_record(&world, user);
    assert!(is_of(&two.staying), "another user is gone\n{}", life());
    assert!(records.len() <= 2, "something is left over\n{}", life());
    let at_rest = records.iter().all(|record| match record.header.stage.kind() {
        StageKind::Active | StageKind::Rotating | StageKind::Outdated | StageKind::Enrolling => true,
        StageKind::Deleting | StageKind::Revoking => false,
        _ => false,
    });
    assert!(at_rest, "a deletion or a revocation is left over\n{}", life());
    let told = told.lock().expect("no panic").clone();
    if !told.is_empty() {
        assert!(!is_of(&two.leaving), "deleted, and there again\n{}", life());
    }
    if !told.is_empty() && !told.contains(&Revocation::NotPossible) {
        let live = world.idp.live_sessions(&two.leaving.user_id);
        assert_eq!(live, 0, "a session that was to be revoked lives on\n{}", life());
    }
}

/// Starts, logs in as the user who is being deleted, and asks for a token; where that user is gone, enrols.
async fn live_as(sdk: &Sdk, user: &UserIdentifier) -> Result<(), Failure> {
    sdk.send(StartEvent::new("other", "1", "en")).await?;
    match sdk.send(OfflineLoginEvent::new(user.clone())).await {
        Err(failure) if failure.status() == StatusType::InvalidUserId => enroll(sdk).await?,
        logged_in => logged_in.map(|_| ())?,
    }
    sdk.send(ExchangeIamTokenEvent::new("orders").forced()).await.map(drop)
}

fn every_meeting(kind: IdpKind) {
    let mut meetings = 0;
    for other in [Other::Lives, Other::Deletes] {
        for killed in [false, true] {
            for plan in FaultPlan::enumerate(1).only(&[Fault::HeldBefore, Fault::HeldAfter]) {
                meet(kind, other, killed, &plan);
                meetings += 1;
            }
        }
    }
    println!("{meetings} meetings over a deletion, {kind:?}");
    assert!(meetings >= 60, "only {meetings} meetings of {kind:?}");
}

macro_rules! meetings {
    ($($name:ident: $recoverable:literal $rotation:expr;)+) => {$(
        #[test]
        fn $name() {
            every_meeting(IdpKind { recoverable: $recoverable, rotation: $rotation });
        }
    )+};
}

meetings! {
    one_deletes_while_the_other_lives_recoverable_without_rotation: true Rotation::None;
    one_deletes_while_the_other_lives_recoverable_renewing: true Rotation::Renewing;
    one_deletes_while_the_other_lives_recoverable_reuse_1: true Rotation::Reuse(1);
    one_deletes_while_the_other_lives_recoverable_reuse_0: true Rotation::Reuse(0);
    one_deletes_while_the_other_lives_plain_without_rotation: false Rotation::None;
    one_deletes_while_the_other_lives_plain_renewing: false Rotation::Renewing;
    one_deletes_while_the_other_lives_plain_reuse_1: false Rotation::Reuse(1);
    one_deletes_while_the_other_lives_plain_reuse_0: false Rotation::Reuse(0);
}
