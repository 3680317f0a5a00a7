//! Queued revocations are worked off while an SDK lives: with back-off, one at a time, told once, at rest while suspended.

use std::time::Duration;

use vestibule::event::{DeleteUserEvent, ResumeEvent, StartEvent, SuspendEvent};
use vestibule::identifiers::{RecordHandle, RecordId};
use vestibule::notification::Notification;
use vestibule::ports::testing::{FaultPlan, IdpCall, IdpKind, JournalEntry, Rotation};
use vestibule::ports::{Clock, Content, Credential, IdpError, SecureStorage, WriteRequest};
use vestibule::record::{Header, Place, Stage};
use vestibule::status::Hint;
use vestibule::{Notifications, Revocation, Sdk};

use crate::meddling::queued;
use crate::world::{World, live_until_a_token};

const KIND: IdpKind = IdpKind {
    recoverable: true,
    rotation: Rotation::Reuse(1),
};

fn user() -> World {
    let world = World::new(KIND);
    world.process(&FaultPlan::none(), |sdk| async move { live_until_a_token(&sdk).await });
    world
}

/// Deletes the user, whose revocation fails.
async fn delete(sdk: &Sdk) {
    let started = sdk.send(StartEvent::new("revoking", "1", "en")).await.expect("a disk");
    let user = started.outcome.known[0].user().cloned().expect("a user");
    let deleted = sdk.send(DeleteUserEvent::new(user)).await.expect("a disk");
    assert_eq!(deleted.outcome.revocation, Revocation::Queued);
}

fn revocations(world: &World) -> usize {
    let is_one = |entry: &&JournalEntry| {
        matches!(
            entry,
            JournalEntry::Opened {
                call: IdpCall::Revoke,
                ..
            }
        )
    };
    world.journal.entries().iter().filter(is_one).count()
}

fn told(notifications: &mut Notifications) -> Vec<Notification> {
    std::iter::from_fn(|| notifications.try_next())
        .filter(|one| matches!(one, Notification::RevocationPending | Notification::RevocationDone))
        .collect()
}

async fn seconds(world: &World, seconds: u64) {
    for _ in 0..seconds {
        world.clock.sleep(Duration::from_secs(1)).await;
    }
}

fn unreachable(world: &World, times: usize) {
    for _ in 0..times {
        world.idp.next_revoke(Err(IdpError::Unreachable(Hint::default())));
    }
}

#[test]
fn a_queued_revocation_is_tried_again_until_it_is_done_and_told_of_once() {
    let world = user();
    unreachable(&world, 5);
    world.process(&FaultPlan::none(), |sdk| {
        let world = world.clone();
        async move {
            let mut notifications = sdk.notifications();
            delete(&sdk).await;
            seconds(&world, 60).await;
            assert_eq!(revocations(&world), 6, "{}", world.journal);
            assert_eq!(
                told(&mut notifications),
                [Notification::RevocationPending, Notification::RevocationDone]
            );
            assert_eq!(queued(&world), 1);
            assert!(world.disk.records().is_empty(), "{}", world.journal);
            seconds(&world, 600).await;
            assert_eq!(revocations(&world), 6, "nothing is sent once it is done");
        }
    });
}

#[test]
fn the_idps_word_when_to_come_again_is_kept() {
    let world = user();
    let wait = IdpError::RateLimited {
        retry_after: Some(Duration::from_secs(900)),
    };
    world.idp.next_revoke(Err(wait.clone()));
    world.idp.next_revoke(Err(wait));
    world.process(&FaultPlan::none(), |sdk| {
        let world = world.clone();
        async move {
            delete(&sdk).await;
            seconds(&world, 4000).await;
            assert_eq!(revocations(&world), 3, "{}", world.journal);
            let rests = world
                .clock
                .slept()
                .into_iter()
                .filter(|rest| *rest == Duration::from_secs(900));
            assert_eq!(rests.count(), 2, "{:?}", world.clock.slept());
        }
    });
}

#[test]
fn while_suspended_nothing_is_sent_and_a_resume_goes_on() {
    let world = user();
    unreachable(&world, 1);
    world.process(&FaultPlan::none(), |sdk| {
        let world = world.clone();
        async move {
            delete(&sdk).await;
            sdk.send(SuspendEvent).await.expect("it suspends");
            seconds(&world, 600).await;
            assert_eq!(revocations(&world), 1, "{}", world.journal);
            sdk.send(ResumeEvent).await.expect("it resumes");
            seconds(&world, 2).await;
            assert_eq!(revocations(&world), 2, "{}", world.journal);
        }
    });
}

#[test]
fn a_shut_down_ends_the_work_and_the_next_process_goes_on() {
    let world = user();
    unreachable(&world, 1);
    world.process(&FaultPlan::none(), |sdk| {
        let world = world.clone();
        async move {
            delete(&sdk).await;
            sdk.shutdown().await;
            seconds(&world, 600).await;
            assert_eq!(revocations(&world), 1, "{}", world.journal);
        }
    });
    assert_eq!(world.disk.records().len(), 1, "the queue is on disk");
    world.rest();
    assert_eq!(revocations(&world), 2, "{}", world.journal);
    assert!(world.disk.records().is_empty());
}

#[test]
fn an_sdk_that_is_dropped_works_off_nothing_more() {
    let world = user();
    unreachable(&world, 1);
    world.process(&FaultPlan::none(), |sdk| {
        let world = world.clone();
        async move {
            delete(&sdk).await;
            drop(sdk);
            seconds(&world, 600).await;
            assert_eq!(revocations(&world), 1, "{}", world.journal);
        }
    });
}

#[test]
fn a_session_that_has_ended_by_itself_is_not_revoked_any_more() {
    let world = World::new(KIND);
    let ends = world.clock.wall().after(Duration::from_secs(3600));
    world
        .idp
        .next_enroll_altered(move |enrolled| enrolled.with_session_end(ends));
    world.process(&FaultPlan::none(), |sdk| async move {
        sdk.send(StartEvent::new("revoking", "1", "en")).await?;
        crate::world::enroll(&sdk).await
    });
    unreachable(&world, 1);
    world.process(&FaultPlan::none(), |sdk| {
        let world = world.clone();
        async move {
            delete(&sdk).await;
            sdk.shutdown().await;
            world.clock.advance(Duration::from_secs(3601));
        }
    });
    world.rest();
    assert_eq!(revocations(&world), 1, "{}", world.journal);
    assert!(world.disk.records().is_empty(), "the entry is dropped");
}

/// Another session of the same key is still to be revoked.
fn queue_one_more(world: &World) {
    let record = crate::meddling::standing(world);
    let header = Header {
        record_id: RecordId::from_bytes([0x71; 16]),
        stage: Stage::Revoking { until: None },
        ..record.header
    };
    let content = Content::Seal {
        payload: record.payload,
        credential: Credential::None,
    };
    let place = Place::Handle(RecordHandle::from_bytes([0x72; 16]));
    let request = WriteRequest::new(place, None, header, content);
    world.process(&FaultPlan::none(), |_| {
        let disk = world.disk.clone();
        async move { disk.write(request).await.expect("it is there") }
    });
}

#[test]
fn a_deletion_is_not_done_while_another_revocation_of_its_key_is_queued() {
    let world = user();
    queue_one_more(&world);
    let wait = Some(Duration::from_secs(600));
    world.idp.next_revoke(Err(IdpError::RateLimited { retry_after: wait }));
    world.process(&FaultPlan::none(), |sdk| {
        let world = world.clone();
        async move {
            let started = sdk.send(StartEvent::new("revoking", "1", "en")).await.expect("a disk");
            let user = started.outcome.known[0].user().cloned().expect("a user");
            while revocations(&world) == 0 {
                tokio::task::yield_now().await;
            }
            let deleted = sdk.send(DeleteUserEvent::new(user)).await.expect("a disk");
            assert_eq!(deleted.outcome.revocation, Revocation::Queued, "{}", world.journal);
            assert_eq!(queued(&world), 1, "the grant itself is revoked, and not queued");
            seconds(&world, 700).await;
            assert!(world.disk.records().is_empty(), "{}", world.journal);
        }
    });
}
