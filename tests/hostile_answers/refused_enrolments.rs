//! What the authorization endpoint may answer instead of a code: what the app is told, and whether the key stays.

use vestibule_dev_idp::scenes::{AnswerParts, ChangeAnswer};
use vestibule_dev_idp::{Endpoint, client};
use vestibule_domain::record::StageKind;
use vestibule_domain::status::{Certainty, StatusType};

use crate::host::{Host, TENANT, assert_told};

/// Nothing of this key can exist: the record is gone.
const GONE: &[StageKind] = &[];
/// A user may exist: the key stays, and the next enrolment goes on with it.
const KEPT: &[StageKind] = &[StageKind::Enrolling];

type Change = fn(&mut AnswerParts);
type Row = (&'static str, Change, StatusType, &'static str, &'static [StageKind]);

/// Plays the change on this and on the repeated request, and looks at everything that follows.
async fn check((row, change, status, words, stages): Row) {
    let host = Host::start().await;
    for _ in 0..2 {
        host.idp.play(ChangeAnswer::of(Endpoint::Authorization, change));
    }
    let failure = host.enroll().await.unwrap_err();
    assert_told(&failure, status, words, row);
    let certainty = if stages == KEPT {
        Certainty::MayBeDone
    } else {
        Certainty::NotDone
    };
    assert_eq!(failure.certainty(), certainty, "{row}");
    assert_eq!(host.count(Endpoint::Token), 0, "{row}: a code was sent");
    assert_eq!(host.stages(), stages, "{row}");
    // What may have been done is asked for once more, with the same key; a refusal is not.
    let asked = host.count(Endpoint::Authorization);
    assert_eq!(asked, if stages == KEPT { 2 } else { 1 }, "{row}");
    while host.idp.waiting_scenes() > 0 {
        let _refused = host.enroll().await.unwrap_err();
    }
    host.enroll().await.unwrap();
    let users = host.idp.realm(TENANT).users().len();
    assert!(
        stages != KEPT || users == 1,
        "{row}: a kept key finds its user: {users}"
    );
}

fn refuse(answer: &mut AnswerParts, error: &str) {
    answer.change_header("location", |location| {
        let (before, after) = location.split_once("code=").unwrap();
        let rest = after.split_once('&').map_or("", |(_, rest)| rest);
        format!("{before}error={error}&{rest}")
    });
}

#[tokio::test]
async fn each_error_of_the_authorization_endpoint_is_told_and_leaves_nothing_behind() {
    use StatusType::{AccessDenied, CannotAcquireAuthorizationCode as NoCode, RateLimited};
    // RFC 6749, section 4.1.2.1; OpenID Connect Core 1.0, section 3.1.2.6; one that nobody knows.
    let table: [Row; 17] = [
        (
            "login",
            |a| refuse(a, "login_required"),
            AccessDenied,
            "login_required",
            GONE,
        ),
        (
            "interaction",
            |a| refuse(a, "interaction_required"),
            AccessDenied,
            "interaction_required",
            GONE,
        ),
        (
            "consent",
            |a| refuse(a, "consent_required"),
            AccessDenied,
            "consent_required",
            GONE,
        ),
        (
            "account",
            |a| refuse(a, "account_selection_required"),
            AccessDenied,
            "account_selection_required",
            GONE,
        ),
        (
            "denied",
            |a| refuse(a, "access_denied"),
            AccessDenied,
            "refused this device",
            GONE,
        ),
        (
            "client",
            |a| refuse(a, "unauthorized_client"),
            AccessDenied,
            "does not know this client",
            GONE,
        ),
        (
            "request",
            |a| refuse(a, "invalid_request"),
            NoCode,
            "invalid_request",
            GONE,
        ),
        (
            "type",
            |a| refuse(a, "unsupported_response_type"),
            NoCode,
            "unsupported_response_type",
            GONE,
        ),
        ("scope", |a| refuse(a, "invalid_scope"), NoCode, "invalid_scope", GONE),
        (
            "request_uri",
            |a| refuse(a, "invalid_request_uri"),
            NoCode,
            "invalid_request_uri",
            GONE,
        ),
        (
            "object",
            |a| refuse(a, "invalid_request_object"),
            NoCode,
            "invalid_request_object",
            GONE,
        ),
        (
            "no request",
            |a| refuse(a, "request_not_supported"),
            NoCode,
            "request_not_supported",
            GONE,
        ),
        (
            "no uri",
            |a| refuse(a, "request_uri_not_supported"),
            NoCode,
            "request_uri_not_supported",
            GONE,
        ),
        (
            "registration",
            |a| refuse(a, "registration_not_supported"),
            NoCode,
            "registration_not_supported",
            GONE,
        ),
        ("unknown", |a| refuse(a, "something_new"), NoCode, "something_new", GONE),
        (
            "busy",
            |a| refuse(a, "temporarily_unavailable"),
            RateLimited,
            "asks to wait",
            GONE,
        ),
        (
            "server",
            |a| refuse(a, "server_error"),
            StatusType::NotReachable,
            "server_error",
            KEPT,
        ),
    ];
    for row in table {
        check(row).await;
    }
}

#[tokio::test]
async fn a_redirect_that_breaks_a_rule_is_not_trusted_and_its_code_never_sent() {
    use StatusType::UntrustedResponse as Untrusted;
    fn with(answer: &mut AnswerParts, from: &str, to: &str) {
        answer.change_header("location", |location| {
            assert!(location.contains(from), "{location}");
            location.replacen(from, to, 1)
        });
    }
    fn to(answer: &mut AnswerParts, location: &str) {
        answer.change_header("location", |_| location.to_owned());
    }
    let table: [Row; 14] = [
        (
            "no state",
            |a| with(a, "state=", "other="),
            Untrusted,
            "another state, or none",
            KEPT,
        ),
        (
            "two states",
            |a| with(a, "state=", "state=x&state="),
            Untrusted,
            "stands twice",
            KEPT,
        ),
        (
            "foreign state",
            |a| with(a, "state=", "state=x"),
            Untrusted,
            "another state, or none",
            KEPT,
        ),
        (
            "no iss",
            |a| with(a, "iss=", "other="),
            Untrusted,
            "another issuer, or names none",
            KEPT,
        ),
        (
            "two iss",
            |a| with(a, "iss=", "iss=x&iss="),
            Untrusted,
            "stands twice",
            KEPT,
        ),
        (
            "foreign iss",
            |a| with(a, "realms%2F", "realms%2Fother"),
            Untrusted,
            "another issuer",
            KEPT,
        ),
        (
            "no code",
            |a| with(a, "code=", "other="),
            Untrusted,
            "neither code nor error",
            KEPT,
        ),
        (
            "two codes",
            |a| with(a, "code=", "code=x&code="),
            Untrusted,
            "stands twice",
            KEPT,
        ),
        (
            "two errors",
            |a| with(a, "code=", "error=access_denied&error=x&other="),
            Untrusted,
            "stands twice",
            KEPT,
        ),
        (
            "code and error",
            |a| with(a, "code=", "error=access_denied&code="),
            Untrusted,
            "or both",
            KEPT,
        ),
        ("fragment", |a| with(a, "?", "#"), Untrusted, "in the fragment", KEPT),
        (
            "foreign origin",
            |a| to(a, "https://evil.example/"),
            Untrusted,
            "leaves the issuer's origin",
            KEPT,
        ),
        (
            "userinfo",
            |a| with(a, "dev.vestibule.app:/", "http://user@127.0.0.1/"),
            Untrusted,
            "leaves the issuer's origin",
            KEPT,
        ),
        ("nowhere", |a| a.headers.clear(), Untrusted, "no usable Location", KEPT),
    ];
    for row in table {
        check(row).await;
    }
}

#[tokio::test]
async fn a_page_instead_of_a_redirect_wants_a_person_and_a_server_fault_does_not() {
    use StatusType::{CannotAcquireAuthorizationCode as NoCode, RateLimited};
    fn page(answer: &mut AnswerParts, status: u16) {
        answer.status = status;
        answer.headers = vec![("content-type".into(), "text/html".into())];
        answer.body = b"<form id=\"kc-form-login\">".to_vec();
    }
    let person = format!("client {}: its flow at the IdP shows a page", client::DEVICE_ENROLLMENT);
    let table: [Row; 10] = [
        ("page", |a| page(a, 200), StatusType::AccessDenied, "shows a page", GONE),
        ("400", |a| page(a, 400), StatusType::NotReachable, "status 400", KEPT),
        ("404", |a| page(a, 404), StatusType::NotReachable, "status 404", KEPT),
        ("500", |a| page(a, 500), StatusType::NotReachable, "status 500", KEPT),
        ("503", |a| page(a, 503), StatusType::NotReachable, "status 503", KEPT),
        // In JSON a refusal is one, a fault of the server is none.
        (
            "400 JSON",
            |a| a.become_json(400, r#"{"error":"invalid_scope"}"#),
            NoCode,
            "invalid_scope",
            GONE,
        ),
        (
            "429 JSON",
            |a| a.become_json(429, r#"{"error":"slow_down"}"#),
            RateLimited,
            "asks to wait",
            GONE,
        ),
        (
            "500 JSON",
            |a| a.become_json(500, r#"{"error":"unknown_error"}"#),
            StatusType::NotReachable,
            "status 500",
            KEPT,
        ),
        (
            "503 JSON",
            |a| a.become_json(503, r#"{"error":"invalid_request"}"#),
            StatusType::NotReachable,
            "status 503",
            KEPT,
        ),
        (
            "busy JSON",
            |a| a.become_json(503, r#"{"error":"temporarily_unavailable"}"#),
            RateLimited,
            "asks to wait",
            GONE,
        ),
    ];
    for row in table {
        check(row).await;
    }
    let host = Host::start().await;
    host.idp
        .play(ChangeAnswer::of(Endpoint::Authorization, |a| page(a, 200)));
    let failure = host.enroll().await.unwrap_err();
    assert!(failure.to_string().contains(&person), "{failure}");
    assert!(
        failure.to_string().contains("Bind the Device enrollment flow"),
        "{failure}"
    );
}
