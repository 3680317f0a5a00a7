//! Revocation (RFC 7009).

use vestibule_dev_idp::Endpoint;
use vestibule_dev_idp::client::{ACCESS_TOKENS_BOUND, DEVICE_ENROLLMENT, PUSHED_ONLY};

use crate::bench::{Bench, Parameters};
use crate::device::Device;

#[tokio::test]
async fn a_revoked_session_is_gone_at_once_and_its_user_stays() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let first = bench.enroll("acme", &device).await;
    let second = bench.refresh("acme", &device, &first.refresh, None).await.tokens();
    let revoked = bench
        .post("acme", Endpoint::Revocation, Some(&device), &revoking(&first.refresh))
        .await;
    assert_eq!((revoked.status, revoked.body.as_str()), (200, ""));
    for refresh in [&first.refresh, &second.refresh] {
        let dead = bench.refresh("acme", &device, refresh, None).await;
        assert_eq!(
            dead.refusal(),
            (400, "invalid_grant".to_owned(), "Session not active".to_owned())
        );
    }
    assert_eq!(bench.idp.realm("acme").users().len(), 1);
    let again = bench
        .post("acme", Endpoint::Revocation, Some(&device), &revoking(&first.refresh))
        .await;
    assert_eq!((again.status, again.member("error").as_str()), (200, "invalid_token"));
}

#[tokio::test]
async fn only_the_holder_of_the_key_revokes() {
    let bench = Bench::in_memory().await;
    let (device, thief) = (Device::new(), Device::new());
    let tokens = bench.enroll("acme", &device).await;
    let good = revoking(&tokens.refresh);
    let table = [
        (good.clone(), None, 400, "invalid_dpop_proof"),
        (good.clone(), Some(&thief), 400, "invalid_token"),
        (
            good.clone().with("client_id", PUSHED_ONLY),
            Some(&device),
            400,
            "invalid_token",
        ),
        (good.clone().without("client_id"), Some(&device), 401, "invalid_client"),
        (good.clone().without("token"), Some(&device), 400, "invalid_request"),
        (
            good.clone().with("token", &tokens.access),
            Some(&device),
            400,
            "unsupported_token_type",
        ),
        (
            good.clone().with("token", "nonsense"),
            Some(&device),
            200,
            "invalid_token",
        ),
    ];
    for (form, prover, status, error) in table {
        let answer = bench.post("acme", Endpoint::Revocation, prover, &form).await;
        assert_eq!((answer.status, answer.member("error").as_str()), (status, error));
        assert!(bench.idp.realm("acme").would_serve(&tokens.refresh));
    }
}

#[tokio::test]
async fn a_client_without_the_refresh_only_policy_revokes_without_a_proof() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let parameters = Parameters::enrolling(&device).with("client_id", ACCESS_TOKENS_BOUND);
    let code = bench
        .authorize("acme", Some(&device), &parameters)
        .await
        .redirected("code")
        .unwrap();
    let form = Parameters::redeeming(&code).with("client_id", ACCESS_TOKENS_BOUND);
    let refresh = bench
        .post("acme", Endpoint::Token, Some(&device), &form)
        .await
        .tokens()
        .refresh;
    let form = revoking(&refresh).with("client_id", ACCESS_TOKENS_BOUND);
    assert_eq!(bench.post("acme", Endpoint::Revocation, None, &form).await.status, 200);
    assert!(!bench.idp.realm("acme").would_serve(&refresh));
}

fn revoking(refresh: &str) -> Parameters {
    Parameters::of(&[
        ("client_id", DEVICE_ENROLLMENT),
        ("token", refresh),
        ("token_type_hint", "refresh_token"),
    ])
}
