//! ID tokens that prove nobody: the grant that came with them is kept on disk first, never used, and revoked.

use serde_json::{Value, json};
use vestibule::{AnonymityPolicy, Notifications, SdkSettings};
use vestibule_dev_idp::Endpoint;
use vestibule_dev_idp::scenes::{ChangeAnswer, Signature, TokenParts};
use vestibule_domain::notification::Notification;
use vestibule_domain::record::StageKind;
use vestibule_domain::sdk_state::SdkState;
use vestibule_domain::status::{Certainty, StatusType};

use crate::host::{CODE, Host, REFRESH, TENANT, assert_told, audiences};

type Forge = fn(&mut TokenParts);
type Row = (&'static str, Forge, &'static str);

fn id(parts: &mut TokenParts, claim: &str, value: Value) {
    parts.id.as_mut().unwrap().claims.insert(claim.into(), value);
}

fn without(parts: &mut TokenParts, claim: &str) {
    parts.id.as_mut().unwrap().claims.remove(claim);
}

fn header(parts: &mut TokenParts, name: &str, value: Value) {
    parts.id.as_mut().unwrap().header.insert(name.into(), value);
}

fn signed(parts: &mut TokenParts, alg: &str, signature: Signature) {
    header(parts, "alg", json!(alg));
    parts.id.as_mut().unwrap().signature = signature;
}

const AN_HOUR_AGO: i64 = 1_800_000_000 - 3_600;
const IN_AN_HOUR: i64 = 1_800_000_000 + 3_600;

/// Every forgery, each with the words that an app is told.
const FORGERIES: [Row; 21] = [
    (
        "none",
        |p| signed(p, "none", Signature::None),
        "its algorithm is not accepted",
    ),
    ("no signature", |p| signed(p, "ES256", Signature::None), "ID token: "),
    (
        "HS256 with the public key",
        |p| signed(p, "HS256", Signature::MacOfPublicKey),
        "its algorithm is not accepted",
    ),
    (
        "MAC as ES256",
        |p| signed(p, "ES256", Signature::MacOfPublicKey),
        "ID token: ",
    ),
    (
        "foreign key",
        |p| signed(p, "ES256", Signature::Foreign),
        "the signature is wrong",
    ),
    ("critical", |p| header(p, "crit", json!(["x"])), "ID token: "),
    (
        "expired",
        |p| id(p, "exp", json!(AN_HOUR_AGO)),
        "expired or from the future",
    ),
    ("no end", |p| without(p, "exp"), "ID token: "),
    (
        "not yet",
        |p| id(p, "nbf", json!(IN_AN_HOUR)),
        "expired or from the future",
    ),
    (
        "issued in an hour",
        |p| id(p, "iat", json!(IN_AN_HOUR)),
        "expired or from the future",
    ),
    (
        "foreign issuer",
        |p| id(p, "iss", json!("https://idp.example")),
        "ID token: iss",
    ),
    ("foreign audience", |p| id(p, "aud", json!("other")), "ID token: aud"),
    (
        "two audiences",
        |p| id(p, "aud", json!(["AstDeviceEnrollment", "other"])),
        "ID token: aud",
    ),
    ("no audience", |p| without(p, "aud"), "ID token: aud"),
    ("foreign party", |p| id(p, "azp", json!("other")), "ID token: azp"),
    ("foreign nonce", |p| id(p, "nonce", json!("other")), "ID token: nonce"),
    (
        "wrong hash",
        |p| id(p, "at_hash", json!("AAAAAAAAAAAAAAAAAAAAAA")),
        "ID token: at_hash",
    ),
    ("no subject", |p| without(p, "sub"), "ID token: sub"),
    ("odd subject", |p| id(p, "sub", json!("a b")), "ID token: sub"),
    (
        "number for a subject",
        |p| id(p, "sub", json!(7)),
        "ID token: it cannot be read",
    ),
    (
        "no JWT",
        |p| {
            p.id = None;
            p.answer.insert("id_token".into(), json!("a.b"));
        },
        "ID token: ",
    ),
];

/// What only an enrolment refuses.
const AT_ENROLMENT: [Row; 6] = [
    ("none at all", |p| p.id = None, "ID token: there is none"),
    ("no nonce", |p| without(p, "nonce"), "ID token: nonce"),
    (
        "e-mail",
        |p| id(p, "email", json!("eve@example.org")),
        "user data: email",
    ),
    ("name", |p| id(p, "name", json!("Eve")), "user data: name"),
    (
        "phone",
        |p| id(p, "phone_number", json!("+1")),
        "user data: phone_number",
    ),
    (
        "user name",
        |p| id(p, "preferred_username", json!("eve")),
        "user data: preferred_username",
    ),
];

#[tokio::test]
async fn an_enrolment_that_proves_nobody_keeps_its_grant_unused_and_revokes_it() {
    for (row, forge, words) in FORGERIES.into_iter().chain(AT_ENROLMENT) {
        let host = Host::start().await;
        host.forge(CODE, forge);
        let failure = host.enroll().await.unwrap_err();
        assert_told(&failure, StatusType::UntrustedResponse, words, row);
        assert_eq!(failure.certainty(), Certainty::MayBeDone, "{row}");
        assert_eq!(failure.sdk_state, SdkState::ActivationRequired, "{row}");
        assert_eq!(
            host.count(Endpoint::Token),
            1,
            "{row}: the grant was used, or the code sent twice"
        );
        let (stages, revoked) = (host.stages(), host.count(Endpoint::Revocation));
        assert_eq!(stages[0], StageKind::Enrolling, "{row}");
        assert!(
            stages.contains(&StageKind::Revoking) || revoked == 1,
            "{row}: the grant is lost"
        );
        // The key stays, and finds the same user.
        let enrolled = host.enroll().await.unwrap().outcome;
        assert!(enrolled.recoverable, "{row}");
        assert_eq!(host.idp.realm(TENANT).users().len(), 1, "{row}");
    }
}

#[tokio::test]
async fn a_grant_that_came_with_a_forged_token_is_the_one_that_a_later_start_revokes() {
    let host = Host::start().await;
    host.forge(CODE, |parts| id(parts, "aud", json!("other")));
    host.enroll().await.unwrap_err();
    let issued = host.requests_to(Endpoint::Token)[0].issued_refresh_token.clone();
    host.sdk.shutdown().await;
    let oidc = audiences(
        vestibule_adapters_idp::OidcSettings::new(host.idp.issuer_template()).allowing_plain_http_to_loopback(),
    );
    let again = crate::host::sdk(oidc, &host.storage, &host.clock, SdkSettings::default()).await;
    for _ in 0..100_000 {
        if host.count(Endpoint::Revocation) > 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    drop(again);
    let revoked = host.requests_to(Endpoint::Revocation)[0].refresh_token.clone();
    assert!(issued.is_some() && revoked == issued);
}

#[tokio::test]
async fn a_refresh_that_proves_nobody_hands_out_nothing_and_keeps_its_successor() {
    let subject: Row = (
        "foreign subject",
        |p| id(p, "sub", json!("somebody-else")),
        "subject changed",
    );
    for (row, forge, words) in FORGERIES.into_iter().chain([subject]) {
        let host = Host::enrolled().await;
        host.forge(REFRESH, forge);
        let asked = host.count(Endpoint::Token);
        let failure = host.exchange().await.unwrap_err();
        assert_told(&failure, StatusType::UntrustedResponse, words, row);
        assert_eq!(host.count(Endpoint::Token), asked + 1, "{row}");
        assert_eq!(host.stages(), [StageKind::Active], "{row}");
        // Not cached, and the successor stands: the realm takes each refresh token once.
        host.exchange().await.unwrap();
        assert_eq!(host.count(Endpoint::Token), asked + 2, "{row}");
    }
}

#[tokio::test]
async fn a_nonce_need_not_stand_in_a_refresh() {
    let host = Host::enrolled().await;
    host.forge(REFRESH, |parts| without(parts, "nonce"));
    host.exchange().await.unwrap();
}

#[tokio::test]
async fn a_user_that_registered_meanwhile_is_told_of_and_goes_on() {
    let host = Host::enrolled().await;
    let mut told = host.sdk.notifications();
    host.forge(REFRESH, |parts| id(parts, "email", json!("eve@example.org")));
    host.exchange().await.unwrap();
    let expected = Notification::IdentityNoLongerAnonymous { claim: "email" };
    assert!(so_far(&mut told).contains(&expected));
}

#[tokio::test]
async fn a_host_that_only_warns_takes_an_identity_with_user_data() {
    let mut flows = SdkSettings::default();
    flows.anonymity = AnonymityPolicy::Warn;
    let host = Host::with(audiences, flows).await;
    let mut told = host.sdk.notifications();
    host.forge(CODE, |parts| id(parts, "email", json!("eve@example.org")));
    host.enroll().await.unwrap();
    let expected = Notification::IdentityNoLongerAnonymous { claim: "email" };
    assert!(so_far(&mut told).contains(&expected));
    assert_eq!(host.stages(), [StageKind::Active]);
}

#[tokio::test]
async fn a_key_that_is_not_published_yet_costs_one_refresh_and_no_second_enrolment() {
    // A key of that id for another algorithm is another key, too.
    let table: [Forge; 2] = [
        |parts| header(parts, "kid", json!("yet unknown")),
        |parts| header(parts, "alg", json!("RS256")),
    ];
    for forge in table {
        let host = Host::start().await;
        host.forge(CODE, forge);
        let enrolled = host.enroll().await.unwrap().outcome;
        assert!(enrolled.recoverable);
        let tokens = host.requests_to(Endpoint::Token);
        let grants: Vec<_> = tokens
            .iter()
            .filter_map(|request| request.grant_type.as_deref())
            .collect();
        assert_eq!(grants, [CODE, REFRESH]);
        assert_eq!(host.count(Endpoint::Authorization), 1);
    }
}

#[tokio::test]
async fn an_issuer_that_changes_its_key_during_an_enrolment_costs_one_refresh_after_the_new_keys() {
    let host = Host::start().await;
    let realm = host.idp.realm(TENANT);
    host.idp.play(ChangeAnswer::of(Endpoint::Authorization, move |_| {
        realm.add_signing_key().unwrap();
    }));
    assert!(host.enroll().await.unwrap().outcome.recoverable);
    let asked: Vec<_> = host.idp.requests().iter().map(|request| request.endpoint).collect();
    let last = asked.len() - 3;
    assert_eq!(asked[last..], [Endpoint::Token, Endpoint::KeySet, Endpoint::Token]);
    assert_eq!(host.count(Endpoint::Authorization), 1);
}

fn so_far(told: &mut Notifications) -> Vec<Notification> {
    std::iter::from_fn(|| told.try_next()).collect()
}
