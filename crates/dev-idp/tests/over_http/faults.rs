//! Scenes, and what stands in the headers of an answer.

use vestibule_dev_idp::scenes::{HoldTokenAnswer, LoseTokenAnswer};
use vestibule_dev_idp::{Endpoint, Outcome, fingerprint};

use crate::bench::{Bench, Parameters};
use crate::device::{Device, claims_of};

#[tokio::test]
async fn a_lost_answer_is_lost_to_the_client_alone_and_the_key_brings_the_user_back() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let code = bench.code("acme", &device).await;
    bench.idp.play(LoseTokenAnswer::of_grant("authorization_code"));
    let form = Parameters::redeeming(&code);
    assert!(
        post(&bench, &device, &form)
            .await
            .is_err_and(|error| error.status().is_none())
    );
    let lost = bench.idp.requests().pop().unwrap();
    assert_eq!(
        (lost.scene, lost.outcome),
        (Some("lose the token answer"), Outcome::NoAnswer)
    );
    assert!(lost.issued_refresh_token.is_some(), "the work was done");
    let user = bench.idp.realm("acme").users()[0].id.clone();
    assert_eq!(bench.idp.realm("acme").live_sessions(&user).len(), 1);

    let tokens = bench.enroll("acme", &device).await;
    assert_eq!(claims_of(&tokens.id)["sub"], user);
    assert_eq!(bench.idp.realm("acme").live_sessions(&user).len(), 1);
}

#[tokio::test]
async fn a_lost_refresh_counts_as_a_use_and_the_scene_plays_once_on_its_own_grant() {
    let bench = Bench::in_memory().await;
    bench.idp.play(LoseTokenAnswer::of_grant("refresh_token"));
    let device = Device::new();
    let refresh = bench.enroll("reuse1", &device).await.refresh;
    let proof = |url: &str| device.proof("POST", url, crate::bench::START);
    let url = bench.url("reuse1", Endpoint::Token);
    let form = Parameters::refreshing(&refresh);
    assert_eq!(bench.idp.waiting_scenes(), 1);
    assert!(
        bench
            .post_with("reuse1", Endpoint::Token, Some(proof(&url)), &form)
            .await
            .is_err()
    );
    assert_eq!(bench.idp.waiting_scenes(), 0);
    bench
        .post_with("reuse1", Endpoint::Token, Some(proof(&url)), &form)
        .await
        .unwrap()
        .tokens();
    let third = bench
        .post_with("reuse1", Endpoint::Token, Some(proof(&url)), &form)
        .await
        .unwrap();
    assert_eq!(third.refusal().2, "Maximum allowed refresh token reuse exceeded");
}

#[tokio::test]
async fn a_held_answer_comes_when_it_is_released_and_the_work_is_done_before() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let code = bench.code("acme", &device).await;
    let (scene, mut held) = HoldTokenAnswer::of(None);
    bench.idp.play(scene);
    let form = Parameters::redeeming(&code);
    let test = async {
        assert!(held.reached().await);
        let request = bench.idp.requests().pop().unwrap();
        assert_eq!(request.outcome, Outcome::Open);
        let user = bench.idp.realm("acme").users()[0].id.clone();
        assert_eq!(bench.idp.realm("acme").live_sessions(&user).len(), 1);
        held.release();
        request.issued_refresh_token
    };
    let (answer, issued) = tokio::join!(post(&bench, &device, &form), test);
    assert_eq!(issued, Some(fingerprint(&answer.unwrap().tokens().refresh)));
}

#[tokio::test]
async fn a_client_that_goes_away_while_its_answer_is_held_is_noticed() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let code = bench.code("acme", &device).await;
    let (scene, mut held) = HoldTokenAnswer::of(Some("authorization_code"));
    bench.idp.play(scene);
    let form = Parameters::redeeming(&code);
    tokio::select! {
        answer = post(&bench, &device, &form) => panic!("not held: {:?}", answer.map(|answer| answer.status)),
        reached = held.reached() => assert!(reached),
    }
    // The request was dropped with its connection. The server sees the end of it in its own time.
    while bench.idp.requests().pop().unwrap().outcome == Outcome::Open {
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.idp.requests().pop().unwrap().outcome, Outcome::Abandoned);
}

#[tokio::test]
async fn a_held_answer_whose_test_has_gone_is_lost() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let code = bench.code("acme", &device).await;
    let (scene, held) = HoldTokenAnswer::of(None);
    bench.idp.play(scene);
    drop(held);
    assert!(post(&bench, &device, &Parameters::redeeming(&code)).await.is_err());
}

#[tokio::test]
async fn no_answer_carries_a_date_unless_the_realm_says_so() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let date = "Fri, 15 Jan 2027 08:00:00 GMT";
    for (tenant, at_discovery, at_authorization) in [
        ("acme", None, None),
        ("dated", None, Some(date)),
        ("alldated", Some(date), Some(date)),
    ] {
        let discovery = bench.get(tenant, Endpoint::Discovery).await;
        assert_eq!(
            discovery.headers.get("date").map(|date| date.to_str().unwrap()),
            at_discovery,
            "{tenant}"
        );
        assert_eq!(discovery.headers["cache-control"], "no-store");
        let stale = device.proof(
            "GET",
            &bench.url(tenant, Endpoint::Authorization),
            crate::bench::START - 60,
        );
        let parameters = Parameters::enrolling(&device);
        let refused = bench.authorize_with(tenant, Some(stale), &parameters).await;
        assert_eq!(
            refused.redirected("error_description").as_deref(),
            Some("DPoP proof is not active")
        );
        let served = bench.authorize(tenant, Some(&device), &parameters).await;
        assert!(served.redirected("code").is_some());
        for answer in [refused, served] {
            assert_eq!(
                answer.headers.get("date").map(|date| date.to_str().unwrap()),
                at_authorization,
                "{tenant}"
            );
            assert_eq!(answer.headers.get("set-cookie"), None);
        }
    }
}

async fn post(bench: &Bench, device: &Device, form: &Parameters) -> reqwest::Result<crate::bench::Answer> {
    let proof = device.proof("POST", &bench.url("acme", Endpoint::Token), crate::bench::START);
    bench.post_with("acme", Endpoint::Token, Some(proof), form).await
}
