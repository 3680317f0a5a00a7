//! What a server may want of a proof: a nonce, once or for ever; another time, told or not.

use vestibule_dev_idp::Endpoint;
use vestibule_dev_idp::scenes::ChangeAnswer;
use vestibule_domain::record::StageKind;
use vestibule_domain::status::{Cause, Certainty, StatusType};

use crate::host::{CODE, Host, REFRESH, assert_told};

fn wants_a_nonce(endpoint: Endpoint, grant: Option<&'static str>) -> ChangeAnswer {
    let scene = ChangeAnswer::of(endpoint, |answer| {
        answer.become_json(400, r#"{"error":"use_dpop_nonce"}"#);
        answer.add_header("dpop-nonce", "n1");
    });
    let scene = scene.instead_of_the_work();
    match grant {
        Some(grant) => scene.for_grant(grant),
        None => scene,
    }
}

#[tokio::test]
async fn a_nonce_is_answered_once_at_every_endpoint() {
    let table = [
        (Endpoint::PushedAuthorization, None),
        (Endpoint::Authorization, None),
        (Endpoint::Token, Some(CODE)),
        (Endpoint::Token, Some(REFRESH)),
    ];
    for (endpoint, grant) in table {
        let host = Host::start().await;
        host.idp.play(wants_a_nonce(endpoint, grant));
        host.enroll().await.unwrap();
        host.exchange().await.unwrap();
        assert_eq!(host.idp.waiting_scenes(), 0, "{endpoint:?}");
        // One code is sent twice, the second time with another proof: the first try did not burn it.
        let expected = if endpoint == Endpoint::Token { 3 } else { 2 };
        assert_eq!(host.count(endpoint), expected, "{endpoint:?} {grant:?}");
        assert_eq!(
            (host.stages(), host.count(Endpoint::Token) <= 3),
            (vec![StageKind::Active], true)
        );
    }
}

#[tokio::test]
async fn a_nonce_that_is_wanted_for_ever_ends_after_the_second_proof() {
    use StatusType::{CannotAcquireAuthorizationCode as NoCode, CannotAcquireTokenData as NoToken};
    // endpoint, grant, status, what stays of the enrolment, requests to the endpoint
    let table: [(Endpoint, Option<&'static str>, StatusType, &[StageKind]); 3] = [
        (Endpoint::PushedAuthorization, None, NoCode, &[]),
        (Endpoint::Authorization, None, NoCode, &[]),
        (Endpoint::Token, Some(CODE), NoToken, &[StageKind::Enrolling]),
    ];
    for (endpoint, grant, status, stages) in table {
        let host = Host::start().await;
        for _ in 0..9 {
            host.idp.play(wants_a_nonce(endpoint, grant));
        }
        let failure = host.enroll().await.unwrap_err();
        assert_told(&failure, status, "use_dpop_nonce", &format!("{endpoint:?}"));
        assert_eq!(host.stages(), stages, "{endpoint:?}");
        let asked = host.count(endpoint);
        assert!((2..=4).contains(&asked), "{endpoint:?}: {asked} requests");
        assert_eq!(
            host.count(Endpoint::Token),
            if endpoint == Endpoint::Token { 2 } else { 0 }
        );
    }
    let host = Host::enrolled().await;
    for _ in 0..9 {
        host.idp.play(wants_a_nonce(Endpoint::Token, Some(REFRESH)));
    }
    let failure = host.exchange().await.unwrap_err();
    assert_told(&failure, NoToken, "use_dpop_nonce", "refresh");
    assert_eq!(
        (host.count(Endpoint::Token), host.stages()),
        (3, vec![StageKind::Active])
    );
}

#[tokio::test]
async fn a_stale_proof_is_made_anew_where_the_server_tells_its_time() {
    // The Date on each answer, or on those of the authorization endpoint alone.
    for (tenant, ahead_s) in [
        ("alldated", 7_200),
        ("alldated", -7_200),
        ("dated", 7_200),
        ("dated", -7_200),
    ] {
        let host = Host::ahead_by(ahead_s).await;
        let enrolled = host.enroll_at(tenant).await.unwrap().outcome;
        assert!(enrolled.recoverable, "{tenant} {ahead_s}");
        host.exchange().await.unwrap();
        assert_eq!(host.idp.realm(tenant).users().len(), 1, "{tenant} {ahead_s}");
    }
}

#[tokio::test]
async fn without_a_date_the_clock_is_named_and_nothing_is_left_behind() {
    // Nothing is known of the server's time; a day is the most that is corrected.
    let table = [
        ("acme", 7_200, None),
        ("acme", -7_200, None),
        ("alldated", 3 * 86_400, Some(3 * 86_400_000)),
        ("alldated", -3 * 86_400, Some(-3 * 86_400_000)),
    ];
    for (tenant, ahead_s, ahead_ms) in table {
        let row = format!("{tenant} {ahead_s}");
        let host = Host::ahead_by(ahead_s).await;
        let failure = host.enroll_at(tenant).await.unwrap_err();
        assert_told(&failure, StatusType::ClockSkewed, "Set the device's clock.", &row);
        assert_eq!(failure.cause, Cause::ClockSkewed { ahead_ms }, "{row}");
        assert_eq!(failure.certainty(), Certainty::NotDone, "{row}");
        assert_eq!((host.count(Endpoint::Token), host.stages()), (0, vec![]), "{row}");
        assert!(host.idp.realm(tenant).users().is_empty(), "{row}");
    }
}
