//! Errors of the token endpoint, for a code and for a refresh token.

use vestibule_dev_idp::Endpoint;
use vestibule_dev_idp::scenes::ChangeAnswer;
use vestibule_domain::record::StageKind::{self, Active, Enrolling, Outdated};
use vestibule_domain::status::Certainty::{self, MayBeDone, NotDone};
use vestibule_domain::status::StatusType::{
    self, AccessDenied, CannotAcquireAccessTokenForAuthorizationCode as CodeRefused,
    CannotAcquireTokenData as RefreshRefused, NotReachable, TokenDataIsOutdated, UntrustedResponse as Untrusted,
};

use crate::host::{CODE, Host, REFRESH, assert_told};

/// Status and body of the answer; `None` closes the connection.
type Said = (u16, &'static str);

fn refusal(grant: &'static str, (status, body): Said) -> ChangeAnswer {
    let scene = ChangeAnswer::of(Endpoint::Token, move |answer| answer.become_json(status, body));
    scene.for_grant(grant).instead_of_the_work()
}

#[tokio::test]
async fn a_refused_or_lost_code_keeps_the_key_and_is_never_sent_again() {
    // what is said, what the app is told, how many codes were asked for
    let table: [(Said, StatusType, &str, Certainty, usize); 9] = [
        (
            (400, r#"{"error":"invalid_grant"}"#),
            CodeRefused,
            "invalid_grant",
            MayBeDone,
            1,
        ),
        (
            (400, r#"{"error":"invalid_request"}"#),
            CodeRefused,
            "invalid_request",
            MayBeDone,
            1,
        ),
        (
            (401, r#"{"error":"invalid_client"}"#),
            CodeRefused,
            "invalid_client",
            MayBeDone,
            1,
        ),
        ((403, "<html>"), CodeRefused, "status 403", MayBeDone, 1),
        ((500, "<html>"), NotReachable, "status 500", MayBeDone, 2),
        // A user exists by now: a wait is not told as *not done*, and its other words do not count.
        (
            (429, r#"{"error":"invalid_grant"}"#),
            NotReachable,
            "status 429",
            MayBeDone,
            2,
        ),
        ((302, ""), Untrusted, "a redirect", MayBeDone, 2),
        ((200, "<html>"), Untrusted, "no JSON object", MayBeDone, 2),
        (
            (200, r#"{"access_token":"a","token_type":"Bearer"}"#),
            Untrusted,
            "no refresh token",
            MayBeDone,
            2,
        ),
    ];
    for (said, status, words, certainty, codes) in table {
        let row = format!("{said:?}");
        let host = Host::start().await;
        for _ in 0..codes {
            host.idp.play(refusal(CODE, said));
        }
        let failure = host.enroll().await.unwrap_err();
        assert_told(&failure, status, words, &row);
        assert_eq!(
            (failure.certainty(), host.stages()),
            (certainty, vec![Enrolling]),
            "{row}"
        );
        let mut sent: Vec<_> = host
            .requests_to(Endpoint::Token)
            .into_iter()
            .map(|one| one.code)
            .collect();
        assert_eq!(sent.len(), codes, "{row}");
        sent.dedup();
        assert_eq!(sent.len(), codes, "{row}: a code was sent twice");
        host.enroll().await.unwrap();
        assert_eq!(host.stages(), [Active], "{row}");
    }
}

#[tokio::test]
async fn each_error_of_a_refresh_is_told_and_keeps_the_grant() {
    // realm, what is said, what the app is told, what stays, how often it was sent
    type Row = (&'static str, Said, StatusType, &'static str, StageKind, usize);
    let table: [Row; 10] = [
        (
            "plain-reuse0",
            (400, r#"{"error":"invalid_grant"}"#),
            TokenDataIsOutdated,
            "it is kept",
            Outdated,
            1,
        ),
        (
            "reuse0",
            (400, r#"{"error":"unauthorized_client"}"#),
            RefreshRefused,
            "unauthorized_client",
            Active,
            1,
        ),
        (
            "reuse0",
            (401, r#"{"error":"invalid_client"}"#),
            RefreshRefused,
            "invalid_client",
            Active,
            1,
        ),
        (
            "reuse0",
            (400, r#"{"error":"something_new"}"#),
            RefreshRefused,
            "something_new",
            Active,
            1,
        ),
        (
            "reuse0",
            (400, r#"{"error":"invalid_dpop_proof"}"#),
            RefreshRefused,
            "invalid_dpop_proof",
            Active,
            1,
        ),
        ("reuse0", (404, "<html>"), RefreshRefused, "status 404", Active, 1),
        (
            "reuse0",
            (400, r#"{"error":"invalid_scope"}"#),
            AccessDenied,
            "audience refused",
            Active,
            1,
        ),
        (
            "reuse0",
            (400, r#"{"error":"invalid_target"}"#),
            AccessDenied,
            "audience refused",
            Active,
            1,
        ),
        ("reuse0", (500, "<html>"), NotReachable, "status 500", Active, 2),
        ("reuse0", (200, "<html>"), Untrusted, "no JSON object", Active, 2),
    ];
    for (tenant, said, status, words, stage, sent) in table {
        let row = format!("{tenant} {said:?}");
        let host = Host::start().await;
        host.enroll_at(tenant).await.unwrap();
        for _ in 0..sent {
            host.idp.play(refusal(REFRESH, said));
        }
        let failure = host.exchange().await.unwrap_err();
        assert_told(&failure, status, words, &row);
        let expected = if sent == 2 { MayBeDone } else { NotDone };
        assert_eq!(failure.certainty(), expected, "{row}");
        assert_eq!(host.count(Endpoint::Token), 1 + sent, "{row}");
        assert_eq!(host.count(Endpoint::Authorization), 1, "{row}: enrolled again");
        let kept = host.stages()[0];
        assert!(
            kept == stage || (sent == 2 && kept == StageKind::Rotating),
            "{row}: {kept:?}"
        );
        if stage == Active {
            host.exchange().await.unwrap();
            assert_eq!(host.stages(), [Active], "{row}");
        }
    }
}
