//! Another process deletes the user and makes another one in its slot while this one is about to look at it.

use std::sync::Arc;

use vestibule::event::{
    DeleteUserEvent, GetInformationEvent, OfflineLoginEvent, RecordRef, ResumeEvent, StartEvent, SuspendEvent,
};
use vestibule::identifiers::UserIdentifier;
use vestibule::ports::testing::{Fault, FaultPlan, IdpKind, Operation, Rotation};
use vestibule::status::StatusType;
use vestibule::{Failure, Sdk, SdkState};

use crate::world::{World, enroll, step};

const PLAIN: IdpKind = IdpKind {
    recoverable: false,
    rotation: Rotation::None,
};

/// One that stands, as another process sees it.
async fn user_of(world: &World) -> UserIdentifier {
    let sdk = world.sdk(&FaultPlan::none().process());
    let started = sdk.send(StartEvent::new("demo", "1.0", "en")).await.unwrap();
    started.outcome.known[0].user().unwrap().clone()
}

async fn exchange_the_user(world: &World, user: UserIdentifier) {
    let sdk = world.sdk(&FaultPlan::none().process());
    step(&sdk).await.unwrap();
    let delete = DeleteUserEvent::new(RecordRef::User(user));
    sdk.send(delete).await.unwrap();
    enroll(&sdk).await.unwrap();
}

/// What `event` comes to where the user is exchanged just before its last call of a kind, counted by a life without.
async fn meet<F: Future<Output = Result<SdkState, Failure>> + Send + 'static>(
    before: Operation,
    nth_after: usize,
    suspended: bool,
    event: impl Fn(Arc<Sdk>, UserIdentifier) -> F,
) -> (Result<SdkState, Failure>, Option<UserIdentifier>) {
    let mut number = None;
    loop {
        let world = World::new(PLAIN);
        let first = world.sdk(&FaultPlan::none().process());
        step(&first).await.unwrap();
        enroll(&first).await.unwrap();
        drop(first);
        let user = user_of(&world).await;
        let plan = FaultPlan::new(number.map(|number| (number, Fault::HeldBefore)));
        let sdk = Arc::new(world.sdk(&plan.process()));
        step(&sdk).await.unwrap();
        if suspended {
            sdk.send(OfflineLoginEvent::new(RecordRef::User(user.clone())))
                .await
                .unwrap();
            sdk.send(SuspendEvent).await.unwrap();
        }
        let so_far = plan.calls().len();
        if number.is_none() {
            event(Arc::clone(&sdk), user).await.unwrap();
            let calls = plan.calls();
            let at = calls
                .iter()
                .enumerate()
                .skip(so_far)
                .filter(|(_, call)| **call == before);
            number = Some(at.map(|(at, _)| at + 1).nth(nth_after).unwrap());
            continue;
        }
        let running = tokio::spawn(event(Arc::clone(&sdk), user.clone()));
        plan.until_held().await;
        exchange_the_user(&world, user).await;
        plan.release();
        let came_to = running.await.unwrap();
        let information = sdk.send(GetInformationEvent).await.unwrap().outcome;
        return (came_to, information.logged_in);
    }
}

#[tokio::test]
async fn a_resume_never_opens_another_user_than_the_one_that_was_suspended() {
    let resume = |sdk: Arc<Sdk>, _| async move { sdk.send(ResumeEvent).await.map(|answer| answer.sdk_state) };
    let (came_to, logged_in) = meet(Operation::Open, 0, true, resume).await;
    assert_eq!((came_to.unwrap(), logged_in), (SdkState::LoginRequired, None));
}

#[tokio::test]
async fn a_login_by_a_user_never_logs_another_user_in_that_took_the_slot_meanwhile() {
    let login = |sdk: Arc<Sdk>, user| async move {
        let login = OfflineLoginEvent::new(RecordRef::User(user));
        sdk.send(login).await.map(|answer| answer.sdk_state)
    };
    for (before, status) in [
        (Operation::Describe, StatusType::InvalidUserId),
        (Operation::Open, StatusType::Busy),
    ] {
        let (came_to, logged_in) = meet(before, 0, false, login).await;
        assert_eq!((came_to.unwrap_err().status(), logged_in), (status, None), "{before:?}");
    }
}
