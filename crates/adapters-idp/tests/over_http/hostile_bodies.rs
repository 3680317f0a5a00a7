//! Bodies without an end, without haste, and packed: no memory or time is spent on them, and a grant in them is kept.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use vestibule_adapters_idp::limits::{FLOW_TIMEOUT, MAX_BODY_BYTES, RENEWAL_TIMEOUT};
use vestibule_domain::status::{StatusType, Untrusted};
use vestibule_ports::{Enrolled, IdpError};

use crate::device::{Device, settings, told};
use crate::hostile_answers::{grant_from, holds};
use crate::stub_server::{StubServer, answer, json, metadata, redirect};

const METADATA: &str = "/acme/.well-known/openid-configuration";
const ENDLESS: &str = "HTTP/1.1 200 X\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
/// A chunk of 4 KiB of white space.
const CHUNK: &[u8] = &chunk();
/// So much the system takes at most from a server whose client reads no more.
const SYSTEM_BUFFERS: usize = 24 * 1024 * 1024;
/// What is left of a flow's time where a test has it run out.
const LITTLE: Duration = Duration::from_millis(150);
/// A token answer with a refresh token in it, packed by gzip (RFC 1952).
const PACKED: &str = "H4sIAAAAAAAC_6tWSkxOTi0uji_Jz07NU7JSSiQTKOkogY2IL6ksSAWa45SaWJRaBBRNrSjILEotjs8Emm5sYKCjVJSaBuRnwG1MTsxLLKrUhQrr4uUq1QIAzR_0wbEAAAA";

const fn chunk() -> [u8; 4096 + 8] {
    let mut chunk = [b' '; 4096 + 8];
    let (size, end) = (*b"1000\r\n", *b"\r\n");
    let mut at = 0;
    while at < size.len() {
        chunk[at] = size[at];
        at += 1;
    }
    chunk[4096 + 6] = end[0];
    chunk[4096 + 7] = end[1];
    chunk
}

async fn stub_and_device() -> (StubServer, Device) {
    let stub = StubServer::start().await;
    let device = Device::new(settings(&stub.issuer_template()), "acme", 1);
    (stub, device)
}

/// Announces an endpoint for pushed requests.
fn offer_pushed(stub: &StubServer) {
    let more = format!(r#","pushed_authorization_request_endpoint":"{}/par""#, stub.origin());
    stub.answer(METADATA, json(200, &metadata(stub.port, &more)));
}

#[tokio::test]
async fn a_body_without_an_end_is_left_at_its_limit() {
    use StatusType::{AccessDenied, UntrustedResponse as Untrusted};
    // A page that never ends is still a page: what it says is not needed to know that it is for a person.
    let table = [
        (METADATA, Untrusted, "it is too long"),
        ("/certs", Untrusted, "it is too long"),
        ("/par", Untrusted, "the answer to a pushed request cannot be read"),
        ("/auth", AccessDenied, "shows a page"),
        ("/token", Untrusted, "it is too long"),
    ];
    for (path, status, words) in table {
        let (stub, device) = stub_and_device().await;
        if path == "/par" {
            offer_pushed(&stub);
        }
        stub.answer_without_end(path, ENDLESS, CHUNK);
        // What the system holds in its buffers goes beyond what is read.
        let most = MAX_BODY_BYTES + SYSTEM_BUFFERS;
        let error = device.enroll().await.unwrap_err();
        let shown = told(&error);
        assert!(shown.0 == status && shown.1.contains(words), "{path}: {shown:?}");
        assert_eq!((stub.count(path), stub.requests().last().unwrap().path()), (1, path));
        assert!(
            stub.sent_again() < most,
            "{path}: {} bytes were taken",
            stub.sent_again()
        );
    }
}

#[tokio::test]
async fn a_grant_before_the_end_of_an_endless_answer_is_kept() {
    let (stub, device) = stub_and_device().await;
    let body = "{\"refresh_token\":\"canary-refresh\",\"x\":\"";
    let head = format!("{ENDLESS}{:x}\r\n{body}\r\n", body.len());
    stub.answer_without_end("/token", &head, CHUNK);
    let enrolled = device.enroll().await.unwrap();
    assert_eq!(enrolled.identity, Err(Untrusted::TokenAnswer("it is too long")));
    assert!(holds(&stub, &device, &enrolled.grant, "canary-refresh").await);
    stub.answer_without_end("/token", &head.replace("canary-", "success"), CHUNK);
    let refreshed = device.refresh(&enrolled.grant, Some("orders")).await.unwrap();
    assert!(refreshed.access_token.is_err());
    assert!(holds(&stub, &device, &refreshed.successor.unwrap(), "successrefresh").await);
}

/// The device's clock lets all of the flow's time but a little go by before the answer that never comes is asked for.
#[tokio::test]
async fn an_answer_that_does_not_come_in_time_is_told_by_what_may_have_been_done() {
    // The path that hangs, the one before it, what it says before it hangs, what an app is told.
    let table = [
        ("/certs", METADATA, "", "NotDone"),
        (
            "/certs",
            METADATA,
            "HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{\"keys\"",
            "NotDone",
        ),
        ("/par", "/certs", "", "NotDone"),
        (
            "/par",
            "/certs",
            "HTTP/1.1 201 X\r\nContent-Length: 99\r\n\r\n{",
            "NotDone",
        ),
        ("/auth", "/certs", "", "MayBeDone"),
        ("/auth", "/certs", "HTTP/1.1 302 X\r\nLocation: ", "MayBeDone"),
        ("/token", "/auth", "", "MayBeDone"),
        (
            "/token",
            "/auth",
            "HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{\"access_token\":\"",
            "MayBeDone",
        ),
    ];
    for (path, before, said, certainty) in table {
        let (stub, device) = stub_and_device().await;
        let (clock, origin) = (device.clock.clone(), stub.origin());
        let more = if path == "/par" {
            format!(r#","pushed_authorization_request_endpoint":"{origin}/par""#)
        } else {
            String::new()
        };
        let document = metadata(stub.port, &more);
        if before != METADATA {
            stub.answer(METADATA, json(200, &document));
        }
        stub.answer_with(before, move |request| {
            clock.pass(FLOW_TIMEOUT - LITTLE);
            match request.path() {
                METADATA => json(200, &document),
                "/certs" => json(200, "{\"keys\":[]}"),
                _ => {
                    let state = request.parameter("state").unwrap();
                    redirect(&format!("dev.vestibule.app:/enrolled?code=c&state={state}"))
                }
            }
        });
        stub.answer_and_hold(path, said);
        let error = device.enroll().await.unwrap_err();
        let row = format!("{path} after {said:?}: {error:?}");
        let cause = vestibule_domain::status::Cause::from(error);
        assert_eq!(
            (cause.status(), format!("{:?}", cause.certainty())),
            (StatusType::NotReachable, certainty.into()),
            "{row}"
        );
        assert_eq!(
            (stub.count(path), stub.requests().last().unwrap().path()),
            (1, path),
            "{row}"
        );
    }
}

#[tokio::test]
async fn a_grant_in_an_answer_that_stops_half_way_is_kept() {
    let (stub, device) = stub_and_device().await;
    let half = "HTTP/1.1 200 X\r\nContent-Length: 99\r\n\r\n{\"refresh_token\":\"canary-refresh\",\"acc";
    let clock = device.clock.clone();
    stub.answer_with("/auth", move |request| {
        clock.pass(FLOW_TIMEOUT - LITTLE);
        let state = request.parameter("state").unwrap();
        redirect(&format!("dev.vestibule.app:/enrolled?code=c&state={state}"))
    });
    stub.answer_and_hold("/token", half);
    let enrolled = device.enroll().await.unwrap();
    assert_eq!(enrolled.identity, Err(Untrusted::TokenAnswer("it ended early")));
    assert!(holds(&stub, &device, &enrolled.grant, "canary-refresh").await);
}

#[tokio::test]
async fn nothing_more_is_sent_when_the_time_is_up() {
    // The flows above give an enrolment up after 75 s, anything else after 45 s.
    assert!(FLOW_TIMEOUT.as_secs() <= 70 && RENEWAL_TIMEOUT.as_secs() <= 40);
    let (stub, device) = stub_and_device().await;
    let grant = grant_from(&stub, &device).await;
    for (call, limit) in [
        ("enroll", FLOW_TIMEOUT),
        ("refresh", RENEWAL_TIMEOUT),
        ("revoke", RENEWAL_TIMEOUT),
    ] {
        let fresh = Device::new(settings(&stub.issuer_template()), "acme", 1);
        let (clock, document) = (fresh.clock.clone(), metadata(stub.port, ""));
        stub.answer_with(METADATA, move |_| {
            clock.pass(limit);
            json(200, &document)
        });
        let before = stub.requests().len();
        let error = match call {
            "enroll" => fresh.enroll().await.map(|_| ()),
            "refresh" => fresh.refresh(&grant, None).await.map(|_| ()),
            _ => fresh.revoke(&grant).await,
        };
        let error = error.unwrap_err();
        assert!(matches!(&error, IdpError::Unreachable(_)), "{call}: {error:?}");
        assert_eq!(stub.requests().len(), before + 1, "{call}");
    }
}

/// The flow above gives a refresh up after 45 s, metadata and keys included, and loses what comes later.
#[tokio::test]
async fn a_refresh_or_revocation_counts_the_time_for_metadata_and_keys() {
    let (stub, device) = stub_and_device().await;
    let grant = grant_from(&stub, &device).await;
    for path in ["/certs", "/token", "/revoke"] {
        let fresh = Device::new(settings(&stub.issuer_template()), "acme", 1);
        let (clock, document) = (fresh.clock.clone(), metadata(stub.port, ""));
        stub.answer_with(METADATA, move |_| {
            clock.pass(RENEWAL_TIMEOUT - LITTLE);
            json(200, &document)
        });
        stub.answer_and_hold(path, "");
        let error = match path {
            "/revoke" => fresh.revoke(&grant).await.unwrap_err(),
            _ => fresh.refresh(&grant, None).await.unwrap_err(),
        };
        match path {
            "/certs" => assert!(matches!(error, IdpError::Unreachable(_)), "{path}: {error:?}"),
            _ => assert!(matches!(error, IdpError::AnswerLost(_)), "{path}: {error:?}"),
        }
        assert_eq!(stub.requests().last().unwrap().path(), path);
    }
}

/// A refusal of the proof asks for the request once more. That one, too, has only what is left of the time: an answer that
/// comes after the flow above has given up is lost, and the successor in it with it.
#[tokio::test]
async fn a_request_that_is_made_once_more_has_no_time_of_its_own() {
    let nonce = answer(
        400,
        "Content-Type: application/json\r\nDPoP-Nonce: n1\r\n",
        r#"{"error":"use_dpop_nonce"}"#,
    );
    // The server's clock is an hour behind that of the device: a refusal that teaches something.
    let stale = answer(
        400,
        "Content-Type: application/json\r\nDate: Fri, 15 Jan 2027 07:00:00 GMT\r\n",
        r#"{"error":"invalid_dpop_proof"}"#,
    );
    let (stub, device) = stub_and_device().await;
    let grant = grant_from(&stub, &device).await;
    let table = [
        ("enroll", "/par"),
        ("enroll", "/token"),
        ("refresh", "/token"),
        ("revoke", "/revoke"),
    ];
    for (call, path) in table {
        for refusal in [&nonce, &stale] {
            let fresh = Device::new(settings(&stub.issuer_template()), "acme", 1);
            if path == "/par" {
                offer_pushed(&stub);
            }
            let (clock, refusal) = (fresh.clock.clone(), refusal.clone());
            let limit = if call == "enroll" {
                FLOW_TIMEOUT
            } else {
                RENEWAL_TIMEOUT
            };
            stub.answer_with(path, move |_| {
                clock.pass(limit);
                refusal.clone()
            });
            let before = stub.count(path);
            let error = match call {
                "enroll" => fresh.enroll().await.map(|_| ()),
                "refresh" => fresh.refresh(&grant, None).await.map(|_| ()),
                _ => fresh.revoke(&grant).await,
            };
            let error = error.unwrap_err();
            assert_eq!(stub.count(path), before + 1, "{call}, {path}: {error:?}");
            assert!(
                error.to_string().contains("the time for this flow is up"),
                "{call}, {path}: {error:?}"
            );
        }
    }
}

#[tokio::test]
async fn nothing_packed_is_asked_for_or_unpacked() {
    let packed = URL_SAFE_NO_PAD.decode(PACKED).unwrap();
    let head = format!(
        "HTTP/1.1 200 X\r\nContent-Encoding: gzip\r\nContent-Length: {}\r\n\r\n",
        packed.len()
    );
    let bytes = [head.as_bytes(), &packed].concat();
    let table = [
        (METADATA, "the required members"),
        ("/certs", "no JSON object with a list of keys"),
        ("/par", "the answer to a pushed request cannot be read"),
        ("/token", "no JSON object"),
    ];
    for (path, words) in table {
        let (stub, device) = stub_and_device().await;
        if path == "/par" {
            offer_pushed(&stub);
        }
        stub.answer(path, bytes.clone());
        let error = device.enroll().await.unwrap_err();
        let (status, shown) = told(&error);
        assert!(
            status == StatusType::UntrustedResponse && shown.contains(words),
            "{path}: {shown}"
        );
        assert_eq!((stub.count(path), stub.requests().last().unwrap().path()), (1, path));
        assert!(
            stub.requests()
                .iter()
                .all(|request| request.header("accept-encoding").is_none())
        );
    }
    // A proxy that only says so spoils nothing.
    let (stub, device) = stub_and_device().await;
    let said = answer(
        200,
        "Content-Encoding: gzip\r\n",
        r#"{"refresh_token":"canary-refresh"}"#,
    );
    stub.answer("/token", said);
    let Enrolled { grant, .. } = device.enroll().await.unwrap();
    assert!(holds(&stub, &device, &grant, "canary-refresh").await);
}
