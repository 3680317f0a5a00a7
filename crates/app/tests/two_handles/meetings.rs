//! Two handles, as foreign to each other as two processes, interleaved at every step of enrolment, login and exchange: one
//! is held at a call, the other lives on, then the first goes on, is killed, or goes on after a time too long.
// Always true here; it tells clippy that these are tests, where a failed `expect` is the right end.
#![cfg(test)]

use std::sync::Arc;
use std::time::Duration;

use crate::oracle::{self, Losses};
use crate::stoppable_clock::StoppableClock;
use crate::world::{Step, World, live_until_a_token, step};
use vestibule::Failure;
use vestibule::identifiers::{RecordHandle, WriteId};
use vestibule::ports::IdpError;
use vestibule::ports::testing::{Fault, FaultPlan, IdpKind, Rotation};
use vestibule::status::{Hint, StatusType};

/// What becomes of the handle that is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    GoesOn,
    IsKilled,
    /// It goes on, but was held for longer than a lease lasts where nobody can tell who lives.
    GoesOnTooLate,
}

/// What stands when they meet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    /// An enrolment whose answers were lost.
    Unfinished,
    User,
}

/// One way to meet.
#[derive(Clone, Copy, Debug)]
struct Meeting {
    kind: IdpKind,
    before: Before,
    /// Whether the platform can tell who lives.
    tells: bool,
    then: Then,
}

/// Longer than a lease lasts where nobody can tell who lives.
const TOO_LONG: Duration = Duration::from_secs(91);

fn meet(meeting: Meeting, plan: &FaultPlan, others: &FaultPlan) {
    let world = World::new(meeting.kind);
    match meeting.before {
        Before::Nothing => {}
        Before::Unfinished => {
            for _ in 0..2 {
                world.idp.next_enroll(Err(IdpError::AnswerLost(Hint::default())));
            }
            world.process(&FaultPlan::none(), |sdk| async move {
                live_until_a_token_or_failure(&sdk).await
            });
        }
        Before::User => {
            world.process(&FaultPlan::none(), |sdk| async move { live_until_a_token(&sdk).await });
        }
    }
    world.presence.cannot_tell(!meeting.tells);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let ends = runtime.block_on(interleave(&world, meeting, plan, others));
    drop(runtime);
    if !meeting.tells {
        world.clock.advance(TOO_LONG);
    }
    let last = world.last_process();
    let told = || format!("{meeting:?} {plan:?}, the other one {others:?}");
    let losses = losses(meeting, plan).and(Losses::of(others));
    oracle::judge(&world, meeting.kind, losses, &last, &told);
    for end in ends.into_iter().flatten() {
        assert!(end.is_ok() || last.is_err(), "{end:?}\n{}\n{}", told(), world.journal);
    }
}

/// Both live until they hold a token. Gives what they came to; `None` for one that was killed.
async fn interleave(
    world: &World,
    meeting: Meeting,
    plan: &FaultPlan,
    others: &FaultPlan,
) -> [Option<Result<(), Failure>>; 2] {
    others.use_clock(Arc::new(world.clock.clone()));
    let (one, other) = (plan.process(), others.process());
    let clock = StoppableClock::new(&world.clock);
    let (sdk, other_sdk) = (world.sdk_with_clock(&one, Arc::new(clock.clone())), world.sdk(&other));
    let mut first = tokio::spawn({
        let one = one.clone();
        async move { one.run(async { live_until_a_token(&sdk).await }).await }
    });
    let is_held = tokio::select! {
        () = plan.until_held() => true,
        _ = &mut first => false,
    };
    if !is_held {
        one.kill();
        return [None, other.run(live_until_a_token(&other_sdk)).await];
    }
    clock.stop(true);
    if meeting.then == Then::GoesOnTooLate {
        world.clock.advance(TOO_LONG);
    }
    let owned = leases_of_the_living(world);
    let met = other.run(live_until_a_token_or_failure(&other_sdk)).await;
    if meeting.then != Then::GoesOnTooLate {
        let told = || format!("{meeting:?} {plan:?} {met:?}\n{}", world.journal);
        assert_eq!(
            leases_of_the_living(world),
            owned,
            "a living owner was taken over\n{}",
            told()
        );
        let is_token = met.as_ref().is_some_and(Result::is_ok);
        assert!(owned.is_empty() || !is_token, "somebody else went on\n{}", told());
        let busy = |failure: &Failure| failure.status() == StatusType::Busy;
        let is_fair = met
            .as_ref()
            .is_some_and(|met| met.as_ref().map_or_else(busy, |()| true));
        assert!(
            is_fair || !others.faults().is_empty(),
            "somebody else failed\n{}",
            told()
        );
    }
    clock.stop(false);
    match meeting.then {
        Then::GoesOn | Then::GoesOnTooLate => plan.release(),
        Then::IsKilled => one.kill(),
    }
    let again = tokio::spawn(async move { other.run(live_until_a_token(&other_sdk)).await });
    let first = first.await.expect("no panic");
    let again = again.await.expect("no panic");
    // Where nobody can tell who lives, a dead owner blocks the other one until its lease ends.
    let blocked = !meeting.tells && meeting.then == Then::IsKilled;
    [first, again.filter(|_| !blocked)]
}

/// Which records somebody who lives is at work on.
fn leases_of_the_living(world: &World) -> Vec<(RecordHandle, WriteId)> {
    let living = world.presence.living();
    let records = world.disk.records().into_iter();
    records
        .filter(|record| {
            record
                .header
                .stage
                .lease()
                .and_then(|lease| lease.owner)
                .is_some_and(|owner| living.contains(&owner))
        })
        .map(|record| (record.handle, record.header.write_id))
        .collect()
}

async fn live_until_a_token_or_failure(sdk: &vestibule::Sdk) -> Result<(), Failure> {
    loop {
        match step(sdk).await {
            Ok(Step::Token) => return Ok(()),
            Ok(Step::Other) => {}
            Err(failure) => return Err(failure),
        }
    }
}

/// A kill costs an answer only where it lies between the request and the write; a stop only where it is too long.
fn losses(meeting: Meeting, plan: &FaultPlan) -> Losses {
    let calls = plan.calls();
    let held = plan
        .faults()
        .first()
        .map(|(number, fault)| (*fault, calls.get(number - 1).copied()));
    let Some((fault, Some(operation))) = held else {
        return Losses::default();
    };
    match meeting.then {
        Then::GoesOn => Losses::default(),
        Then::IsKilled => Losses::at(
            if fault == Fault::HeldBefore {
                Fault::KilledBefore
            } else {
                Fault::KilledAfter
            },
            operation,
        ),
        Then::GoesOnTooLate => Losses {
            stopped_before_sending: fault == Fault::HeldBefore && operation.is_request(),
            ..Losses {
                answers: 1,
                enrolments: 1,
                ..Losses::default()
            }
        },
    }
}

fn every_meeting(kind: IdpKind) {
    let mut meetings = 0;
    for before in [Before::Nothing, Before::Unfinished, Before::User] {
        for (tells, then) in [
            (true, Then::GoesOn),
            (true, Then::IsKilled),
            (false, Then::GoesOn),
            (false, Then::IsKilled),
            (false, Then::GoesOnTooLate),
        ] {
            let meeting = Meeting {
                kind,
                before,
                tells,
                then,
            };
            for plan in FaultPlan::enumerate(1).only(&[Fault::HeldBefore, Fault::HeldAfter]) {
                meet(meeting, &plan, &FaultPlan::none());
                meetings += 1;
            }
        }
    }
    assert!(meetings > 200, "only {meetings} meetings of {kind:?}");
}

/// The same, and the other one meets a fault.
fn every_unlucky_meeting(kind: IdpKind) {
    let mut meetings = 0;
    for before in [Before::Nothing, Before::User] {
        let meeting = Meeting {
            kind,
            before,
            tells: true,
            then: Then::GoesOn,
        };
        for plan in FaultPlan::enumerate(1).only(&[Fault::HeldBefore, Fault::HeldAfter]) {
            meet(meeting, &plan, &FaultPlan::none());
            for others in FaultPlan::enumerate(1) {
                meet(meeting, &FaultPlan::new(plan.faults()), &others);
                meetings += 1;
            }
        }
    }
    assert!(meetings > 2_000, "only {meetings} meetings of {kind:?}");
}

macro_rules! meetings {
    ($($name:ident: $recoverable:literal $rotation:expr, $unlucky:literal;)+) => {$(
        #[test]
        fn $name() {
            let kind = IdpKind { recoverable: $recoverable, rotation: $rotation };
            every_meeting(kind);
            if $unlucky {
                every_unlucky_meeting(kind);
            }
        }
    )+};
}

meetings! {
    two_handles_share_one_user_recoverable_without_rotation: true Rotation::None, false;
    two_handles_share_one_user_recoverable_reuse_1: true Rotation::Reuse(1), false;
    two_handles_share_one_user_recoverable_reuse_0: true Rotation::Reuse(0), true;
    two_handles_share_one_user_plain_without_rotation: false Rotation::None, false;
    two_handles_share_one_user_plain_reuse_1: false Rotation::Reuse(1), false;
    two_handles_share_one_user_plain_reuse_0: false Rotation::Reuse(0), true;
}
