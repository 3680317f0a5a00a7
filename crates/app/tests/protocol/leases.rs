//! Leases: still mine before each further call, left to nobody at an unclear end.

use std::sync::Arc;
use std::time::Duration;

use vestibule::event::ExchangeIamTokenEvent;
use vestibule::ports::testing::{Fault, FaultPlan, IdpCall, IdpKind, JournalEntry, Operation, Rotation};
use vestibule::ports::{Clock, FlowPresence};
use vestibule::record::{Stage, StageKind};
use vestibule::status::StatusType;
use vestibule::{Failure, Sdk};
use vestibule_domain::record_lease::SETTLE;

use crate::meddling::{Answered, Meddling, nobodys, standing, stranger, with};
use crate::slow_storage::Slow;
use crate::world::{World, enroll, live_until_a_token, login, step};

pub(crate) const PLAIN: IdpKind = IdpKind {
    recoverable: false,
    rotation: Rotation::None,
};
pub(crate) const RECOVERABLE: IdpKind = IdpKind {
    recoverable: true,
    rotation: Rotation::Reuse(1),
};

pub(crate) fn enrolled(kind: IdpKind) -> World {
    let world = World::new(kind);
    world.process(&FaultPlan::none(), |sdk| async move {
        live_until_a_token(&sdk).await.unwrap()
    });
    world
}

pub(crate) async fn started_login(sdk: Sdk) -> Result<(), Failure> {
    step(&sdk).await?;
    login(&sdk).await
}

pub(crate) async fn started_enrolment(sdk: Sdk) -> Result<(), Failure> {
    step(&sdk).await?;
    enroll(&sdk).await
}

/// What was stored between the last two requests.
pub(crate) fn stored_between(world: &World) -> Vec<Stage> {
    let mut stored = Vec::new();
    let mut between = Vec::new();
    for entry in world.journal.entries() {
        match entry {
            JournalEntry::Opened { .. } => between = std::mem::take(&mut stored),
            JournalEntry::Stored { header, .. } => stored.push(header.stage),
            _ => {}
        }
    }
    between
}

#[test]
fn a_grant_is_sent_again_only_under_a_lease_that_is_still_mine() {
    let world = enrolled(PLAIN);
    let before = world.journal.requests(IdpCall::Refresh);
    let seen = world.clone();
    let idp = Meddling::new(&world, IdpCall::Refresh, Answered::Lost, move || {
        let lease = nobodys(&seen);
        stranger(&seen, None, |header, write| {
            let user = header.stage.user().unwrap().clone();
            header.next(write, Stage::Rotating { user, lease })
        });
    });
    let ended = with(&world, idp, started_login);
    assert_eq!(ended.unwrap_err().status(), StatusType::Busy);
    assert_eq!(
        world.journal.requests(IdpCall::Refresh),
        before + 1,
        "{}",
        world.journal
    );
}

#[test]
fn a_key_is_sent_again_only_under_a_lease_that_is_still_mine() {
    let world = World::new(PLAIN);
    let seen = world.clone();
    let idp = Meddling::new(&world, IdpCall::Enroll, Answered::Lost, move || {
        let lease = nobodys(&seen);
        stranger(&seen, None, |header, write| {
            header.next(write, Stage::Enrolling { lease })
        });
    });
    let ended = with(&world, idp, started_enrolment);
    assert_eq!(ended.unwrap_err().status(), StatusType::Busy);
    assert_eq!(world.journal.requests(IdpCall::Enroll), 1, "{}", world.journal);
}

#[test]
fn a_repeat_goes_out_five_seconds_later_and_behind_a_lease_written_then() {
    for (call, kind) in [
        (IdpCall::Refresh, StageKind::Rotating),
        (IdpCall::Enroll, StageKind::Enrolling),
    ] {
        let world = if call == IdpCall::Refresh {
            enrolled(PLAIN)
        } else {
            World::new(PLAIN)
        };
        let begun = world.clock.since_boot();
        let idp = Meddling::new(&world, call, Answered::Lost, || {});
        let live = async |sdk: Sdk| {
            step(&sdk).await?;
            if call == IdpCall::Refresh {
                login(&sdk).await
            } else {
                enroll(&sdk).await
            }
        };
        with(&world, idp, live).expect("the repeat is answered");
        let between = stored_between(&world);
        let [stage] = between.as_slice() else {
            panic!("{between:?}")
        };
        assert_eq!(stage.kind(), kind);
        let written = stage.lease().unwrap().written.checked_since(begun).unwrap();
        assert_eq!(written, SETTLE, "{call:?}\n{}", world.journal);
    }
}

#[tokio::test]
async fn what_is_opened_is_what_was_judged_free_or_it_is_judged_again() {
    let world = World::new(PLAIN);
    let sdk = world.sdk(&FaultPlan::none().process());
    let lost = || Err(vestibule::ports::IdpError::AnswerLost(Default::default()));
    world.idp.next_enroll(lost());
    world.idp.next_enroll(lost());
    started_enrolment(sdk).await.unwrap_err();
    let before = world.journal.requests(IdpCall::Enroll);
    let entered = world.presence.enter().await.unwrap();
    let (seen, owner) = (world.clone(), entered.owner());
    let faster = move || {
        let lease = vestibule::record::Lease {
            owner: Some(owner),
            ..nobodys(&seen)
        };
        stranger(&seen, None, |header, write| {
            header.next(write, Stage::Enrolling { lease })
        });
    };
    let storage = Slow {
        inner: world.disk.clone(),
        clock: world.clock.clone(),
        slept: true.into(),
        at_open: Some(Box::new(faster) as Box<dyn FnOnce() + Send>).into(),
    };
    let sdk = Sdk::builder(Arc::new(world.idp.clone()), Arc::new(storage))
        .presence(Arc::new(world.presence.another_process()))
        .clock(Arc::new(world.clock.clone()))
        .build()
        .unwrap();
    let failure = started_enrolment(sdk).await.unwrap_err();
    assert_eq!(failure.status(), StatusType::Busy, "{}", world.journal);
    assert_eq!(world.journal.requests(IdpCall::Enroll), before, "{}", world.journal);
}

#[test]
fn an_owner_that_is_gone_is_followed_five_seconds_after_it_was_seen_gone_however_old_its_lease() {
    for enrolling in [false, true] {
        let world = if enrolling { World::new(PLAIN) } else { enrolled(PLAIN) };
        if enrolling {
            world
                .idp
                .next_enroll_fails_after_user(vestibule::ports::IdpError::CodeRefused(Default::default()));
            world
                .process(&FaultPlan::none(), started_enrolment)
                .unwrap()
                .unwrap_err();
        }
        let entered = crate::meddling::now(world.presence.enter()).unwrap();
        let lease = vestibule::record::Lease {
            owner: Some(entered.owner()),
            ..nobodys(&world)
        };
        stranger(&world, None, |header, write| {
            let stage = match header.stage.user().cloned() {
                Some(user) => Stage::Rotating { user, lease },
                None => Stage::Enrolling { lease },
            };
            header.next(write, stage)
        });
        world.clock.advance(Duration::from_secs(600));
        drop(entered);
        let begun = world.clock.since_boot();
        let live = async |sdk: Sdk| {
            step(&sdk).await?;
            if enrolling {
                enroll(&sdk).await
            } else {
                login(&sdk).await
            }
        };
        world.process(&FaultPlan::none(), live).unwrap().unwrap();
        let waited = world.clock.since_boot().checked_since(begun).unwrap();
        assert_eq!(waited, SETTLE, "{}", world.journal);
    }
}

#[test]
fn a_flow_that_ends_unclear_leaves_its_lease_to_nobody() {
    let world = enrolled(PLAIN);
    for _ in 0..2 {
        world
            .idp
            .next_refresh(Err(vestibule::ports::IdpError::AnswerLost(Default::default())));
    }
    world.process(&FaultPlan::none(), started_login).unwrap().unwrap_err();
    let stage = standing(&world).header.stage;
    assert_eq!(
        (stage.kind(), stage.lease().unwrap().owner),
        (StageKind::Rotating, None),
        "{}",
        world.journal
    );
}

#[test]
fn a_write_that_stays_unclear_is_repeated_as_the_very_same_write_and_then_it_is_done() {
    let counted = FaultPlan::none();
    enrolled(PLAIN).process(&counted, started_login).unwrap().unwrap();
    let mut numbered = counted.calls().into_iter().enumerate();
    let last = numbered.rfind(|(_, call)| *call == Operation::Write).unwrap().0 + 1;
    let world = enrolled(PLAIN);
    let plan = FaultPlan::new((last..last + 3).map(|number| (number, Fault::DoneButLost)));
    world.process(&plan, started_login).unwrap().expect("it stands");
    assert_eq!(plan.calls()[last - 1..last + 3], [Operation::Write; 4], "{plan:?}");
    let stands = |entry: &JournalEntry| matches!(entry, JournalEntry::Stored { header, .. } if header.stage.kind() == StageKind::Active);
    let stored = world.journal.entries().iter().filter(|entry| stands(entry)).count();
    assert_eq!(stored, 3, "the enrolment, its token, this login\n{}", world.journal);
}

#[test]
fn a_lease_that_finds_no_room_is_given_back_and_an_unclear_one_that_it_took_over_is_left_to_nobody() {
    for unclear in [false, true] {
        let world = enrolled(PLAIN);
        if unclear {
            let lease = nobodys(&world);
            stranger(&world, None, |header, write| {
                let user = header.stage.user().unwrap().clone();
                header.next(write, Stage::Rotating { user, lease })
            });
        }
        let before = world.journal.requests(IdpCall::Refresh);
        let begun = world.clock.since_boot();
        world.disk.set_room(false);
        let failure = world.process(&FaultPlan::none(), started_login).unwrap().unwrap_err();
        assert_eq!(failure.status(), StatusType::StorageUnavailable);
        assert_eq!(world.journal.requests(IdpCall::Refresh), before, "nothing was sent");
        let stage = standing(&world).header.stage;
        if unclear {
            let lease = stage.lease().expect("the request of the other one may have been done");
            assert_eq!(lease.owner, None);
            assert!(
                lease.written >= begun.after(SETTLE),
                "nobody's since it was given back\n{}",
                world.journal
            );
        } else {
            assert_eq!(stage.kind(), StageKind::Active);
        }
    }
}

#[test]
fn an_adapter_that_never_returns_is_taken_for_an_answer_that_was_lost() {
    for (call, limit_s) in [(IdpCall::Refresh, 45), (IdpCall::Enroll, 75)] {
        let world = if call == IdpCall::Refresh {
            enrolled(PLAIN)
        } else {
            World::new(PLAIN)
        };
        let begun = world.clock.since_boot();
        let live = async |sdk: Sdk| {
            step(&sdk).await?;
            if call == IdpCall::Refresh {
                login(&sdk).await
            } else {
                enroll(&sdk).await
            }
        };
        let idp = Meddling::new(&world, call, Answered::Never, || {});
        with(&world, idp, live).expect("the repeat is answered");
        let took = world.clock.since_boot().checked_since(begun).unwrap();
        assert_eq!(
            took,
            Duration::from_secs(limit_s) + SETTLE,
            "{call:?}\n{}",
            world.journal
        );
    }
}

#[tokio::test]
async fn where_somebody_else_is_at_work_a_token_that_is_still_valid_is_answered() {
    let world = World::new(PLAIN);
    let sdk = world.sdk(&FaultPlan::none().process());
    live_until_a_token(&sdk).await.unwrap();
    let ask = || sdk.send(ExchangeIamTokenEvent::new("orders").forced());
    let held = ask().await.unwrap().outcome;
    let entered = world.presence.enter().await.unwrap();
    let lease = vestibule::record::Lease {
        owner: Some(entered.owner()),
        ..nobodys(&world)
    };
    stranger(&world, None, |header, write| {
        let user = header.stage.user().unwrap().clone();
        header.next(write, Stage::Rotating { user, lease })
    });
    world.clock.advance(Duration::from_secs(250));
    assert_eq!(
        ask().await.unwrap().outcome.value.expose(),
        held.value.expose(),
        "stale, but valid"
    );
    world.clock.advance(Duration::from_secs(60));
    assert_eq!(ask().await.unwrap_err().status(), StatusType::Busy, "expired");
}
