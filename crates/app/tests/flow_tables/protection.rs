//! How records are protected: raised at a login, one gate key per record and epoch, and gates that lack what a team requires.

use std::sync::Arc;

use vestibule::AuthenticationMode::{Biometric, No, Password};
use vestibule::SdkState::LoggedIn;
use vestibule::event::{EnrollAnonymousUserEvent, SetAuthenticationModeEvent};
use vestibule::ports::testing::{MemoryStorage, ScriptedGate, ScriptedIdp};
use vestibule::ports::{GateProperties, IdpError, StorageError};
use vestibule::record::StageKind;
use vestibule::status::{Hint, StatusType as S};
use vestibule::{BuildError, Sdk, SdkSettings};

use crate::before::{Before, TENANT, start};
use crate::call_log::Call::{self, Enroll, Write};
use crate::call_log::End;
use crate::plants;
use crate::rows::{Event, Table, both, first, given, row};
use crate::world::{PLAIN, World, soon};

const ACTIVE: Call = Write(StageKind::Active);

#[test]
#[rustfmt::skip]
fn a_login_seals_more_strongly_before_it_rotates_and_no_failure_of_that_fails_it() {
    let weak = || given(|world| world.disk.set_weakly_sealed(true));
    let ok = |name, twist, done, told| row(name, twist, (S::Ok, LoggedIn), done, "active+grant", told);
    let raised = "StorageProtectionChanged TokenRefreshed";
    Table::new(PLAIN, Before::User, Event::Login).in_mode(Password).check([
        ok("raised", weak(), "unlock active rotating REFRESH active", raised),
        ok("full", both(weak(), first(ACTIVE, StorageError::Unavailable("planned"))), "unlock active! rotating REFRESH active", "TokenRefreshed"),
        ok("overtaken", both(weak(), first(ACTIVE, StorageError::Conflict)), "unlock active! rotating REFRESH active", "TokenRefreshed"),
        ok("done, unclear once", both(weak(), first(ACTIVE, End::DoneButUnclear)), "unlock active? active rotating REFRESH active", raised),
        ok("unclear three times, not done", both(weak(), given(|world| world.log.plan(ACTIVE, 1, 3, StorageError::Unclear.into()))),
            "unlock active?x3 rotating REFRESH active", "TokenRefreshed"),
        ok("unclear three times, done", both(weak(), given(|world| world.log.plan(ACTIVE, 1, 3, End::DoneButUnclear))),
            "unlock active?x3 rotating REFRESH active", "TokenRefreshed"),
    ]);
    for mode in [No, Biometric] {
        let done = if mode == No { "rotating REFRESH active" } else { "unwrap rotating REFRESH active" };
        Table::new(PLAIN, Before::User, Event::Login).in_mode(mode).check([ok("nothing to raise", weak(), done, "TokenRefreshed")]);
    }
}

#[tokio::test]
async fn a_gate_keeps_one_key_per_record_and_epoch_and_none_that_opens_nothing() {
    let world = World::new(PLAIN);
    let sdk = world.sdk(SdkSettings::default());
    sdk.send(start()).await.unwrap();
    sdk.send(EnrollAnonymousUserEvent::new(TENANT, Biometric))
        .await
        .unwrap();
    let record = || plants::standing(&world).header;
    let label = |epoch: u64| format!("vestibule.{}.{epoch}", record().record_id);
    assert_eq!(world.gate.labels(), [label(1)]);
    soon(sdk.send(SetAuthenticationModeEvent::new(Biometric)))
        .await
        .unwrap();
    assert_eq!((record().epoch, world.gate.labels()), (2, vec![label(2)]));
    world
        .log
        .plan(ACTIVE, 1, usize::MAX, StorageError::Unavailable("planned").into());
    soon(sdk.send(SetAuthenticationModeEvent::new(Biometric)))
        .await
        .unwrap_err();
    assert_eq!((record().epoch, world.gate.labels()), (2, vec![label(2)]));
    world.log.begin();
    soon(sdk.send(SetAuthenticationModeEvent::new(No))).await.unwrap();
    assert_eq!((record().epoch, world.gate.labels()), (3, vec![]));
}

#[tokio::test]
async fn an_enrolment_that_was_certainly_not_done_leaves_no_gate_key() {
    let world = World::new(PLAIN);
    let sdk = world.sdk(SdkSettings::default());
    sdk.send(start()).await.unwrap();
    world
        .log
        .plan(Enroll, 1, 1, IdpError::Unreachable(Hint::default()).into());
    sdk.send(EnrollAnonymousUserEvent::new(TENANT, Biometric))
        .await
        .unwrap_err();
    assert_eq!((world.disk.records().len(), world.gate.labels()), (0, vec![]));
    world.log.begin();
    world.log.plan(
        Write(StageKind::Enrolling),
        1,
        1,
        StorageError::Unavailable("planned").into(),
    );
    sdk.send(EnrollAnonymousUserEvent::new(TENANT, Biometric))
        .await
        .unwrap_err();
    assert_eq!((world.disk.records().len(), world.gate.labels()), (0, vec![]));
}

#[tokio::test]
async fn an_invalidated_key_keeps_its_record_and_only_a_replacement_leads_on() {
    let world = World::new(PLAIN);
    let sdk = world.sdk(SdkSettings::default());
    Before::User.happen(&world, &sdk, Biometric).await;
    world.gate.invalidate();
    let (named, before) = (crate::before::user(&world).unwrap(), plants::standing(&world).revision);
    let login = vestibule::event::OfflineLoginEvent::new(named.clone());
    assert_eq!(
        soon(sdk.send(login)).await.unwrap_err().status(),
        S::BiometricInvalidated
    );
    assert_eq!(plants::standing(&world).revision, before, "kept");
    let replacing = EnrollAnonymousUserEvent::new(TENANT, Biometric).replacing(named);
    assert_eq!(soon(sdk.send(replacing)).await.unwrap().sdk_state, LoggedIn);
    assert_eq!(world.gate.labels().len(), 1, "the old key is forgotten with its copy");
}

#[tokio::test]
async fn a_gate_that_lacks_what_a_team_requires_is_refused_by_name() {
    type Promise = fn(&mut GateProperties) -> &mut bool;
    let promises: [(&str, Promise); 5] = [
        ("wraps_silently", |all| &mut all.wraps_silently),
        ("excludes_device_credential", |all| &mut all.excludes_device_credential),
        ("invalidated_by_new_biometrics", |all| {
            &mut all.invalidated_by_new_biometrics
        }),
        ("hardware", |all| &mut all.hardware),
        ("counts_attempts", |all| &mut all.counts_attempts),
    ];
    let build = |kept: GateProperties, required: GateProperties| {
        Sdk::builder(Arc::new(ScriptedIdp::new(PLAIN)), Arc::new(MemoryStorage::new()))
            .biometric_gate(Arc::new(ScriptedGate::new().with_properties(kept)))
            .require_gate(required)
            .build()
    };
    for (name, promise) in promises {
        let mut one = GateProperties::default();
        *promise(&mut one) = true;
        let refused = build(GateProperties::default(), one).unwrap_err();
        assert_eq!(refused, BuildError::GateLacks { property: name });
        assert!(refused.to_string().contains(name));
        assert!(
            build(one, one).is_ok() && build(one, GateProperties::default()).is_ok(),
            "{name}"
        );
    }
    let without = Sdk::builder(Arc::new(ScriptedIdp::new(PLAIN)), Arc::new(MemoryStorage::new()))
        .require_gate(GateProperties {
            hardware: true,
            ..GateProperties::default()
        })
        .build()
        .unwrap();
    without.send(start()).await.unwrap();
    let enrolment = without.send(EnrollAnonymousUserEvent::new(TENANT, Biometric)).await;
    assert_eq!(enrolment.unwrap_err().status(), S::BiometricUnavailable);
}

#[test]
fn an_unlock_by_finger_prompts_exactly_once() {
    let world = World::new(PLAIN);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let sdk = world.sdk(SdkSettings::default());
        Before::User.happen(&world, &sdk, Biometric).await;
        let before = world.gate.prompts();
        let login = vestibule::event::OfflineLoginEvent::new(crate::before::user(&world).unwrap());
        soon(sdk.send(login)).await.unwrap();
        assert_eq!(world.gate.prompts(), before + 1);
    });
}
