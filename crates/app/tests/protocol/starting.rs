//! What a start makes of what it finds.

use std::sync::Arc;

use vestibule::event::{EnrollAnonymousUserEvent, StartEvent};
use vestibule::ports::testing::{FaultPlan, IdpCall, IdpKind, MockIdentityProvider, MockSecureStorage, Rotation};
use vestibule::ports::{IdpError, RecordsPage};
use vestibule::record::StageKind;
use vestibule::{Sdk, SdkState};

use crate::meddling::{Answered, Meddling, nobodys, standing, stranger, with};
use crate::world::{World, enroll, live_until_a_token, step};

#[tokio::test]
async fn something_that_is_no_record_is_not_taken_for_an_empty_storage() {
    for (foreign, state) in [(0, SdkState::ActivationRequired), (1, SdkState::LoginRequired)] {
        let mut storage = MockSecureStorage::new();
        storage
            .expect_list()
            .returning(move |_, _| Ok(RecordsPage::new(Vec::new(), None).with_foreign(foreign)));
        let sdk = Sdk::builder(Arc::new(MockIdentityProvider::new()), Arc::new(storage))
            .build()
            .unwrap();
        let started = sdk.send(StartEvent::new("demo", "1.0", "en")).await.unwrap();
        assert_eq!(started.sdk_state, state, "{foreign} foreign entries");
    }
}

#[test]
fn a_deletion_and_a_revocation_are_no_users_and_are_finished() {
    let kind = IdpKind {
        recoverable: true,
        rotation: Rotation::None,
    };
    let world = World::new(kind);
    world.process(&FaultPlan::none(), |sdk| async move {
        live_until_a_token(&sdk).await.unwrap()
    });
    let user = world.idp.users()[0].clone();
    let lease = nobodys(&world);
    stranger(&world, None, |header, write| {
        let user = header.stage.user().cloned();
        let stage = vestibule::record::Stage::Deleting { user, lease };
        header.reprotected(write, stage, vestibule::AuthenticationMode::No)
    });
    world.process(&FaultPlan::none(), |sdk| async move {
        let started = sdk.send(StartEvent::new("demo", "1.0", "en")).await.unwrap();
        assert_eq!(
            (started.sdk_state, started.outcome.known.len()),
            (SdkState::ActivationRequired, 0)
        );
    });
    assert_eq!(standing(&world).header.stage.kind(), StageKind::Deleting);
    world.rest();
    world.rest();
    assert_eq!(world.disk.records().len(), 0, "{}", world.journal);
    assert_eq!(world.idp.live_sessions(&user), 0, "{}", world.journal);
    world.process(&FaultPlan::none(), |sdk| async move {
        step(&sdk).await.unwrap();
        enroll(&sdk).await.unwrap();
    });
}

#[test]
fn an_enrolment_that_is_resumed_bears_the_tenant_that_the_app_names_now() {
    let world = World::new(IdpKind {
        recoverable: true,
        rotation: Rotation::None,
    });
    for _ in 0..2 {
        world.idp.next_enroll(Err(IdpError::AnswerLost(Default::default())));
    }
    let idp = Meddling::new(&world, IdpCall::Revoke, Answered::AsItIs, || {});
    let ended = with(&world, idp, |sdk| async move {
        step(&sdk).await?;
        enroll(&sdk).await.unwrap_err();
        let event = EnrollAnonymousUserEvent::new("acme-too", vestibule::AuthenticationMode::No);
        let enrolled = sdk.send(event).await?.outcome;
        assert_eq!(enrolled.user_identifier.tenant_id.as_str(), "acme-too");
        Ok(())
    });
    assert!(ended.is_ok(), "{ended:?}");
    assert_eq!(standing(&world).header.tenant_id.as_str(), "acme-too");
}
