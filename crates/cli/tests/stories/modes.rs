//! Modes that this version does not keep are refused before anybody is asked for anything.

use serde_json::json;
use vestibule_dev_idp::{DevIdp, Settings};

use crate::device::Device;

#[tokio::test]
async fn a_mode_that_cannot_be_kept_costs_no_request_and_no_user() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    let table = [
        ("password", Some(2), "InvalidParameter"),
        ("biometric", Some(4), "BiometricUnavailable"),
        ("No", Some(2), "InvalidParameter"),
    ];
    for (mode, code, status) in table {
        let run = device.run(&["enroll", "--mode", mode, "--json"]).await;
        assert_eq!(
            (run.code, &run.json()["status"]),
            (code, &json!(status)),
            "{mode}: {run:?}"
        );
        assert_eq!(run.json()["failure"]["not_done"], true);
    }
    assert_eq!(idp.requests().len(), 0);
    assert_eq!(device.json(&["list"]).await["outcome"]["records"], json!([]));
    device.json(&["enroll", "--mode", "no"]).await;
}
