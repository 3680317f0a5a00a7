//! A code is redeemed once, by who asked for it, in time.

use vestibule_dev_idp::client::{LOOPBACK_REDIRECT_URI, PUSHED_ONLY};
use vestibule_dev_idp::{CODE_LIFETIME_S, Endpoint};

use crate::bench::{Bench, Parameters, VERIFIER};
use crate::device::Device;

#[tokio::test]
async fn a_second_use_of_a_code_is_refused_and_kills_what_the_first_gave() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let code = bench.code("acme", &device).await;
    let tokens = bench.redeem("acme", &device, &code).await.tokens();
    let newer = bench.refresh("acme", &device, &tokens.refresh, None).await.tokens();
    let again = bench.redeem("acme", &device, &code).await;
    assert_eq!(
        again.refusal(),
        (400, "invalid_grant".to_owned(), "Code not valid".to_owned())
    );
    for refresh in [&tokens.refresh, &newer.refresh] {
        let dead = bench.refresh("acme", &device, refresh, None).await;
        assert_eq!(
            dead.refusal(),
            (400, "invalid_grant".to_owned(), "Session not active".to_owned())
        );
    }
    assert_eq!(bench.idp.realm("acme").users().len(), 1, "the user stays");
}

#[tokio::test]
async fn whatever_is_wrong_with_the_request_burns_the_code() {
    let bench = Bench::in_memory().await;
    let (device, thief) = (Device::new(), Device::new());
    let good = Parameters::redeeming("");
    let other_verifier = VERIFIER.replace('a', "b");
    let mismatch = "DPoP Proof public key thumbprint does not match dpop_jkt";
    let table = [
        (
            good.clone().with("code_verifier", &other_verifier),
            Some(&device),
            "invalid_grant",
            "PKCE verification failed: Code mismatch",
        ),
        (
            good.clone().without("code_verifier"),
            Some(&device),
            "invalid_grant",
            "PKCE code verifier not specified",
        ),
        (
            good.clone().with("redirect_uri", LOOPBACK_REDIRECT_URI),
            Some(&device),
            "invalid_grant",
            "Incorrect redirect_uri",
        ),
        (
            good.clone().without("redirect_uri"),
            Some(&device),
            "invalid_grant",
            "Incorrect redirect_uri",
        ),
        (
            good.clone().with("client_id", PUSHED_ONLY),
            Some(&device),
            "invalid_grant",
            "Code not valid",
        ),
        (good.clone(), None, "invalid_dpop_proof", "DPoP proof is missing"),
        (good, Some(&thief), "invalid_request", mismatch),
    ];
    for (form, prover, error, description) in table {
        let code = bench.code("acme", &device).await;
        let refused = bench
            .post("acme", Endpoint::Token, prover, &form.with("code", &code))
            .await;
        assert_eq!(refused.refusal(), (400, error.to_owned(), description.to_owned()));
        let burnt = bench.redeem("acme", &device, &code).await;
        assert_eq!(burnt.refusal().2, "Code not valid", "after {description}");
    }
    let user = bench.idp.realm("acme").users()[0].id.clone();
    assert_eq!(bench.idp.realm("acme").live_sessions(&user), []);
}

#[tokio::test]
async fn a_code_lives_sixty_seconds() {
    let bench = Bench::in_memory().await;
    for (age, status) in [(CODE_LIFETIME_S - 1, 200), (CODE_LIFETIME_S, 400)] {
        let device = Device::new();
        let code = bench.code("acme", &device).await;
        bench.clock.advance(i64::try_from(age).unwrap());
        assert_eq!(
            bench.redeem("acme", &device, &code).await.status,
            status,
            "after {age} s"
        );
    }
}

#[tokio::test]
async fn a_token_request_that_names_no_known_client_grant_or_code_is_refused() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let good = Parameters::redeeming("no-such-code");
    let table = [
        (
            good.clone().with("client_id", "nobody"),
            (401, "invalid_client", "Invalid client or Invalid client credentials"),
        ),
        (
            good.clone().without("client_id"),
            (401, "invalid_client", "Invalid client or Invalid client credentials"),
        ),
        (
            good.clone().without("grant_type"),
            (400, "invalid_request", "Missing parameter: grant_type"),
        ),
        (
            good.clone().with("grant_type", "password"),
            (400, "unsupported_grant_type", "Unsupported grant_type"),
        ),
        (
            good.clone().without("code"),
            (400, "invalid_request", "Missing parameter: code"),
        ),
        (
            good.clone().twice("code", "another"),
            (400, "invalid_request", "duplicated parameter"),
        ),
        (good, (400, "invalid_grant", "Code not valid")),
    ];
    for (form, (status, error, description)) in table {
        let refused = bench.post("acme", Endpoint::Token, Some(&device), &form).await;
        assert_eq!(refused.refusal(), (status, error.to_owned(), description.to_owned()));
    }
    let huge = bench
        .post(
            "acme",
            Endpoint::Token,
            None,
            &Parameters::of(&[("a", &"b".repeat(70_000))]),
        )
        .await;
    assert_eq!(huge.status, 413);
}
