//! Lives in which the protection changes: whatever fails, the old one or the new one stands, never neither; once the change
//! was answered, the old credential opens nothing current; and nobody who is locked out ever becomes a new user.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use vestibule::AuthenticationMode::{self, Biometric, No, Password};
use vestibule::ports::testing::{FaultPlan, IdpKind, Rotation};

use crate::oracle::{self, Losses};
use crate::person::{self, NEW, OLD, PATIENT, Person, change_until_a_token, enrol, live_until_a_token, opens};
use crate::world::World;

/// A process that changes the mode, and where that was not answered another one; then one without faults that only wants a token.
fn live(kind: IdpKind, (recorded, wished): (AuthenticationMode, AuthenticationMode), plan: &FaultPlan) {
    let world = World::new(kind);
    let person = Person::new();
    enrol(&world, &person, recorded);
    plan.use_clock(Arc::new(world.clock.clone()));
    let answered = Arc::new(AtomicBool::new(false));
    for _ in 0..2 {
        if answered.load(Ordering::SeqCst) {
            break;
        }
        let (told, typist) = (Arc::clone(&answered), person.clone());
        person::process(&world, plan, &person, |sdk| async move {
            let changed = change_until_a_token(&sdk, &typist, wished, PATIENT).await;
            told.fetch_or(changed, Ordering::SeqCst);
        });
    }
    plan.stop();
    let typist = person.clone();
    let last = person::process(&world, &FaultPlan::none(), &person, |sdk| async move {
        live_until_a_token(&sdk, &typist, PATIENT).await
    });
    world.rest();
    let life = || format!("{recorded} to {wished} {plan:?}");
    oracle::judge(&world, kind, Losses::of(plan), &last.expect("nobody kills"), &life);
    let told = || format!("{}\n{}", life(), world.journal);
    let mode = world.disk.records()[0].header.mode;
    assert!(mode == recorded || mode == wished, "{mode}\n{}", told());
    if answered.load(Ordering::SeqCst) {
        assert_eq!(mode, wished, "answered, and undone\n{}", told());
        match recorded {
            No => assert!(wished == No || !opens(&world, None), "{}", told()),
            Password => assert!(!opens(&world, Some(OLD)), "the old password opens it\n{}", told()),
            Biometric => {}
        }
    }
    match mode {
        No => assert!(opens(&world, None), "{}", told()),
        Password => assert!(opens(&world, Some(OLD)) != opens(&world, Some(NEW)), "{}", told()),
        Biometric => {}
    }
}

fn every_change(kind: IdpKind, change: (AuthenticationMode, AuthenticationMode), faults: usize) -> usize {
    let mut lives = 0;
    for plan in FaultPlan::enumerate(faults) {
        live(kind, change, &plan);
        lives += 1;
    }
    lives
}

fn changes_under_faults(kind: IdpKind, in_pairs: (AuthenticationMode, AuthenticationMode)) {
    let mut lives = 0;
    for recorded in AuthenticationMode::ALL {
        for wished in AuthenticationMode::ALL {
            lives += every_change(kind, (recorded, wished), 1);
        }
    }
    let pairs = every_change(kind, in_pairs, 2);
    println!("{lives} lives with one fault, {pairs} with two, {kind:?}");
    assert!(
        lives > 500 && pairs > 2_000,
        "only {lives} and {pairs} lives of {kind:?}"
    );
}

macro_rules! changes {
    ($($name:ident: $recoverable:literal $rotation:expr, $pairs:expr;)+) => {$(
        #[test]
        fn $name() {
            changes_under_faults(IdpKind { recoverable: $recoverable, rotation: $rotation }, $pairs);
        }
    )+};
}

changes! {
    recoverable_without_rotation_changes_its_mode: true Rotation::None, (No, Password);
    recoverable_renewing_changes_its_mode: true Rotation::Renewing, (Password, No);
    recoverable_reuse_1_changes_its_mode: true Rotation::Reuse(1), (Password, Biometric);
    recoverable_reuse_0_changes_its_mode: true Rotation::Reuse(0), (Password, Password);
    plain_without_rotation_changes_its_mode: false Rotation::None, (Biometric, Biometric);
    plain_renewing_changes_its_mode: false Rotation::Renewing, (No, Biometric);
    plain_reuse_1_changes_its_mode: false Rotation::Reuse(1), (Biometric, No);
    plain_reuse_0_changes_its_mode: false Rotation::Reuse(0), (Password, Password);
}
