//! A mode that this build cannot keep is refused before anybody is asked for anything.

use serde_json::json;
use vestibule_dev_idp::{DevIdp, Settings};

use crate::device::Device;

#[tokio::test]
async fn a_mode_that_cannot_be_kept_costs_no_request_and_no_user_and_the_reason_is_said() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    let table = [
        (
            "biometric",
            Some(4),
            "BiometricUnavailable",
            "this build has no platform gate",
        ),
        ("No", Some(2), "InvalidParameter", "authentication_mode"),
    ];
    for (mode, code, status, why) in table {
        let run = device.run(&["enroll", "--mode", mode, "--json"]).await;
        let object = run.json();
        assert_eq!((run.code, &object["status"]), (code, &json!(status)), "{mode}: {run:?}");
        assert_eq!(object["failure"]["not_done"], true);
        assert!(
            object["failure"]["message"].as_str().unwrap().contains(why),
            "{mode}: {run:?}"
        );
    }
    assert_eq!(idp.requests().len(), 0);
    assert!(!device.state_dir().exists() && !device.data_dir().exists());
    device.json(&["enroll", "--mode", "no"]).await;
}
