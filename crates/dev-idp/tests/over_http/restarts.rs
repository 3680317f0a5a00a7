//! What survives a restart, and who may serve a state file.

use std::os::unix::fs::PermissionsExt as _;

use vestibule_dev_idp::{DevIdp, Endpoint, Settings, StartError};

use crate::bench::{Bench, Parameters};
use crate::device::{Device, claims_of};

#[tokio::test]
async fn users_sessions_keys_codes_and_the_port_survive_a_restart() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("state/dev-idp.json");
    let bench = Bench::start(Settings::kept_in(&file)).await;
    let (device, other) = (Device::new(), Device::new());
    let tokens = bench.enroll("reuse1", &device).await;
    bench.refresh("reuse1", &device, &tokens.refresh, None).await.tokens();
    let code = bench.code("acme", &other).await;
    let pushed = bench
        .post(
            "acme",
            Endpoint::PushedAuthorization,
            None,
            &Parameters::enrolling(&other),
        )
        .await;
    let before = (
        bench.idp.port(),
        bench.idp.realm("reuse1").users(),
        bench.get_json("reuse1", Endpoint::KeySet).await,
    );
    bench.idp.shutdown().await;

    let bench = Bench::start(Settings::kept_in(&file)).await;
    let keys = bench.get_json("reuse1", Endpoint::KeySet).await;
    assert_eq!((bench.idp.port(), bench.idp.realm("reuse1").users(), keys), before);
    bench.refresh("reuse1", &device, &tokens.refresh, None).await.tokens();
    let third = bench.refresh("reuse1", &device, &tokens.refresh, None).await;
    assert_eq!(
        third.refusal().2,
        "Maximum allowed refresh token reuse exceeded",
        "the first use was remembered"
    );
    bench.redeem("acme", &other, &code).await.tokens();
    assert_eq!(bench.redeem("acme", &other, &code).await.refusal().2, "Code not valid");
    let reference = [
        ("client_id", "AstDeviceEnrollment"),
        ("request_uri", &pushed.member("request_uri")),
    ];
    let answer = bench.authorize("acme", Some(&other), &Parameters::of(&reference)).await;
    assert!(answer.redirected("code").is_some());
}

#[tokio::test]
async fn what_was_answered_is_in_the_file_although_the_server_was_never_shut_down() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("dev-idp.json");
    let bench = Bench::start(Settings::kept_in(&file)).await;
    let device = Device::new();
    let tokens = bench.enroll("acme", &device).await;
    // What a kill leaves: the file as it is now, without any farewell.
    let copy = home.path().join("copy.json");
    std::fs::copy(&file, &copy).unwrap();
    bench.idp.shutdown().await;
    let bench = Bench::start(Settings::kept_in(&copy)).await;
    let after = bench.refresh("acme", &device, &tokens.refresh, None).await.tokens();
    assert_eq!(claims_of(&after.id)["sub"], claims_of(&tokens.id)["sub"]);
}

#[tokio::test]
async fn a_served_file_tells_its_port_and_is_free_after_the_shutdown() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("dev-idp.json");
    let first = DevIdp::start(Settings::kept_in(&file)).await.unwrap();
    let port = first.port();
    let refused = DevIdp::start(Settings::kept_in(&file)).await;
    assert!(
        matches!(refused, Err(StartError::Locked { port: told }) if told == port),
        "{refused:?}"
    );
    assert_eq!(DevIdp::issuer_template_at(port), first.issuer_template());
    first.shutdown().await;
    let again = DevIdp::start(Settings::kept_in(&file)).await.unwrap();
    assert_eq!(again.port(), port);
    drop(again);
    // A dropped server ends in its own time. Until then the file is locked, never free with the port still taken.
    loop {
        match DevIdp::start(Settings::kept_in(&file)).await {
            Err(StartError::Locked { .. }) => tokio::task::yield_now().await,
            started => break drop(started.unwrap()),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_that_start_at_once_one_serves_and_the_others_learn_its_port() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("dev-idp.json");
    let mut starts = tokio::task::JoinSet::new();
    for _ in 0..8 {
        starts.spawn(DevIdp::start(Settings::kept_in(&file)));
    }
    let results = starts.join_all().await;
    let serving: Vec<_> = results
        .iter()
        .filter_map(|result| result.as_ref().ok().map(DevIdp::port))
        .collect();
    let told: Vec<_> = results
        .iter()
        .filter_map(|result| match result {
            Err(StartError::Locked { port }) => Some(*port),
            _ => None,
        })
        .collect();
    assert_eq!((serving.len(), told), (1, vec![serving[0]; 7]));
}

#[tokio::test]
async fn a_port_in_foreign_hands_is_a_clear_error_and_another_port_can_be_chosen() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("dev-idp.json");
    let first = DevIdp::start(Settings::kept_in(&file)).await.unwrap();
    let port = first.port();
    first.shutdown().await;
    let stranger = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let refused = DevIdp::start(Settings::kept_in(&file)).await.unwrap_err();
    assert!(
        matches!(refused, StartError::PortTaken { port: taken } if taken == port),
        "{refused:?}"
    );
    assert!(refused.to_string().contains(&port.to_string()));
    let elsewhere = DevIdp::start(Settings::kept_in(&file).port(0)).await.unwrap();
    assert_ne!(elsewhere.port(), port);
    drop(stranger);
}

#[tokio::test]
async fn a_file_that_is_no_state_is_refused_and_left_as_it_is() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("dev-idp.json");
    for text in ["", "{}", "not json", r#"{"format":2,"port":1,"realms":{}}"#] {
        std::fs::write(&file, text).unwrap();
        let refused = DevIdp::start(Settings::kept_in(&file)).await.unwrap_err();
        assert!(
            matches!(&refused, StartError::StateFile { path, .. } if *path == file),
            "{refused:?}"
        );
        assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
    }
}

#[tokio::test]
async fn nobody_else_may_read_the_file_and_no_token_or_code_lies_in_it() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("dev-idp.json");
    let bench = Bench::start(Settings::kept_in(&file)).await;
    let device = Device::new();
    let code = bench.code("acme", &device).await;
    let tokens = bench.redeem("acme", &device, &code).await.tokens();
    assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = std::fs::read_to_string(&file).unwrap();
    for secret in [&code, &tokens.access, &tokens.refresh, &tokens.id] {
        assert!(!text.contains(secret.as_str()));
    }
}

#[tokio::test]
async fn a_change_that_cannot_be_written_is_undone_and_answered_as_the_servers_fault() {
    let home = tempfile::tempdir().unwrap();
    let file = home.path().join("dev-idp.json");
    let bench = Bench::start(Settings::kept_in(&file)).await;
    let device = Device::new();
    let tokens = bench.enroll("reuse0", &device).await;
    // The temporary file cannot be made while a directory has its name.
    let temporary = home.path().join("dev-idp.json.new");
    std::fs::create_dir(&temporary).unwrap();
    let failed = bench.refresh("reuse0", &device, &tokens.refresh, None).await;
    assert_eq!((failed.status, failed.member("error").as_str()), (500, "server_error"));
    std::fs::remove_dir(&temporary).unwrap();
    bench.refresh("reuse0", &device, &tokens.refresh, None).await.tokens();
}
