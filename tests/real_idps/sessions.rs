//! The life of a grant at a real provider: rotation, reuse, revocation.

use vestibule_ports::IdpError;
use vestibule_tests::servers::{Form, OidcProvider};

use crate::device::Device;

#[tokio::test]
async fn every_refresh_proves_the_user_again_and_brings_a_successor() {
    let table = [
        (Form::OneRedirect, OidcProvider::DEVICE_CLIENT),
        (Form::Hops, OidcProvider::DEVICE_CLIENT),
        (Form::Hops, OidcProvider::DEVICE_CLIENT_WITH_NONCE),
    ];
    for (form, client_id) in table {
        let server = OidcProvider::start(form).unwrap();
        let device = Device::new(&server, form).at_client(client_id);
        let (user, mut grant) = device.enrol().await;
        for _ in 0..3 {
            let refreshed = device.refresh(&grant, None).await.unwrap();
            assert_eq!(*refreshed.identity.unwrap().unwrap().user(), user, "{form:?}");
            let successor = refreshed.successor.unwrap();
            assert_ne!(successor.expose(), grant.expose(), "{form:?}");
            grant = successor;
        }
    }
}

#[tokio::test]
async fn an_old_grant_is_refused_and_takes_its_successor_with_it() {
    for form in [Form::OneRedirect, Form::Hops] {
        let server = OidcProvider::start(form).unwrap();
        let device = Device::new(&server, form);
        let (_, first) = device.enrol().await;
        let second = device.refresh(&first, None).await.unwrap().successor.unwrap();
        for grant in [first, second] {
            let error = device.refresh(&grant, None).await.unwrap_err();
            assert!(matches!(error, IdpError::GrantRefused(_)), "{form:?}: {error:?}");
        }
    }
}

#[tokio::test]
async fn a_revoked_grant_is_refused_and_can_be_revoked_again() {
    for form in [Form::OneRedirect, Form::Hops] {
        let server = OidcProvider::start(form).unwrap();
        let device = Device::new(&server, form);
        let (_, grant) = device.enrol().await;
        assert_eq!(device.revoke(&grant).await, Ok(()), "{form:?}");
        let error = device.refresh(&grant, None).await.unwrap_err();
        assert!(matches!(error, IdpError::GrantRefused(_)), "{form:?}: {error:?}");
        assert_eq!(device.revoke(&grant).await, Ok(()), "{form:?}");
    }
}

#[tokio::test]
async fn a_revocation_ends_one_user_and_no_other() {
    let server = OidcProvider::start(Form::OneRedirect).unwrap();
    let device = Device::new(&server, Form::OneRedirect);
    let (_, revoked) = device.enrol().await;
    let (user, kept) = device.enrol().await;
    device.revoke(&revoked).await.unwrap();
    let refreshed = device.refresh(&kept, None).await.unwrap();
    assert_eq!(*refreshed.identity.unwrap().unwrap().user(), user);
}
