//! A grant goes only to the server that gave it.

use vestibule_adapters_idp::DeviceProof;
use vestibule_domain::secret::Grant;
use vestibule_domain::status::Untrusted;
use vestibule_ports::{IdentityProvider as _, IdpError, RefreshRequest, RevokeRequest};

use crate::device::{Device, idp, settings};
use crate::hostile_answers::grant_from;
use crate::stub_server::{StubServer, json, metadata};

#[tokio::test]
async fn a_changed_template_sends_nothing_of_an_old_record() {
    let (old, _) = idp().await;
    let (new, _) = idp().await;
    let before = Device::at(&old, "acme", 1);
    let grant = before.enroll().await.unwrap().grant;
    let asked_before = old.requests().len();
    let after = Device::at(&new, "acme", 1);
    for realm in [before.realm(), after.realm()] {
        let (client, key) = (after.client_id.clone(), after.key.clone());
        let refresh = RefreshRequest::new(realm.clone(), client.clone(), grant.clone(), key.clone(), None);
        let error = after.adapter.refresh(refresh).await.unwrap_err();
        assert_eq!(error, IdpError::Misconfigured(Untrusted::IssuerChanged));
        let error = after
            .adapter
            .revoke(RevokeRequest::new(realm, client, grant.clone(), key))
            .await
            .unwrap_err();
        assert_eq!(error, IdpError::Misconfigured(Untrusted::IssuerChanged));
    }
    assert_eq!((old.requests().len(), new.requests().len()), (asked_before, 0));
}

#[tokio::test]
async fn another_client_or_tenant_is_not_served_with_a_grant() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    let grant = device.enroll().await.unwrap().grant;
    let asked_before = idp.requests().len();
    for other in [
        Device::at(&idp, "acme", 1).for_client("other"),
        Device::at(&idp, "other", 1),
    ] {
        let error = other.refresh(&grant, None).await.unwrap_err();
        assert_eq!(error, IdpError::Misconfigured(Untrusted::IssuerChanged));
    }
    assert_eq!(idp.requests().len(), asked_before);
}

#[tokio::test]
async fn a_token_endpoint_that_moved_gets_nothing() {
    let stub = StubServer::start().await;
    let elsewhere = StubServer::start().await;
    let settings = || settings(&stub.issuer_template()).with_extra_origin(elsewhere.origin());
    let device = Device::new(settings(), "acme", 1);
    let grant = grant_from(&stub, &device).await;
    let moved = metadata(stub.port, "").replace(
        &format!("{}/token", stub.origin()),
        &format!("{}/token", elsewhere.origin()),
    );
    stub.answer("/acme/.well-known/openid-configuration", json(200, &moved));
    let before = stub.count("/token");
    let error = Device::new(settings(), "acme", 1)
        .refresh(&grant, None)
        .await
        .unwrap_err();
    assert_eq!(error, IdpError::Misconfigured(Untrusted::IssuerChanged));
    assert_eq!((stub.count("/token"), elsewhere.requests().len()), (before, 0));
}

#[tokio::test]
async fn a_grant_that_is_none_is_refused_before_anything_is_sent() {
    let (idp, _) = idp().await;
    let device = Device::at(&idp, "acme", 1);
    for bytes in [vec![], b"refresh-token".to_vec(), vec![0x88, 0x02]] {
        let error = device.refresh(&Grant::new(bytes), None).await.unwrap_err();
        assert!(matches!(error, IdpError::InvalidRequest(parameter) if parameter.field == "grant"));
    }
    assert!(idp.requests().is_empty());
}

#[tokio::test]
async fn a_grant_keeps_the_proof_that_it_was_made_with_whatever_is_set_later() {
    for (made_with, set_later, proven) in [
        (DeviceProof::Required, DeviceProof::Never, true),
        (DeviceProof::Never, DeviceProof::Required, false),
    ] {
        let stub = StubServer::start().await;
        let device = |proof| Device::new(settings(&stub.issuer_template()).with_device_proof(proof), "acme", 1);
        let grant = grant_from(&stub, &device(made_with)).await;
        let before = stub.requests().len();
        device(set_later).refresh(&grant, None).await.unwrap_err();
        device(set_later).revoke(&grant).await.unwrap_err();
        let sent = stub.requests().split_off(before).into_iter();
        let proofs: Vec<_> = sent
            .filter(|request| matches!(request.path(), "/token" | "/revoke"))
            .map(|request| request.header("dpop").is_some())
            .collect();
        assert_eq!(proofs, [proven, proven], "{made_with:?}, then {set_later:?}");
    }
}
