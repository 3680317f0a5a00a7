//! The happy path: discovery, a code without a person, tokens, and who the user is.

use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use serde_json::{Value, json};
use vestibule_dev_idp::client::{DEVICE_ENROLLMENT, PRIVATE_REDIRECT_URI};
use vestibule_dev_idp::{Endpoint, SESSION_LIFETIME_S};

use crate::bench::{Bench, Parameters, START};
use crate::device::{Device, claims_of, decode_base64url, header_of, sha256_base64url};

#[tokio::test]
async fn a_device_enrols_in_one_request_and_its_tokens_say_so() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let answer = bench
        .authorize("acme", Some(&device), &Parameters::enrolling(&device))
        .await;
    assert_eq!(answer.status, 302);
    let location = answer.headers["location"].to_str().unwrap();
    assert!(location.starts_with(&format!("{PRIVATE_REDIRECT_URI}?")), "{location}");
    assert_eq!(answer.redirected("state").as_deref(), Some("state-1"));
    assert_eq!(answer.redirected("iss"), Some(bench.idp.issuer("acme")));
    let code = answer.redirected("code").unwrap();
    let session = answer.redirected("session_state").unwrap();

    let tokens = bench.redeem("acme", &device, &code).await.tokens();
    let user = bench.idp.realm("acme").users()[0].id.clone();
    assert_eq!(tokens.body["token_type"], "Bearer");
    assert_eq!(tokens.body["expires_in"], 300);
    assert_eq!(tokens.body["refresh_expires_in"], SESSION_LIFETIME_S);
    assert_eq!(tokens.body["scope"], "openid aud:orders aud:billing");
    let common = json!({
        "exp": START + 300, "iat": START, "iss": bench.idp.issuer("acme"), "sub": user, "sid": session,
        "azp": DEVICE_ENROLLMENT, "acr": "0",
    });
    let access = with(
        &common,
        json!({
            "typ": "Bearer", "scope": "openid aud:orders aud:billing", "aud": ["orders", "billing"],
        }),
    );
    assert_eq!(without_jti(&tokens.access), access);
    let at_hash = decode_base64url(&sha256_base64url(&tokens.access));
    let id = with(
        &common,
        json!({
            "typ": "ID", "aud": DEVICE_ENROLLMENT, "nonce": "nonce-1", "auth_time": START,
            "at_hash": crate::device::base64url(&at_hash[..16]), "device_jkt": device.jkt(), "device_user": "new",
        }),
    );
    assert_eq!(without_jti(&tokens.id), id);
}

#[tokio::test]
async fn tokens_are_signed_by_the_realms_own_key_and_the_encryption_key_signs_nothing() {
    let bench = Bench::in_memory().await;
    let tokens = bench.enroll("acme", &Device::new()).await;
    for token in [&tokens.access, &tokens.id] {
        assert_eq!(header_of(token)["typ"], "JWT");
        let keys = bench.get_json("acme", Endpoint::KeySet).await;
        let uses: Vec<_> = keys["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|key| key["use"].clone())
            .collect();
        assert_eq!(uses, ["enc", "sig"]);
        assert!(verified_by(&keys, token));
        let foreign = bench.get_json("other", Endpoint::KeySet).await;
        assert!(!verified_by(&foreign, token));
    }
}

#[tokio::test]
async fn discovery_names_the_issuer_byte_for_byte_and_every_endpoint_below_it() {
    let bench = Bench::in_memory().await;
    let origin = format!("http://127.0.0.1:{}/realms/", bench.idp.port());
    assert_eq!(bench.idp.issuer_template(), format!("{origin}{{tenant}}"));
    for (tenant, segment) in [
        ("acme", "acme"),
        ("Ünïted Ltd", "%C3%9Cn%C3%AFted%20Ltd"),
        ("a+b&c", "a+b&c"),
        ("{x}", "%7Bx%7D"),
    ] {
        let issuer = format!("{origin}{segment}");
        assert_eq!(bench.idp.issuer(tenant), issuer);
        let metadata = bench.get_json(tenant, Endpoint::Discovery).await;
        assert_eq!(metadata["issuer"], issuer);
        for (member, endpoint) in [
            ("authorization_endpoint", Endpoint::Authorization),
            ("token_endpoint", Endpoint::Token),
            ("jwks_uri", Endpoint::KeySet),
            ("revocation_endpoint", Endpoint::Revocation),
            ("pushed_authorization_request_endpoint", Endpoint::PushedAuthorization),
        ] {
            assert_eq!(metadata[member], format!("{issuer}{}", endpoint.path()));
        }
        assert_eq!(
            metadata["scopes_supported"],
            json!(["openid", "aud:orders", "aud:billing"])
        );
        assert_eq!(metadata["token_endpoint_auth_methods_supported"], Value::Null);
    }
}

#[tokio::test]
async fn a_tenant_spelt_with_more_percent_signs_is_the_same_realm_under_that_spelling() {
    let bench = Bench::in_memory().await;
    let spelt = format!("http://127.0.0.1:{}/realms/%61cme", bench.idp.port());
    let url = format!("{spelt}{}", Endpoint::Discovery.path());
    let metadata = bench.send(bench.http().get(url)).await.json();
    assert_eq!(metadata["issuer"], spelt);
    assert_eq!(bench.idp.requests()[0].tenant, "acme");
}

#[tokio::test]
async fn the_same_key_is_the_same_user_and_its_older_session_ends_at_the_exchange_not_before() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let first = bench.enroll("acme", &device).await;
    let code = bench.code("acme", &device).await;
    assert!(bench.idp.realm("acme").would_serve(&first.refresh));
    let second = bench.redeem("acme", &device, &code).await.tokens();
    assert_eq!(claims_of(&first.id)["sub"], claims_of(&second.id)["sub"]);
    assert_eq!(claims_of(&first.id)["device_user"], "new");
    assert_eq!(claims_of(&second.id)["device_user"], "known");
    assert!(!bench.idp.realm("acme").would_serve(&first.refresh));
    assert!(bench.idp.realm("acme").would_serve(&second.refresh));
    let users = bench.idp.realm("acme").users();
    assert_eq!(users.len(), 1);
    assert_eq!(bench.idp.realm("acme").live_sessions(&users[0].id).len(), 1);
    let elsewhere = bench.enroll("globex", &device).await;
    assert_ne!(claims_of(&elsewhere.id)["sub"], claims_of(&second.id)["sub"]);
}

#[tokio::test]
async fn a_user_whose_first_code_was_never_redeemed_is_still_new() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    bench.code("acme", &device).await;
    let tokens = bench.enroll("acme", &device).await;
    assert_eq!(claims_of(&tokens.id)["device_user"], "new");
}

#[tokio::test]
async fn a_plain_realm_makes_a_user_for_each_enrolment_and_says_nothing_of_the_key() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let first = bench.enroll("plain", &device).await;
    let second = bench.enroll("plain", &device).await;
    assert_ne!(claims_of(&first.id)["sub"], claims_of(&second.id)["sub"]);
    assert_eq!(claims_of(&first.id).get("device_jkt"), None);
    assert_eq!(claims_of(&first.id).get("device_user"), None);
    assert!(
        bench.idp.realm("plain").would_serve(&first.refresh),
        "older sessions live on"
    );
}

fn with(common: &Value, more: Value) -> Value {
    let mut all = common.clone();
    all.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    all
}

fn without_jti(jwt: &str) -> Value {
    let mut claims = claims_of(jwt);
    assert!(claims.as_object_mut().unwrap().remove("jti").is_some());
    claims
}

fn verified_by(keys: &Value, jwt: &str) -> bool {
    let kid = header_of(jwt)["kid"].clone();
    let Some(key) = keys["keys"].as_array().unwrap().iter().find(|key| key["kid"] == kid) else {
        return false;
    };
    let coordinate = |name: &str| decode_base64url(key[name].as_str().unwrap());
    let point = [vec![4], coordinate("x"), coordinate("y")].concat();
    let (input, signature) = jwt.rsplit_once('.').unwrap();
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point);
    key.verify(input.as_bytes(), &decode_base64url(signature)).is_ok()
}
