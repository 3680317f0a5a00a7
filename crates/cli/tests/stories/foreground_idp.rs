//! The development IdP in the foreground, for commands in parallel, and what becomes of its port.

use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::Child;

use crate::device::Device;

#[tokio::test]
async fn commands_in_parallel_use_the_one_in_the_foreground_and_later_ones_its_port() {
    let device = Device::fresh();
    let (server, port) = serve(&device).await;
    let (first, second) = tokio::join!(
        device.run(&["enroll", "--json"]),
        device.run(&["enroll", "--tenant", "beta", "--json"])
    );
    for run in [&first, &second] {
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(
            run.stderr.contains(&format!("127.0.0.1:{port}, in another process")),
            "{run:?}"
        );
    }

    let twice = device.run(&["dev-idp", "--json"]).await;
    assert_eq!(
        (twice.code, &twice.json()["failure"]["cause"]),
        (Some(5), &json!("DevIdp.Locked"))
    );
    assert!(
        twice.json()["failure"]["message"]
            .as_str()
            .unwrap()
            .contains(&port.to_string())
    );

    end(server).await;
    let user = &first.json()["outcome"]["user_identifier"];
    let named = format!("acme/{}", user["user_id"].as_str().unwrap());
    let alone = device.run(&["login", &named, "--json"]).await;
    assert_eq!(
        (alone.code, &alone.json()["outcome"]["user_identifier"]),
        (Some(0), user),
        "{alone:?}"
    );
    assert!(
        alone.stderr.contains(&format!("127.0.0.1:{port}, in this process")),
        "{alone:?}"
    );
}

#[tokio::test]
async fn with_two_users_a_command_wants_to_know_which() {
    let device = Device::fresh();
    device.json(&["enroll"]).await;
    device.json(&["enroll", "--tenant", "beta"]).await;
    let run = device.run(&["login", "--json"]).await;
    assert_eq!((run.code, &run.json()["status"]), (Some(2), &json!("InvalidParameter")));
    assert!(
        run.json()["failure"]["message"]
            .as_str()
            .unwrap()
            .starts_with("user is not named")
    );
}

#[tokio::test]
async fn a_port_that_another_program_took_is_a_clear_error() {
    let device = Device::fresh();
    device.json(&["enroll"]).await;
    let issuer = device.json(&["status"]).await["outcome"]["issuer"]
        .as_str()
        .unwrap()
        .to_owned();
    let port: u16 = issuer.split([':', '/']).find_map(|part| part.parse().ok()).unwrap();
    let _other_program = TcpListener::bind(("127.0.0.1", port)).await.unwrap();
    let run = device.run(&["login", "--json"]).await;
    let object = run.json();
    assert_eq!(
        (run.code, &object["status"]),
        (Some(5), &json!("NotReachable")),
        "{run:?}"
    );
    assert_eq!(
        (&object["event"], &object["failure"]["cause"]),
        (&Value::Null, &json!("DevIdp.PortTaken"))
    );
    assert!(
        object["failure"]["message"]
            .as_str()
            .unwrap()
            .contains(&port.to_string())
    );
}

/// Starts the server and reads where it serves.
async fn serve(device: &Device) -> (Child, u64) {
    let mut server = device.spawn(&["dev-idp", "--json"]);
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap())
        .read_line(&mut line)
        .await
        .unwrap();
    let object: Value = serde_json::from_str(&line).unwrap();
    (server, object["outcome"]["port"].as_u64().unwrap())
}

async fn end(mut server: Child) {
    let id = rustix::process::Pid::from_raw(server.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    assert_eq!(server.wait().await.unwrap().code(), Some(130));
}
