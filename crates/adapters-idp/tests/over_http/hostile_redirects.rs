//! Authorization endpoints that lead astray.

use vestibule_adapters_idp::ServerTrust;
use vestibule_adapters_idp::limits::{FLOW_TIMEOUT, MAX_HEADER_FIELDS, MAX_HOPS, MAX_LOCATION_BYTES};
use vestibule_domain::status::{Denial, StatusType, Untrusted};
use vestibule_ports::{IdpError, Interrupt};

use crate::device::{Device, settings, told};
use crate::stub_server::{StubServer, answer, json, metadata, redirect};
use crate::tls_server::{Ca, acceptor};

async fn stub_and_device() -> (StubServer, Device) {
    let stub = StubServer::start().await;
    let device = Device::new(settings(&stub.issuer_template()), "acme", 1);
    (stub, device)
}

#[tokio::test]
async fn a_walk_that_leaves_the_origin_ends_there_and_a_user_may_exist() {
    let elsewhere = StubServer::start().await;
    let leaves = "it leaves the issuer's origin";
    let state = "the response has another state, or none";
    // {own} is the issuer's own authority, {other} that of a server that listens.
    let table = [
        ("https://evil.example/", leaves),
        ("//evil.example/", leaves),
        ("\\\\evil.example/", leaves),
        ("http://{other}/auth", leaves),
        ("//{other}/auth", leaves),
        ("http://{own}@{other}/auth", leaves),
        ("http://{own}.evil.example/", "no usable Location"),
        ("http://localhost/auth", leaves),
        ("http://[::1]/auth", leaves),
        ("http://169.254.169.254/latest/meta-data", leaves),
        ("https://{own}/auth", leaves),
        ("http://user@{own}/auth", leaves),
        ("http://user:password@{own}/auth", leaves),
        ("http://:@{own}/auth#x", leaves),
        ("/hop#fragment", leaves),
        ("#", leaves),
        ("file:///etc/passwd", leaves),
        ("data:text/html,x", leaves),
        ("javascript:alert(1)", leaves),
        ("dev.vestibule.app:/other?code=c", leaves),
        ("dev.vestibule.app:/enrolled?code=c&state=wrong", state),
        ("dev.vestibule.app:/enrolled?code=c", state),
        ("dev.vestibule.app:/enrolled?", state),
        ("dev.vestibule.app:/enrolled", state),
        (
            "dev.vestibule.app:/enrolled#code=c",
            "the response came in the fragment",
        ),
        ("", "no usable Location"),
        ("http://", "no usable Location"),
        ("/hop\r\nLocation: /hop", "no usable Location"),
    ];
    for (location, why) in table {
        let (stub, device) = stub_and_device().await;
        let own = stub.origin().replace("http://", "");
        let other = elsewhere.origin().replace("http://", "");
        let location = location.replace("{own}", &own).replace("{other}", &other);
        stub.answer("/auth", redirect(&location));
        let error = device.enroll().await.unwrap_err();
        assert_eq!(
            error,
            IdpError::UntrustedResponse(Untrusted::Redirect(why)),
            "{location}"
        );
        assert_eq!(told(&error).0, StatusType::UntrustedResponse);
        assert_eq!(
            (stub.count("/auth"), stub.requests().last().unwrap().path()),
            (1, "/auth"),
            "{location}"
        );
    }
    let (stub, device) = stub_and_device().await;
    stub.answer("/auth", redirect(&format!("/hop?{}", "x".repeat(MAX_LOCATION_BYTES))));
    let error = device.enroll().await.unwrap_err();
    let too_long = IdpError::UntrustedResponse(Untrusted::Redirect("no usable Location"));
    assert_eq!((error, stub.count("/hop")), (too_long, 0));
    assert!(elsewhere.requests().is_empty());
}

/// A stand-in for the redirect URI itself, on http: it is compared as text and never asked, though somebody listens there.
#[tokio::test]
async fn the_redirect_uri_is_never_asked() {
    let (stub, listener) = (StubServer::start().await, StubServer::start().await);
    let uri = format!("{}/cb", listener.origin());
    let device = Device::new(settings(&stub.issuer_template()).with_redirect_uri(&uri), "acme", 1);
    stub.answer_with("/auth", move |request| {
        let state = request.parameter("state").unwrap();
        redirect(&format!("{uri}?code=c&state={state}"))
    });
    stub.answer("/token", json(200, r#"{"refresh_token":"rt"}"#));
    device.enroll().await.unwrap();
    assert!(listener.requests().is_empty());
}

#[tokio::test]
async fn a_walk_over_tls_is_never_led_down_to_plain_http() {
    let ca = Ca::new();
    for downgrade in ["http://{own}/hop", "http://{plain}/hop"] {
        let (stub, plain) = (
            StubServer::start_over_tls(acceptor(ca.sign("127.0.0.1"))).await,
            StubServer::start().await,
        );
        let trusting = settings(&stub.issuer_template()).with_server_trust(ServerTrust::Only(ca.certificates()));
        let device = Device::new(trusting, "acme", 1);
        let (own, other) = (
            stub.origin().replace("https://", ""),
            plain.origin().replace("http://", ""),
        );
        stub.answer(
            "/auth",
            redirect(&downgrade.replace("{own}", &own).replace("{plain}", &other)),
        );
        let error = device.enroll().await.unwrap_err();
        let leaves = Untrusted::Redirect("it leaves the issuer's origin");
        assert_eq!(error, IdpError::UntrustedResponse(leaves), "{downgrade}");
        assert_eq!(
            (stub.count("/auth"), stub.count("/hop"), plain.requests().len()),
            (1, 0, 0),
            "{downgrade}"
        );
        // The same walk to the end, over TLS.
        stub.answer("/token", json(200, r#"{"refresh_token":"rt"}"#));
        device.enroll().await.unwrap();
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
    for _ in 0..MAX_HOPS {
        stub.answer("/loop", redirect("/loop"));
    }
    let error = device.enroll().await.unwrap_err();
    assert_eq!(
        error,
        IdpError::UntrustedResponse(Untrusted::Redirect("too many redirects"))
    );
    assert_eq!((stub.count("/loop"), MAX_HOPS), (10, 10));
    assert!(
        stub.requests()
            .iter()
            .filter(|request| request.path() == "/loop")
            .all(|r| r.header("cookie").is_none())
    );
}

#[tokio::test]
async fn ten_hops_are_walked_and_the_eleventh_is_not() {
    for (hops, code) in [(MAX_HOPS, true), (MAX_HOPS + 1, false)] {
        let (stub, device) = stub_and_device().await;
        stub.answer_with("/auth", |request| {
            redirect(&format!("/hop?state={}", request.parameter("state").unwrap()))
        });
        for left in (0..hops).rev() {
            stub.answer_with("/hop", move |request| {
                let state = request.parameter("state").unwrap();
                let target = if left == 0 {
                    "dev.vestibule.app:/enrolled?code=c&"
                } else {
                    "/hop?"
                };
                redirect(&format!("{target}state={state}"))
            });
        }
        stub.answer("/token", json(200, r#"{"refresh_token":"rt"}"#));
        let outcome = device.enroll().await;
        assert_eq!(
            (outcome.is_ok(), stub.count("/token")),
            (code, usize::from(code)),
            "{hops}: {outcome:?}"
        );
    }
}

#[tokio::test]
async fn answers_that_are_no_redirect_are_told_apart() {
    type Expected = fn(&IdpError) -> bool;
    let lost: Expected = |error| matches!(error, IdpError::AnswerLost(_));
    // One more than is taken, `Location` and the length of the body included.
    let many_headers: String = (1..MAX_HEADER_FIELDS).map(|n| format!("X-{n}: 1\r\n")).collect();
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
