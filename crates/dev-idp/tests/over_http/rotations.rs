//! The same refresh token again, row by row as seen on Keycloak.

use crate::bench::Bench;
use crate::device::Device;

const SERVED: &str = "";
const TOO_OFTEN: &str = "Maximum allowed refresh token reuse exceeded";
const STALE: &str = "Stale token";
const LOST: &str = "Session doesn't have required client";

/// Which token is sent (by the order in which they came), and what is answered.
type Step = (usize, &'static str);

#[tokio::test]
async fn each_row_of_keycloaks_table_is_answered_in_its_words() {
    let table: [(&str, &[Step]); 11] = [
        (
            "acme",
            &[(0, SERVED), (0, SERVED), (1, SERVED), (2, SERVED), (0, SERVED)],
        ),
        ("reuse0", &[(0, SERVED), (1, SERVED), (2, SERVED)]),
        ("reuse0", &[(0, SERVED), (0, TOO_OFTEN), (1, LOST), (0, LOST)]),
        ("reuse0", &[(0, SERVED), (1, SERVED), (0, STALE), (2, LOST)]),
        ("reuse1", &[(0, SERVED), (0, SERVED), (2, SERVED), (3, SERVED)]),
        (
            "reuse1",
            &[(0, SERVED), (0, SERVED), (1, SERVED), (2, STALE), (3, LOST)],
        ),
        (
            "reuse1",
            &[(0, SERVED), (0, SERVED), (2, SERVED), (1, STALE), (3, LOST)],
        ),
        ("reuse1", &[(0, SERVED), (1, SERVED), (0, STALE), (2, LOST)]),
        (
            "reuse1",
            &[(0, SERVED), (0, SERVED), (0, TOO_OFTEN), (1, LOST), (2, LOST)],
        ),
        ("plain-reuse0", &[(0, SERVED), (0, TOO_OFTEN), (1, LOST)]),
        ("plain-reuse1", &[(0, SERVED), (0, SERVED), (0, TOO_OFTEN), (2, LOST)]),
    ];
    let bench = Bench::in_memory().await;
    for (tenant, steps) in table {
        let device = Device::new();
        let mut tokens = vec![bench.enroll(tenant, &device).await.refresh];
        for (index, wanted) in steps {
            let would = bench.idp.realm(tenant).would_serve(&tokens[*index]);
            assert_eq!(would, *wanted == SERVED, "{tenant} {steps:?}: foretold for {index}");
            let answer = bench.refresh(tenant, &device, &tokens[*index], None).await;
            let said = if answer.status == 200 {
                String::new()
            } else {
                answer.refusal().2
            };
            assert_eq!(said, *wanted, "{tenant} {steps:?}: {index}");
            if answer.status == 200 {
                tokens.push(answer.tokens().refresh);
            } else {
                assert_eq!(answer.refusal().1, "invalid_grant");
            }
        }
    }
}

#[tokio::test]
async fn parallel_refreshes_are_counted_one_by_one() {
    let bench = Bench::in_memory().await;
    for (tenant, most) in [("acme", 4), ("reuse0", 1), ("reuse1", 2)] {
        let device = Device::new();
        let refresh = bench.enroll(tenant, &device).await.refresh;
        let (a, b, c, d) = tokio::join!(
            bench.refresh(tenant, &device, &refresh, None),
            bench.refresh(tenant, &device, &refresh, None),
            bench.refresh(tenant, &device, &refresh, None),
            bench.refresh(tenant, &device, &refresh, None),
        );
        let served = [a, b, c, d].iter().filter(|answer| answer.status == 200).count();
        assert_eq!(served, most, "{tenant}");
    }
}

#[tokio::test]
async fn a_refused_request_does_not_count_as_a_use() {
    let bench = Bench::in_memory().await;
    let (device, thief) = (Device::new(), Device::new());
    let refresh = bench.enroll("reuse0", &device).await.refresh;
    assert_eq!(bench.refresh("reuse0", &thief, &refresh, None).await.status, 400);
    assert_eq!(
        bench
            .refresh("reuse0", &device, &refresh, Some("aud:nobody"))
            .await
            .status,
        400
    );
    bench.refresh("reuse0", &device, &refresh, None).await.tokens();
}

#[tokio::test]
async fn a_lost_session_is_recovered_by_the_key_and_the_user_is_the_same() {
    let bench = Bench::in_memory().await;
    let device = Device::new();
    let first = bench.enroll("reuse0", &device).await;
    bench.refresh("reuse0", &device, &first.refresh, None).await.tokens();
    assert_eq!(bench.refresh("reuse0", &device, &first.refresh, None).await.status, 400);
    let user = bench.idp.realm("reuse0").users()[0].id.clone();
    assert_eq!(bench.idp.realm("reuse0").live_sessions(&user), []);
    let again = bench.enroll("reuse0", &device).await;
    assert_eq!(crate::device::claims_of(&again.id)["sub"], user);
    assert_eq!(bench.idp.realm("reuse0").users().len(), 1);
    assert_eq!(bench.idp.realm("reuse0").live_sessions(&user).len(), 1);
}
