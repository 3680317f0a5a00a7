//! Users whose grant is dead at the server, or lacks an audience: found again by their key, under every fault.

use std::sync::Arc;

use vestibule::Failure;
use vestibule::event::ExchangeIamTokenEvent;
use vestibule::identifiers::Audience;
use vestibule::ports::testing::{FaultPlan, IdpKind, Rotation};

use crate::oracle::{self, Losses};
use crate::world::{World, live_until_a_token};

fn enrolled(kind: IdpKind) -> World {
    let world = World::new(kind);
    world.process(&FaultPlan::none(), |sdk| async move {
        live_until_a_token(&sdk).await.unwrap()
    });
    world
}

fn recoverable(rotation: Rotation) -> IdpKind {
    IdpKind {
        recoverable: true,
        rotation,
    }
}

/// Lives on under a plan, then without faults.
fn live_on(world: &World, kind: IdpKind, plan: &FaultPlan) {
    plan.use_clock(Arc::new(world.clock.clone()));
    let _ = world.process(plan, |sdk| async move { live_until_a_token(&sdk).await });
    let last = world.last_process();
    let told = || format!("{plan:?}");
    assert!(last.is_ok(), "{last:?} {}\n{}", told(), world.journal);
    oracle::judge(world, kind, Losses::of(plan), &last, &told);
}

#[test]
fn a_session_that_ended_at_the_server_is_recovered_whatever_fails_meanwhile() {
    for rotation in [Rotation::None, Rotation::Reuse(0)] {
        for plan in FaultPlan::enumerate(2) {
            let world = enrolled(recoverable(rotation));
            world.idp.end_sessions(&world.idp.users()[0]);
            live_on(&world, recoverable(rotation), &plan);
        }
    }
}

#[test]
fn a_user_that_was_deleted_at_the_server_is_made_anew_under_its_key_whatever_fails_meanwhile() {
    for plan in FaultPlan::enumerate(1) {
        let world = enrolled(recoverable(Rotation::Reuse(1)));
        world.idp.delete_user(&world.idp.users()[0]);
        live_on(&world, recoverable(Rotation::Reuse(1)), &plan);
    }
}

async fn until_billing(sdk: &vestibule::Sdk) -> Result<(), Failure> {
    live_until_a_token(sdk).await?;
    sdk.send(ExchangeIamTokenEvent::new("billing")).await.map(drop)
}

#[test]
fn a_later_audience_is_enrolled_for_with_the_same_key_whatever_fails_meanwhile() {
    let billing = Audience::parse("billing").unwrap();
    for rotation in [Rotation::None, Rotation::Reuse(0)] {
        for plan in FaultPlan::enumerate(1) {
            let kind = recoverable(rotation);
            let world = World::new(kind);
            world.idp.withhold_audience(billing.clone());
            world.process(&FaultPlan::none(), |sdk| async move {
                live_until_a_token(&sdk).await.unwrap()
            });
            world.idp.grant_audience(&billing);
            plan.use_clock(Arc::new(world.clock.clone()));
            let _ = world.process(&plan, |sdk| async move { until_billing(&sdk).await });
            let last = world
                .process(&FaultPlan::none(), |sdk| async move { until_billing(&sdk).await })
                .unwrap();
            assert!(last.is_ok(), "{last:?} {plan:?}\n{}", world.journal);
            world.rest();
            oracle::judge(&world, kind, Losses::of(&plan), &last, &|| format!("{plan:?}"));
        }
    }
}
