//! Identifiers that would lead out of their place: refused by name, and not one byte is sent.

use vestibule::AuthenticationMode;
use vestibule::event::{EnrollAnonymousUserEvent, ExchangeIamTokenEvent};
use vestibule_domain::status::{Certainty, StatusType};

use crate::host::{Host, assert_told};

/// What left the template, or a query, or a header when it was tried.
fn escapes() -> Vec<String> {
    let written = [
        "",
        ".",
        "..",
        "../other",
        "a/../b",
        "/",
        "a/b",
        "\\",
        "a\\..\\b",
        "%2e%2e",
        "%2E%2E%2F",
        "a%2fb",
        "%00",
        "?",
        "a?b=c",
        "#",
        "a#b",
        ";",
        "a;b",
        "user@host",
        "host:1",
        "\t/../b",
        "a\tb",
        "a\r\nX: y",
        "a\0b",
        "\u{7f}",
        "\u{85}",
        " a",
        "a ",
        "\u{a0}a",
        "a\u{2028}",
        "e\u{301}",
    ];
    let mut all: Vec<String> = written.map(str::to_owned).into();
    all.push("a".repeat(256));
    all
}

#[tokio::test]
async fn a_malformed_tenant_is_named_and_nothing_is_sent() {
    let host = Host::start().await;
    for tenant in escapes() {
        let row = format!("{tenant:?}");
        let failure = host.enroll_at(&tenant).await.unwrap_err();
        assert_told(&failure, StatusType::InvalidParameter, "tenant_id ", &row);
        assert_eq!(failure.certainty(), Certainty::NotDone, "{row}");
    }
    assert!(host.idp.requests().is_empty() && host.stages().is_empty());
}

#[tokio::test]
async fn a_malformed_client_is_named_and_nothing_is_sent() {
    let host = Host::start().await;
    let harmless_here = ["..", ".", "../other", "a/../b", "/", "a/b", "\\", "?", "#", ";", "%"];
    let visible = |text: &str| !text.is_empty() && text.len() < 256 && text.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(harmless_here.iter().all(|text| visible(text)));
    for client in escapes()
        .into_iter()
        .filter(|text| !visible(text))
        .chain(["\u{e9}".into()])
    {
        let event = EnrollAnonymousUserEvent::new("acme", AuthenticationMode::No).with_client_id(&client);
        let failure = host.sdk.send(event).await.unwrap_err();
        assert_told(
            &failure,
            StatusType::InvalidParameter,
            "client_id ",
            &format!("{client:?}"),
        );
    }
    assert!(host.idp.requests().is_empty() && host.stages().is_empty());
    // A client id is a parameter and never a path: every visible character arrives as it is.
    for client in harmless_here {
        let event = EnrollAnonymousUserEvent::new("acme", AuthenticationMode::No).with_client_id(client);
        let failure = host.sdk.send(event).await.unwrap_err();
        assert_told(&failure, StatusType::AccessDenied, "does not know this client", client);
        let request = host.idp.requests().pop().unwrap();
        assert_eq!(
            (request.tenant.as_str(), request.client.as_deref()),
            ("acme", Some(client))
        );
    }
    assert!(host.idp.realm("acme").users().is_empty() && host.stages().is_empty());
}

#[tokio::test]
async fn a_malformed_audience_is_named_and_nothing_is_sent() {
    let host = Host::enrolled().await;
    let before = host.idp.requests().len();
    for audience in escapes() {
        let row = format!("{audience:?}");
        let failure = host.sdk.send(ExchangeIamTokenEvent::new(&audience)).await.unwrap_err();
        let visible =
            !audience.is_empty() && audience.len() < 256 && audience.bytes().all(|byte| byte.is_ascii_graphic());
        if visible {
            // It is an audience, but nobody has configured it.
            assert_told(&failure, StatusType::AccessDenied, "audience refused", &row);
        } else {
            assert_told(&failure, StatusType::InvalidParameter, "audience ", &row);
        }
    }
    assert_eq!(host.idp.requests().len(), before);
    host.exchange().await.unwrap();
}
