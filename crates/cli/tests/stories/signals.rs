//! Ctrl-C: nothing that the IdP answers is lost on the way out.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use tokio::net::TcpListener;
use tokio::process::Child;
use vestibule_dev_idp::scenes::HoldTokenAnswer;
use vestibule_dev_idp::{DevIdp, Settings};

use crate::device::{Device, Run};

#[tokio::test]
async fn ctrl_c_before_anything_was_sent_ends_with_130_and_leaves_nothing() {
    // Takes connections and never answers.
    let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let device = Device::fresh()
        .with(
            "VESTIBULE_ISSUER",
            &format!("http://127.0.0.1:{port}/realms/{{tenant}}"),
        )
        .with("VESTIBULE_PLAIN_HTTP_TO_LOOPBACK", "true")
        .with("VESTIBULE_TENANT", "acme");
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let command = device.spawn(&["enroll", "--json"]);
        let _asked = silent.accept().await.unwrap();
        send(&command, signal);
        let run = Run::of(command).await;
        let object = run.json();
        assert_eq!(
            (run.code, &object["status"]),
            (Some(code), &json!("ShutDown")),
            "{run:?}"
        );
        assert_eq!(
            (&object["failure"]["cause"], &object["failure"]["not_done"]),
            (&json!("Signal"), &json!(true))
        );
    }
    assert_eq!(device.json(&["list"]).await["outcome"]["records"], json!([]));
}

#[tokio::test]
async fn ctrl_c_with_an_answer_under_way_keeps_that_answer() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    // At a plain IdP a lost answer would cost the user.
    let device = Device::fresh_at(&idp, "plain-reuse0");
    let (scene, mut held) = HoldTokenAnswer::of(Some("authorization_code"));
    idp.play(scene);
    let command = device.spawn(&["enroll", "--json"]);
    assert!(held.reached().await);
    send(&command, Signal::INT);
    held.release();
    let enrolled = Run::of(command).await;
    assert_eq!(
        (enrolled.code, &enrolled.json()["status"]),
        (Some(130), &json!("Ok")),
        "{enrolled:?}"
    );

    let (scene, mut held) = HoldTokenAnswer::of(Some("refresh_token"));
    idp.play(scene);
    let command = device.spawn(&["login", "--json"]);
    assert!(held.reached().await);
    send(&command, Signal::INT);
    held.release();
    assert_eq!(Run::of(command).await.code, Some(130));

    let login = device.json(&["login"]).await;
    let user = &enrolled.json()["outcome"]["user_identifier"];
    assert_eq!(&login["outcome"]["user_identifier"], user);
    assert_eq!(idp.realm("plain-reuse0").users().len(), 1);
}

#[tokio::test]
async fn a_second_ctrl_c_does_not_wait() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    let (scene, mut held) = HoldTokenAnswer::of(Some("authorization_code"));
    idp.play(scene);
    let command = device.spawn(&["enroll"]);
    assert!(held.reached().await);
    send(&command, Signal::INT);
    send(&command, Signal::TERM);
    let run = Run::of(command).await;
    assert_eq!(
        run.code,
        Some(143),
        "the second signal ended it, not the end of the grace after the first: {run:?}"
    );
    // The answer was held to the very end of the process.
    drop(held);
    assert_eq!(
        device.json(&["list"]).await["outcome"]["records"][0]["stage"],
        "Enrolling"
    );
}

fn send(command: &Child, signal: Signal) {
    let id = Pid::from_raw(command.id().unwrap().cast_signed()).unwrap();
    kill_process(id, signal).unwrap();
}
