//! Flows that end after the app was told otherwise.

use std::sync::Arc;

use vestibule::event::{
    EnrollAnonymousUserEvent, ExchangeIamTokenEvent, GetInformationEvent, LogoutEvent, OfflineLoginEvent, RecordRef,
    RestartEvent,
};
use vestibule::identifiers::UserIdentifier;
use vestibule::ports::testing::{Fault, FaultPlan, IdpKind, ManualClock, Operation, Rotation};
use vestibule::record::Stage;
use vestibule::status::StatusType;
use vestibule::{AuthenticationMode, Sdk, SdkState};

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

#[tokio::test]
async fn a_login_that_ends_after_a_restart_overtook_it_logs_nobody_in_and_says_so() {
    let world = World::new(PLAIN);
    let first = world.sdk(&FaultPlan::none().process());
    step(&first).await.unwrap();
    enroll(&first).await.unwrap();
    let counted = FaultPlan::none();
    let sdk = world.sdk(&counted.process());
    step(&sdk).await.unwrap();
    login(&sdk).await.unwrap();
    let write = counted
        .calls()
        .iter()
        .rposition(|call| *call == Operation::Write)
        .unwrap()
        + 1;

    let plan = FaultPlan::new([(write, Fault::HeldBefore)]);
    let sdk = Arc::new(world.sdk(&plan.process()));
    step(&sdk).await.unwrap();
    let logging_in = tokio::spawn({
        let sdk = Arc::clone(&sdk);
        async move { login(&sdk).await }
    });
    plan.until_held().await;
    sdk.send(RestartEvent).await.unwrap();
    plan.release();
    let failure = logging_in.await.unwrap().expect_err("nobody is logged in");
    assert_eq!(
        (failure.status(), sdk.state()),
        (StatusType::Busy, SdkState::LoginRequired)
    );
}

#[tokio::test]
async fn a_token_request_that_waited_is_not_served_as_the_next_user() {
    let world = World::new(PLAIN);
    let first = world.sdk(&FaultPlan::none().process());
    step(&first).await.unwrap();
    enroll(&first).await.unwrap();
    first.send(LogoutEvent).await.unwrap();
    let kiosk = EnrollAnonymousUserEvent::new("acme", AuthenticationMode::No).with_client_id("kiosk");
    first.send(kiosk).await.unwrap();
    let users = first.send(GetInformationEvent).await.unwrap().outcome.users;
    let [one, other] = users.as_slice() else {
        panic!("{users:?}")
    };
    let as_user = |user: &UserIdentifier| OfflineLoginEvent::new(RecordRef::User(user.clone()));

    let counted = FaultPlan::none();
    let sdk = world.sdk(&counted.process());
    step(&sdk).await.unwrap();
    sdk.send(as_user(one)).await.unwrap();
    let before = counted.calls().len();
    sdk.send(ExchangeIamTokenEvent::new("orders")).await.unwrap();
    let requests = counted
        .calls()
        .iter()
        .skip(before)
        .position(|call| *call == Operation::Refresh)
        .unwrap();

    let plan = FaultPlan::new([(before + requests + 1, Fault::HeldBefore)]);
    let sdk = Arc::new(world.sdk_with_clock(&plan.process(), Arc::new(ManualClock::new())));
    step(&sdk).await.unwrap();
    sdk.send(as_user(one)).await.unwrap();
    let ask = |audience: &'static str| {
        let sdk = Arc::clone(&sdk);
        tokio::spawn(async move { sdk.send(ExchangeIamTokenEvent::new(audience)).await })
    };
    let held = ask("orders");
    plan.until_held().await;
    let waits = ask("billing");
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    sdk.send(LogoutEvent).await.unwrap();
    sdk.send(as_user(other)).await.unwrap();
    plan.release();
    held.await
        .unwrap()
        .expect("it was asked for by the first user, and is the first user's");
    let late = waits.await.unwrap();
    assert!(late.is_err(), "a token of the next user\n{}", world.journal);
}

#[tokio::test]
async fn a_shutdown_waits_until_the_answer_to_a_token_request_is_on_disk() {
    let kind = IdpKind {
        recoverable: false,
        rotation: Rotation::Reuse(0),
    };
    let counted = FaultPlan::none();
    let sdk = World::new(kind).sdk(&counted.process());
    step(&sdk).await.unwrap();
    enroll(&sdk).await.unwrap();
    sdk.send(ExchangeIamTokenEvent::new("orders")).await.unwrap();
    let calls = counted.calls();
    let refresh = calls.iter().rposition(|call| *call == Operation::Refresh).unwrap() + 1;

    let world = World::new(kind);
    let plan = FaultPlan::new([(refresh, Fault::HeldAfter)]);
    let process = plan.process();
    // A clock that stands: the grace does not end.
    let sdk = Sdk::builder(
        Arc::new(process.faulty(Arc::new(world.idp.clone()))),
        Arc::new(process.faulty(Arc::new(world.disk.clone()))),
    )
    .presence(Arc::new(process.faulty(Arc::new(process.presence(&world.presence)))))
    .clock(Arc::new(ManualClock::new()))
    .build()
    .unwrap();
    let sdk = Arc::new(sdk);
    step(&sdk).await.unwrap();
    enroll(&sdk).await.unwrap();
    let asking = tokio::spawn({
        let sdk = Arc::clone(&sdk);
        async move { sdk.send(ExchangeIamTokenEvent::new("orders")).await }
    });
    plan.until_held().await;
    let shutting = tokio::spawn({
        let sdk = Arc::clone(&sdk);
        async move { sdk.shutdown().await }
    });
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(!shutting.is_finished(), "the successor is not on disk yet");
    plan.release();
    shutting.await.unwrap();
    let records = world.disk.records();
    let [record] = records.as_slice() else {
        panic!("{records:?}")
    };
    assert!(
        matches!(record.header.stage, Stage::Active { .. }),
        "{:?}",
        record.header.stage
    );
    assert!(
        world.idp.user_within(&record.payload).is_some(),
        "the live grant is on disk"
    );
    drop(asking.await.unwrap());
}
