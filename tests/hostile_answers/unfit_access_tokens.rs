//! Access tokens that are not for the one audience alone: none is handed out or kept in memory, and the successor of the
//! grant, which came with it, stands on disk.

use serde_json::{Value, json};
use vestibule::SdkSettings;
use vestibule_adapters_idp::AudienceSettings;
use vestibule_dev_idp::Endpoint;
use vestibule_dev_idp::scenes::{ForgeTokens, Signature, TokenParts};
use vestibule_domain::identifiers::Audience;
use vestibule_domain::record::StageKind;
use vestibule_domain::status::StatusType::{AccessDenied, UntrustedResponse as Untrusted};
use vestibule_domain::status::{Certainty, StatusType};

use crate::host::{Host, REFRESH, TENANT, assert_told, audiences};

type Forge = fn(&mut TokenParts);
type Row = (&'static str, Forge, StatusType, &'static str);

fn access(parts: &mut TokenParts, claim: &str, value: Value) {
    parts.access.as_mut().unwrap().claims.insert(claim.into(), value);
}

fn without(parts: &mut TokenParts, claim: &str) {
    parts.access.as_mut().unwrap().claims.remove(claim);
}

fn signed(parts: &mut TokenParts, alg: &str, signature: Signature) {
    let token = parts.access.as_mut().unwrap();
    token.header.insert("alg".into(), json!(alg));
    token.signature = signature;
}

/// Something else in place of the access token; the ID token says nothing of it then.
fn instead(parts: &mut TokenParts, token: Value) {
    parts.access = None;
    parts.answer.insert("access_token".into(), token);
}

const FORGERIES: [Row; 30] = [
    (
        "wider scope",
        |p| access(p, "scope", json!("aud:orders aud:billing")),
        Untrusted,
        "scope is wider",
    ),
    (
        "openid",
        |p| access(p, "scope", json!("openid aud:orders")),
        Untrusted,
        "scope holds openid",
    ),
    (
        "two audiences",
        |p| access(p, "aud", json!(["orders", "billing"])),
        Untrusted,
        "more than the asked audience",
    ),
    (
        "odd audience",
        |p| access(p, "aud", json!(["orders", 7])),
        Untrusted,
        "the access token cannot be read",
    ),
    (
        "foreign subject",
        |p| access(p, "sub", json!("other")),
        Untrusted,
        "another user's",
    ),
    (
        "foreign client",
        |p| access(p, "azp", json!("other")),
        Untrusted,
        "not given to this client",
    ),
    (
        "no client",
        |p| without(p, "azp"),
        Untrusted,
        "not given to this client",
    ),
    (
        "an ID token's kind",
        |p| access(p, "typ", json!("ID")),
        Untrusted,
        "not an access token",
    ),
    (
        "a refresh token's kind",
        |p| access(p, "typ", json!("Refresh")),
        Untrusted,
        "not an access token",
    ),
    (
        "roles of the realm",
        |p| access(p, "realm_access", json!({"roles": ["x"]})),
        Untrusted,
        "carries roles",
    ),
    (
        "roles elsewhere",
        |p| access(p, "resource_access", json!({"account": {"roles": ["x"]}})),
        Untrusted,
        "carries roles",
    ),
    (
        "e-mail",
        |p| access(p, "email", json!("eve@example.org")),
        Untrusted,
        "user data: email",
    ),
    (
        "name",
        |p| access(p, "given_name", json!("Eve")),
        Untrusted,
        "user data: given_name",
    ),
    (
        "an hour",
        |p| access(p, "exp", json!(1_800_003_600)),
        Untrusted,
        "lives longer than allowed",
    ),
    ("no end", |p| without(p, "exp"), Untrusted, "claim of the access token"),
    (
        "no beginning",
        |p| without(p, "iat"),
        Untrusted,
        "claim of the access token",
    ),
    (
        "expired",
        |p| access(p, "exp", json!(1_799_996_400)),
        Untrusted,
        "expired or from the future",
    ),
    (
        "issued in an hour",
        |p| {
            access(p, "iat", json!(1_800_003_600));
            access(p, "exp", json!(1_800_003_900));
        },
        Untrusted,
        "expired or from the future",
    ),
    (
        "from the future",
        |p| access(p, "nbf", json!(1_800_003_600)),
        Untrusted,
        "expired or from the future",
    ),
    (
        "foreign issuer",
        |p| access(p, "iss", json!("https://idp.example")),
        Untrusted,
        "claim of the access token",
    ),
    (
        "foreign key",
        |p| signed(p, "ES256", Signature::Foreign),
        Untrusted,
        "signature is wrong",
    ),
    (
        "unsigned",
        |p| signed(p, "none", Signature::None),
        Untrusted,
        "cannot be read",
    ),
    (
        "HS256",
        |p| signed(p, "HS256", Signature::MacOfPublicKey),
        Untrusted,
        "cannot be read",
    ),
    (
        "bound by claim",
        |p| access(p, "cnf", json!({"jkt": "x"})),
        AccessDenied,
        "bound to this device",
    ),
    (
        "bound by type",
        |p| {
            p.answer.insert("token_type".into(), json!("DPoP"));
        },
        AccessDenied,
        "bound to this device",
    ),
    (
        "odd type",
        |p| {
            p.answer.insert("token_type".into(), json!("mac"));
        },
        Untrusted,
        "no usable token_type",
    ),
    ("opaque", |p| instead(p, json!("opaque")), AccessDenied, "it is opaque"),
    (
        "the refresh token",
        |p| {
            let token = p.answer["refresh_token"].clone();
            instead(p, token);
        },
        Untrusted,
        "another token of this device",
    ),
    (
        "no access token",
        |p| p.access = None,
        Untrusted,
        "no usable access_token",
    ),
    (
        "an empty one",
        |p| instead(p, json!("")),
        Untrusted,
        "no usable access_token",
    ),
];

#[tokio::test]
async fn an_unfit_token_is_neither_handed_out_nor_kept_and_the_successor_stands() {
    for (row, forge, status, words) in FORGERIES {
        let host = Host::enrolled().await;
        host.forge(REFRESH, forge);
        let asked = host.count(Endpoint::Token);
        let failure = host.exchange().await.unwrap_err();
        assert_told(&failure, status, words, row);
        assert_eq!(host.count(Endpoint::Token), asked + 1, "{row}");
        assert_eq!(host.stages(), [StageKind::Active], "{row}");
        // The realm takes each refresh token once: a lost successor would end the session here.
        let token = host.exchange().await.unwrap();
        assert_eq!(token.audience.as_str(), "orders", "{row}");
        assert_eq!(host.count(Endpoint::Token), asked + 2, "{row}: it came from memory");
        assert_eq!(host.count(Endpoint::Authorization), 1, "{row}: enrolled again");
    }
}

/// The grant in hand, and the ID token that comes along, are as opaque to a third party as any other text.
#[tokio::test]
async fn a_token_that_we_hold_is_never_handed_out_where_opaque_ones_are() {
    let opaque = |settings: vestibule_adapters_idp::OidcSettings| {
        let orders = AudienceSettings::new(Audience::parse("orders").unwrap(), "aud:orders").allowing_opaque();
        settings.with_audience(orders)
    };
    type Swap = fn(&mut TokenParts);
    let table: [(&str, Swap, Option<&str>); 3] = [
        (
            "opaque",
            |p| {
                instead(p, json!("opaque"));
                p.id = None;
            },
            None,
        ),
        (
            "successor",
            |p| {
                let token = p.answer["refresh_token"].clone();
                instead(p, token);
                p.id = None;
            },
            Some("another token of this device"),
        ),
        (
            "ID token",
            |p| {
                instead(p, json!("id-of-mine"));
                p.id = None;
                p.answer.insert("id_token".into(), json!("id-of-mine"));
            },
            Some("ID token: "),
        ),
    ];
    for (row, swap, refused) in table {
        let host = Host::with(opaque, SdkSettings::default()).await;
        host.enroll().await.unwrap();
        host.idp
            .play(ForgeTokens::of_grant(host.idp.realm(TENANT), REFRESH, swap));
        match (host.exchange().await, refused) {
            (Ok(token), None) => {
                let life = token.expires_at.since(vestibule_ports::Clock::wall(&*host.clock));
                assert_eq!((token.value.expose(), life.as_secs()), ("opaque", 60), "{row}");
            }
            (Err(failure), Some(words)) => assert_told(&failure, Untrusted, words, row),
            (outcome, _) => panic!("{row}: {outcome:?}"),
        }
        assert_eq!(host.stages(), [StageKind::Active], "{row}");
    }
}

/// Each row: realm, what the answers lack, and how often the key is enrolled again for it.
#[tokio::test]
async fn an_audience_that_was_not_granted_is_denied_and_never_kept() {
    for (tenant, enrolled_again) in [("plain-reuse0", 0), (TENANT, 1)] {
        let host = Host::start().await;
        host.enroll_at(tenant).await.unwrap();
        let lacking: [Forge; 2] = [|p| without(p, "aud"), |p| access(p, "aud", json!("account"))];
        for lacks in lacking {
            host.idp
                .play(ForgeTokens::of_grant(host.idp.realm(tenant), REFRESH, lacks));
        }
        let failure = host.exchange().await.unwrap_err();
        assert_told(&failure, AccessDenied, "audience not granted", tenant);
        assert_eq!(failure.certainty(), Certainty::NotDone, "{tenant}");
        assert_eq!(host.count(Endpoint::Authorization), 1 + enrolled_again, "{tenant}");
        assert_eq!(host.stages()[0], StageKind::Active, "{tenant}");
        assert_eq!(host.idp.realm(tenant).users().len(), 1, "{tenant}");
        while host.idp.waiting_scenes() > 0 {
            host.exchange().await.unwrap_err();
        }
        host.exchange().await.unwrap();
    }
}

#[tokio::test]
async fn an_audience_that_the_server_does_not_know_is_refused_and_the_session_stays() {
    let host = Host::with(audiences, SdkSettings::default()).await;
    host.enroll().await.unwrap();
    let unknown = vestibule::event::ExchangeIamTokenEvent::new("unknown");
    let failure = host.sdk.send(unknown).await.unwrap_err();
    assert_told(&failure, AccessDenied, "audience refused", "unknown");
    assert_eq!(host.stages(), [StageKind::Active]);
    host.exchange().await.unwrap();
}
