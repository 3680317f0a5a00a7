//! A newcomer's first minutes: nothing is configured, and each command is a new process.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};

use crate::device::{Device, members};

#[tokio::test]
async fn with_nothing_configured_a_device_enrols_and_comes_back_in_new_processes_as_the_same_user() {
    let device = Device::fresh();

    let enrolled = device.json(&["enroll"]).await;
    assert_eq!(members(&enrolled), ["event", "outcome", "sdk_state", "status"]);
    assert_eq!(enrolled["event"], "EnrollAnonymousUser");
    assert_eq!(
        (&enrolled["status"], &enrolled["sdk_state"]),
        (&json!("Ok"), &json!("LoggedIn"))
    );
    let outcome = &enrolled["outcome"];
    let promised = [
        "authentication_mode",
        "recoverable",
        "session_expires_at",
        "user_identifier",
    ];
    assert_eq!(members(outcome), promised);
    assert_eq!(
        (&outcome["authentication_mode"], &outcome["recoverable"]),
        (&json!("no"), &json!(true))
    );
    assert!(is_time(&outcome["session_expires_at"]), "{outcome}");
    let user = &outcome["user_identifier"];
    assert_eq!(
        (members(user), &user["tenant_id"]),
        (vec!["tenant_id", "user_id"], &json!("acme"))
    );

    let login = device.json(&["login"]).await;
    assert_eq!(
        (&login["event"], &login["sdk_state"]),
        (&json!("OfflineLogin"), &json!("LoggedIn"))
    );
    assert_eq!(&login["outcome"]["user_identifier"], user);

    let token = device.json(&["token", "--audience", "orders"]).await;
    assert_eq!(
        (&token["event"], &token["status"]),
        (&json!("ExchangeIamToken"), &json!("Ok"))
    );
    assert_eq!(members(&token["outcome"]), ["audience", "expires_at", "scope"]);
    assert_eq!(token["outcome"]["audience"], "orders");
    assert_eq!(token["outcome"]["scope"], json!(["aud:orders"]));
    assert!(is_time(&token["outcome"]["expires_at"]));

    let named = format!("acme/{}", user["user_id"].as_str().unwrap());
    let list = device.json(&["list"]).await;
    let record = &list["outcome"]["records"][0];
    assert_eq!((&record["user_identifier"], &record["stage"]), (user, &json!("Active")));
    for who in [named.as_str(), record["record"].as_str().unwrap()] {
        let token = device
            .json(&["token", who, "--audience", "billing", "--force", "--reveal"])
            .await;
        assert_eq!(token["outcome"]["token"].as_str().unwrap().split('.').count(), 3);
    }

    let status = device.json(&["status"]).await;
    assert_eq!(
        (&status["event"], &status["sdk_state"]),
        (&json!("GetInformation"), &json!("LoginRequired"))
    );
    assert_eq!(status["outcome"]["users"], json!([user]));
    assert_eq!(status["outcome"]["data_dir"], json!(device.data_dir()));
    assert_eq!(status["outcome"]["state_dir"], json!(device.state_dir()));

    let again = device.run(&["enroll", "--json"]).await;
    assert_eq!(
        (again.code, &again.json()["status"]),
        (Some(9), &json!("UserIdAlreadyExists"))
    );
    assert_eq!(again.json()["failure"]["not_done"], true);
}

#[tokio::test]
async fn a_person_reads_what_was_met_what_was_done_and_where_it_is_kept() {
    let device = Device::fresh();
    let enrolled = device.run(&["enroll"]).await;
    assert_eq!(enrolled.code, Some(0), "{enrolled:?}");
    assert!(
        enrolled
            .stderr
            .starts_with("No issuer is configured: a development IdP serves at http://127.0.0.1:")
    );
    assert!(enrolled.stderr.contains("next: "), "{enrolled:?}");
    assert!(
        !enrolled.stderr.contains("note: "),
        "a session of thirty days is nothing to warn of: {enrolled:?}"
    );
    let begins = [
        "state       ActivationRequired: ",
        "enrolling   at http://127.0.0.1:",
        "",
        "status      Ok",
        "state       LoggedIn: ",
        "user        acme/",
        "mode        no: ",
        "recoverable yes: ",
        "session     ends ",
        "kept in     ~/.local/share/vestibule, its key in ~/.local/state/vestibule",
    ];
    assert_eq!(enrolled.stdout.lines().count(), begins.len(), "{enrolled:?}");
    for (line, begin) in enrolled.stdout.lines().zip(begins) {
        assert!(
            line.starts_with(begin) && line.trim_end() == line,
            "{line:?} does not begin with {begin:?}"
        );
    }

    let token = device.run(&["token", "--audience", "orders"]).await;
    assert!(
        token.stdout.contains("token       not shown; --reveal prints it"),
        "{token:?}"
    );
    let revealed = device.run(&["token", "--audience", "orders", "--reveal"]).await;
    assert_eq!(
        revealed.stdout.lines().count(),
        1,
        "the token is alone on stdout: {revealed:?}"
    );
    assert_eq!(revealed.stdout.trim_end().split('.').count(), 3);
    assert!(revealed.stderr.contains("audience    orders"));
}

#[tokio::test]
async fn before_the_first_enrolment_every_command_says_so_and_changes_nothing() {
    let device = Device::fresh();
    let table: [(&[&str], Option<i32>, &str, Value); 5] = [
        (&["status"], Some(0), "Ok", json!("GetInformation")),
        (&["list"], Some(0), "Ok", json!("Start")),
        (&["login"], Some(3), "InvalidState", json!("OfflineLogin")),
        (
            &["login", "acme/nobody"],
            Some(3),
            "InvalidState",
            json!("OfflineLogin"),
        ),
        (
            &["token", "--audience", "orders"],
            Some(3),
            "InvalidState",
            json!("OfflineLogin"),
        ),
    ];
    for (arguments, code, status, event) in table {
        let run = device.run(&[arguments, &["--json"]].concat()).await;
        let object = run.json();
        assert_eq!(
            (run.code, &object["status"], &object["event"]),
            (code, &json!(status), &event),
            "{run:?}"
        );
        assert_eq!(object["sdk_state"], "ActivationRequired");
        assert!(
            !device.state_dir().join("device-key").exists(),
            "{arguments:?} made a device key"
        );
    }
    let enrolled = device.json(&["enroll"]).await;
    assert_eq!(enrolled["status"], "Ok");
    let unknown = device.run(&["login", "acme/nobody", "--json"]).await;
    assert_eq!(
        (unknown.code, &unknown.json()["status"]),
        (Some(9), &json!("InvalidUserId"))
    );
    let refused = device.run(&["token", "--audience", "unknown", "--json"]).await;
    assert_eq!(
        (refused.code, &refused.json()["failure"]["cause"]),
        (Some(6), &json!("AccessDenied.AudienceRefused"))
    );
}

#[tokio::test]
async fn nobody_else_may_read_what_a_device_keeps() {
    let device = Device::fresh();
    device.json(&["enroll"]).await;
    for directory in [device.data_dir(), device.state_dir()] {
        assert_eq!(mode(&directory), 0o700, "{}", directory.display());
        for entry in std::fs::read_dir(&directory).unwrap() {
            let path = entry.unwrap().path();
            let expected = if path.is_dir() { 0o700 } else { 0o600 };
            assert_eq!(mode(&path), expected, "{}", path.display());
        }
    }
    assert_eq!(mode(&device.state_dir().join("device-key")), 0o600);
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

/// RFC 3339, in UTC.
fn is_time(value: &Value) -> bool {
    let text = value.as_str().unwrap();
    text.len() == "2026-11-25T10:55:44Z".len() && text.starts_with("20") && text.ends_with('Z')
}
