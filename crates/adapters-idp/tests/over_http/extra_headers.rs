//! Headers that a host adds reach the issuer's origin, at every endpoint, and no other origin.

use std::sync::{Arc, Mutex};

use vestibule_adapters_idp::ExtraHeaders;

use crate::device::{Device, settings};
use crate::stub_server::{StubServer, json, redirect};

const NAMES: [&str; 2] = ["x-kobil-astclientid", "x-kobil-astclientdata"];
const TOKENS: &str = r#"{"access_token":"a","token_type":"Bearer","refresh_token":"r","id_token":"a.b.c"}"#;

fn headers() -> ExtraHeaders {
    ExtraHeaders::kobil("device-client", "eyJhIjoxfQ").unwrap()
}

/// Enrols, refreshes and revokes once.
async fn live(device: &Device) {
    let grant = device.enroll().await.unwrap().grant;
    device.refresh(&grant, Some("orders")).await.ok();
    device.revoke(&grant).await.ok();
}

/// An issuer that takes pushed requests, all that may lie elsewhere on another server.
fn serve(issuer: &StubServer, elsewhere: &StubServer) {
    issuer.answer(
        "/acme/.well-known/openid-configuration",
        json(200, &metadata(issuer, elsewhere)),
    );
    let pushed = Arc::new(Mutex::new(String::new()));
    let state = Arc::clone(&pushed);
    elsewhere.answer_with("/par", move |request| {
        let mut form = url::form_urlencoded::parse(request.body.as_bytes());
        *state.lock().unwrap() = form.find(|(name, _)| name == "state").unwrap().1.into_owned();
        json(201, r#"{"request_uri":"urn:example:1","expires_in":60}"#)
    });
    issuer.answer_with("/auth", move |_| {
        redirect(&format!(
            "dev.vestibule.app:/enrolled?code=c&state={}",
            pushed.lock().unwrap()
        ))
    });
    for _ in 0..2 {
        elsewhere.answer("/token", json(200, TOKENS));
    }
}

fn metadata(issuer: &StubServer, elsewhere: &StubServer) -> String {
    let (own, other) = (issuer.origin(), elsewhere.origin());
    format!(
        r#"{{"issuer":"{own}/acme","authorization_endpoint":"{own}/auth","token_endpoint":"{other}/token",
        "jwks_uri":"{other}/certs","revocation_endpoint":"{other}/revoke",
        "pushed_authorization_request_endpoint":"{other}/par"}}"#
    )
}

#[tokio::test]
async fn extra_headers_reach_every_endpoint_of_the_issuers_origin() {
    let stub = StubServer::start().await;
    serve(&stub, &stub);
    let settings = settings(&stub.issuer_template()).with_extra_headers(headers());
    live(&Device::new(settings, "acme", 1)).await;
    for path in [
        "/acme/.well-known/openid-configuration",
        "/certs",
        "/par",
        "/auth",
        "/token",
        "/revoke",
    ] {
        assert!(stub.count(path) > 0, "{path} was not asked");
    }
    for request in stub.requests() {
        let values = NAMES.map(|name| request.header(name));
        assert_eq!(
            values,
            [Some("device-client"), Some("eyJhIjoxfQ")],
            "{}",
            request.target
        );
    }
}

#[tokio::test]
async fn extra_headers_never_reach_another_origin() {
    let (stub, other) = (StubServer::start().await, StubServer::start().await);
    serve(&stub, &other);
    let settings = settings(&stub.issuer_template())
        .with_extra_origin(other.origin())
        .with_extra_headers(headers());
    live(&Device::new(settings, "acme", 1)).await;
    for path in ["/certs", "/par", "/token", "/revoke"] {
        assert!(other.count(path) > 0, "{path} was not asked");
    }
    for request in other.requests() {
        assert!(
            !request.head.contains("kobil") && !request.head.contains("device-client"),
            "{}",
            request.head
        );
    }
    assert_eq!(stub.requests().len(), 2);
    for request in stub.requests() {
        assert_eq!(request.header(NAMES[0]), Some("device-client"), "{}", request.target);
    }
}
