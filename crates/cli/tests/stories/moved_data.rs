//! A copy of the data directory, without the device key: a restored backup, a stolen folder.

use serde_json::json;
use vestibule_dev_idp::{DevIdp, Settings};

use crate::device::Device;

#[tokio::test]
async fn a_copy_of_the_data_is_useless_elsewhere_and_never_leads_to_a_new_user() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    device.json(&["enroll"]).await;

    let elsewhere = Device::fresh_at(&idp, "acme");
    copy_data(&device, &elsewhere);
    let list = elsewhere.json(&["list"]).await;
    assert_eq!(
        list["sdk_state"], "LoginRequired",
        "what cannot be read might be a user"
    );
    assert_eq!(list["outcome"]["records"][0]["unreadable"], "RestoredWithoutKey");
    let commands: [&[&str]; 3] = [&["login"], &["token", "--audience", "orders"], &["enroll"]];
    let sent_before = idp.requests().len();
    for arguments in commands {
        let run = elsewhere.run(&[arguments, &["--json"]].concat()).await;
        assert_eq!(
            (run.code, &run.json()["status"]),
            (Some(8), &json!("RestoredWithoutKey")),
            "{run:?}"
        );
    }
    assert_eq!(
        idp.requests().len(),
        sent_before,
        "nothing of a foreign record is sent anywhere"
    );
    assert_eq!(idp.realm("acme").users().len(), 1);
    assert!(
        !elsewhere.state_dir().join("device-key").exists(),
        "a missing key is no reason to make a new one"
    );

    // With its key it opens again.
    std::fs::copy(
        device.state_dir().join("device-key"),
        elsewhere.state_dir().join("device-key"),
    )
    .unwrap();
    elsewhere.json(&["login"]).await;
}

fn copy_data(from: &Device, to: &Device) {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(to.data_dir())
        .unwrap();
    for entry in std::fs::read_dir(from.data_dir()).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.data_dir().join(entry.file_name())).unwrap();
    }
}
