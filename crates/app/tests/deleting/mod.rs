//! Lives that end in a deletion: whatever fails, the user who was to go is gone with its session, and another one stays.

use std::sync::{Arc, Mutex};

use vestibule::event::{DeleteUserEvent, EnrollAnonymousUserEvent, LogoutEvent, RestartEvent, StartEvent};
use vestibule::identifiers::UserIdentifier;
use vestibule::ports::testing::{FaultPlan, IdpCall, JournalEntry};
use vestibule::record::Stage;
use vestibule::status::StatusType;
use vestibule::{AuthenticationMode, Failure, Revocation, Sdk, SdkState};

use crate::world::World;

/// Two users of one device: the one that is deleted, and one in another slot.
pub(crate) struct Two {
    pub leaving: UserIdentifier,
    pub staying: UserIdentifier,
}

/// Enrols both, without faults.
pub(crate) fn enrol_two(world: &World) -> Two {
    world
        .process(&FaultPlan::none(), |sdk| async move {
            sdk.send(StartEvent::new("two", "1", "en")).await?;
            let enrolment = EnrollAnonymousUserEvent::new("acme", AuthenticationMode::No);
            let leaving = sdk.send(enrolment.clone()).await?.outcome.user_identifier;
            sdk.send(LogoutEvent).await?;
            let staying = sdk
                .send(enrolment.with_client_id("another-app"))
                .await?
                .outcome
                .user_identifier;
            Ok::<_, Failure>(Two { leaving, staying })
        })
        .expect("nobody kills")
        .expect("nothing fails")
}

/// What the app was told of the deletion.
pub(crate) type Told = Arc<Mutex<Vec<Revocation>>>;

/// Deletes as an app does: starts, and tries again when it fails, until nobody of that name is there.
pub(crate) async fn delete_until_gone(sdk: &Sdk, world: &World, user: &UserIdentifier, told: &Told) {
    for _ in 0..10 {
        let tried = match sdk.state() {
            SdkState::NotStarted => sdk.send(StartEvent::new("deleting", "1", "en")).await.map(drop),
            SdkState::LoggedIn | SdkState::Suspended => sdk.send(RestartEvent).await.map(drop),
            SdkState::ActivationRequired | SdkState::LoginRequired => {
                match sdk.send(DeleteUserEvent::new(user.clone())).await {
                    Ok(answer) => {
                        let revocation = answer.outcome.revocation;
                        told.lock().expect("no panic").push(revocation);
                        judge_answer(world, user, revocation);
                        return;
                    }
                    Err(failure) if failure.status() == StatusType::InvalidUserId => return,
                    Err(failure) => Err(failure),
                }
            }
        };
        drop(tried);
    }
}

/// `Done` is said only where neither record nor live session is left.
fn judge_answer(world: &World, user: &UserIdentifier, revocation: Revocation) {
    assert!(!has_record(world, user), "a deleted record is there\n{}", world.journal);
    if revocation == Revocation::Done {
        let live = world.idp.live_sessions(&user.user_id);
        assert_eq!(live, 0, "Done, and a session lives\n{}", world.journal);
    }
}

pub(crate) fn has_record(world: &World, user: &UserIdentifier) -> bool {
    world.disk.records().iter().any(|record| {
        let of = match &record.header.stage {
            Stage::Deleting { user, .. } => user.as_ref(),
            other => other.user(),
        };
        of == Some(&user.user_id)
    })
}

/// The rules of the log; two who finish one deletion may revoke twice.
pub(crate) fn violations(world: &World) -> Vec<String> {
    let entries = world.journal.entries();
    let is_revoke = |violation: &String| {
        let number = violation.strip_prefix("line ").and_then(|rest| rest.split(':').next());
        let line = number
            .and_then(|number| number.parse::<usize>().ok())
            .expect("a violation names its line");
        matches!(
            entries.get(line),
            Some(JournalEntry::Opened {
                call: IdpCall::Revoke,
                ..
            })
        )
    };
    let all = world.journal.violations().into_iter();
    all.filter(|violation| !is_revoke(violation)).collect()
}
