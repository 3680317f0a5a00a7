//! An issuer that is not the one that was asked, or no longer the one that a record is bound to.

use std::sync::Arc;

use serde_json::{Value, json};
use vestibule::event::OfflineLoginEvent;
use vestibule::{SdkSettings, ports::testing::MemoryStorage};
use vestibule_adapters_idp::OidcSettings;
use vestibule_dev_idp::Endpoint;
use vestibule_dev_idp::scenes::ChangeAnswer;
use vestibule_domain::record::StageKind;
use vestibule_domain::status::{Certainty, StatusType};

use crate::host::{Host, TENANT, assert_told, audiences, sdk};

#[tokio::test]
async fn an_issuer_that_names_another_is_shown_with_both_and_nothing_else_is_asked() {
    type Other = fn(&str) -> String;
    let table: [(&str, Other); 5] = [
        ("a slash at the end", |issuer| format!("{issuer}/")),
        ("another realm", |issuer| issuer.replace("reuse0", "other")),
        ("another host", |_| "https://idp.example/realms/reuse0".into()),
        ("another case", |issuer| issuer.replace("realms", "Realms")),
        ("a name for the address", |issuer| {
            issuer.replace("127.0.0.1", "localhost")
        }),
    ];
    for (row, other) in table {
        let host = Host::start().await;
        let issuer = host.idp.issuer(TENANT);
        let named = other(&issuer);
        let answered = named.clone();
        host.idp.play(ChangeAnswer::of(Endpoint::Discovery, move |answer| {
            let mut document: Value = serde_json::from_slice(&answer.body).unwrap();
            document["issuer"] = json!(answered);
            answer.body = document.to_string().into_bytes();
        }));
        let failure = host.enroll().await.unwrap_err();
        let both = format!("the issuer is \"{issuer}\", but its metadata says \"{named}\"");
        assert_told(&failure, StatusType::UntrustedResponse, &both, row);
        assert_eq!(failure.certainty(), Certainty::NotDone, "{row}");
        assert_eq!(host.idp.requests().len(), 1, "{row}");
        assert!(host.stages().is_empty(), "{row}");
        host.enroll().await.unwrap();
    }
}

#[tokio::test]
async fn a_template_with_a_slash_at_the_end_wants_it_in_the_metadata_too() {
    let host = Host::start().await;
    let template = format!("{}/", host.idp.issuer_template());
    let oidc = OidcSettings::new(&template).allowing_plain_http_to_loopback();
    let other = sdk(
        oidc,
        &Arc::new(MemoryStorage::new()),
        &host.clock,
        SdkSettings::default(),
    )
    .await;
    let event = vestibule::event::EnrollAnonymousUserEvent::new(TENANT, vestibule::AuthenticationMode::No);
    let failure = other.send(event).await.unwrap_err();
    let issuer = host.idp.issuer(TENANT);
    let both = format!("the issuer is \"{issuer}/\", but its metadata says \"{issuer}\"");
    assert_told(&failure, StatusType::UntrustedResponse, &both, "template");
}

#[tokio::test]
async fn nothing_of_a_record_leaves_for_the_issuer_of_a_changed_template() {
    let old = Host::enrolled().await;
    let new = Host::start().await;
    old.sdk.shutdown().await;
    let asked_before = old.idp.requests().len();
    let oidc = audiences(OidcSettings::new(new.idp.issuer_template()).allowing_plain_http_to_loopback());
    let after = sdk(oidc, &old.storage, &old.clock, SdkSettings::default()).await;
    let handle = old.storage.records()[0].handle;
    let failure = after.send(OfflineLoginEvent::new(handle)).await.unwrap_err();
    assert_told(&failure, StatusType::UntrustedResponse, "issuer changed", "login");
    assert_eq!(failure.certainty(), Certainty::NotDone);
    assert_eq!((old.idp.requests().len(), new.idp.requests().len()), (asked_before, 0));
    assert_eq!(old.stages(), [StageKind::Active]);
    // With the old template the record is as good as ever.
    let oidc = audiences(OidcSettings::new(old.idp.issuer_template()).allowing_plain_http_to_loopback());
    let back = sdk(oidc, &old.storage, &old.clock, SdkSettings::default()).await;
    back.send(OfflineLoginEvent::new(handle)).await.unwrap();
}
