//! Authorization endpoints that lead astray.

use vestibule_adapters_idp::limits::FLOW_TIMEOUT;
use vestibule_domain::status::{Denial, Untrusted};
use vestibule_ports::{IdpError, Interrupt};

use crate::device::{Device, settings};
use crate::stub_server::{StubServer, answer, json, metadata, redirect};

async fn stub_and_device() -> (StubServer, Device) {
    let stub = StubServer::start().await;
    let device = Device::new(settings(&stub.issuer_template()), "acme", 1);
    (stub, device)
}

#[tokio::test]
async fn a_walk_that_leaves_the_origin_ends_there_and_a_user_may_exist() {
    for location in [
        "https://evil.example/",
        "//evil.example/",
        "http://127.0.0.1:1/auth",
        "http://localhost/auth",
        "dev.vestibule.app:/enrolled?code=c&state=wrong",
        "dev.vestibule.app:/enrolled?code=c",
        "dev.vestibule.app:/enrolled#code=c",
        "",
    ] {
        let (stub, device) = stub_and_device().await;
        stub.answer("/auth", redirect(location));
        let error = device.enroll().await.unwrap_err();
        let is_redirect = matches!(error, IdpError::UntrustedResponse(Untrusted::Redirect(_)));
        assert!(is_redirect, "{location}: {error:?}");
        assert_eq!(stub.count("/token"), 0);
    }
}

#[tokio::test]
async fn hops_carry_cookies_a_new_proof_each_and_end_after_ten() {
    let (stub, device) = stub_and_device().await;
    stub.answer_with("/auth", |request| {
        let state = request.parameter("state").unwrap();
        let cookies = "Set-Cookie: a=\"1\"; Path=/; Secure; HttpOnly\r\nSet-Cookie: b=2; Path=/elsewhere\r\n";
        answer(303, &format!("{cookies}Location: hop?keep={state}\r\n"), "")
    });
    stub.answer_with("/hop", |request| {
        let state = request.parameter("keep").unwrap();
        redirect(&format!("dev.vestibule.app:/enrolled?code=c&state={state}"))
    });
    stub.answer("/token", json(400, r#"{"error":"invalid_grant"}"#));
    let error = device.enroll().await.unwrap_err();
    assert!(matches!(error, IdpError::CodeRefused(_)), "{error:?}");
    let requests = stub.requests();
    let of = |path: &str| requests.iter().find(|request| request.path() == path).unwrap();
    assert_eq!(of("/auth").header("cookie"), None);
    assert_eq!(of("/hop").header("cookie"), Some("a=\"1\""));
    assert_eq!(of("/hop").header("accept"), Some("application/json"));
    let proofs = ["/auth", "/hop", "/token"].map(|path| of(path).header("dpop").unwrap().to_owned());
    assert!(proofs[0] != proofs[1] && proofs[1] != proofs[2]);
    assert!(of("/auth").target.contains("prompt=none") && of("/auth").target.contains("code_challenge_method=S256"));
    // The next attempt has no cookie of this one.
    stub.answer("/auth", redirect("/loop"));
    for _ in 0..10 {
        stub.answer("/loop", redirect("/loop"));
    }
    let error = device.enroll().await.unwrap_err();
    assert_eq!(
        error,
        IdpError::UntrustedResponse(Untrusted::Redirect("too many redirects"))
    );
    assert_eq!(stub.count("/loop"), 10);
    assert!(
        stub.requests()
            .iter()
            .filter(|request| request.path() == "/loop")
            .all(|r| r.header("cookie").is_none())
    );
}

#[tokio::test]
async fn answers_that_are_no_redirect_are_told_apart() {
    type Expected = fn(&IdpError) -> bool;
    let lost: Expected = |error| matches!(error, IdpError::AnswerLost(_));
    let many_headers: String = (0..70).map(|n| format!("X-{n}: 1\r\n")).collect();
    let table: [(Vec<u8>, Expected); 13] = [
        (
            answer(302, &format!("Location: /next\r\n{many_headers}"), ""),
            |error| {
                matches!(
                    error,
                    IdpError::UntrustedResponse(Untrusted::Redirect("it has too many header fields"))
                )
            },
        ),
        (
            answer(200, "Content-Type: text/html\r\n", "<form id=\"kc-form-login\">"),
            |error| {
                matches!(
                    error,
                    IdpError::Denied {
                        denial: Denial::InteractionRequired,
                        ..
                    }
                )
            },
        ),
        (
            json(400, r#"{"error":"Client not found."}"#),
            |error| matches!(error, IdpError::Denied { denial: Denial::ClientUnknown, hint } if hint.as_str() == "Client not found."),
        ),
        (json(400, r#"{"error":"Invalid parameter: redirect_uri"}"#), |error| {
            matches!(error, IdpError::AuthorizationRefused(_))
        }),
        (json(400, r#"{"error":"invalid_scope"}"#), |error| {
            matches!(error, IdpError::AuthorizationRefused(_))
        }),
        (json(400, r#"{"error":"access_denied"}"#), |error| {
            matches!(
                error,
                IdpError::Denied {
                    denial: Denial::Refused,
                    ..
                }
            )
        }),
        (answer(400, "Content-Type: text/html\r\n", "<html>"), lost),
        (answer(500, "", "<html>"), lost),
        (answer(503, "", ""), lost),
        (
            answer(429, "Retry-After: 4\r\n", ""),
            |error| matches!(error, IdpError::RateLimited { retry_after: Some(wait) } if wait.as_secs() == 4),
        ),
        (Vec::new(), lost),
        (b"HTTP/1.1 302 X\r\nLoca".to_vec(), lost),
        (answer(301, "Location: /next\r\n", ""), |error| {
            matches!(error, IdpError::UntrustedResponse(_))
        }),
    ];
    for (bytes, expected) in table {
        let (stub, device) = stub_and_device().await;
        stub.answer("/auth", bytes.clone());
        let error = device.enroll().await.unwrap_err();
        assert!(expected(&error), "{}: {error:?}", String::from_utf8_lossy(&bytes));
    }
}

#[tokio::test]
async fn errors_in_the_redirect_are_told_by_their_code() {
    type Expected = fn(&IdpError) -> bool;
    let person: Expected = |error| {
        matches!(
            error,
            IdpError::Denied {
                denial: Denial::InteractionRequired,
                ..
            }
        )
    };
    let table: [(&str, Expected); 8] = [
        ("login_required", person),
        ("interaction_required", person),
        ("consent_required", person),
        ("access_denied", |error| {
            matches!(
                error,
                IdpError::Denied {
                    denial: Denial::Refused,
                    ..
                }
            )
        }),
        ("unauthorized_client", |error| {
            matches!(
                error,
                IdpError::Denied {
                    denial: Denial::ClientUnknown,
                    ..
                }
            )
        }),
        ("temporarily_unavailable", |error| {
            matches!(error, IdpError::RateLimited { .. })
        }),
        ("server_error", |error| matches!(error, IdpError::AnswerLost(_))),
        ("invalid_request", |error| {
            matches!(error, IdpError::AuthorizationRefused(_))
        }),
    ];
    for (code, expected) in table {
        let (stub, device) = stub_and_device().await;
        stub.answer_with("/auth", move |request| {
            let state = request.parameter("state").unwrap();
            redirect(&format!("dev.vestibule.app:/enrolled?error={code}&state={state}"))
        });
        let error = device.enroll().await.unwrap_err();
        assert!(expected(&error), "{code}: {error:?}");
    }
}

#[tokio::test]
async fn an_announced_issuer_that_does_not_come_is_missed() {
    let (stub, device) = stub_and_device().await;
    let more = r#","authorization_response_iss_parameter_supported":true"#;
    stub.answer(
        "/acme/.well-known/openid-configuration",
        json(200, &metadata(stub.port, more)),
    );
    let error = device.enroll().await.unwrap_err();
    assert!(
        matches!(error, IdpError::UntrustedResponse(Untrusted::Redirect(_))),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_page_for_a_person_names_client_and_action() {
    let (stub, device) = stub_and_device().await;
    stub.answer("/auth", redirect("/required-action?execution=VERIFY_PROFILE"));
    stub.answer("/required-action", answer(200, "", "<html>"));
    let Err(IdpError::Denied { hint, .. }) = device.enroll().await else {
        panic!("not denied")
    };
    assert!(
        hint.as_str().contains("AstDeviceEnrollment") && hint.as_str().contains("VERIFY_PROFILE"),
        "{hint}"
    );
}

#[tokio::test]
async fn an_interrupt_ends_the_walk_and_says_that_it_had_begun() {
    let (stub, device) = stub_and_device().await;
    let (switch, interrupt) = Interrupt::new();
    let switch = std::sync::Mutex::new(Some(switch));
    stub.answer_with("/auth", move |_| {
        if let Some(switch) = switch.lock().unwrap().take() {
            switch.raise();
        }
        redirect("/hop")
    });
    let error = device.enroll_until(interrupt).await.unwrap_err();
    assert_eq!(error, IdpError::Interrupted { begun: true });
    assert_eq!(stub.count("/hop") + stub.count("/token"), 0);
}

#[tokio::test]
async fn a_nonce_that_the_authorization_endpoint_wants_is_answered_once() {
    let (stub, device) = stub_and_device().await;
    let demand = answer(
        400,
        "Content-Type: application/json\r\nDPoP-Nonce: n1\r\n",
        r#"{"error":"use_dpop_nonce"}"#,
    );
    stub.answer("/auth", demand.clone());
    stub.answer("/token", json(400, r#"{"error":"invalid_grant"}"#));
    let error = device.enroll().await.unwrap_err();
    assert!(matches!(error, IdpError::CodeRefused(_)), "{error:?}");
    assert_eq!(stub.count("/auth"), 2);
    stub.answer("/auth", demand.clone()).answer("/auth", demand);
    let error = device.enroll().await.unwrap_err();
    assert!(matches!(error, IdpError::AuthorizationRefused(_)), "{error:?}");
    assert_eq!(stub.count("/auth"), 4);
}

#[tokio::test]
async fn a_flow_that_takes_too_long_ends_and_a_user_may_exist() {
    let (stub, device) = stub_and_device().await;
    let clock = device.clock.clone();
    stub.answer_with("/auth", move |request| {
        clock.pass(FLOW_TIMEOUT);
        let state = request.parameter("state").unwrap();
        redirect(&format!("dev.vestibule.app:/enrolled?code=c&state={state}"))
    });
    let error = device.enroll().await.unwrap_err();
    assert!(matches!(error, IdpError::AnswerLost(_)), "{error:?}");
    assert_eq!(stub.count("/token"), 0);
}

#[tokio::test]
async fn a_later_hop_that_was_not_sent_is_not_told_as_not_done() {
    let (stub, device) = stub_and_device().await;
    let clock = device.clock.clone();
    stub.answer_with("/auth", move |_| {
        clock.pass(FLOW_TIMEOUT);
        redirect("/hop")
    });
    let error = device.enroll().await.unwrap_err();
    assert!(matches!(error, IdpError::AnswerLost(_)), "{error:?}");
    assert_eq!(stub.count("/hop"), 0);
}

#[tokio::test]
async fn an_interrupt_that_comes_with_the_code_leaves_the_code_unused() {
    let (stub, device) = stub_and_device().await;
    let (switch, interrupt) = Interrupt::new();
    stub.answer_with("/auth", move |request| {
        switch.raise();
        let state = request.parameter("state").unwrap();
        redirect(&format!("dev.vestibule.app:/enrolled?code=c&state={state}"))
    });
    let error = device.enroll_until(interrupt).await.unwrap_err();
    assert_eq!(error, IdpError::Interrupted { begun: true });
    assert_eq!(stub.count("/token"), 0);
}

#[tokio::test]
async fn an_interrupt_that_comes_with_the_token_request_is_ignored() {
    let (stub, device) = stub_and_device().await;
    let (switch, interrupt) = Interrupt::new();
    stub.answer_with("/token", move |_| {
        switch.raise();
        json(200, r#"{"refresh_token":"rt"}"#)
    });
    device.enroll_until(interrupt).await.unwrap();
}

#[tokio::test]
async fn a_token_endpoint_that_cannot_be_reached_after_the_code_is_not_told_as_not_done() {
    let (stub, device) = stub_and_device().await;
    let gone = StubServer::start().await;
    let gone_origin = gone.origin();
    drop(gone);
    let settings = settings(&stub.issuer_template()).with_extra_origin(gone_origin.clone());
    let moved = metadata(stub.port, "").replace(&format!("{}/token", stub.origin()), &format!("{gone_origin}/token"));
    stub.answer("/acme/.well-known/openid-configuration", json(200, &moved));
    let error = Device::new(settings, "acme", 1).enroll().await.unwrap_err();
    assert!(matches!(error, IdpError::AnswerLost(_)), "{error:?}");
    drop(device);
}
