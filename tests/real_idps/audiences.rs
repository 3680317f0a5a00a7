//! Tokens for one audience from a real provider, judged by the rule that the SDK judges them by.

use vestibule_domain::identifiers::{ClientId, UserId};
use vestibule_domain::single_audience::{Asked, Unfit, prove};
use vestibule_ports::{AccessTokenReply, IdpError};
use vestibule_tests::servers::{Form, OidcProvider};

use crate::device::{Device, GRANTED, REFUSED, audience};

#[tokio::test]
async fn one_grant_gives_a_token_for_each_audience_in_turn() {
    let server = OidcProvider::start(Form::OneRedirect).unwrap();
    let device = Device::new(&server, Form::OneRedirect);
    let (user, mut grant) = device.enrol().await;
    for name in GRANTED.into_iter().chain(GRANTED) {
        let refreshed = device.refresh(&grant, Some(name)).await.unwrap();
        assert_eq!(
            judge(&refreshed.access_token.unwrap(), name, &user, &device.client_id),
            Ok(()),
            "{name}"
        );
        grant = refreshed.successor.unwrap();
    }
    // The grant is as wide as before: it still proves the user.
    let refreshed = device.refresh(&grant, None).await.unwrap();
    assert_eq!(*refreshed.identity.unwrap().unwrap().user(), user);
}

#[tokio::test]
async fn an_audience_that_comes_back_bound_is_not_handed_out() {
    let server = OidcProvider::start(Form::Hops).unwrap();
    let device = Device::new(&server, Form::Hops);
    let (user, mut grant) = device.enrol().await;
    for name in GRANTED {
        let refreshed = device.refresh(&grant, Some(name)).await.unwrap();
        let verdict = judge(&refreshed.access_token.unwrap(), name, &user, &device.client_id);
        assert_eq!(verdict, Err(Unfit::Bound), "{name}");
        grant = refreshed.successor.unwrap();
    }
}

#[tokio::test]
async fn a_refused_audience_costs_nothing() {
    for form in [Form::OneRedirect, Form::Hops] {
        let server = OidcProvider::start(form).unwrap();
        let device = Device::new(&server, form);
        let (user, grant) = device.enrol().await;
        for name in [REFUSED, "unlisted"] {
            let error = device.refresh(&grant, Some(name)).await.unwrap_err();
            assert!(
                matches!(error, IdpError::AudienceRefused(_)),
                "{form:?} {name}: {error:?}"
            );
        }
        let refreshed = device.refresh(&grant, None).await.unwrap();
        assert_eq!(*refreshed.identity.unwrap().unwrap().user(), user, "{form:?}");
    }
}

/// What the flow would say to a token.
fn judge(reply: &AccessTokenReply, name: &str, subject: &UserId, client_id: &ClientId) -> Result<(), Unfit> {
    let claims = reply.claims.as_ref().expect("a token that can be read");
    let asked = Asked {
        audience: &audience(name),
        client_id,
        subject,
        scopes: &reply.terms.scopes,
        lifetime_cap: reply.terms.lifetime_cap,
    };
    prove(claims, &asked)
}
