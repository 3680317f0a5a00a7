//! Two processes that replace the same user.

use std::sync::Arc;

use vestibule::ports::testing::{Fault, FaultPlan, ManualClock, Operation};
use vestibule::status::StatusType;

use crate::meddling::standing;
use crate::replacing::{KINDS, denied, enrolled, number_of, replace};
use crate::world::step;

#[tokio::test]
async fn a_copy_is_not_removed_by_somebody_who_came_too_late_to_replace() {
    let kind = KINDS[0];
    let (write, request) = tokio::task::spawn_blocking(move || {
        (
            number_of(Operation::Write, kind, 0),
            number_of(Operation::Enroll, kind, 0),
        )
    })
    .await
    .unwrap();
    let (world, old) = tokio::task::spawn_blocking(move || enrolled(kind)).await.unwrap();
    // One is stopped between keeping its copy and writing over the original, the other one before it asks the IdP.
    // Its start looks at the copy that it finds: one call more.
    let late = FaultPlan::new([(write, Fault::HeldBefore)]);
    let faster = FaultPlan::new([(request + 1, Fault::HeldBefore)]);
    let begin = |plan: &FaultPlan| {
        // Whoever is stopped does not hear its own alarm clock.
        let sdk = world.sdk_with_clock(&plan.process(), Arc::new(ManualClock::new()));
        let old = old.clone();
        tokio::spawn(async move {
            step(&sdk).await.unwrap();
            replace(&sdk, &old).await
        })
    };
    let (one, other) = (begin(&late), {
        late.until_held().await;
        begin(&faster)
    });
    faster.until_held().await;
    assert_eq!(faster.calls().last(), Some(&Operation::Enroll));
    late.release();
    // Its own clock stands still: it waits for the other one for as long as that lives.
    for _ in 0..1_000 {
        tokio::task::yield_now().await;
    }
    world.idp.next_enroll(denied());
    faster.release();
    let refused = other.await.unwrap().unwrap_err();
    assert_eq!(
        refused.status(),
        StatusType::AccessDenied,
        "{late:?} {faster:?} {:?}\n{}",
        faster.calls(),
        world.journal
    );
    assert_eq!(
        standing(&world).header.stage.user(),
        Some(&old.user_id),
        "the user is lost\n{}",
        world.journal
    );
    one.abort();
}
