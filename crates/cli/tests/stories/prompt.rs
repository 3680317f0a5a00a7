//! A person types a password at a terminal: it is not shown, and the terminal is put back, whatever ends the prompt.

use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;
use vestibule_dev_idp::{DevIdp, Settings};

use crate::device::{Device, Run};
use crate::password_mode::{PASSWORD, enrol};
use crate::pseudo_terminal::PseudoTerminal;

/// What a person does at the first question instead of answering it.
type Does = fn(&PseudoTerminal, &Device);

#[tokio::test]
async fn a_new_password_is_typed_twice_and_never_shown_and_opens_the_record_afterwards() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    let (mut terminal, command) = PseudoTerminal::run(&device, &["enroll", "--mode", "password", "--json"]);
    terminal.shows("New password: ").await;
    assert!(!terminal.echoes());
    terminal.type_keys(&format!("{PASSWORD}\n"));
    terminal.shows("The same again: ").await;
    assert!(!terminal.echoes());
    terminal.type_keys("another\n");
    terminal.shows("They differ.").await;
    for question in ["New password: ", "The same again: "] {
        terminal.shows(question).await;
        terminal.type_keys(&format!("{PASSWORD}\n"));
    }
    let run = Run::of(command).await;
    assert_eq!(run.code, Some(0), "{run:?} {}", terminal.rest());
    assert_eq!(run.json()["outcome"]["authentication_mode"], "password");
    assert!(terminal.echoes(), "the terminal is as it was");
    let shown = terminal.rest();
    assert!(!shown.contains(PASSWORD) && !shown.contains("another"), "{shown:?}");

    let (mut terminal, command) = PseudoTerminal::run(&device, &["login", "--json"]);
    terminal.shows("Password of acme/").await;
    terminal.shows(": ").await;
    terminal.type_keys(&format!("{PASSWORD}\n"));
    let run = Run::of(command).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    assert!(!terminal.rest().contains(PASSWORD));
    assert!(terminal.echoes());
}

#[tokio::test]
async fn a_change_of_the_password_asks_for_the_current_one_once_and_for_the_new_one_twice() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    enrol(&device).await;
    let (mut terminal, command) = PseudoTerminal::run(&device, &["mode", "--to=password", "--json"]);
    for (question, typed) in [
        ("Password of acme/", PASSWORD),
        ("New password: ", "staple battery"),
        ("The same again: ", "staple battery"),
    ] {
        terminal.shows(question).await;
        terminal.type_keys(&format!("{typed}\n"));
    }
    let run = Run::of(command).await;
    assert_eq!(run.code, Some(0), "{run:?} {}", terminal.rest());
    assert!(terminal.echoes());
    let login = device.run_with_input(&["login"], "staple battery").await;
    assert_eq!(login.code, Some(0), "{login:?}");
}

#[tokio::test]
async fn ctrl_c_ctrl_d_and_a_signal_end_the_prompt_and_put_the_terminal_back_and_nothing_was_sent() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let table: [(&str, Does, i32, &str); 5] = [
        ("Ctrl-C", |terminal, _| terminal.type_keys("corr\x03"), 130, "ShutDown"),
        ("Ctrl-D", |terminal, _| terminal.type_keys("\x04"), 4, "UserCancel"),
        (
            "Ctrl-D twice",
            |terminal, _| terminal.type_keys("corr\x04\x04"),
            4,
            "UserCancel",
        ),
        ("SIGTERM", |_, device| end_commands_of(device), 143, "ShutDown"),
        (
            "keys that stop and kill mean nothing here",
            |terminal, _| terminal.type_keys("\x1a\x1c\x04\x04"),
            4,
            "UserCancel",
        ),
    ];
    for (what, does, code, status) in table {
        let device = Device::fresh_at(&idp, "acme");
        let (mut terminal, command) = PseudoTerminal::run(&device, &["enroll", "--mode=password", "--json"]);
        terminal.shows("New password: ").await;
        assert!(!terminal.echoes(), "{what}");
        does(&terminal, &device);
        let run = Run::of(command).await;
        assert_eq!(
            (run.code, &run.json()["status"]),
            (Some(code), &json!(status)),
            "{what}: {run:?}"
        );
        assert_eq!(run.json()["failure"]["not_done"], true, "{what}");
        assert!(terminal.echoes(), "{what}: the terminal is as it was");
        assert!(!terminal.rest().contains("corr"), "{what}");
        assert_eq!(device.json(&["list"]).await["outcome"]["records"], json!([]), "{what}");
    }
    assert_eq!(idp.requests().len(), 0);
}

#[tokio::test]
async fn what_cannot_be_a_password_is_asked_for_again_three_times_and_then_counts_as_cancelled() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    let (mut terminal, command) = PseudoTerminal::run(&device, &["enroll", "--mode=password", "--json"]);
    let too_long = "p".repeat(1025);
    for (typed, why) in [
        ("", "It cannot be used: it is empty."),
        (&too_long, "It cannot be used: it is longer than"),
    ] {
        terminal.shows("New password: ").await;
        terminal.type_keys(&format!("{typed}\n"));
        terminal.shows(why).await;
    }
    for (question, typed) in [("New password: ", "one"), ("The same again: ", "two")] {
        terminal.shows(question).await;
        terminal.type_keys(&format!("{typed}\n"));
    }
    let run = Run::of(command).await;
    assert_eq!(
        (run.code, &run.json()["status"]),
        (Some(4), &json!("UserCancel")),
        "{run:?}"
    );
    assert!(terminal.echoes());
    assert_eq!(idp.requests().len(), 0);
}

#[tokio::test]
async fn a_person_at_a_terminal_sees_the_step_and_nobody_else_does() {
    // Takes connections and never answers.
    let silent = tokio::net::TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let host = format!("127.0.0.1:{}", silent.local_addr().unwrap().port());
    let device = Device::fresh()
        .with("VESTIBULE_ISSUER", &format!("http://{host}/realms/{{tenant}}"))
        .with("VESTIBULE_PLAIN_HTTP_TO_LOOPBACK", "true")
        .with("VESTIBULE_TENANT", "acme");
    let (mut terminal, command) = PseudoTerminal::run(&device, &["enroll"]);
    let _asked = silent.accept().await.unwrap();
    terminal.shows(&format!(" enrolling at {host}")).await;
    terminal.type_keys("\x03");
    let run = Run::of(command).await;
    assert_eq!(run.code, Some(130), "{run:?}");
    terminal.shows("\r\x1b[K").await;
    for arguments in [&["enroll", "--json"] as &[&str], &["enroll", "--verbose"]] {
        let (mut terminal, command) = PseudoTerminal::run(&device, arguments);
        let _asked = silent.accept().await.unwrap();
        terminal.type_keys("\x03");
        assert_eq!(Run::of(command).await.code, Some(130));
        let shown = terminal.rest();
        assert!(
            !shown.contains('\x1b') && !shown.contains("enrolling at"),
            "{arguments:?}: {shown:?}"
        );
    }
}

#[tokio::test]
async fn without_a_terminal_a_password_is_asked_of_nobody_and_the_error_says_what_to_do() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme");
    let arguments = ["enroll", "--mode=password", "--json"];
    let mut command = device.command_through("setsid", &["--wait"], &arguments);
    let run = Run::of(command.spawn().unwrap()).await;
    let failure = &run.json()["failure"];
    assert_eq!(
        (run.code, &failure["cause"]),
        (Some(2), &json!("NoTerminal")),
        "{run:?}"
    );
    assert!(failure["advice"].as_str().unwrap().contains("--password-stdin"));
    assert_eq!(failure["not_done"], true);
    assert_eq!(idp.requests().len(), 0);
}

/// SIGTERM to the command itself: the child that was started is the program that made its session.
fn end_commands_of(device: &Device) {
    let home = format!("HOME={}", device.home().display());
    let processes = std::fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().into_string().ok());
    for id in processes.filter_map(|name| name.parse().ok()) {
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        let name = std::fs::read_to_string(format!("/proc/{id}/comm")).unwrap_or_default();
        if name.trim() == "vestibule" && environment.split(|byte| *byte == 0).any(|one| one == home.as_bytes()) {
            kill_process(Pid::from_raw(id).unwrap(), Signal::TERM).unwrap();
        }
    }
}
