//! A whole story at trace level is searched for every secret that was in play.

use std::fmt::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use serde_json::Value;
use vestibule::identifiers::RecordHandle;
use vestibule::ports::{Credential, Key, SecureStorage as _};
use vestibule::record::Place;
use vestibule::{SystemClock, SystemEntropy};
use vestibule_adapters_storage::{FileByteStore, FileDeviceKey, Vault};
use vestibule_dev_idp::scenes::{HoldTokenAnswer, LoseTokenAnswer, RequestFacts, Scene, Work};
use vestibule_dev_idp::{DevIdp, Settings};

use crate::device::{Device, Run};
use crate::pseudo_terminal::PseudoTerminal;

/// More requests than the story makes.
const REQUESTS: usize = 200;
/// A part of a secret that is as long as this gives it away, in characters and in bytes.
const TELLING_CHARACTERS: usize = 16;
const TELLING_BYTES: usize = 12;

/// Reads the secrets out of an answer on its way.
struct ReadAnswer(Arc<Mutex<Vec<String>>>);

#[async_trait]
impl Scene for ReadAnswer {
    fn name(&self) -> &'static str {
        "read the answer"
    }

    fn matches(&self, _: &RequestFacts) -> bool {
        true
    }

    async fn play(self: Box<Self>, work: Work) -> Response {
        let (head, body) = work.perform().await.into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        let mut seen = self.0.lock().unwrap();
        if let Ok(answer) = serde_json::from_slice::<Value>(&body) {
            let tokens = ["access_token", "refresh_token", "id_token"].map(|name| answer[name].as_str());
            seen.extend(tokens.into_iter().flatten().map(Into::into));
        }
        if let Some(location) = head.headers.get("location") {
            let parameters = location.to_str().unwrap().split(['?', '&']);
            seen.extend(parameters.filter_map(|one| one.strip_prefix("code=")).map(Into::into));
        }
        Response::from_parts(head, Body::from(body))
    }
}

#[tokio::test]
async fn no_secret_is_in_any_output_or_log_line_of_a_whole_story_at_trace_level() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "reuse0").with("VESTIBULE_LOG", "trace");
    let seen = Arc::new(Mutex::new(Vec::new()));
    // A scene plays once, and the first one that fits: the one that loses an answer comes before those that read.
    idp.play(LoseTokenAnswer::of_grant("refresh_token"));
    for _ in 0..REQUESTS {
        idp.play(ReadAnswer(Arc::clone(&seen)));
    }
    let story: [&[&str]; 10] = [
        &["enroll"],
        &["login"],
        &["login", "--json"],
        &["enroll"],
        &["token", "--audience", "orders", "--verbose"],
        &["token", "--audience", "billing", "--force", "--json"],
        &["token", "--audience", "unknown"],
        &["list"],
        &["status", "--json"],
        &["enroll", "--tenant", "missing"],
    ];
    let mut output = String::new();
    for arguments in story {
        let run = device.run(arguments).await;
        assert!(matches!(run.code, Some(0..=9)), "{run:?}");
        output += &run.stdout;
        output += &run.stderr;
    }
    let revealed = device.run(&["token", "--audience", "orders", "--reveal"]).await;
    output += &revealed.stderr;

    assert!(idp.waiting_scenes() > 0, "an answer was not read");
    let seen = seen.lock().unwrap().clone();
    assert!(
        seen.contains(&revealed.stdout.trim_end().to_owned()),
        "the tokens are not those that were handed out"
    );
    assert!(
        output.contains("TRACE") || output.contains("DEBUG"),
        "there are no log lines to search"
    );
    for secret in &seen {
        for part in secret.split('.').filter(|part| part.len() >= TELLING_CHARACTERS) {
            assert!(!output.contains(part), "{part} is in the output");
        }
    }
    for secret in [
        payload(&device).await,
        std::fs::read(device.state_dir().join("device-key")).unwrap(),
    ] {
        for bytes in secret.windows(TELLING_BYTES) {
            for text in spellings(bytes) {
                assert!(!output.contains(&text), "{text} is in the output");
            }
        }
    }
}

/// The passwords of a story: the first one, the one after it, and a wrong one. No other text holds a part of them.
const PASSWORDS: [&str; 3] = ["Zw1ebel!kuchen-frisch", "Qu4rk?keulchen-warm", "Gr1ess+klos-falsch"];

#[tokio::test]
async fn no_password_is_in_any_argument_environment_output_log_line_or_file_of_a_whole_story_at_trace_level() {
    let idp = DevIdp::start(Settings::in_memory()).await.unwrap();
    let device = Device::fresh_at(&idp, "acme")
        .with("VESTIBULE_LOG", "trace")
        .with("RUST_LOG", "trace");
    let [first, second, wrong] = PASSWORDS;
    let story: [(&[&str], String); 9] = [
        (&["enroll", "--mode=password"], format!("{first}\n")),
        (&["token", "--audience=orders"], format!("{wrong}\n")),
        (&["token", "--audience=orders", "--verbose"], format!("{first}\r\n")),
        (&["mode", "--to=password"], format!("{first}\n{second}\n")),
        (&["mode", "--to=password"], format!("{wrong}\n{first}\n")),
        (&["mode", "--to=password", "--json"], second.into()),
        (&["login", "--json"], second.into()),
        (&["enroll", "--mode=password"], format!("{first}\n")),
        (&["list"], second.into()),
    ];
    let mut output = String::new();
    for (arguments, input) in &story {
        let run = device.run_with_input(arguments, input).await;
        let code = if arguments[0] == "list" { 2..=2 } else { 0..=9 };
        assert!(run.code.is_some_and(|run| code.contains(&run)), "{run:?}");
        output += &run.stdout;
        output += &run.stderr;
    }
    output += &typed(&device, second).await;
    output += &seen_from_outside(&idp, &device, second).await;
    let user = device.json(&["status"]).await["outcome"]["users"][0]["user_id"].clone();
    let named = format!("acme/{}", user.as_str().unwrap());
    let deleted = device.run_with_input(&["delete", &named], wrong).await;
    assert_eq!(deleted.code, Some(4), "{deleted:?}");
    output += &deleted.stdout;
    output += &deleted.stderr;

    assert!(
        output.contains("TRACE") && output.contains("HOME="),
        "there is nothing to search"
    );
    let files = contents(device.home());
    assert!(
        files.iter().map(Vec::len).sum::<usize>() > 1000,
        "there are no files to search"
    );
    for password in PASSWORDS {
        for part in password.as_bytes().windows(TELLING_BYTES) {
            let raw = std::str::from_utf8(part).unwrap().to_owned();
            for text in spellings(part).into_iter().chain([raw]) {
                assert!(!output.contains(&text), "{text} is in the output");
                let holds = |file: &Vec<u8>| file.windows(text.len()).any(|bytes| bytes == text.as_bytes());
                assert!(!files.iter().any(holds), "{text} is in a file");
            }
        }
    }
}

/// What a terminal shows while a password is typed there, and the log lines with it.
async fn typed(device: &Device, password: &str) -> String {
    let (mut terminal, command) = PseudoTerminal::run(device, &["login"]);
    terminal.shows("Password of acme/").await;
    terminal.shows(": ").await;
    terminal.type_keys(&format!("{password}\n"));
    let reader = terminal.read_to_the_end();
    let run = Run::of(command).await;
    assert_eq!(run.code, Some(0), "{run:?}");
    reader.await.unwrap() + &run.stdout
}

/// Arguments and environment of a process that has the password, as the system shows them to others.
async fn seen_from_outside(idp: &DevIdp, device: &Device, password: &str) -> String {
    let (scene, mut held) = HoldTokenAnswer::of(Some("refresh_token"));
    idp.play(scene);
    let arguments = ["login", "--password-stdin"];
    let command = device.spawn_with_input(&arguments, password.as_bytes()).await;
    assert!(held.reached().await);
    let process = format!("/proc/{}", command.id().unwrap());
    let look = |what: &str| String::from_utf8(std::fs::read(format!("{process}/{what}")).unwrap()).unwrap();
    let seen = look("cmdline") + &look("environ");
    held.release();
    assert_eq!(Run::of(command).await.code, Some(0));
    seen
}

/// What is in every file below a directory.
fn contents(directory: &Path) -> Vec<Vec<u8>> {
    let entries = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                contents(&path)
            } else {
                vec![std::fs::read(&path).unwrap()]
            }
        })
        .collect()
}

/// The enrolment key, the grant and all else that a record seals.
async fn payload(device: &Device) -> Vec<u8> {
    let entropy = Arc::new(SystemEntropy);
    let store = FileByteStore::open(device.data_dir(), entropy.clone()).unwrap();
    let key = FileDeviceKey::open(device.state_dir(), entropy.clone()).unwrap();
    let vault = Vault::new(Arc::new(store), Arc::new(key), Arc::new(SystemClock), entropy);
    let names = std::fs::read_dir(device.data_dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let handles: Vec<_> = names
        .filter_map(|name| RecordHandle::parse(name.to_str().unwrap()).ok())
        .collect();
    let opened = vault
        .open(Place::Handle(handles[0]), Key::Credential(Credential::None))
        .await
        .unwrap();
    assert_eq!(handles.len(), 1);
    opened.payload.expose().to_vec()
}

/// How these bytes might be written into a line: as a list, in hex, in base 64.
fn spellings(bytes: &[u8]) -> [String; 3] {
    let list = format!("{bytes:?}").trim_matches(['[', ']']).to_owned();
    let hex = bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    });
    [list, hex, base64(bytes)]
}

/// Base 64 of a length that three divides. `-` and `+`, `_` and `/` differ by alphabet: ours is the one of URLs, which a
/// text of the other kind holds all the same unless these two letters are in it.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let digits = |triple: &[u8]| {
        let number = triple
            .iter()
            .fold(0_usize, |number, byte| number << 8 | usize::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(ALPHABET[number >> shift & 63]))
    };
    bytes.chunks(3).flat_map(digits).collect()
}
