//! Giving a user up for a new one, on purpose and by name.

use serde_json::json;
use vestibule_dev_idp::{DevIdp, Settings};

use crate::device::Device;

#[tokio::test]
async fn only_a_replacement_by_name_gives_a_user_up_for_a_new_one() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    let old = device.json(&["enroll"]).await["outcome"]["user_identifier"].clone();
    let refused = device
        .run(&["enroll", "--replace", "acme/somebody-else", "--json"])
        .await;
    assert_ne!(refused.code, Some(0), "{refused:?}");
    assert_eq!(device.json(&["login"]).await["outcome"]["user_identifier"], old);

    let named = format!("acme/{}", old["user_id"].as_str().unwrap());
    let replaced = device.run(&["enroll", "--replace", &named, "--json"]).await;
    assert_eq!(replaced.code, Some(0), "{replaced:?}");
    assert!(
        replaced.stderr.contains("a new user took the place of the old one"),
        "{replaced:?}"
    );
    let new = replaced.json()["outcome"]["user_identifier"].clone();
    assert_ne!(new, old);
    assert_eq!(device.json(&["status"]).await["outcome"]["users"], json!([new]));
    assert_eq!(device.json(&["login"]).await["outcome"]["user_identifier"], new);
}
