//! A user that is replaced: the old one stands again or the new one stands, never neither.

use std::collections::BTreeSet;
use std::sync::Arc;

use vestibule::event::{EnrollAnonymousUserEvent, GetInformationEvent, LogoutEvent, RecordRef};
use vestibule::identifiers::UserIdentifier;
use vestibule::ports::IdpError;
use vestibule::ports::testing::{Fault, FaultPlan, IdpCall, IdpKind, JournalEntry, Operation, Rotation, StoredRecord};
use vestibule::record::Stage;
use vestibule::status::{Denial, StatusType};
use vestibule::{AuthenticationMode, Failure, Sdk, SdkState};

use crate::meddling::standing;
use crate::oracle::log;
use crate::world::{World, enroll, live_until_a_token, step};

pub(crate) const KINDS: [IdpKind; 2] = [
    IdpKind {
        recoverable: true,
        rotation: Rotation::Reuse(1),
    },
    IdpKind {
        recoverable: false,
        rotation: Rotation::None,
    },
];

async fn known_user(sdk: &Sdk) -> Option<UserIdentifier> {
    let information = sdk.send(GetInformationEvent).await.unwrap().outcome;
    information.users.first().cloned()
}

pub(crate) async fn replace(sdk: &Sdk, user: &UserIdentifier) -> Result<(), Failure> {
    let event = EnrollAnonymousUserEvent::new("acme", AuthenticationMode::No);
    sdk.send(event.replacing(RecordRef::User(user.clone()))).await.map(drop)
}

/// Replaces the user as an app does: what failed is sent again as it was.
async fn replace_until_done(sdk: &Sdk, old: &UserIdentifier) -> Result<(), Failure> {
    let mut last = None;
    for _ in 0..6 {
        let done = match (sdk.state(), known_user(sdk).await) {
            (SdkState::NotStarted, _) => step(sdk).await.map(|_| false),
            (SdkState::LoginRequired, Some(user)) if user == *old => replace(sdk, old).await.map(|()| true),
            (SdkState::LoginRequired, Some(_)) | (SdkState::LoggedIn, _) => return Ok(()),
            _ => enroll(sdk).await.map(|()| true),
        };
        match done {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(failure) => last = Some(failure),
        }
    }
    last.map_or(Ok(()), Err)
}

pub(crate) fn enrolled(kind: IdpKind) -> (World, UserIdentifier) {
    let world = World::new(kind);
    let user = world.process(&FaultPlan::none(), |sdk| async move {
        live_until_a_token(&sdk).await.unwrap();
        known_user(&sdk).await.unwrap()
    });
    (world, user.unwrap())
}

fn asides(world: &World) -> Vec<StoredRecord> {
    world.disk.records().into_iter().filter(|record| record.aside).collect()
}

fn judge(world: &World, kind: IdpKind, old: &UserIdentifier, told: &dyn Fn() -> String) {
    let told = || format!("{}\n{}", told(), world.journal);
    assert_eq!(log::read(world).broken, Vec::<String>::new(), "{}", told());
    let standing = standing(world);
    let Stage::Active { user } = &standing.header.stage else {
        panic!("{:?} {}", standing.header.stage, told())
    };
    assert_eq!(
        world.idp.user_within(&standing.payload).as_ref(),
        Some(user),
        "{}",
        told()
    );
    assert!(
        world.idp.users().contains(&old.user_id),
        "the old user is never deleted\n{}",
        told()
    );
    let leftovers = world.disk.records().len() - 1;
    let is_harmless = |copy: &StoredRecord| copy.header.record_id == standing.header.record_id;
    assert!(
        leftovers == 0 || (leftovers == 1 && asides(world).iter().all(is_harmless)),
        "{}",
        told()
    );
    if kind.recoverable {
        let mut keys = BTreeSet::new();
        for entry in world.journal.entries() {
            if let JournalEntry::Opened { key, .. } = entry {
                assert!(
                    world.idp.users_made_for(&key).len() <= 1,
                    "a second user for one key\n{}",
                    told()
                );
                keys.insert(*key.expose());
            }
        }
        assert!(world.idp.users().len() <= keys.len(), "{}", told());
    }
}

fn live(kind: IdpKind, plan: &FaultPlan) {
    let (world, old) = enrolled(kind);
    plan.use_clock(Arc::new(world.clock.clone()));
    let replaced = old.clone();
    let _ = world.process(plan, |sdk| async move { replace_until_done(&sdk, &replaced).await });
    let last = world.last_process();
    assert!(last.is_ok(), "{last:?} {plan:?}\n{}", world.journal);
    judge(&world, kind, &old, &|| format!("{kind:?} {plan:?}"));
}

#[test]
fn whatever_fails_the_old_user_stands_again_or_the_new_one_stands() {
    for kind in KINDS {
        let mut lives = 0;
        for plan in FaultPlan::enumerate(2) {
            live(kind, &plan);
            lives += 1;
        }
        assert!(lives > 800, "only {lives} lives");
    }
}

pub(crate) fn denied() -> Result<vestibule::ports::Enrolled, IdpError> {
    Err(IdpError::Denied {
        denial: Denial::ClientUnknown,
        hint: Default::default(),
    })
}

#[test]
fn a_fresh_refusal_puts_the_old_user_back_whatever_fails_meanwhile() {
    for kind in KINDS {
        for plan in FaultPlan::enumerate(1) {
            let (world, old) = enrolled(kind);
            plan.use_clock(Arc::new(world.clock.clone()));
            world.idp.next_enroll(denied());
            let replaced = old.clone();
            let _ = world.process(&plan, |sdk| async move {
                step(&sdk).await?;
                replace(&sdk, &replaced).await
            });
            if plan.faults().is_empty() {
                assert_eq!(
                    standing(&world).header.stage.user(),
                    Some(&old.user_id),
                    "{}",
                    world.journal
                );
                assert!(asides(&world).is_empty());
            }
            // It may be the one to meet the refusal.
            let last = world.process(&FaultPlan::none(), |sdk| async move { live_until_a_token(&sdk).await });
            assert!(last.is_some_and(|last| last.is_ok()), "{plan:?}\n{}", world.journal);
            world.rest();
            judge(&world, kind, &old, &|| format!("{kind:?} {plan:?}"));
        }
    }
}

/// The number of a call among those of a process that starts and replaces its user.
pub(crate) fn number_of(operation: Operation, kind: IdpKind, skip: usize) -> usize {
    let plan = FaultPlan::none();
    let (world, old) = enrolled(kind);
    world.process(&plan, |sdk| async move {
        step(&sdk).await.unwrap();
        replace(&sdk, &old).await.unwrap();
    });
    let mut numbers = plan
        .calls()
        .into_iter()
        .enumerate()
        .filter(|(_, call)| *call == operation);
    numbers.nth(skip).expect("such a call").0 + 1
}

#[test]
fn an_event_that_failed_can_be_sent_again_as_it_was_and_goes_on_with_its_key() {
    for kind in KINDS {
        let (world, old) = enrolled(kind);
        for _ in 0..2 {
            world.idp.next_enroll(Err(IdpError::AnswerLost(Default::default())));
        }
        let replaced = old.clone();
        world.process(&FaultPlan::none(), |sdk| async move {
            step(&sdk).await.unwrap();
            assert_eq!(
                replace(&sdk, &replaced).await.unwrap_err().status(),
                StatusType::NotReachable
            );
            replace(&sdk, &replaced).await.unwrap();
        });
        assert_ne!(standing(&world).header.stage.user(), Some(&old.user_id));
        let mut keys = BTreeSet::new();
        for entry in world.journal.entries() {
            if let JournalEntry::Opened {
                call: IdpCall::Enroll,
                key,
                ..
            } = entry
            {
                keys.insert(*key.expose());
            }
        }
        assert_eq!(keys.len(), 2, "the old user's key and one new one\n{}", world.journal);
        assert!(asides(&world).is_empty(), "{}", world.journal);
    }
}

#[test]
fn only_what_is_being_replaced_is_kept_aside() {
    let kind = KINDS[0];
    let (world, old) = enrolled(kind);
    // The copy of the first user is left over, and no start comes to clean up before the second one is replaced.
    let plan = FaultPlan::new([(number_of(Operation::Remove, kind, 0), Fault::NotDone)]);
    let second = world.process(&plan, |sdk| async {
        let sdk = sdk;
        step(&sdk).await.unwrap();
        replace(&sdk, &old).await.unwrap();
        sdk.send(LogoutEvent).await.unwrap();
        let second = standing(&world);
        assert_eq!(asides(&world).len(), 1, "{}", world.journal);
        for _ in 0..2 {
            world.idp.next_enroll(Err(IdpError::AnswerLost(Default::default())));
        }
        let user = known_user(&sdk).await.unwrap();
        replace(&sdk, &user).await.unwrap_err();
        second.header.record_id
    });
    let kept: Vec<_> = asides(&world).iter().map(|copy| copy.header.record_id).collect();
    assert_eq!(kept, [second.unwrap()], "{}", world.journal);
}

#[test]
fn a_start_leaves_the_copy_of_a_user_whose_replacement_is_unfinished() {
    let (world, old) = enrolled(KINDS[0]);
    for _ in 0..2 {
        world.idp.next_enroll(Err(IdpError::AnswerLost(Default::default())));
    }
    world.process(&FaultPlan::none(), |sdk| async move {
        step(&sdk).await.unwrap();
        replace(&sdk, &old).await.unwrap_err();
    });
    world.rest();
    assert_eq!(asides(&world).len(), 1, "{}", world.journal);
}
