//! What the authorization endpoint answers when there is no code: where, in which shape, in which words.

use vestibule_dev_idp::client::{ORDINARY_LOGIN, PRIVATE_REDIRECT_URI, PUSHED_ONLY};
use vestibule_dev_idp::{Endpoint, Outcome};

use crate::bench::{Bench, Parameters};
use crate::device::Device;

#[tokio::test]
async fn a_request_that_cannot_be_trusted_with_a_redirect_is_shown_and_not_redirected() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let good = Parameters::enrolling(&device);
    let table = [
        (good.clone().with("client_id", "nobody"), "Client not found."),
        (good.clone().without("client_id"), "Missing parameter: client_id"),
        (
            good.clone().with("redirect_uri", "https://evil.example/"),
            "Invalid parameter: redirect_uri",
        ),
        (good.clone().without("redirect_uri"), "Invalid parameter: redirect_uri"),
        (
            good.clone().twice("redirect_uri", PRIVATE_REDIRECT_URI),
            "duplicated parameter",
        ),
        (good.clone().twice("state", "state-2"), "duplicated parameter"),
        (
            good.with("request_uri", "urn:ietf:params:oauth:request_uri:none"),
            "PAR not found. not issued or used multiple times.",
        ),
    ];
    for (parameters, wanted) in table {
        let answer = bench.authorize("acme", Some(&device), &parameters).await;
        assert_eq!((answer.status, answer.member("error").as_str()), (400, wanted));
        assert!(!answer.headers.contains_key("location"));
        let url = format!(
            "{}?{}",
            bench.url("acme", Endpoint::Authorization),
            parameters.encoded()
        );
        let page = bench.send(bench.http().get(url)).await;
        assert_eq!(page.status, 400);
        assert_eq!(page.headers["content-type"], "text/html;charset=utf-8");
        assert!(page.body.contains(wanted), "{}", page.body);
    }
    assert_eq!(bench.idp.realm("acme").users(), []);
}

#[tokio::test]
async fn every_other_refusal_goes_to_the_redirect_uri_with_state_and_issuer() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let good = Parameters::enrolling(&device);
    let table = [
        (
            good.clone().without("response_type"),
            "invalid_request",
            "Missing parameter: response_type",
        ),
        (
            good.clone().with("response_type", "token"),
            "unsupported_response_type",
            "Response type is not supported",
        ),
        (
            good.clone().with("response_mode", "fragment"),
            "invalid_request",
            "Invalid parameter: response_mode",
        ),
        (
            good.clone().with("request", "x"),
            "request_not_supported",
            "Request objects are not supported",
        ),
        (
            good.clone().without("code_challenge_method"),
            "invalid_request",
            "Missing parameter: code_challenge_method",
        ),
        (
            good.clone().with("code_challenge_method", "plain"),
            "invalid_request",
            "Invalid parameter: code_challenge_method",
        ),
        (
            good.clone().without("code_challenge"),
            "invalid_request",
            "Missing parameter: code_challenge",
        ),
        (
            good.clone().with("code_challenge", "short"),
            "invalid_request",
            "Invalid parameter: code_challenge",
        ),
        (
            good.clone().with("scope", "openid aud:nobody"),
            "invalid_scope",
            "Invalid scopes: openid aud:nobody",
        ),
        (good.clone().with("scope", ""), "invalid_scope", "Invalid scopes: "),
        (
            good.clone().without("dpop_jkt"),
            "invalid_request",
            "Missing parameter: dpop_jkt",
        ),
        (
            good.clone().with("dpop_jkt", "short"),
            "invalid_request",
            "Invalid parameter: dpop_jkt",
        ),
        (
            good.clone().with("client_id", PUSHED_ONLY),
            "invalid_request",
            "Pushed Authorization Request is only allowed.",
        ),
    ];
    for silent in [true, false] {
        for (parameters, error, description) in &table {
            let parameters = if silent {
                parameters.clone()
            } else {
                parameters.clone().without("prompt")
            };
            let answer = bench.authorize("acme", Some(&device), &parameters).await;
            assert_eq!(answer.status, 302, "{description}");
            assert_eq!(answer.redirected("error").as_deref(), Some(*error));
            assert_eq!(answer.redirected("error_description").as_deref(), Some(*description));
            assert_eq!(answer.redirected("state").as_deref(), Some("state-1"));
            assert_eq!(answer.redirected("iss"), Some(bench.idp.issuer("acme")));
            assert_eq!(answer.redirected("code"), None);
            let ended = bench.idp.requests().pop().unwrap().outcome;
            assert_eq!(
                ended,
                Outcome::Answered {
                    status: 302,
                    error: Some((*error).to_owned())
                }
            );
        }
    }
    assert_eq!(bench.idp.realm("acme").users(), []);
}

#[tokio::test]
async fn an_ordinary_client_shows_a_form_and_with_prompt_none_says_login_required() {
    let bench = Bench::in_memory().await;
    let ordinary = Parameters::enrolling(&Device::new()).with("client_id", ORDINARY_LOGIN);
    let silent = bench.authorize("acme", None, &ordinary).await;
    assert_eq!(silent.redirected("error").as_deref(), Some("login_required"));
    let form = bench.authorize("acme", None, &ordinary.without("prompt")).await;
    assert_eq!(
        (form.status, form.headers["content-type"].to_str().unwrap()),
        (200, "text/html;charset=utf-8")
    );
    let action = bench.url("acme", Endpoint::LoginForm);
    assert!(
        form.body
            .contains(&format!(r#"<form id="login" method="post" action="{action}">"#)),
        "{}",
        form.body
    );
    let tried = Parameters::of(&[("username", "alice"), ("password", "secret")]);
    let again = bench.post("acme", Endpoint::LoginForm, None, &tried).await;
    assert!(again.status == 200 && again.body.contains("Invalid username or password."));
}

#[tokio::test]
async fn a_post_enrols_as_a_get_does_and_a_head_makes_nobody() {
    let bench = Bench::in_memory().await;
    let (first, second) = (Device::new(), Device::new());
    let posted = bench
        .post(
            "acme",
            Endpoint::Authorization,
            Some(&first),
            &Parameters::enrolling(&first),
        )
        .await;
    assert!(posted.redirected("code").is_some());
    let url = bench.url("acme", Endpoint::Authorization);
    let proof = second.proof("HEAD", &url, crate::bench::START);
    let full = format!("{url}?{}", Parameters::enrolling(&second).encoded());
    let head = bench.send(bench.http().head(full).header("dpop", proof)).await;
    assert_eq!(head.status, 405);
    assert_eq!(bench.idp.realm("acme").users().len(), 1);
}

#[tokio::test]
async fn a_request_without_the_scope_openid_gets_no_id_token() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    for scope in [None, Some("aud:orders")] {
        let parameters = Parameters::enrolling(&device).without("scope");
        let parameters = scope.map_or_else(|| parameters.clone(), |scope| parameters.clone().with("scope", scope));
        let code = bench
            .authorize("acme", Some(&device), &parameters)
            .await
            .redirected("code")
            .unwrap();
        let tokens = bench.redeem("acme", &device, &code).await.tokens();
        assert_eq!(tokens.body.get("id_token"), None);
        assert_eq!(tokens.body["scope"], scope.unwrap_or_default());
    }
}

#[tokio::test]
async fn a_realm_that_is_missing_and_a_path_that_is_no_endpoint_are_not_found() {
    let bench = Bench::in_memory().await;
    let missing = bench.get("missing", Endpoint::Discovery).await;
    assert_eq!(
        (missing.status, missing.member("error").as_str()),
        (404, "Realm does not exist")
    );
    let origin = format!("http://127.0.0.1:{}", bench.idp.port());
    for path in [
        "/",
        "/realms",
        "/realms/",
        "/realms/acme",
        "/realms//protocol/openid-connect/auth",
        "/realms/acme/protocol",
    ] {
        assert_eq!(
            bench.send(bench.http().get(format!("{origin}{path}"))).await.status,
            404,
            "{path}"
        );
    }
}
