//! Flows that end after the app was told otherwise.

use std::sync::Arc;

use vestibule::SdkState;
use vestibule::event::{GetInformationEvent, RestartEvent};
use vestibule::ports::testing::{Fault, FaultPlan, IdpKind, Operation, Rotation};

use crate::world::{World, enroll, login, step};

const PLAIN: IdpKind = IdpKind {
    recoverable: false,
    rotation: Rotation::None,
};

#[tokio::test]
async fn a_user_that_stands_after_a_restart_overtook_its_enrolment_is_to_be_logged_in() {
    // The number of the write of its user among the calls of such a life.
    let counted = FaultPlan::none();
    let sdk = World::new(PLAIN).sdk(&counted.process());
    step(&sdk).await.unwrap();
    enroll(&sdk).await.unwrap();
    let number = counted
        .calls()
        .iter()
        .rposition(|call| *call == Operation::Write)
        .unwrap()
        + 1;

    let world = World::new(PLAIN);
    let plan = FaultPlan::new([(number, Fault::HeldBefore)]);
    let sdk = Arc::new(world.sdk(&plan.process()));
    step(&sdk).await.unwrap();
    let enrolling = tokio::spawn({
        let sdk = Arc::clone(&sdk);
        async move { enroll(&sdk).await }
    });
    plan.until_held().await;
    let restarted = sdk.send(RestartEvent).await.unwrap();
    assert_eq!(restarted.sdk_state, SdkState::ActivationRequired, "nobody stands yet");
    plan.release();
    enrolling.await.unwrap().expect("the user was made");
    assert_eq!(
        sdk.state(),
        SdkState::LoginRequired,
        "a user stands, but the restart wiped its session"
    );
    let information = sdk.send(GetInformationEvent).await.unwrap().outcome;
    assert_eq!((information.logged_in, information.users.len()), (None, 1));
    login(&sdk).await.expect("it can be logged in");
}
