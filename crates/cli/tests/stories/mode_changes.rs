//! From mode no to a password, to another one, and back.

use serde_json::json;
use vestibule_dev_idp::{DevIdp, Settings};

use crate::device::Device;
use crate::password_mode::{PASSWORD, WRONG, enrol, files, only_record};

const OTHER: &str = "staple battery";

/// What a token command ends with when this is typed.
async fn opens_with(device: &Device, password: &str) -> Option<i32> {
    let run = device
        .run_with_input(&["token", "--audience", "orders"], &format!("{password}\n"))
        .await;
    run.code
}

async fn change(device: &Device, to: &str, input: &str) {
    let run = device.run_with_input(&["mode", "--to", to, "--json"], input).await;
    let object = run.json();
    assert_eq!(
        (run.code, &object["event"]),
        (Some(0), &json!("SetAuthenticationMode")),
        "{run:?}"
    );
    assert_eq!(
        (&object["sdk_state"], &object["outcome"]["authentication_mode"]),
        (&json!("LoggedIn"), &json!(to))
    );
    assert!(
        run.stderr.contains("the protection of the stored token changed"),
        "{run:?}"
    );
    assert_eq!(only_record(device).await["authentication_mode"], json!(to));
}

#[tokio::test]
async fn each_change_of_mode_and_of_the_password_keeps_the_user_and_makes_the_old_credential_useless() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    let user = device.json(&["enroll"]).await["outcome"]["user_identifier"].clone();
    change(&device, "password", &format!("{PASSWORD}\n")).await;
    assert_eq!(
        (opens_with(&device, WRONG).await, opens_with(&device, PASSWORD).await),
        (Some(4), Some(0))
    );
    change(&device, "password", &format!("{PASSWORD}\r\n{OTHER}\r\n")).await;
    assert_eq!(
        (opens_with(&device, PASSWORD).await, opens_with(&device, OTHER).await),
        (Some(4), Some(0))
    );
    change(&device, "no", &format!("{OTHER}\n")).await;
    assert_eq!(device.json(&["login"]).await["outcome"]["user_identifier"], user);
    assert_eq!(idp.realm("acme").users().len(), 1);

    let named = format!("acme/{}", user["user_id"].as_str().unwrap());
    let person = device
        .run_with_input(&["mode", "--to=password", &named], PASSWORD)
        .await;
    assert_eq!(person.code, Some(0), "{person:?}");
    for line in [
        "status      Ok\n",
        &format!("\nuser        {named}\n"),
        "\nmode        password: sealed",
    ] {
        assert!(person.stdout.contains(line), "{line:?} is not in {person:?}");
    }
}

#[tokio::test]
async fn a_change_that_cannot_be_made_is_refused_before_anything_is_sent_or_written() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    enrol(&device).await;
    let (before, sent) = (files(&device), idp.requests().len());
    let table: [(&str, &str, i32, &str, &str); 5] = [
        (
            "password",
            PASSWORD,
            2,
            "PasswordStdin",
            "line 2 of standard input is not the new password: the input ended",
        ),
        (
            "password",
            "",
            2,
            "PasswordStdin",
            "line 1 of standard input is not the current password: the input ended",
        ),
        (
            "password",
            "correct horse\n\nmore",
            2,
            "PasswordStdin",
            "line 2 of standard input is not the new password: it is empty",
        ),
        (
            "no",
            "",
            2,
            "PasswordStdin",
            "line 1 of standard input is not the current password: the input ended",
        ),
        (
            "biometric",
            PASSWORD,
            4,
            "BiometricUnavailable",
            "this build has no platform gate",
        ),
    ];
    for (to, input, code, cause, message) in table {
        let run = device.run_with_input(&["mode", "--to", to, "--json"], input).await;
        let failure = run.json()["failure"].clone();
        assert_eq!((run.code, &failure["cause"]), (Some(code), &json!(cause)), "{run:?}");
        assert!(failure["message"].as_str().unwrap().contains(message), "{run:?}");
        assert_eq!(failure["not_done"], true);
        assert!(files(&device) == before, "{to} {input:?}: something was written");
    }
    assert_eq!(idp.requests().len(), sent);
}

#[tokio::test]
async fn a_wrong_current_password_changes_nothing() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    enrol(&device).await;
    let sent = idp.requests().len();
    for to in ["password", "no"] {
        let run = device
            .run_with_input(&["mode", "--to", to, "--json"], &format!("{WRONG}\n{OTHER}\n"))
            .await;
        assert_eq!(
            (run.code, &run.json()["status"]),
            (Some(4), &json!("WrongCredentials")),
            "{run:?}"
        );
    }
    assert_eq!(idp.requests().len(), sent);
    assert_eq!(
        (opens_with(&device, OTHER).await, opens_with(&device, PASSWORD).await),
        (Some(4), Some(0))
    );
}

#[tokio::test]
async fn a_process_killed_at_any_write_of_a_change_leaves_the_old_mode_or_the_new_one() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    let user = device.json(&["enroll"]).await["outcome"]["user_identifier"].clone();
    let mut met = Vec::new();
    // So many writes to the directory are seen before it is killed; at last it ends by itself.
    for writes in [1, 4, 6, 7, 8, 9, 10, usize::MAX] {
        let arguments = ["mode", "--to=password", "--password-stdin"];
        let mut before = files(&device);
        let mut command = device.spawn_with_input(&arguments, PASSWORD.as_bytes()).await;
        let mut seen = 0;
        while seen < writes && command.try_wait().unwrap().is_none() {
            tokio::task::yield_now().await;
            let now = files(&device);
            seen += usize::from(now != before);
            before = now;
        }
        command.start_kill().ok();
        command.wait().await.unwrap();
        let mode = only_record(&device).await["authentication_mode"]
            .as_str()
            .unwrap()
            .to_owned();
        if mode == "password" {
            change(&device, "no", PASSWORD).await;
        }
        assert_eq!(
            device.json(&["login"]).await["outcome"]["user_identifier"],
            user,
            "{mode}"
        );
        met.push(mode);
    }
    assert_eq!((met[0].as_str(), met[7].as_str()), ("no", "password"), "{met:?}");
    assert_eq!(idp.realm("acme").users().len(), 1);
}
