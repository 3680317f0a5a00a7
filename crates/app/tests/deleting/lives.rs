//! Lives that end in a deletion, under every fault and pair of faults.

use std::sync::Arc;

use vestibule::ports::testing::{FaultPlan, IdpKind};
use vestibule::record::{Stage, StageKind};

use crate::deleting::{Told, Two, delete_until_gone, enrol_two, has_record, violations};
use crate::world::World;

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

/// The IdP is away the whole time: however often a deletion is finished, its revocation is queued once and kept.
#[test]
fn a_deletion_that_is_finished_twice_queues_its_revocation_once() {
    use vestibule::ports::testing::Rotation;
    let kind = IdpKind {
        recoverable: true,
        rotation: Rotation::None,
    };
    let mut lives = 0;
    for plan in FaultPlan::enumerate(2) {
        let world = World::new(kind);
        let two = enrol_two(&world);
        world.idp.set_unreachable(true);
        let told = Told::default();
        for plan in [&plan, &plan, &FaultPlan::none()] {
            let (meanwhile, user, told) = (world.clone(), two.leaving.clone(), Arc::clone(&told));
            world.process(plan, |sdk| async move {
                delete_until_gone(&sdk, &meanwhile, &user, &told).await;
            });
        }
        let records = world.disk.records().into_iter();
        let queued = records.filter(|record| record.header.stage.kind() == StageKind::Revoking);
        assert_eq!(queued.count(), 1, "{plan:?}\n{}", world.journal);
        assert!(!has_record(&world, &two.leaving), "{plan:?}\n{}", world.journal);
        world.idp.set_unreachable(false);
        world.rest();
        assert_eq!(
            world.idp.live_sessions(&two.leaving.user_id),
            0,
            "{plan:?}\n{}",
            world.journal
        );
        lives += 1;
    }
    assert!(lives > 200, "only {lives} lives");
}
