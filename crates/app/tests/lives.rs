//! Whole lives with faults: every single fault and every pair of faults in enrol, login and exchange, against every kind
//! of server. Whatever happens, the user stays.

// `cfg(test)` is always true here; it tells clippy that these are tests, where a failed `unwrap` is the right end.
#[cfg(test)]
mod changing_mode;
#[cfg(test)]
mod deleting;
#[cfg(test)]
#[path = "deleting/lives.rs"]
mod deleting_lives;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod person;
#[cfg(test)]
mod suspending;
#[cfg(test)]
mod world;

use oracle::Losses;
use vestibule::ports::testing::{FaultPlan, IdpKind, Rotation};
use world::{World, live_until_a_token};

/// Two processes, one after the other, both until they hold a token; then one without faults.
fn live(kind: IdpKind, plan: &FaultPlan) {
    let world = World::new(kind);
    plan.use_clock(std::sync::Arc::new(world.clock.clone()));
    for _ in 0..2 {
        let _ = world.process(plan, |sdk| async move { live_until_a_token(&sdk).await });
    }
    let last = world.last_process();
    oracle::judge(&world, kind, Losses::of(plan), &last, &|| format!("{plan:?}"));
}

fn every_life(kind: IdpKind, faults: usize) {
    let mut lives = 0;
    for plan in FaultPlan::enumerate(faults) {
        live(kind, &plan);
        lives += 1;
    }
    assert!(lives > 1_000, "only {lives} lives of {kind:?}");
}

macro_rules! lives {
    ($($name:ident: $recoverable:literal $rotation:expr, $faults:literal;)+) => {$(
        #[test]
        fn $name() {
            every_life(IdpKind { recoverable: $recoverable, rotation: $rotation }, $faults);
        }
    )+};
}

lives! {
    recoverable_without_rotation_two_faults: true Rotation::None, 2;
    recoverable_renewing_two_faults: true Rotation::Renewing, 2;
    recoverable_reuse_1_two_faults: true Rotation::Reuse(1), 2;
    recoverable_reuse_0_two_faults: true Rotation::Reuse(0), 2;
    plain_without_rotation_two_faults: false Rotation::None, 2;
    plain_renewing_two_faults: false Rotation::Renewing, 2;
    plain_reuse_1_two_faults: false Rotation::Reuse(1), 2;
    plain_reuse_0_two_faults: false Rotation::Reuse(0), 2;
}
