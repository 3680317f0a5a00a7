//! Pushed authorization requests (RFC 9126).

use vestibule_dev_idp::client::{DEVICE_ENROLLMENT, PUSHED_ONLY};
use vestibule_dev_idp::{Endpoint, PUSHED_LIFETIME_S};

use crate::bench::{Bench, Parameters};
use crate::device::Device;

#[tokio::test]
async fn a_pushed_request_enrols_in_one_hop_and_is_used_once() {
    let bench = Bench::in_memory().await;
    for client in [DEVICE_ENROLLMENT, PUSHED_ONLY] {
        let device = Device::new();
        let form = Parameters::enrolling(&device).with("client_id", client);
        let pushed = bench
            .post("acme", Endpoint::PushedAuthorization, Some(&device), &form)
            .await;
        assert_eq!(
            (pushed.status, &pushed.json()["expires_in"]),
            (201, &PUSHED_LIFETIME_S.into())
        );
        let by_reference = Parameters::of(&[("client_id", client), ("request_uri", &pushed.member("request_uri"))]);
        let answer = bench.authorize("acme", Some(&device), &by_reference).await;
        assert_eq!(answer.redirected("state").as_deref(), Some("state-1"));
        let redeem = Parameters::redeeming(&answer.redirected("code").unwrap()).with("client_id", client);
        bench
            .post("acme", Endpoint::Token, Some(&device), &redeem)
            .await
            .tokens();
        let again = bench.authorize("acme", Some(&device), &by_reference).await;
        assert_eq!(
            (again.status, again.member("error").as_str()),
            (400, "PAR not found. not issued or used multiple times.")
        );
    }
}

#[tokio::test]
async fn a_pushed_request_is_used_up_by_a_refusal_by_time_and_by_a_foreign_client() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    for (client, prover, wait_s) in [
        (DEVICE_ENROLLMENT, None, 0),
        (DEVICE_ENROLLMENT, Some(&device), PUSHED_LIFETIME_S),
        (PUSHED_ONLY, Some(&device), 0),
    ] {
        let form = Parameters::enrolling(&device);
        let pushed = bench
            .post("acme", Endpoint::PushedAuthorization, Some(&device), &form)
            .await;
        let uri = pushed.member("request_uri");
        bench.clock.advance(i64::try_from(wait_s).unwrap());
        let by_reference = Parameters::of(&[("client_id", client), ("request_uri", &uri)]);
        assert_eq!(
            bench.authorize("acme", prover, &by_reference).await.redirected("code"),
            None
        );
        let again = by_reference.with("client_id", DEVICE_ENROLLMENT);
        assert_eq!(bench.authorize("acme", Some(&device), &again).await.status, 400);
    }
}

#[tokio::test]
async fn the_proof_of_a_pushed_request_binds_the_code_as_dpop_jkt_does() {
    let bench = Bench::in_memory().await;
    let (device, thief) = (Device::new(), Device::new());
    let form = Parameters::enrolling(&device).without("dpop_jkt");
    let pushed = bench
        .post("acme", Endpoint::PushedAuthorization, Some(&device), &form)
        .await;
    let by_reference = Parameters::of(&[
        ("client_id", DEVICE_ENROLLMENT),
        ("request_uri", &pushed.member("request_uri")),
    ]);
    let code = bench
        .authorize("acme", Some(&device), &by_reference)
        .await
        .redirected("code")
        .unwrap();
    let refused = bench.redeem("acme", &thief, &code).await;
    assert_eq!(
        refused.refusal().2,
        "DPoP Proof public key thumbprint does not match dpop_jkt"
    );
}

#[tokio::test]
async fn a_push_that_is_refused_says_why_in_json() {
    let bench = Bench::in_memory().await;
    let (device, thief) = (Device::new(), Device::new());
    let good = Parameters::enrolling(&device);
    let table = [
        (good.clone().with("client_id", "nobody"), None, (401, "invalid_client")),
        (
            good.clone().with("redirect_uri", "https://evil.example/"),
            None,
            (400, "invalid_request"),
        ),
        (good.clone().with("scope", "aud:nobody"), None, (400, "invalid_scope")),
        (good.clone().without("code_challenge"), None, (400, "invalid_request")),
        (
            good.clone().with("request_uri", "urn:x"),
            None,
            (400, "invalid_request"),
        ),
        (good.clone().without("dpop_jkt"), None, (400, "invalid_request")),
        (good, Some(&thief), (400, "invalid_request")),
    ];
    for (form, prover, (status, error)) in table {
        let refused = bench.post("acme", Endpoint::PushedAuthorization, prover, &form).await;
        assert_eq!((refused.status, refused.member("error").as_str()), (status, error));
    }
}
