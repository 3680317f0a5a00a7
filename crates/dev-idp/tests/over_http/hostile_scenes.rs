//! Scenes of an IdP that answers what no honest one does.

use serde_json::{Value, json};
use vestibule_dev_idp::Endpoint;
use vestibule_dev_idp::scenes::{ChangeAnswer, ForgeTokens, Signature};

use crate::bench::{Bench, Parameters};
use crate::device::{Device, base64url, claims_of, header_of, sha256_base64url};

const CODE: &str = "authorization_code";

#[tokio::test]
async fn an_answer_is_changed_once_and_the_work_is_done() {
    let bench = Bench::in_memory().await;
    bench.idp.play(ChangeAnswer::of(Endpoint::Discovery, |answer| {
        let mut document: Value = serde_json::from_slice(&answer.body).unwrap();
        document["issuer"] = json!("https://elsewhere.example");
        answer.body = document.to_string().into_bytes();
        answer.add_header("x-scene", "1");
    }));
    let changed = bench.get("acme", Endpoint::Discovery).await;
    assert_eq!(
        (
            changed.member("issuer").as_str(),
            changed.headers.get("x-scene").unwrap().as_bytes()
        ),
        ("https://elsewhere.example", b"1".as_slice())
    );
    let honest = bench.get("acme", Endpoint::Discovery).await;
    assert_eq!(honest.member("issuer"), bench.idp.issuer("acme"));
    bench.idp.play(ChangeAnswer::of(Endpoint::Authorization, |answer| {
        answer.change_header("location", |location| location.replace("code=", "nocode="));
    }));
    let device = Device::new();
    let answer = bench
        .authorize("acme", Some(&device), &Parameters::enrolling(&device))
        .await;
    assert!(answer.redirected("code").is_none() && answer.redirected("nocode").is_some());
    assert_eq!(bench.idp.realm("acme").users().len(), 1, "the work was done");
}

#[tokio::test]
async fn an_answer_instead_of_the_work_does_nothing_and_plays_on_its_grant_alone() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let refused = ChangeAnswer::of(Endpoint::Token, |answer| answer.become_json(503, r#"{"error":"busy"}"#));
    bench.idp.play(refused.for_grant("refresh_token").instead_of_the_work());
    let tokens = bench.enroll("reuse0", &device).await;
    let answer = bench.refresh("reuse0", &device, &tokens.refresh, None).await;
    assert_eq!((answer.status, answer.member("error").as_str()), (503, "busy"));
    assert!(
        bench.idp.realm("reuse0").would_serve(&tokens.refresh),
        "it was not used"
    );
}

#[tokio::test]
async fn tokens_are_forged_and_the_hash_follows_the_access_token() {
    let bench = Bench::in_memory().await;
    let realm = bench.idp.realm("acme");
    bench.idp.play(ForgeTokens::of_grant(realm.clone(), CODE, |parts| {
        parts.answer.insert("expires_in".into(), json!(-1));
        parts
            .access
            .as_mut()
            .unwrap()
            .claims
            .insert("aud".into(), json!("mars"));
        let id = parts.id.as_mut().unwrap();
        id.claims.insert("email".into(), json!("eve@example.org"));
        id.header.insert("alg".into(), json!("none"));
        id.signature = Signature::None;
    }));
    let forged = bench.enroll("acme", &Device::new()).await;
    assert_eq!(
        (&forged.body["expires_in"], &claims_of(&forged.access)["aud"]),
        (&json!(-1), &json!("mars"))
    );
    let id = claims_of(&forged.id);
    assert_eq!(
        (&id["email"], &header_of(&forged.id)["alg"]),
        (&json!("eve@example.org"), &json!("none"))
    );
    assert!(forged.id.ends_with('.'));
    let hash = crate::device::decode_base64url(&sha256_base64url(&forged.access));
    assert_eq!(id["at_hash"], base64url(&hash[..16]));
    bench.idp.play(ForgeTokens::of_grant(realm, CODE, |parts| {
        parts.answer.insert("access_token".into(), json!("opaque"));
        (parts.access, parts.id) = (None, None);
    }));
    let forged = bench.enroll("acme", &Device::new()).await;
    assert_eq!((forged.access.as_str(), forged.id.as_str()), ("opaque", ""));
}

#[tokio::test]
async fn a_forged_signature_is_another_one_each_time() {
    let bench = Bench::in_memory().await;
    let mut seen = Vec::new();
    for signature in [
        Signature::Realm,
        Signature::Foreign,
        Signature::MacOfPublicKey,
        Signature::None,
    ] {
        let change = move |parts: &mut vestibule_dev_idp::scenes::TokenParts| {
            parts.id.as_mut().unwrap().signature = signature;
        };
        bench
            .idp
            .play(ForgeTokens::of_grant(bench.idp.realm("acme"), CODE, change));
        let id = bench.enroll("acme", &Device::new()).await.id;
        let bytes = crate::device::decode_base64url(id.rsplit('.').next().unwrap());
        seen.push(bytes.len());
    }
    assert_eq!(seen, [64, 64, 32, 0]);
}
