//! Token answers that break rules: a refresh token that has come is never lost.

use vestibule_adapters_idp::limits::{MAX_BODY_BYTES, MAX_HEADER_FIELDS};
use vestibule_domain::secret::Grant;
use vestibule_domain::status::Untrusted;
use vestibule_ports::{Enrolled, IdpError};

use crate::device::{Device, settings};
use crate::stub_server::{StubServer, answer, json, metadata, redirect};

const WITH_REFRESH: &str = r#"{"access_token":"canary-access","token_type":"Bearer","refresh_token":"canary-refresh"}"#;

async fn stub_and_device() -> (StubServer, Device) {
    let stub = StubServer::start().await;
    let device = Device::new(settings(&stub.issuer_template()), "acme", 1);
    (stub, device)
}

/// A grant that the stub gave.
pub(crate) async fn grant_from(stub: &StubServer, device: &Device) -> Grant {
    stub.answer("/token", json(200, WITH_REFRESH));
    device.enroll().await.unwrap().grant
}

/// The refresh token in a grant is the one that the stub gave: it is what a revocation sends.
pub(crate) async fn holds(stub: &StubServer, device: &Device, grant: &Grant, refresh_token: &str) -> bool {
    stub.answer("/revoke", answer(200, "", ""));
    device.revoke(grant).await.unwrap();
    let sent = stub
        .requests()
        .into_iter()
        .rfind(|request| request.path() == "/revoke")
        .unwrap();
    sent.body.contains(&format!("token={refresh_token}&"))
}

#[tokio::test]
async fn a_malformed_200_that_holds_a_refresh_token_brings_the_grant() {
    let (stub, device) = stub_and_device().await;
    let cut = |body: &str| {
        let head = format!("HTTP/1.1 200 X\r\nContent-Length: {}\r\n\r\n", body.len() + 100);
        [head.as_bytes(), body.as_bytes()].concat()
    };
    // One more than is taken, the length of the body included.
    let many_headers: String = (0..MAX_HEADER_FIELDS).map(|n| format!("X-{n}: 1\r\n")).collect();
    let table = [
        json(200, WITH_REFRESH),
        json(200, r#"{"refresh_token":"canary-refresh"}"#),
        json(200, r#"{"access_token":7,"refresh_token":"canary-refresh"}"#),
        json(
            200,
            r#"{"access_token":"a","access_token":"b","token_type":"Bearer","refresh_token":"canary-refresh"}"#,
        ),
        json(200, r#"{"refresh_token":"canary-refresh","access_token":"half of"#),
        answer(200, "Content-Type: text/html\r\n", WITH_REFRESH),
        answer(201, "", WITH_REFRESH),
        answer(200, &many_headers, WITH_REFRESH),
        cut(WITH_REFRESH),
        cut(r#"{"refresh_token":"canary-refresh","acc"#),
        json(
            200,
            &format!(
                "{{\"refresh_token\":\"canary-refresh\",\"x\":\"{}\"}}",
                "x".repeat(2 << 20)
            ),
        ),
    ];
    for bytes in table {
        stub.answer("/token", bytes.clone());
        let enrolled = device.enroll().await;
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(200)]).into_owned();
        let Ok(Enrolled {
            identity: Err(_),
            grant,
            key_unknown: false,
            ..
        }) = enrolled
        else {
            panic!("{shown}: {enrolled:?}")
        };
        assert!(holds(&stub, &device, &grant, "canary-refresh").await, "{shown}");
    }
}

#[tokio::test]
async fn a_malformed_200_to_a_refresh_brings_the_successor() {
    let (stub, device) = stub_and_device().await;
    let grant = grant_from(&stub, &device).await;
    for body in [
        r#"{"refresh_token":"successor"}"#,
        r#"{"refresh_token":"successor","#,
        r#"{"access_token":"opaque","token_type":"mac","refresh_token":"successor"}"#,
    ] {
        stub.answer("/token", json(200, body));
        let refreshed = device.refresh(&grant, Some("orders")).await.unwrap();
        assert!(
            matches!(refreshed.access_token, Err(Untrusted::TokenAnswer(_))),
            "{body}"
        );
        assert!(
            holds(&stub, &device, &refreshed.successor.unwrap(), "successor").await,
            "{body}"
        );
    }
}

#[tokio::test]
async fn an_answer_to_the_code_that_brings_nothing_is_never_told_as_not_done() {
    let (stub, device) = stub_and_device().await;
    type Expected = fn(&IdpError) -> bool;
    let untrusted: Expected = |error| matches!(error, IdpError::UntrustedResponse(Untrusted::TokenAnswer(_)));
    let lost: Expected = |error| matches!(error, IdpError::AnswerLost(_));
    let refused: Expected = |error| matches!(error, IdpError::CodeRefused(_));
    let table = [
        (json(200, r#"{"access_token":"a","token_type":"Bearer"}"#), untrusted),
        (json(200, "{}"), untrusted),
        (answer(200, "", "<html>"), untrusted),
        (
            b"HTTP/1.1 200 X\r\nContent-Length: 90\r\n\r\n{\"refresh_token\":\"ha".to_vec(),
            lost,
        ),
        (Vec::new(), lost),
        (b"HTTP/1.1 200".to_vec(), lost),
        (b"nonsense\r\n\r\n".to_vec(), lost),
        (answer(500, "", ""), lost),
        (answer(503, "Retry-After: 9\r\n", ""), lost),
        (answer(429, "", ""), lost),
        (json(503, r#"{"error":"invalid_grant"}"#), lost),
        (redirect("/elsewhere"), untrusted),
        (
            json(400, r#"{"error":"invalid_grant","error_description":"Code not valid"}"#),
            refused,
        ),
        (json(401, r#"{"error":"invalid_client"}"#), refused),
        (answer(403, "", "<html>"), refused),
        (json(400, r#"{"error":"invalid_dpop_proof"}"#), |error| {
            matches!(error, IdpError::ProofRefused(_))
        }),
    ];
    for (bytes, expected) in table {
        let before = stub.count("/token");
        stub.answer("/token", bytes.clone());
        let error = device.enroll().await.unwrap_err();
        assert!(expected(&error), "{}: {error:?}", String::from_utf8_lossy(&bytes));
        assert_eq!(stub.count("/token"), before + 1, "the code was sent twice");
    }
}

#[tokio::test]
async fn refresh_errors_are_told_by_their_oauth_code_first() {
    let (stub, device) = stub_and_device().await;
    let grant = grant_from(&stub, &device).await;
    type Expected = fn(&IdpError) -> bool;
    let lost: Expected = |error| matches!(error, IdpError::AnswerLost(_));
    let refused: Expected = |error| matches!(error, IdpError::RefreshRefused(_));
    let table = [
        (
            json(
                400,
                r#"{"error":"invalid_grant","error_description":"Session not active"}"#,
            ),
            (|error| matches!(error, IdpError::GrantRefused(hint) if hint.as_str() == "invalid_grant: Session not active"))
                as Expected,
        ),
        (
            json(
                400,
                r#"{"error":"invalid_grant","error_description":"DPoP proof is missing"}"#,
            ),
            |error| matches!(error, IdpError::ProofRefused(_)),
        ),
        (
            json(
                400,
                r#"{"error":"invalid_request","error_description":"DPoP proof is not active"}"#,
            ),
            |error| matches!(error, IdpError::ClockSkewed { ahead_ms: None }),
        ),
        (json(400, r#"{"error":"unauthorized_client"}"#), refused),
        (json(400, r#"{"error":"invalid_scope"}"#), |error| {
            matches!(error, IdpError::AudienceRefused(_))
        }),
        (answer(404, "", "<html>"), refused),
        (
            answer(429, "Retry-After: 5\r\n", ""),
            |error| matches!(error, IdpError::RateLimited { retry_after: Some(wait) } if wait.as_secs() == 5),
        ),
        (answer(502, "", "<html>"), lost),
        (json(503, r#"{"error":"invalid_grant"}"#), lost),
        (json(400, r#"{"error":"temporarily_unavailable"}"#), lost),
        (Vec::new(), lost),
        (json(200, "[]"), |error| matches!(error, IdpError::UntrustedResponse(_))),
        (redirect("/token2"), |error| {
            matches!(error, IdpError::UntrustedResponse(_))
        }),
    ];
    for (bytes, expected) in table {
        let before = stub.count("/token");
        stub.answer("/token", bytes.clone());
        let error = device.refresh(&grant, Some("orders")).await.unwrap_err();
        assert!(expected(&error), "{}: {error:?}", String::from_utf8_lossy(&bytes));
        assert_eq!(stub.count("/token"), before + 1);
    }
    // Where no audience was asked for, none was refused.
    stub.answer("/token", json(400, r#"{"error":"invalid_scope"}"#));
    let error = device.refresh(&grant, None).await.unwrap_err();
    assert!(refused(&error), "{error:?}");
}

#[tokio::test]
async fn an_opaque_token_is_handed_over_as_what_it_is() {
    let (stub, device) = stub_and_device().await;
    let grant = grant_from(&stub, &device).await;
    stub.answer(
        "/token",
        json(
            200,
            r#"{"access_token":"opaque","token_type":"Bearer","expires_in":60}"#,
        ),
    );
    let refreshed = device.refresh(&grant, Some("orders")).await.unwrap();
    let reply = refreshed.access_token.unwrap();
    assert!(reply.claims.is_none() && refreshed.successor.is_none() && refreshed.identity.is_none());
    assert_eq!(reply.lifetime.map(|life| life.as_secs()), Some(60));
    let mine = ["canary-refresh", "successor-of-mine", "id-of-mine"];
    for token in mine {
        let answer = format!(
            r#"{{"access_token":"{token}","token_type":"Bearer","refresh_token":"successor-of-mine","id_token":"id-of-mine"}}"#
        );
        stub.answer("/token", json(200, &answer));
        let refreshed = device.refresh(&grant, Some("orders")).await.unwrap();
        assert!(refreshed.successor.is_some());
        let why = refreshed.access_token.unwrap_err();
        assert!(
            why.to_string().contains("another token of this device"),
            "{token}: {why}"
        );
    }
    stub.answer("/token", json(200, r#"{"access_token":"opaque","token_type":"DPoP"}"#));
    let refreshed = device.refresh(&grant, Some("orders")).await.unwrap();
    assert!(matches!(refreshed.access_token, Err(Untrusted::AccessToken(_))));
}

#[tokio::test]
async fn a_nonce_is_answered_once_and_the_code_goes_with_it() {
    let (stub, device) = stub_and_device().await;
    let demand = answer(
        400,
        "Content-Type: application/json\r\nDPoP-Nonce: n1\r\n",
        r#"{"error":"use_dpop_nonce"}"#,
    );
    stub.answer("/token", demand.clone())
        .answer("/token", json(200, WITH_REFRESH));
    let grant = device.enroll().await.unwrap().grant;
    assert_eq!(stub.count("/token"), 2);
    for path in ["/token", "/revoke"] {
        stub.answer(path, demand.clone())
            .answer(path, demand.clone())
            .answer(path, demand.clone());
    }
    let before = stub.count("/token");
    let error = device.refresh(&grant, None).await.unwrap_err();
    assert!(matches!(error, IdpError::ProofRefused(_)), "{error:?}");
    assert_eq!(stub.count("/token"), before + 2);
    let error = device.revoke(&grant).await.unwrap_err();
    assert!(matches!(error, IdpError::ProofRefused(_)), "{error:?}");
    assert_eq!(stub.count("/revoke"), 2);
}

#[tokio::test]
async fn a_pushed_request_that_fails_has_made_no_user() {
    type Expected = fn(&IdpError) -> bool;
    let pushed = r#"{"request_uri":"urn:example:1","expires_in":60}"#;
    let cut = format!("HTTP/1.1 201 X\r\nContent-Length: 999\r\n\r\n{pushed}");
    let too_long = format!("{pushed}{}", " ".repeat(MAX_BODY_BYTES));
    let table: [(Vec<u8>, Expected); 8] = [
        (Vec::new(), |error| matches!(error, IdpError::Unreachable(_))),
        // What breaks a rule is not used, even where it could be read.
        (
            answer(201, &"X-More: 1\r\n".repeat(MAX_HEADER_FIELDS), pushed),
            |error| matches!(error, IdpError::Misconfigured(_)),
        ),
        (json(201, &too_long), |error| {
            matches!(error, IdpError::Misconfigured(_))
        }),
        (cut.into_bytes(), |error| matches!(error, IdpError::Unreachable(_))),
        (answer(500, "", ""), |error| matches!(error, IdpError::Unreachable(_))),
        (json(201, "{}"), |error| matches!(error, IdpError::Misconfigured(_))),
        (json(400, r#"{"error":"invalid_scope"}"#), |error| {
            matches!(error, IdpError::AuthorizationRefused(_))
        }),
        (answer(429, "", ""), |error| {
            matches!(error, IdpError::RateLimited { retry_after: None })
        }),
    ];
    for (bytes, expected) in table {
        let (stub, device) = stub_and_device().await;
        let more = format!(r#","pushed_authorization_request_endpoint":"{}/par""#, stub.origin());
        stub.answer(
            "/acme/.well-known/openid-configuration",
            json(200, &metadata(stub.port, &more)),
        );
        stub.answer("/par", bytes.clone());
        let error = device.enroll().await.unwrap_err();
        let row = String::from_utf8_lossy(&bytes[..bytes.len().min(99)]);
        assert!(expected(&error), "{row}: {error:?}");
        assert_eq!(stub.count("/auth"), 0, "{row}");
    }
}
