//! Events hold raw strings; what does not fit is refused first thing, and the answer names the field.

use vestibule::event::{EnrollAnonymousUserEvent, ExchangeIamTokenEvent, StartEvent};
use vestibule::status::{Cause, StatusType};
use vestibule::{AuthenticationMode, Failure, SdkSettings};

use crate::world::{PLAIN, World};

fn field_of(failure: &Failure) -> Option<&'static str> {
    match &failure.cause {
        Cause::InvalidParameter(refused) => Some(refused.field),
        _ => None,
    }
}

/// Sends each event in a state that would refuse it, too: the parameter is looked at first.
#[tokio::test]
#[rustfmt::skip]
async fn each_event_names_the_field_that_does_not_fit() {
    let world = World::new(PLAIN);
    let sdk = world.sdk(SdkSettings::default());
    let long = "x".repeat(256);
    let mode = AuthenticationMode::No;
    let mut refused = Vec::new();
    for (name, version, locale, field) in [
        ("", "1", "en", "app_name"),
        ("a name of more than thirty-two bytes", "1", "en", "app_name"),
        ("app", "", "en", "app_version"),
        ("app", "a version of more than thirty-two bytes", "en", "app_version"),
        ("app", "1", "", "locale"),
        ("app", "1", "not a tag", "locale"),
    ] {
        refused.push((sdk.send(StartEvent::new(name, version, locale)).await.map(drop), field));
    }
    for tenant in ["", " acme", "..", "a/b", "a\\b", "a?b", "a#b", "a%2e", "a;b", "a@b", "a:b", "a\u{7}b", &long] {
        refused.push((sdk.send(EnrollAnonymousUserEvent::new(tenant, mode)).await.map(drop), "tenant_id"));
    }
    for client in ["", "a b", "ä", &long] {
        let event = EnrollAnonymousUserEvent::new("acme", mode).with_client_id(client);
        refused.push((sdk.send(event).await.map(drop), "client_id"));
    }
    for audience in ["", "a b", "ä", &long] {
        refused.push((sdk.send(ExchangeIamTokenEvent::new(audience)).await.map(drop), "audience"));
    }
    for (row, (answer, field)) in refused.into_iter().enumerate() {
        let failure = answer.unwrap_err();
        assert_eq!(field_of(&failure), Some(field), "row {row}: {failure}");
        assert_eq!(failure.status(), StatusType::InvalidParameter);
        assert!(failure.to_string().contains(field), "{failure}");
    }
    assert_eq!(world.log.shown(), "", "nothing was asked of anybody");
    assert_eq!(sdk.state(), vestibule::SdkState::NotStarted);
}
