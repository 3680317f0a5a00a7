//! Enrolment at a real provider.

use vestibule_adapters_idp::DeviceProof;
use vestibule_domain::anonymity::first_user_datum;
use vestibule_domain::status::Denial;
use vestibule_ports::{IdpError, UserOrigin};
use vestibule_tests::servers::{Form, OidcProvider};

use crate::device::{Device, proof};

const HOUR_MS: i64 = 60 * 60 * 1000;

#[tokio::test]
async fn a_device_enrols_and_its_identity_is_proven() {
    let table = [
        (Form::OneRedirect, OidcProvider::DEVICE_CLIENT),
        (Form::Hops, OidcProvider::DEVICE_CLIENT),
        (Form::Hops, OidcProvider::DEVICE_CLIENT_WITH_NONCE),
    ];
    for (form, client_id) in table {
        let server = OidcProvider::start(form).unwrap();
        let enrolled = Device::new(&server, form)
            .at_client(client_id)
            .try_enrol()
            .await
            .unwrap();
        let identity = enrolled.identity.unwrap();
        // Neither form ties the user to the key.
        assert_eq!(
            (identity.recoverable, identity.origin),
            (false, UserOrigin::Unsaid),
            "{form:?}"
        );
        assert_eq!(first_user_datum(&identity.claims.names), None, "{form:?}");
        assert_eq!(identity.claims.audiences, [client_id], "{form:?}");
        assert_eq!(enrolled.access_tokens_bound, form == Form::Hops, "{form:?}");
        assert_eq!((enrolled.key_unknown, enrolled.session_ends), (false, None), "{form:?}");
    }
}

#[tokio::test]
async fn a_second_enrolment_is_not_handed_the_first_user() {
    for form in [Form::OneRedirect, Form::Hops] {
        let server = OidcProvider::start(form).unwrap();
        let device = Device::new(&server, form);
        let (first, _) = device.enrol().await;
        let (second, _) = device.enrol().await;
        assert_ne!(first, second, "{form:?}");
    }
}

#[tokio::test]
async fn a_wrong_clock_does_not_stop_an_enrolment() {
    for form in [Form::OneRedirect, Form::Hops] {
        let server = OidcProvider::start(form).unwrap();
        for ahead_ms in [-HOUR_MS, HOUR_MS] {
            let device = Device::with_clock(&server, proof(form), ahead_ms);
            let enrolled = device.try_enrol().await.unwrap();
            assert!(
                enrolled.identity.is_ok(),
                "{form:?} {ahead_ms}: {:?}",
                enrolled.identity
            );
            assert!(
                device.refresh(&enrolled.grant, None).await.is_ok(),
                "{form:?} {ahead_ms}"
            );
        }
    }
}

#[tokio::test]
async fn a_login_for_a_person_is_told_from_a_fault() {
    for form in [Form::OneRedirect, Form::Hops] {
        let server = OidcProvider::start(form).unwrap();
        let device = Device::new(&server, form).at_client(OidcProvider::ORDINARY_CLIENT);
        let error = device.try_enrol().await.unwrap_err();
        let IdpError::Denied { denial, hint } = &error else {
            panic!("{form:?}: {error:?}")
        };
        assert_eq!(*denial, Denial::InteractionRequired, "{form:?}");
        let hint = hint.to_string();
        assert!(
            hint.contains("login_required") && hint.contains(OidcProvider::ORDINARY_CLIENT),
            "{form:?}: {hint}"
        );
    }
}

#[tokio::test]
async fn an_unknown_client_is_told_where_the_provider_tells_it() {
    // It answers a pushed request in words that a program reads.
    let server = OidcProvider::start(Form::Hops).unwrap();
    let error = Device::new(&server, Form::Hops)
        .at_client("nobody")
        .try_enrol()
        .await
        .unwrap_err();
    assert!(
        matches!(
            error,
            IdpError::Denied {
                denial: Denial::ClientUnknown,
                ..
            }
        ),
        "{error:?}"
    );

    // Its authorization endpoint has an error page only, whatever is accepted. That is no wish for a person, and whether
    // a user was made cannot be read from it.
    let server = OidcProvider::start(Form::OneRedirect).unwrap();
    let error = Device::new(&server, Form::OneRedirect)
        .at_client("nobody")
        .try_enrol()
        .await
        .unwrap_err();
    assert!(matches!(error, IdpError::AnswerLost(_)), "{error:?}");
}

#[tokio::test]
async fn a_provider_that_insists_on_proofs_refuses_the_code_without_one() {
    let server = OidcProvider::start(Form::Hops).unwrap();
    let error = Device::with_proof(&server, DeviceProof::Never)
        .try_enrol()
        .await
        .unwrap_err();
    assert!(matches!(error, IdpError::CodeRefused(_)), "{error:?}");
}
