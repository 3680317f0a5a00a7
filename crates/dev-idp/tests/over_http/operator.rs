//! What the operator of a realm does, and what the request log tells.

use vestibule_dev_idp::{AdminError, Endpoint, Outcome, fingerprint};

use crate::bench::{Bench, START};
use crate::device::{Device, claims_of, header_of};

#[tokio::test]
async fn each_act_of_the_operator_is_met_in_keycloaks_words_and_some_can_be_undone() {
    let bench = Bench::in_memory().await;
    let realm = bench.idp.realm("acme");
    let device = Device::new();
    let refresh = bench.enroll("acme", &device).await.refresh;
    let user = realm.users()[0].id.clone();
    let said = async || bench.refresh("acme", &device, &refresh, None).await.refusal().2;

    realm.set_enabled(&user, false).unwrap();
    assert!(!realm.would_serve(&refresh));
    assert_eq!(said().await, "User disabled");
    realm.set_enabled(&user, true).unwrap();
    realm.set_not_before(START + 1).unwrap();
    assert!(!realm.would_serve(&refresh));
    assert_eq!(said().await, "Stale token");
    realm.set_not_before(0).unwrap();
    bench.refresh("acme", &device, &refresh, None).await.tokens();
    realm.end_sessions(&user).unwrap();
    assert_eq!(said().await, "Session not active");
    assert_eq!(realm.users().len(), 1);
    realm.delete_user(&user).unwrap();
    assert_eq!(realm.users(), []);
    assert_eq!(realm.delete_user(&user), Err(AdminError::NoSuchUser(user)));
}

#[tokio::test]
async fn a_disabled_user_gets_no_code_and_no_tokens() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let code = bench.code("acme", &device).await;
    let user = bench.idp.realm("acme").users()[0].id.clone();
    bench.idp.realm("acme").set_enabled(&user, false).unwrap();
    assert_eq!(bench.redeem("acme", &device, &code).await.refusal().2, "User disabled");
    let parameters = crate::bench::Parameters::enrolling(&device);
    let refused = bench.authorize("acme", Some(&device), &parameters).await;
    assert_eq!(refused.redirected("error").as_deref(), Some("access_denied"));
}

#[tokio::test]
async fn a_deleted_user_comes_back_by_its_key_with_the_same_id_and_is_called_new() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let before = claims_of(&bench.enroll("acme", &device).await.id);
    bench
        .idp
        .realm("acme")
        .delete_user(before["sub"].as_str().unwrap())
        .unwrap();
    let after = claims_of(&bench.enroll("acme", &device).await.id);
    assert_eq!((&after["sub"], &after["device_user"]), (&before["sub"], &"new".into()));
}

#[tokio::test]
async fn a_new_signing_key_signs_from_then_on_and_the_old_one_stays_listed() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let tokens = bench.enroll("acme", &device).await;
    bench.idp.realm("acme").add_signing_key().unwrap();
    let newer = bench.refresh("acme", &device, &tokens.refresh, None).await.tokens();
    let keys = bench.get_json("acme", Endpoint::KeySet).await;
    let kids: Vec<_> = keys["keys"]
        .as_array()
        .unwrap()
        .iter()
        .skip(1)
        .map(|key| key["kid"].clone())
        .collect();
    assert_eq!(
        kids,
        [
            header_of(&tokens.access)["kid"].clone(),
            header_of(&newer.access)["kid"].clone()
        ]
    );
}

#[tokio::test]
async fn the_request_log_tells_who_sent_which_token_and_what_became_of_it() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let tokens = bench.enroll("acme", &device).await;
    let next = bench
        .refresh("acme", &device, &tokens.refresh, Some("aud:orders"))
        .await
        .tokens();
    let spoilt = bench.refresh("acme", &device, &next.refresh, Some("aud:nobody")).await;
    assert_eq!(spoilt.status, 400);
    let log = bench.idp.requests();
    let paths: Vec<_> = log
        .iter()
        .map(|request| (request.method.as_str(), request.endpoint))
        .collect();
    let token = ("POST", Endpoint::Token);
    assert_eq!(paths, [("GET", Endpoint::Authorization), token, token, token]);
    let user = bench.idp.realm("acme").users()[0].id.clone();
    let refresh = &log[2];
    assert_eq!(
        (refresh.tenant.as_str(), refresh.client.as_deref()),
        ("acme", Some("AstDeviceEnrollment"))
    );
    assert_eq!(refresh.path, "/realms/acme/protocol/openid-connect/token");
    assert_eq!(
        (refresh.grant_type.as_deref(), refresh.scope.as_deref()),
        (Some("refresh_token"), Some("aud:orders"))
    );
    assert_eq!(refresh.refresh_token, Some(fingerprint(&tokens.refresh)));
    assert_eq!(refresh.issued_refresh_token, Some(fingerprint(&next.refresh)));
    assert_eq!(
        (refresh.proof_thumbprint.clone(), refresh.user.clone()),
        (Some(device.jkt()), Some(user))
    );
    assert_eq!(
        refresh.outcome,
        Outcome::Answered {
            status: 200,
            error: None
        }
    );
    assert_eq!(
        log[3].outcome,
        Outcome::Answered {
            status: 400,
            error: Some("invalid_scope".to_owned())
        }
    );
    assert_eq!(log[3].issued_refresh_token, None);
    assert!(
        log.windows(2).all(|pair| pair[0].ended.unwrap() < pair[1].arrived),
        "one after the other"
    );
}

#[tokio::test]
async fn no_secret_stands_in_the_log_or_in_a_log_line() {
    // For the whole process: other tests run beside this one, and a scoped subscriber misses lines then.
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt().with_env_filter("vestibule_dev_idp=trace");
    subscriber.with_ansi(false).with_writer(move || writer.clone()).init();
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let code = bench.code("canary", &device).await;
    let tokens = bench.redeem("canary", &device, &code).await.tokens();
    bench.refresh("canary", &device, &tokens.refresh, None).await.tokens();
    let lines = lines.text();
    let ours: Vec<_> = lines.lines().filter(|line| line.contains("/realms/canary/")).collect();
    assert_eq!(ours.len(), 3, "{ours:?}");
    assert!(ours[2].contains(&fingerprint(&tokens.refresh)));
    let told = format!(
        "{lines}{:?}{:?}{:?}",
        bench.idp.requests(),
        bench.idp,
        bench.idp.realm("canary").users()
    );
    for secret in [
        &code,
        &tokens.access,
        &tokens.refresh,
        &tokens.id,
        &crate::bench::VERIFIER.to_owned(),
    ] {
        let signature = secret.rsplit('.').next().unwrap();
        assert!(!told.contains(signature), "{told}");
    }
}

/// Log lines, kept.
#[derive(Clone, Default)]
struct Lines(std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

impl Lines {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
