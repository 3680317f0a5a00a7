//! Devices whose clock is wrong.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use url::Url;
use vestibule_adapters_idp::DeviceProof;
use vestibule_dev_idp::{DevIdp, Endpoint};
use vestibule_ports::IdpError;

use crate::clock::{DeviceClock, START_S};
use crate::device::{Device, idp, requests_to, settings};
use crate::hostile_answers::grant_from;
use crate::stub_server::{StubServer, answer, json, metadata};

fn device(idp: &DevIdp, tenant: &str, ahead_s: i64) -> Device {
    Device::with_clock(
        settings(&idp.issuer_template()),
        tenant,
        1,
        DeviceClock::ahead_by(ahead_s),
    )
}

#[tokio::test]
async fn a_stale_proof_is_repeated_once_when_the_refusal_tells_the_time() {
    let (idp, _) = idp().await;
    for (ahead_s, tenant) in [(7_200, "dated-1"), (-7_200, "dated-2"), (3_600, "alldated")] {
        let device = device(&idp, tenant, ahead_s);
        let enrolled = device.enroll().await.unwrap();
        assert!(enrolled.identity.unwrap().recoverable, "{tenant}");
        device
            .refresh(&enrolled.grant, Some("orders"))
            .await
            .unwrap()
            .access_token
            .unwrap();
    }
}

#[tokio::test]
async fn without_a_date_the_clock_is_named_and_nothing_is_repeated() {
    let (idp, _) = idp().await;
    let error = device(&idp, "acme", 7_200).enroll().await.unwrap_err();
    assert_eq!(error, IdpError::ClockSkewed { ahead_ms: None });
    assert!(idp.realm("acme").users().is_empty());
    assert!(requests_to(&idp, Endpoint::Token).is_empty());
}

#[tokio::test]
async fn a_clock_that_is_off_by_more_than_a_day_is_told_by_how_much() {
    let (idp, _) = idp().await;
    let three_days = 3 * 86_400;
    for (ahead_s, tenant) in [(three_days, "alldated-1"), (-three_days, "alldated-2")] {
        let error = device(&idp, tenant, ahead_s).enroll().await.unwrap_err();
        assert_eq!(
            error,
            IdpError::ClockSkewed {
                ahead_ms: Some(ahead_s * 1000)
            }
        );
    }
}

#[tokio::test]
async fn a_clock_that_jumps_after_the_enrolment_is_followed_by_the_last_tokens_time() {
    let (idp, server) = idp().await;
    let device = device(&idp, "acme", 0);
    let grant = device.enroll().await.unwrap().grant;
    // The server knows nothing of Date; what it said in its last token still stands, by the time since boot.
    device.clock.pass(Duration::from_secs(600));
    server.advance(600);
    device.clock.jump(Duration::from_secs(7_200));
    device.refresh(&grant, None).await.unwrap().access_token.unwrap();
}

#[tokio::test]
async fn a_revocation_with_a_stale_proof_is_repeated_too() {
    let (idp, _) = idp().await;
    let grant = device(&idp, "alldated", 0).enroll().await.unwrap().grant;
    device(&idp, "alldated", 3_600).revoke(&grant).await.unwrap();
}

/// What a refusal teaches of the time is worth one more proof where the proof was refused, and nothing where anything else
/// was: a code or refresh token that was refused is never sent again.
#[tokio::test]
async fn only_a_refused_proof_is_made_anew_and_only_once_however_often_the_time_moves() {
    for (error, sent) in [("invalid_dpop_proof", 2), ("invalid_grant", 1), ("invalid_request", 1)] {
        for (call, path) in [("enroll", "/token"), ("refresh", "/token"), ("revoke", "/revoke")] {
            let stub = StubServer::start().await;
            let device = Device::new(settings(&stub.issuer_template()), "acme", 1);
            let grant = grant_from(&stub, &device).await;
            let before = stub.count(path);
            for hour in [3, 4, 5, 6] {
                let date = format!("Date: Fri, 15 Jan 2027 0{hour}:00:00 GMT\r\n");
                stub.answer(path, answer(400, &date, &format!(r#"{{"error":"{error}"}}"#)));
            }
            let refused = match call {
                "enroll" => device.enroll().await.map(|_| ()),
                "refresh" => device.refresh(&grant, None).await.map(|_| ()),
                _ => device.revoke(&grant).await,
            };
            assert_eq!(stub.count(path) - before, sent, "{call}, {error}: {refused:?}");
        }
    }
}

#[tokio::test]
async fn without_a_date_and_without_proofs_the_tokens_own_time_is_taken() {
    let (idp, _) = idp().await;
    let device = |ahead_s| {
        let settings = settings(&idp.issuer_template()).with_device_proof(DeviceProof::Never);
        Device::with_clock(settings, "nodpop", 1, DeviceClock::ahead_by(ahead_s))
    };
    for ahead_s in [7_200, -7_200] {
        let enrolled = device(ahead_s).enroll().await.unwrap();
        enrolled.identity.unwrap();
        let refreshed = device(ahead_s).refresh(&enrolled.grant, Some("orders")).await.unwrap();
        refreshed.identity.unwrap().unwrap();
        refreshed.access_token.unwrap();
    }
    let three_days = 3 * 86_400;
    let enrolled = device(three_days).enroll().await.unwrap();
    assert!(
        enrolled.identity.is_err(),
        "a server may not move the clock by more than a day"
    );
}

/// As on a Keycloak whose flow asks for no proof: the push is refused without a word of the time, the code comes with a
/// cookie that tells it.
#[tokio::test]
async fn a_code_is_redeemed_with_the_time_that_came_with_it_in_a_cookie() {
    for (ahead_s, with_cookie) in [(40, true), (-3_600, true), (40, false)] {
        let stub = StubServer::start().await;
        let more = format!(r#","pushed_authorization_request_endpoint":"{}/par""#, stub.origin());
        let at = "/acme/.well-known/openid-configuration";
        stub.answer(at, json(200, &metadata(stub.port, &more)));
        let stale = json(
            400,
            r#"{"error":"invalid_request","error_description":"DPoP proof is not active"}"#,
        );
        stub.answer("/par", stale);
        let state = Arc::new(Mutex::new(String::new()));
        let pushed = Arc::clone(&state);
        stub.answer_with("/par", move |request| {
            let form = Url::parse(&format!("http://x/?{}", request.body)).unwrap();
            let found = form.query_pairs().find(|(name, _)| name == "state").unwrap();
            *pushed.lock().unwrap() = found.1.into_owned();
            json(201, r#"{"request_uri":"urn:r","expires_in":60}"#)
        });
        stub.answer_with("/auth", move |_| {
            let identity = URL_SAFE_NO_PAD.encode(format!(r#"{{"iat":{START_S}}}"#));
            let cookie = if with_cookie {
                format!("Set-Cookie: IDENTITY=e30.{identity}.c2ln\r\n")
            } else {
                String::new()
            };
            let state = state.lock().unwrap().clone();
            let location = format!("Location: dev.vestibule.app:/enrolled?code=c&state={state}\r\n");
            answer(302, &(cookie + &location), "")
        });
        stub.answer("/token", json(400, r#"{"error":"invalid_grant"}"#));
        let device = Device::with_clock(
            settings(&stub.issuer_template()),
            "acme",
            1,
            DeviceClock::ahead_by(ahead_s),
        );
        let error = device.enroll().await.unwrap_err();
        assert!(matches!(error, IdpError::CodeRefused(_)), "{error:?}");
        let redeemed = stub
            .requests()
            .into_iter()
            .find(|request| request.path() == "/token")
            .unwrap();
        let proof = redeemed.header("dpop").unwrap().split('.').nth(1).unwrap().to_owned();
        let claims: serde_json::Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(proof).unwrap()).unwrap();
        let off = claims["iat"].as_i64().unwrap() - i64::try_from(START_S).unwrap();
        assert_eq!(off, if with_cookie { 0 } else { ahead_s }, "{ahead_s}");
    }
}
