//! Leases that end by age: only where nobody can tell who lives.

use std::sync::Arc;
use std::time::Duration;

use vestibule::Sdk;
use vestibule::ports::FlowPresence;
use vestibule::ports::testing::{FaultPlan, JournalEntry};
use vestibule::record::{Stage, StageKind};
use vestibule_domain::record_lease::UNKNOWN_ENDS;

use crate::leases::{PLAIN, RECOVERABLE, enrolled, started_enrolment, started_login, stored_between};
use crate::meddling::{nobodys, stranger};
use crate::slow_storage::Slow;
use crate::world::{World, live_until_a_token};

#[test]
fn only_where_nobody_can_tell_who_lives_is_the_lease_written_again_before_a_further_call() {
    for (cannot_tell, expected) in [(true, 1), (false, 0)] {
        let world = enrolled(RECOVERABLE);
        world.idp.end_sessions(&world.idp.users()[0]);
        world.presence.cannot_tell(cannot_tell);
        world.process(
            &FaultPlan::none(),
            |sdk| async move { started_login(sdk).await.unwrap() },
        );
        let between = stored_between(&world);
        assert_eq!(
            between.len(),
            expected,
            "between refresh and recovery: {between:?}\n{}",
            world.journal
        );
        assert!(
            between
                .iter()
                .all(|stage| stage.kind() == StageKind::Rotating && stage.lease().unwrap().owner.is_some())
        );
    }
}

#[tokio::test]
async fn where_nobody_can_tell_who_lives_no_call_starts_ten_seconds_after_its_lease_was_written() {
    for (cannot_tell, enrols, expected) in [(true, false, 2), (false, false, 1), (true, true, 2), (false, true, 1)] {
        let world = World::new(PLAIN);
        if !enrols {
            let sdk = world.sdk(&FaultPlan::none().process());
            live_until_a_token(&sdk).await.unwrap();
        }
        world.presence.cannot_tell(cannot_tell);
        let slow = Slow {
            inner: world.disk.clone(),
            clock: world.clock.clone(),
            slept: false.into(),
            at_open: None.into(),
        };
        let sdk = Sdk::builder(Arc::new(world.idp.clone()), Arc::new(slow))
            .presence(Arc::new(world.presence.another_process()))
            .clock(Arc::new(world.clock.clone()))
            .build()
            .unwrap();
        let before = world.journal.entries().len();
        if enrols {
            started_enrolment(sdk).await
        } else {
            started_login(sdk).await
        }
        .unwrap();
        let intents = world.journal.entries()[before..]
            .iter()
            .filter(|entry| matches!(entry, JournalEntry::Stored { header, .. } if header.stage.lease().is_some()))
            .count();
        assert_eq!(
            intents, expected,
            "cannot tell {cannot_tell}, enrols {enrols}\n{}",
            world.journal
        );
    }
}

#[test]
fn where_nobody_can_tell_who_lives_a_lease_lasts_ninety_seconds_and_no_longer() {
    for (age, goes_on) in [(UNKNOWN_ENDS - Duration::from_secs(11), false), (UNKNOWN_ENDS, true)] {
        let world = enrolled(PLAIN);
        world.presence.cannot_tell(true);
        let entered = crate::meddling::now(world.presence.enter()).unwrap();
        let lease = vestibule::record::Lease {
            owner: Some(entered.owner()),
            ..nobodys(&world)
        };
        stranger(&world, None, |header, write| {
            let user = header.stage.user().unwrap().clone();
            header.next(write, Stage::Rotating { user, lease })
        });
        world.clock.advance(age);
        let ended = world.process(&FaultPlan::none(), started_login).unwrap();
        assert_eq!(ended.is_ok(), goes_on, "{age:?}\n{}", world.journal);
    }
}
