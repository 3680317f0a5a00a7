//! `expires_in` and `refresh_expires_in` as no server should write them.

use serde_json::{Value, json};
use vestibule_dev_idp::Endpoint;
use vestibule_domain::record::StageKind;
use vestibule_domain::status::StatusType;
use vestibule_ports::Clock as _;

use crate::host::{CODE, Host, REFRESH, assert_told};

/// How long a fit token lives by its own claims.
const BY_CLAIMS_S: u64 = 300;

fn set(host: &Host, grant: &'static str, name: &'static str, value: Option<Value>) {
    host.forge(grant, move |parts| {
        match value {
            Some(value) => parts.answer.insert(name.into(), value),
            None => parts.answer.remove(name),
        };
    });
}

#[tokio::test]
async fn a_life_that_is_no_number_of_seconds_is_not_believed_and_a_short_one_is_not_kept() {
    // expires_in, the life that the app is told
    let table = [
        (None, Ok(BY_CLAIMS_S)),
        (Some(json!(null)), Ok(BY_CLAIMS_S)),
        (Some(json!(60)), Ok(60)),
        (Some(json!("60")), Ok(60)),
        (Some(json!(0)), Ok(0)),
        (Some(json!(u64::MAX)), Ok(BY_CLAIMS_S)),
        (Some(json!(-1)), Err(())),
        (Some(json!(1.5)), Err(())),
        (Some(json!(1e300)), Err(())),
        (Some(json!("soon")), Err(())),
        (Some(json!("")), Err(())),
        (Some(json!("-60")), Err(())),
        (Some(json!([60])), Err(())),
        (Some(json!(true)), Err(())),
    ];
    for (value, expected) in table {
        let row = format!("expires_in: {value:?}");
        let host = Host::enrolled().await;
        set(&host, REFRESH, "expires_in", value);
        let outcome = host.exchange().await;
        match expected {
            Ok(life) => {
                let token = outcome.unwrap();
                assert_eq!(token.expires_at.since(host.clock.wall()).as_secs(), life, "{row}");
            }
            Err(()) => {
                let failure = outcome.unwrap_err();
                assert_told(
                    &failure,
                    StatusType::UntrustedResponse,
                    "a member of the wrong kind",
                    &row,
                );
            }
        }
        assert_eq!(host.stages(), [StageKind::Active], "{row}");
        let asked = host.count(Endpoint::Token);
        host.exchange().await.unwrap();
        // From memory only while more than 30 s are left.
        let kept = expected.is_ok_and(|life| life > 30);
        assert_eq!(host.count(Endpoint::Token) - asked, usize::from(!kept), "{row}");
    }
}

#[tokio::test]
async fn a_sessions_life_that_is_no_number_is_not_believed_and_its_grant_is_not_lost() {
    // refresh_expires_in, the life that the app is told: none means that no end is known.
    let table = [
        (None, Ok(None)),
        (Some(json!(0)), Ok(None)),
        (Some(json!("0")), Ok(None)),
        (Some(json!(86_400)), Ok(Some(86_400))),
        (Some(json!("86400")), Ok(Some(86_400))),
        (Some(json!(u64::MAX)), Ok(Some(100 * 366 * 86_400))),
        (Some(json!(-1)), Err(())),
        (Some(json!(0.5)), Err(())),
        (Some(json!("never")), Err(())),
        (Some(json!({})), Err(())),
    ];
    for (value, expected) in table {
        let row = format!("refresh_expires_in: {value:?}");
        let host = Host::start().await;
        set(&host, CODE, "refresh_expires_in", value.clone());
        match (host.enroll().await, expected) {
            (Ok(answer), Ok(life)) => {
                let ends = answer.outcome.session_expires_at;
                assert_eq!(ends.map(|ends| ends.since(host.clock.wall()).as_secs()), life, "{row}");
            }
            (Err(failure), Err(())) => {
                assert_told(
                    &failure,
                    StatusType::UntrustedResponse,
                    "a member of the wrong kind",
                    &row,
                );
                assert_eq!(host.count(Endpoint::Token), 1, "{row}");
                let revoked = host.count(Endpoint::Revocation) == 1;
                assert!(
                    revoked || host.stages().contains(&StageKind::Revoking),
                    "{row}: the grant is lost"
                );
                host.enroll().await.unwrap();
            }
            (outcome, _) => panic!("{row}: {outcome:?}"),
        }
        set(&host, REFRESH, "refresh_expires_in", value);
        assert_eq!(host.exchange().await.is_ok(), expected.is_ok(), "{row}");
        assert_eq!(host.stages()[0], StageKind::Active, "{row}");
        host.exchange().await.unwrap();
    }
}
