//! No secret in an error, a log line or a `Debug`. In a process of its own, since it listens to all log lines of it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it must be; clippy exempts only the functions marked as tests"
)]

#[expect(dead_code, reason = "shared with the tests over HTTP, which use more of it")]
#[path = "../over_http/clock.rs"]
mod clock;
#[expect(dead_code, reason = "shared with the tests over HTTP, which use more of it")]
#[path = "../over_http/device.rs"]
mod device;
#[expect(dead_code, reason = "shared with the tests over HTTP, which use more of it")]
#[path = "../over_http/stub_server.rs"]
mod stub_server;

use std::io::{self, Write};
use std::sync::{Arc, Mutex};

use tracing_subscriber::fmt::MakeWriter;
use vestibule_adapters_idp::ExtraHeaders;

use crate::device::{Device, settings};
use crate::stub_server::{StubServer, answer, json, redirect};

#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

const TOKENS: &str = r#"{"access_token":"canary-access","token_type":"Bearer","refresh_token":"canary-refresh",
    "id_token":"canary-id.canary-id.canary-id"}"#;

/// What of a request to the token endpoint is secret.
const SENT: [&str; 3] = ["code", "refresh_token", "token"];

#[tokio::test]
async fn a_full_story_shows_no_secret_anywhere() {
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(log.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let stub = StubServer::start().await;
    let headers = ExtraHeaders::kobil("canary-client-id", "canary-client-data").unwrap();
    let settings = settings(&stub.issuer_template()).with_extra_headers(headers);
    let mut shown = vec![format!("{settings:?}")];
    let device = Device::new(settings, "acme", 0xAB);
    shown.push(format!("{:?}", device.adapter));
    let token_answers = [
        json(200, TOKENS),
        json(
            400,
            r#"{"error":"invalid_grant","error_description":"the code was not valid"}"#,
        ),
        Vec::new(),
        json(200, r#"{"refresh_token":"canary-refresh""#),
        answer(200, "", "canary-body"),
    ];
    let mut grant = None;
    for bytes in token_answers {
        stub.answer("/token", bytes);
        let enrolled = device.enroll().await;
        shown.push(format!("{enrolled:?}"));
        shown.extend(enrolled.as_ref().err().map(ToString::to_string));
        grant = enrolled.ok().map(|enrolled| enrolled.grant).or(grant);
    }
    stub.answer("/auth", redirect("https://evil.example/?code=canary-code"));
    shown.push(format!("{:?}", device.enroll().await));
    let grant = grant.unwrap();
    for bytes in [json(200, TOKENS), json(400, r#"{"error":"invalid_grant"}"#), Vec::new()] {
        stub.answer("/token", bytes);
        shown.push(format!("{:?}", device.refresh(&grant, Some("orders")).await));
    }
    shown.push(format!("{:?} {grant:?}", device.revoke(&grant).await));
    // A server that repeats what it was sent.
    let repeats = |body: &str| {
        let form = url::form_urlencoded::parse(body.as_bytes()).into_owned();
        let sent: Vec<String> = form
            .filter(|(name, _)| SENT.contains(&name.as_str()))
            .map(|(_, value)| value)
            .collect();
        let words = format!("DPoP and {} are not known", sent.join(", "));
        json(
            400,
            &format!(r#"{{"error":"invalid_grant","error_description":"{words}"}}"#),
        )
    };
    for path in ["/token", "/token", "/revoke"] {
        stub.answer_with(path, move |request| repeats(&request.body));
    }
    let told = [
        device.enroll().await.unwrap_err(),
        device.refresh(&grant, None).await.unwrap_err(),
        device.revoke(&grant).await.unwrap_err(),
    ];
    for error in told {
        assert!(error.to_string().contains("DPoP and (..) are not known"), "{error}");
        shown.push(format!("{error:?}"));
    }
    shown.push(String::from_utf8(log.0.lock().unwrap().clone()).unwrap());
    let states: Vec<String> = stub
        .requests()
        .iter()
        .filter_map(|request| request.parameter("state"))
        .collect();
    assert!(states.len() >= 5);
    let proofs = stub
        .requests()
        .iter()
        .filter_map(|request| request.header("dpop").map(str::to_owned))
        .collect();
    let secrets = [
        states,
        proofs,
        vec!["canary".to_owned(), "abababab".into(), "171, 171".into()],
    ]
    .concat();
    let everything = shown.join("\n");
    assert!(
        everything.contains("answered"),
        "the log is empty: the search would find nothing"
    );
    for secret in secrets {
        assert!(!everything.contains(&secret), "{secret} in\n{everything}");
    }
}
