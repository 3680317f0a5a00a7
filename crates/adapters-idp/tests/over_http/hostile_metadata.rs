//! Metadata and key sets that break a rule: everything stops before anything is sent.

use vestibule_adapters_idp::limits::{MAX_BODY_BYTES, MAX_HEADER_FIELDS, MAX_JWKS_BYTES, MAX_KEYS};
use vestibule_domain::status::{StatusType, Untrusted};
use vestibule_ports::IdpError;

use crate::device::{Device, settings, told};
use crate::stub_server::{StubServer, answer, json, metadata, redirect};

const METADATA: &str = "/acme/.well-known/openid-configuration";
const KEYS: &str = "/certs";

async fn stub_and_device() -> (StubServer, Device) {
    let stub = StubServer::start().await;
    let device = Device::new(settings(&stub.issuer_template()), "acme", 1);
    (stub, device)
}

/// As many header fields as these, the two of every JSON answer included.
fn with_header_fields(count: usize, body: &str) -> Vec<u8> {
    let more: String = (2..count).map(|n| format!("X-{n}: 1\r\n")).collect();
    answer(200, &format!("Content-Type: application/json\r\n{more}"), body)
}

/// A document of exactly so many bytes.
fn padded(document: &str, bytes: usize) -> String {
    format!("{document}{}", " ".repeat(bytes - document.len()))
}

#[tokio::test]
async fn an_endpoint_on_another_origin_or_address_is_never_asked() {
    for member in [
        "authorization_endpoint",
        "token_endpoint",
        "jwks_uri",
        "revocation_endpoint",
        "pushed_authorization_request_endpoint",
    ] {
        let (elsewhere, port) = (StubServer::start().await, StubServer::start().await.port);
        let addresses = [
            format!("{}/x", elsewhere.origin()),
            format!("http://localhost:{}/x", elsewhere.port),
            format!("http://127.0.0.2:{port}/x"),
            format!("http://[::1]:{port}/x"),
            "http://169.254.169.254/latest/meta-data".into(),
            "http://10.0.0.1/x".into(),
            "https://[fe80::1]/x".into(),
            "https://evil.example/x".into(),
            "//evil.example/x".into(),
            "/x".into(),
            "file:///etc/passwd".into(),
            "javascript:alert(1)".into(),
            String::new(),
        ];
        for address in addresses {
            let (stub, device) = stub_and_device().await;
            stub.answer(METADATA, json(200, &with_endpoint(&stub, member, &address)));
            let error = device.enroll().await.unwrap_err();
            assert!(
                matches!(error, IdpError::Misconfigured(Untrusted::Metadata(_))),
                "{member} {address}: {error:?}"
            );
            let (status, words) = told(&error);
            assert_eq!(status, StatusType::UntrustedResponse);
            assert!(words.contains(member), "{words}");
            assert_eq!(
                (stub.requests().len(), elsewhere.requests().len()),
                (1, 0),
                "{member} {address}"
            );
        }
        // On its own origin, but with a user or a fragment.
        for (user, fragment) in [("user@", ""), ("user:password@", ""), ("", "#x")] {
            let (stub, device) = stub_and_device().await;
            let address = format!("http://{user}127.0.0.1:{}/x{fragment}", stub.port);
            stub.answer(METADATA, json(200, &with_endpoint(&stub, member, &address)));
            let error = device.enroll().await.unwrap_err();
            assert!(
                matches!(error, IdpError::Misconfigured(Untrusted::Metadata(_))),
                "{address}: {error:?}"
            );
            assert_eq!(stub.requests().len(), 1, "{member} {address}");
        }
    }
}

/// Good metadata with another address for one endpoint.
fn with_endpoint(stub: &StubServer, member: &str, address: &str) -> String {
    let mut document: serde_json::Value = serde_json::from_str(&metadata(stub.port, "")).unwrap();
    document[member] = address.into();
    document.to_string()
}

#[tokio::test]
async fn another_issuer_is_named_beside_the_one_that_was_asked() {
    for (from, to) in [
        ("/acme\"", "/acme/\""),
        ("/acme\"", "/other\""),
        ("127.0.0.1", "localhost"),
    ] {
        let (stub, device) = stub_and_device().await;
        let (configured, named) = (
            format!("{}/acme", stub.origin()),
            metadata(stub.port, "").replacen(from, to, 1),
        );
        stub.answer(METADATA, json(200, &named));
        let named: serde_json::Value = serde_json::from_str(&named).unwrap();
        let named = named["issuer"].as_str().unwrap();
        let error = device.enroll().await.unwrap_err();
        assert!(
            matches!(error, IdpError::Misconfigured(Untrusted::AnotherIssuer { .. })),
            "{error:?}"
        );
        let (status, words) = told(&error);
        assert_eq!(status, StatusType::UntrustedResponse);
        let both = format!("the issuer is \"{configured}\", but its metadata says \"{named}\"");
        assert!(words.contains(&both), "{words}");
        assert_eq!(stub.requests().len(), 1);
    }
    // A name is shown, not obeyed: cut, and without what would steer a terminal.
    let (stub, device) = stub_and_device().await;
    let long = format!("\\u001b[31m{}", "x".repeat(5_000));
    stub.answer(
        METADATA,
        json(
            200,
            &metadata(stub.port, "").replacen("/acme\"", &format!("/{long}\""), 1),
        ),
    );
    let (_, words) = told(&device.enroll().await.unwrap_err());
    assert!(words.len() < 500 && !words.contains('\u{1b}'), "{words}");
}

#[tokio::test]
async fn metadata_and_keys_that_break_a_rule_stop_everything_before_anything_is_sent() {
    use StatusType::{NotReachable, RateLimited, UntrustedResponse as Untrusted};
    let keys = |count: usize| format!("{{\"keys\":[{}]}}", vec!["{}"; count].join(","));
    let ec = |kid: &str| {
        let point = "\"x\":\"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4\",\"y\":\"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM\"";
        format!("{{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"{kid}\",{point}}}")
    };
    let doubled = format!("{{\"keys\":[{},{}]}}", ec("1"), ec("1"));
    let html = answer(200, "Content-Type: text/html\r\n", "<html>");
    let cut = b"HTTP/1.1 200 X\r\nContent-Length: 9000\r\n\r\n{\"keys\":[]".to_vec();
    let table = [
        (METADATA, json(200, "{}"), Untrusted, "the required members"),
        (METADATA, json(200, "[]"), Untrusted, "the required members"),
        (
            METADATA,
            json(200, r#"{"issuer":"a","issuer":"a"}"#),
            Untrusted,
            "each once",
        ),
        (METADATA, html.clone(), Untrusted, "the required members"),
        (METADATA, redirect("/elsewhere"), Untrusted, "the issuer publishes none"),
        (METADATA, answer(404, "", ""), Untrusted, "the issuer publishes none"),
        (
            METADATA,
            answer(401, "", ""),
            Untrusted,
            "a gateway may want extra headers",
        ),
        (
            METADATA,
            answer(403, "", "<html>"),
            Untrusted,
            "a gateway may want extra headers",
        ),
        (KEYS, answer(403, "", ""), Untrusted, "a gateway may want extra headers"),
        (
            METADATA,
            json(200, &padded("{}", MAX_BODY_BYTES + 1)),
            Untrusted,
            "it is too long",
        ),
        (
            METADATA,
            with_header_fields(MAX_HEADER_FIELDS + 1, "{}"),
            Untrusted,
            "too many header fields",
        ),
        (METADATA, answer(500, "", ""), NotReachable, "status 500"),
        (METADATA, answer(502, "", ""), NotReachable, "status 502"),
        (
            METADATA,
            answer(503, "Retry-After: 3\r\n", ""),
            RateLimited,
            "asks to wait",
        ),
        (METADATA, Vec::new(), NotReachable, "before an answer came"),
        (METADATA, cut.clone(), NotReachable, "before an answer came"),
        (
            METADATA,
            b"nonsense\r\n\r\n".to_vec(),
            NotReachable,
            "before an answer came",
        ),
        (KEYS, json(200, &keys(MAX_KEYS + 1)), Untrusted, "more than 64 keys"),
        (
            KEYS,
            json(200, &padded(&keys(0), MAX_JWKS_BYTES + 1)),
            Untrusted,
            "it is too long",
        ),
        (
            KEYS,
            json(200, r#"{"keys":[],"keys":[]}"#),
            Untrusted,
            "no JSON object with a list of keys",
        ),
        (
            KEYS,
            json(200, r#"{"keys":{}}"#),
            Untrusted,
            "no JSON object with a list of keys",
        ),
        (
            KEYS,
            json(200, &doubled),
            Untrusted,
            "two keys of the key set bear the same id",
        ),
        (
            KEYS,
            with_header_fields(MAX_HEADER_FIELDS + 1, &keys(0)),
            Untrusted,
            "too many header fields",
        ),
        (KEYS, html, Untrusted, "no JSON object with a list of keys"),
        (KEYS, redirect("/elsewhere"), Untrusted, "the issuer publishes none"),
        (KEYS, Vec::new(), NotReachable, "before an answer came"),
        (KEYS, cut, NotReachable, "before an answer came"),
    ];
    for (path, bytes, status, words) in table {
        let (stub, device) = stub_and_device().await;
        stub.answer(path, bytes.clone());
        let error = device.enroll().await.unwrap_err();
        let row = format!("{path} {}", String::from_utf8_lossy(&bytes[..bytes.len().min(200)]));
        let shown = told(&error);
        assert!(shown.0 == status && shown.1.contains(words), "{row}: {shown:?}");
        assert_eq!(error.effect(), vestibule_domain::enrolment::Effect::NotDone, "{row}");
        let asked = 1 + usize::from(path == KEYS);
        assert_eq!(stub.requests().len(), asked, "{row}: something else was asked");
    }
}

#[tokio::test]
async fn a_server_that_takes_no_proofs_of_ours_gets_none() {
    let (stub, device) = stub_and_device().await;
    let more = r#","dpop_signing_alg_values_supported":["RS256","PS256"]"#;
    stub.answer(METADATA, json(200, &metadata(stub.port, more)));
    let (status, shown) = told(&device.enroll().await.unwrap_err());
    assert_eq!(status, StatusType::UntrustedResponse);
    assert!(shown.contains("it does not take proofs with ES256"), "{shown}");
    assert!(stub.requests().iter().all(|request| request.header("dpop").is_none()));
    assert_eq!(stub.count("/auth"), 0);
}

#[tokio::test]
async fn what_only_just_keeps_a_limit_is_taken() {
    let limits = (MAX_HEADER_FIELDS, MAX_BODY_BYTES, MAX_JWKS_BYTES, MAX_KEYS);
    assert_eq!(limits, (64, 1024 * 1024, 256 * 1024, 64));
    let (stub, device) = stub_and_device().await;
    let document = metadata(stub.port, "");
    let keys = format!("{{\"keys\":[{}]}}", vec!["{}"; MAX_KEYS].join(","));
    let many = with_header_fields(MAX_HEADER_FIELDS, &padded(&document, MAX_BODY_BYTES));
    stub.answer(METADATA, many)
        .answer(KEYS, json(200, &padded(&keys, MAX_JWKS_BYTES)));
    stub.answer("/token", json(200, r#"{"refresh_token":"rt"}"#));
    device.enroll().await.unwrap();
}
