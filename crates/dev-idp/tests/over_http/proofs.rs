//! DPoP proofs: which are taken, and how each other one is refused, at the authorization and at the token endpoint.

use serde_json::{Value, json};
use vestibule_dev_idp::client::ACCESS_TOKENS_BOUND;
use vestibule_dev_idp::{Endpoint, PROOF_AHEAD_S, PROOF_BEHIND_S};

use crate::bench::{Bench, Parameters, START};
use crate::device::{Device, claims_of};

/// What is done to a good proof (header, claims, signature), and what the server says to it.
type Fault = (&'static str, fn(&mut Value, &mut Value), &'static str);

const FAULTS: [Fault; 15] = [
    (
        "another type",
        |header, _| header["typ"] = json!("JWT"),
        "Invalid DPoP proof",
    ),
    (
        "no type",
        |header, _| drop(header.as_object_mut().unwrap().remove("typ")),
        "Invalid DPoP proof",
    ),
    (
        "algorithm none",
        |header, _| header["alg"] = json!("none"),
        "Invalid DPoP proof",
    ),
    (
        "a critical extension",
        |header, _| header["crit"] = json!(["x"]),
        "Invalid DPoP proof",
    ),
    (
        "a private key",
        |header, _| header["jwk"]["d"] = json!("AA"),
        "Invalid DPoP proof",
    ),
    (
        "a point off the curve",
        |header, _| header["jwk"]["x"] = header["jwk"]["y"].clone(),
        "Invalid DPoP proof",
    ),
    (
        "another key in the header",
        |header, _| *header = Device::new().header(),
        "Invalid DPoP proof",
    ),
    (
        "another method",
        |_, claims| claims["htm"] = json!("PUT"),
        "DPoP HTTP method mismatch",
    ),
    (
        "another URL",
        |_, claims| claims["htu"] = json!("http://127.0.0.1/"),
        "DPoP HTTP URL mismatch",
    ),
    (
        "an empty id",
        |_, claims| claims["jti"] = json!(""),
        "Invalid DPoP proof",
    ),
    (
        "no id",
        |_, claims| drop(claims.as_object_mut().unwrap().remove("jti")),
        "Invalid DPoP proof",
    ),
    (
        "no time",
        |_, claims| drop(claims.as_object_mut().unwrap().remove("iat")),
        "Invalid DPoP proof",
    ),
    (
        "too old",
        |_, claims| claims["iat"] = json!(START - PROOF_BEHIND_S - 1),
        "DPoP proof is not active",
    ),
    (
        "too new",
        |_, claims| claims["iat"] = json!(START + PROOF_AHEAD_S + 1),
        "DPoP proof is not active",
    ),
    (
        "a time of the far future",
        |_, claims| claims["iat"] = json!(u64::MAX),
        "DPoP proof is not active",
    ),
];

#[tokio::test]
async fn a_faulty_proof_makes_no_user_and_burns_no_code() {
    let bench = Bench::in_memory().await;
    let (device, other) = (Device::new(), Device::new());
    let code = bench.code("acme", &device).await;
    for (what, spoil, wanted) in FAULTS {
        let proof = spoiled(&other, "GET", &bench.url("acme", Endpoint::Authorization), spoil);
        let refused = bench
            .authorize_with("acme", Some(proof), &Parameters::enrolling(&other))
            .await;
        assert_eq!(
            refused.redirected("error").as_deref(),
            Some("invalid_dpop_proof"),
            "{what}"
        );
        assert_eq!(
            refused.redirected("error_description").as_deref(),
            Some(wanted),
            "{what}"
        );

        let proof = spoiled(&device, "POST", &bench.url("acme", Endpoint::Token), spoil);
        let form = Parameters::redeeming(&code);
        let refused = bench
            .post_with("acme", Endpoint::Token, Some(proof), &form)
            .await
            .unwrap();
        assert_eq!(
            refused.refusal(),
            (400, "invalid_request".to_owned(), wanted.to_owned()),
            "{what}"
        );
    }
    assert_eq!(bench.idp.realm("acme").users().len(), 1);
    bench.redeem("acme", &device, &code).await.tokens();
}

#[tokio::test]
async fn a_proof_at_the_very_edge_of_its_time_is_taken_whatever_its_query() {
    let bench = Bench::in_memory().await;
    for iat in [START - PROOF_BEHIND_S, START + PROOF_AHEAD_S] {
        let device = Device::new();
        let url = format!("{}?a=b#c", bench.url("acme", Endpoint::Authorization));
        let proof = device.proof("GET", &url, iat);
        let answer = bench
            .authorize_with("acme", Some(proof), &Parameters::enrolling(&device))
            .await;
        assert!(
            answer.redirected("code").is_some(),
            "{:?}",
            answer.redirected("error_description")
        );
    }
}

#[tokio::test]
async fn a_proof_is_taken_once_and_may_be_refused_as_stale_before() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let proof = device.proof(
        "GET",
        &bench.url("acme", Endpoint::Authorization),
        START + PROOF_AHEAD_S + 1,
    );
    let parameters = Parameters::enrolling(&device);
    let early = bench.authorize_with("acme", Some(proof.clone()), &parameters).await;
    assert_eq!(
        early.redirected("error_description").as_deref(),
        Some("DPoP proof is not active")
    );
    bench.clock.advance(1);
    assert!(
        bench
            .authorize_with("acme", Some(proof.clone()), &parameters)
            .await
            .redirected("code")
            .is_some()
    );
    bench
        .clock
        .advance(i64::try_from(PROOF_AHEAD_S + PROOF_BEHIND_S).unwrap());
    let again = bench.authorize_with("acme", Some(proof), &parameters).await;
    assert_eq!(
        again.redirected("error_description").as_deref(),
        Some("DPoP proof has already been used")
    );
}

#[tokio::test]
async fn without_a_proof_of_that_key_nobody_gets_its_user() {
    let bench = Bench::in_memory().await;
    let (device, thief) = (Device::new(), Device::new());
    let parameters = Parameters::enrolling(&device);
    for (prover, wanted) in [
        (None, "DPoP proof is missing"),
        (Some(&thief), "DPoP Proof public key thumbprint does not match dpop_jkt"),
    ] {
        let refused = bench.authorize("acme", prover, &parameters).await;
        assert_eq!(refused.redirected("error_description").as_deref(), Some(wanted));
    }
    let url = bench.url("acme", Endpoint::Authorization);
    let two = (device.proof("GET", &url, START), device.proof("GET", &url, START));
    let request = bench
        .http()
        .get(format!("{url}?{}", parameters.encoded()))
        .header("dpop", two.0);
    let twice = bench.send(request.header("dpop", two.1)).await;
    assert_eq!(
        twice.redirected("error_description").as_deref(),
        Some("Invalid DPoP proof")
    );
    assert_eq!(bench.idp.realm("acme").users(), []);
}

#[tokio::test]
async fn a_client_without_the_refresh_only_policy_gets_bound_access_tokens() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let parameters = Parameters::enrolling(&device).with("client_id", ACCESS_TOKENS_BOUND);
    let code = bench
        .authorize("acme", Some(&device), &parameters)
        .await
        .redirected("code")
        .unwrap();
    let form = Parameters::redeeming(&code).with("client_id", ACCESS_TOKENS_BOUND);
    let tokens = bench.post("acme", Endpoint::Token, Some(&device), &form).await.tokens();
    assert_eq!(tokens.body["token_type"], "DPoP");
    assert_eq!(claims_of(&tokens.access)["cnf"], json!({ "jkt": device.jkt() }));
    let form = Parameters::refreshing(&tokens.refresh).with("client_id", ACCESS_TOKENS_BOUND);
    let refused = bench.post("acme", Endpoint::Token, None, &form).await;
    assert_eq!(
        refused.refusal(),
        (400, "invalid_grant".to_owned(), "DPoP proof is missing".to_owned())
    );
}

#[tokio::test]
async fn a_plain_realm_takes_a_proof_and_lives_without_and_another_knows_none() {
    let bench = Bench::in_memory().await;
    for (tenant, offered, bound) in [("plain", true, true), ("nodpop", false, false)] {
        let device = Device::new();
        let metadata = bench.get_json(tenant, Endpoint::Discovery).await;
        assert_eq!(
            metadata.get("dpop_signing_alg_values_supported").is_some(),
            offered,
            "{tenant}"
        );
        let proven = bench.enroll(tenant, &device).await;
        let form = Parameters::refreshing(&proven.refresh);
        let refused = bench.post(tenant, Endpoint::Token, None, &form).await;
        assert_eq!(refused.status, if bound { 400 } else { 200 }, "{tenant}");

        let parameters = Parameters::enrolling(&device).without("dpop_jkt");
        let code = bench
            .authorize(tenant, None, &parameters)
            .await
            .redirected("code")
            .unwrap();
        let bare = bench
            .post(tenant, Endpoint::Token, None, &Parameters::redeeming(&code))
            .await
            .tokens();
        assert_eq!(bare.body["token_type"], "Bearer");
        bench
            .post(tenant, Endpoint::Token, None, &Parameters::refreshing(&bare.refresh))
            .await
            .tokens();
    }
}

fn spoiled(device: &Device, method: &str, url: &str, spoil: fn(&mut Value, &mut Value)) -> String {
    let (mut header, mut claims) = (device.header(), Device::claims(method, url, START));
    spoil(&mut header, &mut claims);
    device.sign(&header, &claims)
}
