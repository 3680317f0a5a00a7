//! A record under a password, command by command.

use serde_json::{Value, json};
use vestibule::identifiers::RecordHandle;
use vestibule_dev_idp::scenes::HoldTokenAnswer;
use vestibule_dev_idp::{DevIdp, Settings};

use crate::device::{Device, Run};

/// What the stories seal with.
pub(crate) const PASSWORD: &str = "correct horse";
pub(crate) const WRONG: &str = "battery staple";
/// So many wrong ones in a row are followed by a wait.
pub(crate) const FIRST_DELAYED_GUESS: usize = 5;

const TOKEN: [&str; 4] = ["token", "--audience", "orders", "--json"];

/// Enrols in mode password; gives the user as commands name it.
pub(crate) async fn enrol(device: &Device) -> String {
    let run = device
        .run_with_input(&["enroll", "--mode=password", "--json"], &format!("{PASSWORD}\n"))
        .await;
    assert_eq!(run.code, Some(0), "{run:?}");
    let outcome = &run.json()["outcome"];
    assert_eq!(outcome["authentication_mode"], "password");
    let user = &outcome["user_identifier"];
    format!(
        "{}/{}",
        user["tenant_id"].as_str().unwrap(),
        user["user_id"].as_str().unwrap()
    )
}

#[tokio::test]
async fn the_right_password_opens_the_record_in_every_command_and_a_wrong_one_opens_nothing() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    let user = enrol(&device).await;
    for line in [format!("{PASSWORD}\n"), format!("{PASSWORD}\r\n"), PASSWORD.into()] {
        let run = device.run_with_input(&TOKEN, &line).await;
        assert_eq!(
            (run.code, &run.json()["outcome"]["audience"]),
            (Some(0), &json!("orders")),
            "{run:?}"
        );
    }
    let sent = idp.requests().len();
    let wrong = device.run_with_input(&TOKEN, &format!("{WRONG}\n")).await;
    assert_eq!(
        (wrong.code, &wrong.json()["status"]),
        (Some(4), &json!("WrongCredentials")),
        "{wrong:?}"
    );
    let advice = wrong.json()["failure"]["advice"].as_str().unwrap().to_owned();
    assert!(advice.contains("5th wrong one in a row"), "{advice}");
    assert_eq!(idp.requests().len(), sent, "nothing is sent for a wrong password");
    for command in ["login", "token"] {
        let arguments = [&[command, &user], &TOKEN[if command == "login" { 3 } else { 1 }..]].concat();
        let run = device.run_with_input(&arguments, &format!("{PASSWORD}\n")).await;
        assert_eq!(run.code, Some(0), "{run:?}");
    }
}

#[tokio::test]
async fn an_enrolment_that_was_begun_under_a_password_goes_on_with_it_as_the_same_user() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    for mode in ["password", "no"] {
        let device = Device::fresh_at(&idp, "acme");
        let (scene, mut held) = HoldTokenAnswer::of(Some("authorization_code"));
        idp.play(scene);
        let arguments = ["enroll", "--mode=password", "--password-stdin"];
        let mut command = device.spawn_with_input(&arguments, PASSWORD.as_bytes()).await;
        assert!(held.reached().await);
        command.start_kill().unwrap();
        command.wait().await.unwrap();
        drop(held);
        let sent = idp.requests().len();
        let made = idp.realm("acme").users().len();
        let again = ["enroll", "--mode", mode, "--json"];
        for (input, code) in [("", 2), (WRONG, 4)] {
            let run = device.run_with_input(&again, input).await;
            assert_eq!(
                (run.code, run.json()["failure"]["not_done"].as_bool()),
                (Some(code), Some(true)),
                "{run:?}"
            );
        }
        assert_eq!(idp.requests().len(), sent, "nothing is sent before the record is open");
        let run = device.run_with_input(&again, PASSWORD).await;
        assert_eq!(
            (run.code, &run.json()["outcome"]["authentication_mode"]),
            (Some(0), &json!(mode)),
            "{run:?}"
        );
        assert_eq!(idp.realm("acme").users().len(), made, "{mode}: the same user");
    }
}

#[tokio::test]
async fn what_only_looks_asks_for_no_password_and_says_the_mode() {
    let device = Device::fresh();
    let user = enrol(&device).await;
    // A prompt would end with an error here: there is neither a terminal nor the flag.
    for arguments in [&["status"] as &[&str], &["list"]] {
        let mut command = device.command_through("setsid", &["--wait"], arguments);
        let run = Run::of(command.spawn().unwrap()).await;
        assert_eq!(run.code, Some(0), "{run:?}");
        assert!(run.stdout.contains(&user), "{run:?}");
    }
    let list = device.json(&["list"]).await;
    assert_eq!(list["outcome"]["records"][0]["authentication_mode"], "password");
}

#[tokio::test]
async fn five_wrong_passwords_lock_the_user_out_and_a_new_process_resets_nothing() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    enrol(&device).await;
    let sent = idp.requests().len();
    for guess in 1..=FIRST_DELAYED_GUESS {
        let run = device.run_with_input(&TOKEN, &format!("{WRONG}\n")).await;
        assert_eq!(
            (run.code, &run.json()["status"]),
            (Some(4), &json!("WrongCredentials")),
            "guess {guess}: {run:?}"
        );
    }
    for arguments in [&TOKEN as &[&str], &["login", "--json"]] {
        let run = device.run_with_input(arguments, &format!("{PASSWORD}\n")).await;
        let failure = &run.json()["failure"];
        assert_eq!(
            (run.code, &run.json()["status"]),
            (Some(4), &json!("LockedUser")),
            "{run:?}"
        );
        let wait = failure["retry_after_s"].as_u64().unwrap();
        assert!((1..=30).contains(&wait), "{failure}");
        assert_eq!(failure["retryable"], true);
    }
    let person = device.run_with_input(&["login"], &format!("{PASSWORD}\n")).await;
    assert!(person.stderr.contains("\nagain       helps after "), "{person:?}");
    assert_eq!(idp.requests().len(), sent, "nothing is sent for a guess");
    assert_eq!(device.json(&["list"]).await["outcome"]["records"][0]["stage"], "Active");
}

#[tokio::test]
async fn an_input_that_holds_no_password_is_refused_before_anything_is_sent_or_written() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    let too_long = format!("{}\n", "p".repeat(1025));
    let table: [(&[u8], &str, &str); 5] = [
        (
            b"",
            "PasswordStdin",
            "line 1 of standard input is not the new password: the input ended",
        ),
        (b"\n", "PasswordStdin", "it is empty"),
        (too_long.as_bytes(), "PasswordStdin", "it is longer than 1024 bytes"),
        (
            b"\xff\xff\xff\xff\xff\xff\xff\xff\n",
            "PasswordStdin",
            "it is not UTF-8",
        ),
        (b"short\n", "InvalidParameter", "is too short"),
    ];
    for (input, cause, message) in table {
        let arguments = ["enroll", "--mode=password", "--password-stdin", "--json"];
        let run = Run::of(device.spawn_with_input(&arguments, input).await).await;
        let failure = run.json()["failure"].clone();
        assert_eq!((run.code, &failure["cause"]), (Some(2), &json!(cause)), "{run:?}");
        assert!(failure["message"].as_str().unwrap().contains(message), "{run:?}");
        assert_eq!(failure["not_done"], true);
        assert_eq!(device.json(&["list"]).await["outcome"]["records"], json!([]));
    }
    assert_eq!(idp.requests().len(), 0);

    // The same at a record: it is left as it was.
    enrol(&device).await;
    let before = files(&device);
    let sent = idp.requests().len();
    let run = device.run_with_input(&TOKEN, "").await;
    let message = run.json()["failure"]["message"].clone();
    assert_eq!(
        message,
        "line 1 of standard input is not the current password: the input ended"
    );
    assert_eq!(
        (run.code, idp.requests().len(), files(&device) == before),
        (Some(2), sent, true)
    );
}

#[tokio::test]
async fn a_command_that_waits_for_its_input_ends_at_a_signal() {
    let device = Device::fresh();
    let mut command = device.command_through("env", &[], &["enroll", "--mode=password", "--password-stdin", "--json"]);
    let mut child = command.stdin(std::process::Stdio::piped()).spawn().unwrap();
    let _never_written = child.stdin.take().unwrap();
    wait_for_thread(child.id().unwrap(), "standard input").await;
    let id = rustix::process::Pid::from_raw(child.id().unwrap().cast_signed()).unwrap();
    rustix::process::kill_process(id, rustix::process::Signal::INT).unwrap();
    let run = Run::of(child).await;
    assert_eq!(
        (run.code, &run.json()["failure"]["not_done"]),
        (Some(130), &json!(true)),
        "{run:?}"
    );
    assert_eq!(run.json()["status"], "ShutDown");
}

/// Waits until a process has a thread of this name, looking again and again.
async fn wait_for_thread(process: u32, name: &str) {
    let has_it = || {
        let threads = std::fs::read_dir(format!("/proc/{process}/task")).unwrap();
        let names =
            threads.map(|thread| std::fs::read_to_string(thread.unwrap().path().join("comm")).unwrap_or_default());
        names.into_iter().any(|one| one.trim_end() == name)
    };
    while !has_it() {
        tokio::task::yield_now().await;
    }
}

/// Every record file and what is in it.
pub(crate) fn files(device: &Device) -> Vec<(std::ffi::OsString, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(device.data_dir())
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.file_name(), std::fs::read(entry.path()).unwrap_or_default()))
        .collect();
    files.sort();
    files
}

/// The records that lie in the data directory.
pub(crate) fn record_handles(device: &Device) -> Vec<RecordHandle> {
    let names = files(device).into_iter().map(|(name, _)| name);
    names
        .filter_map(|name| RecordHandle::parse(name.to_str().unwrap()).ok())
        .collect()
}

/// The members of the first record that `list` shows.
pub(crate) async fn only_record(device: &Device) -> Value {
    let list = device.json(&["list"]).await;
    let records = list["outcome"]["records"].as_array().unwrap().clone();
    assert_eq!(records.len(), 1, "{list}");
    records.into_iter().next().unwrap()
}
