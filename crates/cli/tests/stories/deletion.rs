//! Deleting users and records, with the IdP up and down, with and without the credential.

use std::path::PathBuf;

use serde_json::{Value, json};
use vestibule_dev_idp::scenes::HoldTokenAnswer;
use vestibule_dev_idp::{DevIdp, Settings};

use crate::device::{Device, Run};
use crate::password_mode::{PASSWORD, WRONG, files, only_record, record_handles};

/// Where the number of its format lies in a record's file: behind 16 random bytes and eight that say whose file it is.
const FORMAT_AT: usize = 25;

/// Enrols in a mode; gives the user as commands name it, and as the IdP does.
async fn enrol(device: &Device, mode: &str) -> (String, String) {
    let arguments = ["enroll", "--mode", mode, "--json"];
    let run = device.run_with_input(&arguments, &format!("{PASSWORD}\n")).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    let user = run.json()["outcome"]["user_identifier"].clone();
    let id = user["user_id"].as_str().unwrap().to_owned();
    (format!("{}/{id}", user["tenant_id"].as_str().unwrap()), id)
}

async fn delete(device: &Device, arguments: &[&str], input: &str) -> Run {
    device
        .run_with_input(&[&["delete", "--json"], arguments].concat(), input)
        .await
}

/// What is said of a deletion that was done.
fn said(run: &Run) -> (Option<i32>, Value, Value) {
    let object = run.json();
    assert_eq!(object["event"], "DeleteUser", "{run:?}");
    (
        run.code,
        object["outcome"]["revocation"].clone(),
        object["sdk_state"].clone(),
    )
}

#[tokio::test]
async fn in_each_mode_a_deleted_user_is_gone_here_and_its_session_at_the_idp() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    for mode in ["no", "password"] {
        let device = Device::fresh_at(&idp, "acme");
        let (user, id) = enrol(&device, mode).await;
        assert_eq!(idp.realm("acme").live_sessions(&id).len(), 1);
        let run = delete(&device, &[&user], &format!("{PASSWORD}\n")).await;
        assert_eq!(
            said(&run),
            (Some(0), json!("Done"), json!("ActivationRequired")),
            "{mode}: {run:?}"
        );
        assert_eq!(run.json()["outcome"]["remaining"], json!([]));
        assert_eq!(run.json()["outcome"]["deleted"], json!(user));
        assert_eq!(idp.realm("acme").live_sessions(&id).len(), 0, "{mode}");
        assert_eq!(record_handles(&device).len(), 0, "{mode}");
        let again = delete(&device, &[&user], &format!("{PASSWORD}\n")).await;
        assert_eq!(
            (again.code, &again.json()["status"]),
            (Some(9), &json!("InvalidUserId")),
            "{again:?}"
        );
        let (new, _) = enrol(&device, mode).await;
        assert_ne!(new, user, "a new identity always has a new key");
    }
}

#[tokio::test]
async fn a_person_reads_what_became_of_the_session_and_what_is_left() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    let (user, _) = enrol(&device, "no").await;
    let other = device.json(&["enroll", "--tenant", "beta"]).await["outcome"]["user_identifier"].clone();
    let run = device.run(&["delete", &user]).await;
    let left = format!("\nleft        beta/{}\n", other["user_id"].as_str().unwrap());
    for line in [
        "status      Ok\n",
        &format!("\ndeleted     {user}\n"),
        "\nsession     revoked at the IdP\n",
        &left,
    ] {
        assert!(run.stdout.contains(line), "{line:?} is not in {run:?}");
    }
    assert_eq!(device.json(&["login"]).await["outcome"]["user_identifier"], other);
}

#[tokio::test]
async fn with_the_idp_away_the_revocation_is_queued_and_done_by_the_next_command_that_finds_it_back() {
    for mode in ["no", "password"] {
        let home = tempfile::tempdir().unwrap();
        let settings = || Settings::kept_in(home.path().join("idp.json"));
        let idp = DevIdp::start(settings()).await.unwrap();
        let device = Device::fresh_at(&idp, "acme");
        let (user, id) = enrol(&device, mode).await;
        idp.shutdown().await;

        let run = delete(&device, &[&user], &format!("{PASSWORD}\n")).await;
        assert_eq!(
            said(&run),
            (Some(0), json!("Queued"), json!("ActivationRequired")),
            "{mode}: {run:?}"
        );
        assert!(
            run.stderr.contains("note: a session at the IdP is still to be revoked"),
            "{run:?}"
        );
        assert_eq!(record_handles(&device).len(), 1, "the queue is on disk");
        assert_eq!(
            device.json(&["list"]).await["outcome"]["records"],
            json!([]),
            "and no user"
        );

        let idp = DevIdp::start(settings()).await.unwrap();
        assert_eq!(idp.realm("acme").live_sessions(&id).len(), 1);
        let next = device.run(&["status"]).await;
        assert!(
            next.stderr.contains("note: a session at the IdP was revoked"),
            "{next:?}"
        );
        assert_eq!(idp.realm("acme").live_sessions(&id).len(), 0, "{mode}");
        assert_eq!(record_handles(&device).len(), 0);
        idp.shutdown().await;
    }
}

#[tokio::test]
async fn without_the_credential_nothing_is_asked_or_sent_and_the_session_stays() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    for mode in ["no", "password"] {
        let device = Device::fresh_at(&idp, "acme");
        let (user, id) = enrol(&device, mode).await;
        let sent = idp.requests().len();
        let run = device.run(&["delete", &user, "--without-credential", "--json"]).await;
        assert_eq!(
            said(&run),
            (Some(0), json!("NotPossible"), json!("ActivationRequired")),
            "{mode}: {run:?}"
        );
        assert_eq!(idp.requests().len(), sent);
        assert_eq!(
            idp.realm("acme").live_sessions(&id).len(),
            1,
            "the residual that is said"
        );
        assert_eq!(record_handles(&device).len(), 0);
    }
}

#[tokio::test]
async fn a_wrong_password_deletes_nothing_and_the_way_without_it_is_said() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    let (user, _) = enrol(&device, "password").await;
    let sent = idp.requests().len();
    let wrong = delete(&device, &[&user], &format!("{WRONG}\n")).await;
    assert_eq!(
        (wrong.code, &wrong.json()["status"]),
        (Some(4), &json!("WrongCredentials")),
        "{wrong:?}"
    );
    let mut alone = device.command_through("setsid", &["--wait"], &["delete", &user, "--json"]);
    let alone = Run::of(alone.spawn().unwrap()).await;
    assert_eq!(
        (alone.code, &alone.json()["failure"]["cause"]),
        (Some(2), &json!("NoTerminal")),
        "{alone:?}"
    );
    for run in [&wrong, &alone] {
        let advice = run.json()["failure"]["advice"].as_str().unwrap().to_owned();
        assert!(advice.contains("delete --without-credential"), "{advice}");
    }
    assert_eq!(idp.requests().len(), sent);
    assert_eq!(only_record(&device).await["stage"], "Active");
}

#[tokio::test]
async fn an_unfinished_enrolment_is_deleted_by_its_handle() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    for (mode, flags, input) in [
        ("no", &[] as &[&str], ""),
        ("password", &[], PASSWORD),
        ("password", &["--without-credential"], ""),
    ] {
        let device = Device::fresh_at(&idp, "acme");
        let (scene, mut held) = HoldTokenAnswer::of(Some("authorization_code"));
        idp.play(scene);
        let arguments = ["enroll", "--mode", mode, "--password-stdin"];
        let mut command = device.spawn_with_input(&arguments, PASSWORD.as_bytes()).await;
        assert!(held.reached().await);
        command.start_kill().unwrap();
        command.wait().await.unwrap();
        drop(held);
        let record = only_record(&device).await;
        assert_eq!(record["stage"], "Enrolling");
        let handle = record["record"].as_str().unwrap();
        let run = delete(&device, &[&[handle], flags].concat(), input).await;
        assert_eq!(
            said(&run),
            (Some(0), json!("NotPossible"), json!("ActivationRequired")),
            "{mode}: {run:?}"
        );
        assert_eq!(record_handles(&device).len(), 0);
    }
}

#[tokio::test]
async fn a_record_of_a_newer_version_is_deleted_only_by_somebody_who_says_so() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    enrol(&device, "password").await;
    change_byte(&device, FORMAT_AT, |_| 9);
    let record = only_record(&device).await;
    assert_eq!(record["unreadable"], "NewerFormat");
    let handle = record["record"].as_str().unwrap().to_owned();
    let before = files(&device);
    for flags in [&[] as &[&str], &["--without-credential"]] {
        let run = delete(&device, &[&[handle.as_str()], flags].concat(), "").await;
        assert_eq!(
            (run.code, &run.json()["status"]),
            (Some(8), &json!("NewerFormat")),
            "{run:?}"
        );
        let failure = run.json()["failure"].clone();
        assert!(
            failure["advice"].as_str().unwrap().contains("delete --even-newer"),
            "{failure}"
        );
        assert_eq!(
            (failure["not_done"].as_bool(), files(&device) == before),
            (Some(true), true)
        );
    }
    let run = delete(&device, &[&handle, "--even-newer"], "").await;
    assert_eq!(
        said(&run),
        (Some(0), json!("NotPossible"), json!("ActivationRequired")),
        "{run:?}"
    );
    assert_eq!(record_handles(&device).len(), 0);
}

#[tokio::test]
async fn a_corrupted_record_is_deleted_by_its_handle_and_asks_for_nothing() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    for mode in ["no", "password"] {
        let device = Device::fresh_at(&idp, "acme");
        let (user, _) = enrol(&device, mode).await;
        let last = std::fs::metadata(record_file(&device)).unwrap().len() - 1;
        change_byte(&device, usize::try_from(last).unwrap(), |byte| byte ^ 1);
        let record = only_record(&device).await;
        assert_eq!(record["unreadable"], "Corrupted");
        let by_user = delete(&device, &[&user], "").await;
        assert_ne!(
            by_user.code,
            Some(0),
            "a header that cannot be trusted names nobody: {by_user:?}"
        );
        let run = delete(&device, &[record["record"].as_str().unwrap()], "").await;
        assert_eq!(
            said(&run),
            (Some(0), json!("NotPossible"), json!("ActivationRequired")),
            "{run:?}"
        );
        assert_eq!(record_handles(&device).len(), 0);
    }
}

fn record_file(device: &Device) -> PathBuf {
    device.data_dir().join(record_handles(device)[0].to_string())
}

fn change_byte(device: &Device, at: usize, change: fn(u8) -> u8) {
    let file = record_file(device);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[at] = change(bytes[at]);
    std::fs::write(&file, bytes).unwrap();
}
