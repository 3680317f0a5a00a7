//! Enrolment against the development IdP.

use vestibule_adapters_idp::DeviceProof;
use vestibule_dev_idp::scenes::LoseTokenAnswer;
use vestibule_dev_idp::{Endpoint, SESSION_LIFETIME_S, client};
use vestibule_domain::status::Denial;
use vestibule_ports::{Clock as _, IdpError, Interrupt, UserOrigin};

use crate::device::{Device, asked, idp, requests_to, settings};

#[tokio::test]
async fn a_device_enrols_and_its_user_is_tied_to_its_key() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    let enrolled = device.enroll().await.unwrap();
    let identity = enrolled.identity.unwrap();
    let users = idp.realm("acme").users();
    assert_eq!(users.len(), 1);
    assert_eq!(identity.user().as_str(), users[0].id);
    assert!(identity.recoverable);
    assert_eq!(identity.origin, UserOrigin::New);
    assert!(!enrolled.access_tokens_bound);
    let ends = enrolled.session_ends.unwrap();
    assert_eq!(ends.since(device.clock.wall()).as_secs(), SESSION_LIFETIME_S);
}

#[tokio::test]
async fn a_tenant_names_its_realm_without_a_request() {
    let (idp, _) = idp().await;
    let realm = |tenant, seed| Device::at(&idp, tenant, seed).realm();
    assert_eq!(realm("acme", 1), realm("acme", 2));
    assert_ne!(realm("acme", 1), realm("other", 1));
    assert!(idp.requests().is_empty());
}

#[tokio::test]
async fn everything_that_is_read_is_read_before_the_code_is_redeemed() {
    let (idp, _) = idp().await;
    Device::at(&idp, "acme", 1).enroll().await.unwrap();
    use Endpoint::{Authorization, Discovery, KeySet, PushedAuthorization, Token};
    assert_eq!(
        asked(&idp),
        [Discovery, KeySet, PushedAuthorization, Authorization, Token]
    );
}

#[tokio::test]
async fn every_audience_that_the_idp_publishes_is_asked_for_at_enrolment() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    let identity = device.enroll().await.unwrap().identity.unwrap();
    let sessions = idp.realm("acme").live_sessions(identity.user().as_str());
    assert_eq!(sessions[0].scope, ["openid", "aud:orders", "aud:billing"]);
}

#[tokio::test]
async fn the_same_key_gives_the_same_user_and_another_key_another() {
    let (idp, _) = idp().await;
    let first = Device::at(&idp, "acme", 1).enroll().await.unwrap().identity.unwrap();
    let again = Device::at(&idp, "acme", 1).enroll().await.unwrap().identity.unwrap();
    let other = Device::at(&idp, "acme", 2).enroll().await.unwrap().identity.unwrap();
    assert_eq!(first.user(), again.user());
    assert_eq!(again.origin, UserOrigin::Known);
    assert_ne!(first.user(), other.user());
}

#[tokio::test]
async fn a_user_that_an_admin_deleted_is_told_to_be_new() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    let first = device.enroll().await.unwrap().identity.unwrap();
    idp.realm("acme").delete_user(first.user().as_str()).unwrap();
    let again = device.enroll().await.unwrap().identity.unwrap();
    assert_eq!((again.user(), again.origin), (first.user(), UserOrigin::New));
}

#[tokio::test]
async fn a_plain_idp_is_never_taken_for_a_recoverable_one() {
    let (idp, _) = idp().await;
    for tenant in ["plain", "plain-nodpop"] {
        let identity = Device::at(&idp, tenant, 1).enroll().await.unwrap().identity.unwrap();
        assert!(!identity.recoverable, "{tenant}");
    }
}

#[tokio::test]
async fn without_a_device_proof_nothing_is_proven_anywhere() {
    let (idp, _) = idp().await;
    let settings = settings(&idp.issuer_template()).with_device_proof(DeviceProof::Never);
    let device = Device::new(settings, "plain", 1);
    let enrolled = device.enroll().await.unwrap();
    assert!(!enrolled.identity.unwrap().recoverable);
    device.refresh(&enrolled.grant, Some("orders")).await.unwrap();
    device.revoke(&enrolled.grant).await.unwrap();
    assert!(idp.requests().iter().all(|request| request.proof_thumbprint.is_none()));
    assert!(requests_to(&idp, Endpoint::PushedAuthorization).is_empty());
}

#[tokio::test]
async fn a_client_that_must_push_its_requests_pushes_them() {
    let (idp, _) = idp().await;
    Device::at(&idp, "acme", 1)
        .for_client(client::PUSHED_ONLY)
        .enroll()
        .await
        .unwrap();
    assert_eq!(requests_to(&idp, Endpoint::PushedAuthorization).len(), 1);
}

#[tokio::test]
async fn access_tokens_that_come_back_bound_are_told() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1).for_client(client::ACCESS_TOKENS_BOUND);
    let enrolled = device.enroll().await.unwrap();
    assert!(enrolled.access_tokens_bound);
    let refreshed = device.refresh(&enrolled.grant, Some("orders")).await.unwrap();
    assert!(refreshed.access_token.unwrap().claims.unwrap().is_bound);
}

#[tokio::test]
async fn a_flow_that_wants_a_person_is_access_denied() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1).for_client(client::ORDINARY_LOGIN);
    let Err(IdpError::Denied { denial, hint }) = device.enroll().await else {
        panic!("not denied")
    };
    assert_eq!(denial, Denial::InteractionRequired);
    assert!(
        hint.as_str().contains(client::ORDINARY_LOGIN) && hint.as_str().contains("login_required"),
        "{hint}"
    );
    assert!(idp.realm("acme").users().is_empty());
}

#[tokio::test]
async fn an_unknown_client_and_a_missing_realm_are_told_apart() {
    let (idp, _) = idp().await;
    let error = Device::at(&idp, "acme", 1)
        .for_client("nobody")
        .enroll()
        .await
        .unwrap_err();
    assert!(
        matches!(
            &error,
            IdpError::Denied {
                denial: Denial::ClientUnknown,
                ..
            }
        ),
        "{error:?}"
    );
    let error = Device::at(&idp, "missing", 1).enroll().await.unwrap_err();
    assert!(matches!(&error, IdpError::Misconfigured(_)), "{error:?}");
}

#[tokio::test]
async fn a_lost_token_answer_is_lost_and_its_code_is_not_sent_again() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    idp.play(LoseTokenAnswer::of_grant("authorization_code"));
    let error = device.enroll().await.unwrap_err();
    assert!(matches!(error, IdpError::AnswerLost(_)), "{error:?}");
    let sent = requests_to(&idp, Endpoint::Token);
    assert_eq!(sent.len(), 1);
    let enrolled = device.enroll().await.unwrap();
    assert_eq!(idp.realm("acme").users().len(), 1);
    assert_eq!(enrolled.identity.unwrap().origin, UserOrigin::Known);
    let codes: Vec<_> = requests_to(&idp, Endpoint::Token)
        .into_iter()
        .filter_map(|request| request.code)
        .collect();
    assert_eq!(codes.len(), 2);
    assert_ne!(codes[0], codes[1]);
}

#[tokio::test]
async fn an_interrupt_is_obeyed_before_the_first_request() {
    let (idp, _) = idp().await;
    let (switch, interrupt) = Interrupt::new();
    switch.raise();
    let error = Device::at(&idp, "acme", 1).enroll_until(interrupt).await.unwrap_err();
    assert_eq!(error, IdpError::Interrupted { begun: false });
    assert!(idp.requests().is_empty());
}

#[tokio::test]
async fn a_tenant_with_every_kind_of_character_finds_its_realm() {
    let (idp, _) = idp().await;
    for tenant in ["Acme Ltd.", "grün", "...", "a&b=c+d", "{tenant}"] {
        let enrolled = Device::at(&idp, tenant, 1).enroll().await;
        assert!(
            enrolled.as_ref().is_ok_and(|enrolled| enrolled.identity.is_ok()),
            "{tenant}: {enrolled:?}"
        );
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable() {
    let (idp, _) = idp().await;
    let template = idp.issuer_template();
    idp.shutdown().await;
    let error = Device::new(settings(&template), "acme", 1).enroll().await.unwrap_err();
    assert!(matches!(error, IdpError::Unreachable(_)), "{error:?}");
}
