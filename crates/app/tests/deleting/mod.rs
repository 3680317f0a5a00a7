//! Lives that end in a deletion: whatever fails, the user who was to go is gone with its session, and another one stays.

use std::sync::{Arc, Mutex};

use vestibule::event::{DeleteUserEvent, EnrollAnonymousUserEvent, LogoutEvent, RestartEvent, StartEvent};
use vestibule::identifiers::UserIdentifier;
use vestibule::ports::testing::{FaultPlan, IdpCall, IdpKind, JournalEntry};
use vestibule::record::{Stage, StageKind};
use vestibule::status::StatusType;
use vestibule::{AuthenticationMode, Failure, Revocation, Sdk, SdkState};

use crate::world::World;

/// Two users of one device: the one that is deleted, and one in another slot.
pub(crate) struct Two {
    pub leaving: UserIdentifier,
    pub staying: UserIdentifier,
}

/// Enrols both, without faults.
pub(crate) fn enrol_two(world: &World) -> Two {
    world
        .process(&FaultPlan::none(), |sdk| async move {
            sdk.send(StartEvent::new("two", "1", "en")).await?;
            let enrolment = EnrollAnonymousUserEvent::new("acme", AuthenticationMode::No);
            let leaving = sdk.send(enrolment.clone()).await?.outcome.user_identifier;
            sdk.send(LogoutEvent).await?;
            let staying = sdk
                .send(enrolment.with_client_id("another-app"))
                .await?
                .outcome
                .user_identifier;
            Ok::<_, Failure>(Two { leaving, staying })
        })
        .expect("nobody kills")
        .expect("nothing fails")
}

/// What the app was told of the deletion.
pub(crate) type Told = Arc<Mutex<Vec<Revocation>>>;

/// Deletes as an app does: starts, and tries again when it fails, until nobody of that name is there.
pub(crate) async fn delete_until_gone(sdk: &Sdk, world: &World, user: &UserIdentifier, told: &Told) {
    for _ in 0..10 {
        let tried = match sdk.state() {
            SdkState::NotStarted => sdk.send(StartEvent::new("deleting", "1", "en")).await.map(drop),
            SdkState::LoggedIn | SdkState::Suspended => sdk.send(RestartEvent).await.map(drop),
            SdkState::ActivationRequired | SdkState::LoginRequired => {
                match sdk.send(DeleteUserEvent::new(user.clone())).await {
                    Ok(answer) => {
                        let revocation = answer.outcome.revocation;
                        told.lock().expect("no panic").push(revocation);
                        judge_answer(world, user, revocation);
                        return;
                    }
                    Err(failure) if failure.status() == StatusType::InvalidUserId => return,
                    Err(failure) => Err(failure),
                }
            }
        };
        drop(tried);
    }
}

/// `Done` is said only where neither record nor live session is left.
fn judge_answer(world: &World, user: &UserIdentifier, revocation: Revocation) {
    assert!(!has_record(world, user), "a deleted record is there\n{}", world.journal);
    if revocation == Revocation::Done {
        let live = world.idp.live_sessions(&user.user_id);
        assert_eq!(live, 0, "Done, and a session lives\n{}", world.journal);
    }
}

pub(crate) fn has_record(world: &World, user: &UserIdentifier) -> bool {
    world.disk.records().iter().any(|record| {
        let of = match &record.header.stage {
            Stage::Deleting { user, .. } => user.as_ref(),
            other => other.user(),
        };
        of == Some(&user.user_id)
    })
}

/// Two processes that delete, the second of which begins where the first was killed; then one that only starts; then, where
/// the deletion was never begun, one that deletes without faults.
fn live(kind: IdpKind, plan: &FaultPlan) {
    let world = World::new(kind);
    let two = enrol_two(&world);
    plan.use_clock(Arc::new(world.clock.clone()));
    let told = Told::default();
    let delete = |plan: &FaultPlan| {
        let (meanwhile, user, told) = (world.clone(), two.leaving.clone(), Arc::clone(&told));
        world.process(plan, |sdk| async move {
            delete_until_gone(&sdk, &meanwhile, &user, &told).await
        })
    };
    for _ in 0..2 {
        delete(plan);
    }
    world.rest();
    let stuck = world
        .disk
        .records()
        .into_iter()
        .any(|record| record.header.stage.kind() == StageKind::Deleting);
    assert!(
        !stuck,
        "a deletion that was begun is not finished by a start\n{plan:?}\n{}",
        world.journal
    );
    plan.stop();
    delete(&FaultPlan::none());
    world.rest();
    judge(&world, &two, &|| format!("{kind:?} {plan:?} {told:?}"));
}

/// Judges a life by its end.
fn judge(world: &World, two: &Two, life: &dyn Fn() -> String) {
    let told = || format!("{}\n{}", life(), world.journal);
    let broken = violations(world);
    assert!(broken.is_empty(), "{broken:#?}\n{}", told());
    assert!(
        !has_record(world, &two.leaving),
        "the record is still there\n{}",
        told()
    );
    let live = world.idp.live_sessions(&two.leaving.user_id);
    assert_eq!(live, 0, "a session that was to be revoked lives on\n{}", told());
    let left: Vec<_> = world.disk.records();
    assert_eq!(
        left.len(),
        1,
        "something is left over, or somebody else is gone\n{}",
        told()
    );
    assert!(
        matches!(&left[0].header.stage, Stage::Active { user } if *user == two.staying.user_id),
        "another user was touched: {:?}\n{}",
        left[0].header,
        told()
    );
    assert_eq!(
        world.idp.live_sessions(&two.staying.user_id),
        1,
        "another user's session ended\n{}",
        told()
    );
}

/// The rules of the log; two who finish one deletion may revoke twice.
pub(crate) fn violations(world: &World) -> Vec<String> {
    let entries = world.journal.entries();
    let is_revoke = |violation: &String| {
        let number = violation.strip_prefix("line ").and_then(|rest| rest.split(':').next());
        let line = number
            .and_then(|number| number.parse::<usize>().ok())
            .expect("a violation names its line");
        matches!(
            entries.get(line),
            Some(JournalEntry::Opened {
                call: IdpCall::Revoke,
                ..
            })
        )
    };
    let all = world.journal.violations().into_iter();
    all.filter(|violation| !is_revoke(violation)).collect()
}

fn every_deletion(kind: IdpKind, faults: usize) {
    let mut lives = 0;
    for plan in FaultPlan::enumerate(faults) {
        live(kind, &plan);
        lives += 1;
    }
    println!("{lives} lives that end in a deletion, {kind:?}");
    assert!(lives > 500, "only {lives} lives of {kind:?}");
}

macro_rules! deletions {
    ($($name:ident: $recoverable:literal $rotation:expr, $faults:literal;)+) => {$(
        #[test]
        fn $name() {
            use vestibule::ports::testing::Rotation;
            every_deletion(IdpKind { recoverable: $recoverable, rotation: $rotation }, $faults);
        }
    )+};
}

deletions! {
    recoverable_without_rotation_is_deleted_under_two_faults: true Rotation::None, 2;
    recoverable_renewing_is_deleted_under_two_faults: true Rotation::Renewing, 2;
    recoverable_reuse_1_is_deleted_under_two_faults: true Rotation::Reuse(1), 2;
    recoverable_reuse_0_is_deleted_under_two_faults: true Rotation::Reuse(0), 2;
    plain_without_rotation_is_deleted_under_two_faults: false Rotation::None, 2;
    plain_renewing_is_deleted_under_two_faults: false Rotation::Renewing, 2;
    plain_reuse_1_is_deleted_under_two_faults: false Rotation::Reuse(1), 2;
    plain_reuse_0_is_deleted_under_two_faults: false Rotation::Reuse(0), 2;
}
