//! Refresh against the development IdP.

use std::time::Duration;

use vestibule_adapters_idp::limits::METADATA_LIFE_S;
use vestibule_dev_idp::Endpoint;
use vestibule_dev_idp::scenes::{ChangeAnswer, LoseTokenAnswer};
use vestibule_domain::identifiers::{Audience, ClientId};
use vestibule_domain::single_audience::{Asked, Unfit, prove};
use vestibule_domain::status::Untrusted;
use vestibule_ports::{AccessTokenReply, IdpError};

use crate::device::{Device, asked, audience, idp, requests_to};

fn prove_for(device: &Device, reply: &AccessTokenReply, name: &str) -> Result<(), Unfit> {
    let (audience, client_id): (Audience, &ClientId) = (audience(name), &device.client_id);
    let claims = reply.claims.as_ref().unwrap();
    let asked = Asked {
        audience: &audience,
        client_id,
        subject: &claims.subject,
        scopes: &reply.terms.scopes,
        lifetime_cap: reply.terms.lifetime_cap,
    };
    prove(claims, &asked)
}

#[tokio::test]
async fn a_refresh_for_an_audience_gives_a_token_for_it_alone() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    let mut grant = device.enroll().await.unwrap().grant;
    for name in ["orders", "billing", "orders"] {
        let refreshed = device.refresh(&grant, Some(name)).await.unwrap();
        let reply = refreshed.access_token.unwrap();
        prove_for(&device, &reply, name).unwrap();
        assert_eq!(reply.lifetime, Some(Duration::from_secs(300)));
        grant = refreshed.successor.unwrap_or(grant);
    }
}

#[tokio::test]
async fn a_refresh_without_an_audience_proves_the_identity_and_asks_for_no_audience() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    let enrolled = device.enroll().await.unwrap();
    let refreshed = device.refresh(&enrolled.grant, None).await.unwrap();
    let identity = refreshed.identity.unwrap().unwrap();
    assert_eq!(identity.user(), enrolled.identity.unwrap().user());
    assert!(identity.recoverable);
    assert!(refreshed.session_ends.is_some());
    assert!(refreshed.access_token.unwrap().claims.unwrap().audiences.is_empty());
    assert_eq!(requests_to(&idp, Endpoint::Token)[1].scope.as_deref(), Some("openid"));
}

#[tokio::test]
async fn a_new_process_reads_metadata_and_keys_before_it_sends_the_grant() {
    let (idp, _) = idp().await;
    let grant = Device::at(&idp, "acme", 1).enroll().await.unwrap().grant;
    let before = asked(&idp).len();
    let device = Device::at(&idp, "acme", 1);
    device.refresh(&grant, None).await.unwrap();
    device.refresh(&grant, None).await.unwrap();
    use Endpoint::{Discovery, KeySet, Token};
    assert_eq!(asked(&idp)[before..], [Discovery, KeySet, Token, Token]);
}

#[tokio::test]
async fn metadata_and_keys_are_read_again_after_an_hour() {
    let (idp, clock) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    let grant = device.enroll().await.unwrap().grant;
    for (seconds, read) in [(METADATA_LIFE_S - 1, 1), (1, 2)] {
        device.clock.pass(Duration::from_secs(seconds));
        clock.advance(i64::try_from(seconds).unwrap());
        // The session may be over by now; what counts is what was asked before it was.
        device.refresh(&grant, None).await.ok();
        for endpoint in [Endpoint::Discovery, Endpoint::KeySet] {
            assert_eq!(
                requests_to(&idp, endpoint).len(),
                read,
                "{endpoint:?} after {seconds} s"
            );
        }
    }
}

#[tokio::test]
async fn a_rotated_grant_comes_back_and_the_old_one_dies_by_the_realms_rule() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "reuse0", 1);
    let first = device.enroll().await.unwrap().grant;
    let second = device.refresh(&first, None).await.unwrap().successor.unwrap();
    device.refresh(&second, Some("orders")).await.unwrap();
    let error = device.refresh(&first, None).await.unwrap_err();
    assert!(matches!(error, IdpError::GrantRefused(_)), "{error:?}");
}

#[tokio::test]
async fn an_audience_that_was_not_granted_is_missing_from_the_token() {
    let (idp, _) = idp().await;
    let settings = vestibule_adapters_idp::OidcSettings::new(idp.issuer_template()).allowing_plain_http_to_loopback();
    let grant = Device::new(settings, "acme", 1).enroll().await.unwrap().grant;
    let device = Device::at(&idp, "acme", 1);
    let refreshed = device.refresh(&grant, Some("orders")).await.unwrap();
    let reply = refreshed.access_token.unwrap();
    assert_eq!(prove_for(&device, &reply, "orders"), Err(Unfit::AudienceMissing));
    assert!(refreshed.successor.is_some());
}

#[tokio::test]
async fn an_audience_that_is_not_configured_or_not_known_is_refused() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    let grant = device.enroll().await.unwrap().grant;
    let before = asked(&idp).len();
    let error = device.refresh(&grant, Some("elsewhere")).await.unwrap_err();
    assert!(matches!(error, IdpError::AudienceRefused(_)), "{error:?}");
    assert_eq!(asked(&idp).len(), before);
    let error = device.refresh(&grant, Some("unknown")).await.unwrap_err();
    let IdpError::AudienceRefused(hint) = &error else {
        panic!("{error:?}")
    };
    assert!(hint.as_str().starts_with("invalid_scope"), "{hint}");
}

#[tokio::test]
async fn a_lost_answer_is_told_as_lost() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    let grant = device.enroll().await.unwrap().grant;
    idp.play(LoseTokenAnswer::of_grant("refresh_token"));
    let error = device.refresh(&grant, None).await.unwrap_err();
    assert!(matches!(error, IdpError::AnswerLost(_)), "{error:?}");
    assert_eq!(requests_to(&idp, Endpoint::Token).len(), 2);
}

#[tokio::test]
async fn a_refused_grant_and_a_refused_proof_are_told_apart() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    let enrolled = device.enroll().await.unwrap();
    let user = enrolled.identity.unwrap();
    let error = Device::at(&idp, "acme", 2)
        .refresh(&enrolled.grant, None)
        .await
        .unwrap_err();
    assert!(matches!(error, IdpError::ProofRefused(_)), "{error:?}");
    idp.realm("acme").set_enabled(user.user().as_str(), false).unwrap();
    let error = device.refresh(&enrolled.grant, None).await.unwrap_err();
    assert!(matches!(error, IdpError::GrantRefused(_)), "{error:?}");
}

#[tokio::test]
async fn an_unknown_key_costs_one_refetch_in_five_minutes_and_never_the_grant() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    let first = device.enroll().await.unwrap().grant;
    idp.realm("acme").add_signing_key().unwrap();
    let refreshed = device.refresh(&first, Some("orders")).await.unwrap();
    let why = refreshed.access_token.unwrap_err();
    assert!(matches!(why, Untrusted::TokenAnswer(_)), "{why:?}");
    assert!(matches!(refreshed.identity, Some(Err(Untrusted::IdToken(_)))));
    let second = refreshed.successor.unwrap();
    let keys_asked = || requests_to(&idp, Endpoint::KeySet).len();
    assert_eq!(keys_asked(), 1);
    // The keys are young, but were never asked for again.
    let refreshed = device.refresh(&second, Some("orders")).await.unwrap();
    assert!(refreshed.access_token.is_ok());
    assert_eq!(keys_asked(), 2);
    // Now they were: the next unknown key has to wait.
    idp.realm("acme").add_signing_key().unwrap();
    for _ in 0..2 {
        let refreshed = device.refresh(&second, Some("orders")).await.unwrap();
        assert!(refreshed.access_token.is_err());
        assert_eq!(keys_asked(), 2);
    }
    device.clock.pass(Duration::from_secs(301));
    let refreshed = device.refresh(&second, Some("orders")).await;
    assert_eq!(keys_asked(), 3);
    // The device's clock has run on alone, which the IdP takes amiss; what counts here is the order of the requests.
    drop(refreshed);
}

#[tokio::test]
async fn an_enrolment_with_an_unknown_key_keeps_its_grant_and_one_refresh_proves_it() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    let realm = idp.realm("acme");
    // The issuer signs with another key from the moment on at which this device has read the keys.
    idp.play(ChangeAnswer::of(Endpoint::Authorization, move |_| {
        realm.add_signing_key().unwrap();
    }));
    let enrolled = device.enroll().await.unwrap();
    assert!(enrolled.key_unknown);
    assert!(matches!(enrolled.identity, Err(Untrusted::IdToken(_))));
    let refreshed = device.refresh(&enrolled.grant, None).await.unwrap();
    assert!(refreshed.identity.unwrap().unwrap().recoverable);
}
