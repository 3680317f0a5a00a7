//! Revocation.

use vestibule_ports::IdpError;

use crate::device::{Device, idp, settings};
use crate::hostile_answers::grant_from;
use crate::stub_server::{StubServer, answer, json};

#[tokio::test]
async fn a_revoked_session_is_gone_the_user_stays_and_a_second_time_is_success() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    let enrolled = device.enroll().await.unwrap();
    let identity = enrolled.identity.unwrap();
    device.revoke(&enrolled.grant).await.unwrap();
    assert!(idp.realm("acme").live_sessions(identity.user().as_str()).is_empty());
    assert_eq!(idp.realm("acme").users().len(), 1);
    device.revoke(&enrolled.grant).await.unwrap();
    let error = device.refresh(&enrolled.grant, None).await.unwrap_err();
    assert!(matches!(error, IdpError::GrantRefused(_)), "{error:?}");
}

#[tokio::test]
async fn a_revocation_without_the_key_is_refused() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    let enrolled = device.enroll().await.unwrap();
    let error = Device::at(&idp, "acme", 2).revoke(&enrolled.grant).await.unwrap_err();
    assert!(matches!(error, IdpError::ProofRefused(_)), "{error:?}");
    let identity = enrolled.identity.unwrap();
    assert_eq!(idp.realm("acme").live_sessions(identity.user().as_str()).len(), 1);
}

#[tokio::test]
async fn only_the_status_of_a_revocation_counts() {
    let stub = StubServer::start().await;
    let device = Device::new(settings(&stub.issuer_template()), "acme", 1);
    let grant = grant_from(&stub, &device).await;
    type Expected = fn(&Result<(), IdpError>) -> bool;
    let table: [(Vec<u8>, Expected); 9] = [
        (json(200, r#"{"error":"invalid_token"}"#), |done| done.is_ok()),
        (
            answer(503, "Retry-After: 7\r\n", ""),
            |done| matches!(done, Err(IdpError::RateLimited { retry_after: Some(wait) }) if wait.as_secs() == 7),
        ),
        (
            answer(429, "Retry-After: 8\r\n", ""),
            |done| matches!(done, Err(IdpError::RateLimited { retry_after: Some(wait) }) if wait.as_secs() == 8),
        ),
        (json(429, r#"{"error":"slow_down"}"#), |done| {
            matches!(done, Err(IdpError::RateLimited { retry_after: None }))
        }),
        (json(503, "{}"), |done| {
            matches!(done, Err(IdpError::RateLimited { retry_after: None }))
        }),
        (json(400, r#"{"error":"unsupported_token_type"}"#), |done| {
            matches!(done, Err(IdpError::RefreshRefused(_)))
        }),
        (json(400, r#"{"error":"invalid_dpop_proof"}"#), |done| {
            matches!(done, Err(IdpError::ProofRefused(_)))
        }),
        (answer(500, "", ""), |done| matches!(done, Err(IdpError::AnswerLost(_)))),
        (Vec::new(), |done| matches!(done, Err(IdpError::AnswerLost(_)))),
    ];
    for (bytes, expected) in table {
        stub.answer("/revoke", bytes.clone());
        let done = device.revoke(&grant).await;
        assert!(expected(&done), "{}: {done:?}", String::from_utf8_lossy(&bytes));
    }
    let sent = stub
        .requests()
        .into_iter()
        .rfind(|request| request.path() == "/revoke")
        .unwrap();
    assert!(
        sent.body
            .contains("token=canary-refresh&token_type_hint=refresh_token&client_id="),
        "{}",
        sent.body
    );
    assert!(sent.header("dpop").is_some());
}
