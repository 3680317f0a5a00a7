//! Several processes enrol the same device at the same moment.

use serde_json::json;
use vestibule_dev_idp::scenes::HoldTokenAnswer;
use vestibule_dev_idp::{DevIdp, Settings};

use crate::device::{Device, Run};

/// So many processes.
const RACERS: usize = 4;

#[tokio::test]
async fn of_several_processes_that_enrol_at_once_one_makes_the_user_and_the_others_find_the_slot_taken() {
    // A plain realm: there each enrolment that is sent makes a user, so that a second one would be seen.
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "plain");
    let racers: Vec<_> = (0..RACERS).map(|_| device.spawn(&["enroll", "--json"])).collect();
    let mut codes = Vec::new();
    for racer in racers {
        let run = Run::of(racer).await;
        codes.push((run.code, run.json()["status"].as_str().unwrap().to_owned()));
    }
    codes.sort();
    let mut expected = vec![(Some(0), "Ok".to_owned())];
    expected.resize(RACERS, (Some(9), "UserIdAlreadyExists".to_owned()));
    assert_eq!(codes, expected);
    assert_eq!(idp.realm("plain").users().len(), 1);
    let status = device.json(&["status"]).await;
    assert_eq!(status["outcome"]["users"].as_array().unwrap().len(), 1);
    device.json(&["token", "--audience", "orders"]).await;
}

#[tokio::test]
async fn a_process_that_waits_for_its_answer_is_never_overtaken() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "plain");
    let (scene, mut held) = HoldTokenAnswer::of(Some("authorization_code"));
    idp.play(scene);
    let first = device.spawn(&["enroll", "--json"]);
    assert!(held.reached().await);
    let second = device.run(&["enroll", "--json"]).await;
    assert_eq!(
        (second.code, &second.json()["status"]),
        (Some(5), &json!("Busy")),
        "{second:?}"
    );
    assert_eq!(second.json()["failure"]["not_done"], true);
    held.release();
    let first = Run::of(first).await;
    assert_eq!(first.code, Some(0), "{first:?}");
    assert_eq!(idp.realm("plain").users().len(), 1);
    let status = device.json(&["status"]).await;
    assert_eq!(
        status["outcome"]["users"],
        json!([first.json()["outcome"]["user_identifier"]])
    );
}
