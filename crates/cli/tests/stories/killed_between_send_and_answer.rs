//! `kill -9` after the IdP has done its work and before its answer arrives: the worst moment there is.

use serde_json::{Value, json};
use vestibule_dev_idp::scenes::HoldTokenAnswer;
use vestibule_dev_idp::{DevIdp, Settings};

use crate::device::Device;

#[tokio::test]
async fn an_enrolment_that_was_killed_is_gone_on_with_and_finds_the_same_user() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    kill_at_the_answer(&idp, &device, &["enroll"], "authorization_code").await;
    let made: Vec<String> = idp.realm("acme").users().into_iter().map(|user| user.id).collect();
    assert_eq!(made.len(), 1, "the IdP had done its work");
    let list = device.json(&["list"]).await;
    assert_eq!(list["sdk_state"], "ActivationRequired");
    assert_eq!(list["outcome"]["records"][0]["stage"], "Enrolling");

    let enrolled = device.json(&["enroll"]).await;
    assert_eq!(enrolled["outcome"]["recoverable"], true);
    assert_eq!(enrolled["outcome"]["user_identifier"]["user_id"], json!(made[0]));
    assert_eq!(
        idp.realm("acme").users().len(),
        1,
        "exactly one user per device and client, whatever dies when"
    );
    let login = device.json(&["login"]).await;
    assert_eq!(login["outcome"]["user_identifier"]["user_id"], json!(made[0]));
}

#[tokio::test]
async fn at_a_plain_idp_a_killed_enrolment_leaves_one_orphan_there_and_one_user_here() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "plain");
    kill_at_the_answer(&idp, &device, &["enroll"], "authorization_code").await;
    let enrolled = device.json(&["enroll"]).await;
    assert_eq!(enrolled["outcome"]["recoverable"], false);
    assert_eq!(
        idp.realm("plain").users().len(),
        2,
        "the residual that SECURITY.md names"
    );
    let status = device.json(&["status"]).await;
    assert_eq!(
        status["outcome"]["users"],
        json!([enrolled["outcome"]["user_identifier"]])
    );
}

#[tokio::test]
async fn a_login_that_was_killed_with_the_rotated_token_under_way_finds_the_user_by_its_key() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "reuse0");
    let user = device.json(&["enroll"]).await["outcome"]["user_identifier"].clone();
    kill_at_the_answer(&idp, &device, &["login"], "refresh_token").await;
    let run = device.run(&["login", "--json"]).await;
    assert_eq!(
        (run.code, &run.json()["outcome"]["user_identifier"]),
        (Some(0), &user),
        "{run:?}"
    );
    assert!(
        run.stderr.contains("the same user was found again by the device's key"),
        "{run:?}"
    );
    assert_eq!(idp.realm("reuse0").users().len(), 1);
    device.json(&["token", "--audience", "orders"]).await;
}

/// Runs a command, and kills it when the IdP has done its work and holds the answer in its hand.
async fn kill_at_the_answer(idp: &DevIdp, device: &Device, arguments: &[&str], grant_type: &'static str) {
    let (scene, mut held) = HoldTokenAnswer::of(Some(grant_type));
    idp.play(scene);
    let mut command = device.spawn(arguments);
    assert!(held.reached().await);
    command.start_kill().unwrap();
    let status = command.wait().await.unwrap();
    assert_eq!(status.code(), None, "it was killed, it did not end");
    drop(held);
    let known: Value = device.json(&["list"]).await;
    assert_eq!(known["outcome"]["records"].as_array().unwrap().len(), 1);
}
