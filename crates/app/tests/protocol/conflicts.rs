//! A successor whose place was taken while it was on its way.

use vestibule::ports::testing::{IdpCall, IdpKind, JournalEntry, Rotation};
use vestibule::record::{Stage, StageKind};
use vestibule::secret::Grant;
use vestibule::status::StatusType;
use vestibule::{AuthenticationMode, Failure};
use vestibule_domain::record_lease::SETTLE;

use crate::meddling::{Answered, Meddling, given, grant_of, nobodys, now, queued, standing, stranger, with};
use crate::world::{World, live_until_a_token, login, step};

const ROTATING: IdpKind = IdpKind {
    recoverable: true,
    rotation: Rotation::Reuse(1),
};

fn enrolled(kind: IdpKind) -> World {
    let world = World::new(kind);
    world.process(&vestibule::ports::testing::FaultPlan::none(), |sdk| async move {
        live_until_a_token(&sdk).await.unwrap();
    });
    world
}

/// A login, behind whose request of a kind something happens.
fn login_while(world: &World, call: IdpCall, act: impl FnOnce(&World) + Send + 'static) -> Result<(), Failure> {
    let seen = world.clone();
    let idp = Meddling::new(world, call, Answered::AsItIs, move || act(&seen));
    with(world, idp, |sdk| async move {
        step(&sdk).await?;
        login(&sdk).await
    })
}

fn active(header: &vestibule::record::Header) -> Stage {
    let user = header.stage.user().unwrap().clone();
    Stage::Active { user }
}

fn last_given(world: &World) -> Grant {
    given(world).pop().unwrap()
}

#[test]
fn a_successor_is_held_until_the_lease_over_the_grant_that_was_sent_has_ended() {
    let world = enrolled(ROTATING);
    let ended = login_while(&world, IdpCall::Refresh, |world| {
        let lease = nobodys(world);
        stranger(world, None, |header, write| {
            let user = header.stage.user().unwrap().clone();
            header.next(write, Stage::Rotating { user, lease })
        });
    });
    assert!(ended.is_ok(), "{ended:?}\n{}", world.journal);
    let stage = standing(&world).header.stage;
    assert_eq!(stage.kind(), StageKind::Rotating, "{}", world.journal);
    assert_eq!(
        stage.lease().unwrap().owner,
        None,
        "the other request may still be under way\n{}",
        world.journal
    );
    assert_eq!(
        grant_of(&world).expose(),
        last_given(&world).expose(),
        "{}",
        world.journal
    );
    let leases: Vec<_> = world
        .journal
        .entries()
        .into_iter()
        .filter_map(|entry| match entry {
            JournalEntry::Stored { header, .. } => header.stage.lease().copied(),
            _ => None,
        })
        .collect();
    let [.., strangers, mine] = leases.as_slice() else {
        panic!("two leases")
    };
    let rested = mine.written.checked_since(strangers.written).unwrap();
    assert!(rested >= SETTLE, "written after {rested:?}\n{}", world.journal);
    assert_eq!(queued(&world), 0);
}

#[test]
fn a_successor_is_written_as_a_user_where_nobody_is_at_work_any_more() {
    let world = enrolled(ROTATING);
    let ended = login_while(&world, IdpCall::Refresh, |world| {
        stranger(world, None, |header, write| header.next(write, active(header)));
    });
    assert!(ended.is_ok(), "{ended:?}\n{}", world.journal);
    assert_eq!(
        standing(&world).header.stage.kind(),
        StageKind::Active,
        "{}",
        world.journal
    );
    assert_eq!(
        grant_of(&world).expose(),
        last_given(&world).expose(),
        "{}",
        world.journal
    );
}

#[test]
fn a_successor_is_dropped_and_not_revoked_where_the_record_went_on_without_it() {
    type WentOn = (&'static str, fn(&World));
    let went_on: [WentOn; 3] = [
        ("another grant stands", |world| {
            let other = Grant::new(vec![0x5a; 32]);
            stranger(world, Some(&other), |header, write| header.next(write, active(header)));
        }),
        ("another protection", |world| {
            stranger(world, None, |header, write| {
                header.reprotected(write, active(header), AuthenticationMode::No)
            });
        }),
        ("nothing stands", |world| {
            let record = standing(world);
            now(vestibule::ports::SecureStorage::remove(
                &world.disk,
                record.handle,
                record.revision,
            ))
            .unwrap();
        }),
    ];
    for (what, act) in went_on {
        let world = enrolled(ROTATING);
        let ended = login_while(&world, IdpCall::Refresh, act);
        let failure = ended.expect_err(what);
        assert_eq!(failure.status(), StatusType::Busy, "{what}\n{}", world.journal);
        let successor = last_given(&world);
        let is_there = world
            .disk
            .records()
            .iter()
            .any(|record| crate::oracle::log::holds(record.payload.expose(), successor.expose()));
        assert!(!is_there, "{what}: written, or queued\n{}", world.journal);
        assert_eq!(world.journal.requests(IdpCall::Revoke), 0, "{what}");
    }
}

/// The session ended at the server, so that a login recovers the user by an enrolment.
fn refused() -> World {
    let world = enrolled(ROTATING);
    world.idp.end_sessions(&world.idp.users()[0]);
    world
}

#[test]
fn a_recovered_grant_is_held_while_the_disk_names_the_old_one_and_queued_where_it_does_not() {
    let world = refused();
    let ended = login_while(&world, IdpCall::Enroll, |world| {
        stranger(world, None, |header, write| header.next(write, active(header)));
    });
    assert!(ended.is_ok(), "{ended:?}\n{}", world.journal);
    assert_eq!(
        grant_of(&world).expose(),
        last_given(&world).expose(),
        "{}",
        world.journal
    );
    assert_eq!(queued(&world), 0, "{}", world.journal);

    let world = refused();
    let ended = login_while(&world, IdpCall::Enroll, |world| {
        let other = Grant::new(vec![0x5a; 32]);
        stranger(world, Some(&other), |header, write| header.next(write, active(header)));
    });
    assert_eq!(ended.unwrap_err().status(), StatusType::Busy, "{}", world.journal);
    assert_eq!(
        queued(&world),
        1,
        "a session of its own is revoked later\n{}",
        world.journal
    );
}

#[test]
fn the_successor_of_a_proof_is_held_too_and_never_revoked() {
    for recoverable in [true, false] {
        let world = World::new(IdpKind {
            recoverable,
            rotation: Rotation::Reuse(1),
        });
        world.idp.next_enroll_altered(|mut enrolled| {
            enrolled.identity = Err(vestibule::status::Untrusted::IdToken("its key is unknown"));
            enrolled.with_unknown_key()
        });
        let seen = world.clone();
        let idp = Meddling::new(&world, IdpCall::Refresh, Answered::AsItIs, move || {
            let lease = nobodys(&seen);
            stranger(&seen, None, |header, write| {
                header.next(write, Stage::Enrolling { lease })
            });
        });
        let ended = with(&world, idp, |sdk| async move {
            step(&sdk).await?;
            step(&sdk).await.map(drop)
        });
        assert_eq!(ended.unwrap_err().status(), StatusType::Busy, "{}", world.journal);
        assert_eq!(
            grant_of(&world).expose(),
            last_given(&world).expose(),
            "{}",
            world.journal
        );
        assert_eq!(queued(&world), 0, "{}", world.journal);
        let last = world.last_process();
        assert!(last.is_ok(), "{last:?}\n{}", world.journal);
        assert_eq!(world.idp.users().len(), 1, "{}", world.journal);
        assert_eq!(
            crate::oracle::log::read(&world).broken,
            Vec::<String>::new(),
            "{}",
            world.journal
        );
    }
}
