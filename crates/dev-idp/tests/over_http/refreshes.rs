//! A refresh: narrowed scope, dropped scope, whose key, until when.

use serde_json::{Value, json};
use vestibule_dev_idp::client::PUSHED_ONLY;
use vestibule_dev_idp::{Endpoint, RealmSettings, SESSION_LIFETIME_S, STOCK_SESSION_LIFETIME_S, Settings};

use crate::bench::{Bench, Parameters, START, WIDE_SCOPE};
use crate::device::{Device, claims_of};

#[tokio::test]
async fn a_narrowed_refresh_gives_one_audience_and_the_next_may_take_the_other() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let mut refresh = bench.enroll("acme", &device).await.refresh;
    let table = [
        (Some("aud:orders"), "aud:orders", json!("orders")),
        (Some("aud:billing"), "aud:billing", json!("billing")),
        (
            Some("aud:billing aud:orders"),
            "aud:orders aud:billing",
            json!(["orders", "billing"]),
        ),
        (Some("openid"), "openid", Value::Null),
        (None, WIDE_SCOPE, json!(["orders", "billing"])),
        (Some(""), WIDE_SCOPE, json!(["orders", "billing"])),
    ];
    for (asked, scope, audience) in table {
        let tokens = bench.refresh("acme", &device, &refresh, asked).await.tokens();
        let access = claims_of(&tokens.access);
        assert_eq!(
            (&tokens.body["scope"], &access["scope"], &access["aud"]),
            (&json!(scope), &json!(scope), &audience)
        );
        assert_eq!(tokens.body["token_type"], "Bearer");
        assert_eq!(access.get("cnf"), None);
        let id = claims_of(&tokens.id);
        assert_eq!(
            (&id["nonce"], &id["device_user"]),
            (&json!("nonce-1"), &json!("known")),
            "an ID token comes all the same"
        );
        assert_ne!(tokens.refresh, refresh);
        refresh = tokens.refresh;
    }
}

#[tokio::test]
async fn a_known_scope_that_was_not_granted_falls_away_without_a_word_and_an_unknown_one_spoils_the_request() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let narrow = Parameters::enrolling(&device).with("scope", "openid aud:orders");
    let code = bench
        .authorize("acme", Some(&device), &narrow)
        .await
        .redirected("code")
        .unwrap();
    let refresh = bench.redeem("acme", &device, &code).await.tokens().refresh;
    let dropped = bench
        .refresh("acme", &device, &refresh, Some("aud:billing"))
        .await
        .tokens();
    assert_eq!(dropped.body["scope"], "");
    assert_eq!(claims_of(&dropped.access).get("aud"), None);
    let spoilt = bench
        .refresh("acme", &device, &refresh, Some("aud:orders aud:nobody"))
        .await;
    assert_eq!(
        spoilt.refusal(),
        (
            400,
            "invalid_scope".to_owned(),
            "Invalid scopes: aud:orders aud:nobody".to_owned()
        )
    );
    let kept = bench.refresh("acme", &device, &refresh, None).await.tokens();
    assert_eq!(kept.body["scope"], "openid aud:orders");
}

#[tokio::test]
async fn a_refresh_token_is_good_for_its_client_and_its_key_alone() {
    let bench = Bench::in_memory().await;
    let (device, thief) = (Device::new(), Device::new());
    let refresh = bench.enroll("acme", &device).await.refresh;
    let elsewhere = bench.enroll("globex", &device).await.refresh;
    let good = Parameters::refreshing(&refresh);
    let mut forged = refresh.clone();
    forged.replace_range(forged.len() - 4.., "AAAA");
    let table = [
        (good.clone(), None, "invalid_dpop_proof", "DPoP proof is missing"),
        (
            good.clone(),
            Some(&thief),
            "invalid_grant",
            "DPoP confirmation doesn't match DPoP proof",
        ),
        (
            good.clone().with("client_id", PUSHED_ONLY),
            Some(&device),
            "invalid_grant",
            "Invalid refresh token. Token client and authorized client don't match",
        ),
        (
            good.clone().with("refresh_token", "nonsense"),
            Some(&device),
            "invalid_grant",
            "Invalid refresh token",
        ),
        (
            good.clone().with("refresh_token", &elsewhere),
            Some(&device),
            "invalid_grant",
            "Invalid refresh token",
        ),
        (
            good.clone().with("refresh_token", &forged),
            Some(&device),
            "invalid_grant",
            "Invalid refresh token",
        ),
        (
            good.clone().without("refresh_token"),
            Some(&device),
            "invalid_request",
            "Missing parameter: refresh_token",
        ),
    ];
    for (form, prover, error, description) in table {
        let refused = bench.post("acme", Endpoint::Token, prover, &form).await;
        assert_eq!(refused.refusal(), (400, error.to_owned(), description.to_owned()));
    }
    bench.post("acme", Endpoint::Token, Some(&device), &good).await.tokens();
}

#[tokio::test]
async fn a_session_lives_as_long_as_its_realm_says_from_its_last_refresh() {
    let bench = Bench::in_memory().await;
    for (tenant, lifetime_s) in [("acme", SESSION_LIFETIME_S), ("stock", STOCK_SESSION_LIFETIME_S)] {
        let device = Device::new();
        bench.clock.set(START);
        let first = bench.enroll(tenant, &device).await;
        assert_eq!(first.body["refresh_expires_in"], lifetime_s);
        bench.clock.set(START + lifetime_s - 1);
        let second = bench.refresh(tenant, &device, &first.refresh, None).await.tokens();
        assert_eq!(second.body["refresh_expires_in"], lifetime_s);
        bench.clock.set(START + lifetime_s);
        assert!(
            !bench.idp.realm(tenant).would_serve(&first.refresh)
                && bench.idp.realm(tenant).would_serve(&second.refresh)
        );
        let ended = bench.refresh(tenant, &device, &first.refresh, None).await;
        assert_eq!(
            ended.refusal(),
            (400, "invalid_grant".to_owned(), "Token is not active".to_owned())
        );
        bench.refresh(tenant, &device, &second.refresh, None).await.tokens();
    }
}

#[tokio::test]
async fn an_endless_session_says_zero_and_does_not_end() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let tokens = bench.enroll("endless", &device).await;
    assert_eq!(tokens.body["refresh_expires_in"], 0);
    assert_eq!(claims_of(&tokens.refresh).get("exp"), None);
    bench.clock.advance(100 * 365 * 24 * 3600);
    bench.refresh("endless", &device, &tokens.refresh, None).await.tokens();
}

#[tokio::test]
async fn a_realm_can_be_made_by_settings_and_an_access_token_never_outlives_its_session() {
    let mut settings = RealmSettings::for_tenant("endless");
    (settings.access_token_lifetime_s, settings.session_lifetime_s) = (60, 20);
    let bench = Bench::start(Settings::in_memory().realm("acme", settings)).await;
    let tokens = bench.enroll("acme", &Device::new()).await;
    assert_eq!(
        (&tokens.body["expires_in"], &tokens.body["refresh_expires_in"]),
        (&json!(20), &json!(20))
    );
    assert_eq!(claims_of(&tokens.access)["exp"], START + 20);
}
