//! Two handles on one record: one changes the protection while the other asks for tokens. Each is held at every one of its
//! calls while the other lives on.
#![cfg(test)]

use std::sync::Arc;
use std::time::Duration;

use vestibule::AuthenticationMode::{No, Password};
use vestibule::notification::{Notification, SessionEnd};
use vestibule::ports::Clock;
use vestibule::ports::testing::{Fault, FaultPlan, IdpKind, Rotation};

use crate::oracle::{self, Losses};
use crate::person::{self, PATIENT, Person, change_until_a_token, enrol, live_until_a_token, opens};
use crate::stoppable_clock::StoppableClock;
use crate::world::World;

/// An app that gives up before a handle which is held meets the limit of its own requests.
const IMPATIENT: usize = 4;

/// Who of the two is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Held {
    WhoChanges,
    WhoRotates,
}

fn meet(kind: IdpKind, held: Held, plan: &FaultPlan) -> bool {
    let world = World::new(kind);
    let person = Person::new();
    enrol(&world, &person, No);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let was_told = runtime.block_on(interleave(&world, &person, held, plan));
    drop(runtime);
    let typist = person.clone();
    let last = person::process(&world, &FaultPlan::none(), &person, |sdk| async move {
        live_until_a_token(&sdk, &typist, PATIENT).await
    });
    world.rest();
    let life = || format!("{held:?} {plan:?}");
    oracle::judge(&world, kind, Losses::default(), &last.expect("nobody kills"), &life);
    assert_eq!(
        world.disk.records()[0].header.mode,
        Password,
        "{}\n{}",
        life(),
        world.journal
    );
    assert!(!opens(&world, None), "{}", life());
    was_told
}

/// Both log in; then one is held. Gives whether the one who rotates was told that its session was re-protected.
async fn interleave(world: &World, person: &Person, held: Held, plan: &FaultPlan) -> bool {
    let free = FaultPlan::none();
    let (changing, rotating) = match held {
        Held::WhoChanges => (plan.process(), free.process()),
        Held::WhoRotates => (free.process(), plan.process()),
    };
    let stoppable = StoppableClock::new(&world.clock);
    let flowing: Arc<dyn Clock> = Arc::new(world.clock.clone());
    let stopping: Arc<dyn Clock> = Arc::new(stoppable.clone());
    let (changers, rotators) = match held {
        Held::WhoChanges => (stopping, flowing),
        Held::WhoRotates => (flowing, stopping),
    };
    let changer = Arc::new(person::sdk(world, &changing, person, changers));
    let rotator = Arc::new(person::sdk(world, &rotating, person, rotators));
    let mut told = rotator.notifications();
    let change = |sdk: Arc<vestibule::Sdk>, person: Person, tries| async move {
        change_until_a_token(&sdk, &person, Password, tries).await
    };
    let rotate = |sdk: Arc<vestibule::Sdk>, person: Person, tries| async move {
        live_until_a_token(&sdk, &person, tries).await.is_ok()
    };
    let (first, others) = match held {
        Held::WhoChanges => {
            assert!(rotate(Arc::clone(&rotator), person.clone(), PATIENT).await);
            let first = tokio::spawn(change(Arc::clone(&changer), person.clone(), PATIENT));
            (
                first,
                tokio::spawn({
                    let (plan, rotator, person, clock) =
                        (plan.clone(), Arc::clone(&rotator), person.clone(), stoppable.clone());
                    async move {
                        plan.until_held().await;
                        clock.stop(true);
                        let lived = rotate(rotator, person, IMPATIENT).await;
                        clock.stop(false);
                        plan.release();
                        lived
                    }
                }),
            )
        }
        Held::WhoRotates => {
            let first = tokio::spawn(rotate(Arc::clone(&rotator), person.clone(), PATIENT));
            (
                first,
                tokio::spawn({
                    let (plan, changer, person, clock) =
                        (plan.clone(), Arc::clone(&changer), person.clone(), stoppable.clone());
                    async move {
                        plan.until_held().await;
                        clock.stop(true);
                        let changed = change(changer, person, IMPATIENT).await;
                        clock.stop(false);
                        plan.release();
                        changed
                    }
                }),
            )
        }
    };
    first.await.expect("no panic");
    // Nothing is held any more, and what was held in the background goes on.
    plan.stop();
    others.abort();
    drop(others.await);
    stoppable.stop(false);
    plan.release();
    // Whoever was kept waiting comes right when it is alone; a token in memory is old by then.
    assert!(
        change(Arc::clone(&changer), person.clone(), PATIENT).await,
        "{held:?} {plan:?} {changer:?}\n{}",
        world.journal
    );
    world.clock.advance(Duration::from_secs(3_600));
    assert!(
        rotate(Arc::clone(&rotator), person.clone(), PATIENT).await,
        "{}",
        world.journal
    );
    let all = std::iter::from_fn(|| told.try_next());
    let reprotected = Notification::SessionEnded {
        why: SessionEnd::Reprotected,
    };
    all.into_iter().any(|one| one == reprotected)
}

#[test]
fn who_rotates_while_another_handle_changes_the_protection_loses_nothing_and_is_told() {
    for kind in [
        IdpKind {
            recoverable: true,
            rotation: Rotation::Reuse(0),
        },
        IdpKind {
            recoverable: false,
            rotation: Rotation::Reuse(0),
        },
    ] {
        for held in [Held::WhoChanges, Held::WhoRotates] {
            let (mut meetings, mut told) = (0, 0);
            for plan in FaultPlan::enumerate(1).only(&[Fault::HeldBefore, Fault::HeldAfter]) {
                told += usize::from(meet(kind, held, &plan));
                meetings += 1;
            }
            assert!(meetings > 20, "only {meetings} meetings, {held:?}");
            assert!(told > 0, "nobody was ever told, {held:?}");
        }
    }
}
