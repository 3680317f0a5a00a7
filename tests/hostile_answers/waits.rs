//! 429 and 503, with and without `Retry-After`: which of them mean *wait*, how long, and what was done.

use std::time::Duration;

use vestibule_dev_idp::scenes::ChangeAnswer;
use vestibule_dev_idp::{DateHeader, Endpoint, RealmSettings};
use vestibule_domain::record::StageKind;
use vestibule_domain::status::{Certainty, Retry, StatusType};

use crate::host::{Host, assert_told};

const A_DAY: Duration = Duration::from_secs(86_400);

/// What a server writes, with the `Date` beside it, and what an app is told.
const WAITS: [(&[(&str, &str)], Retry); 12] = [
    (&[], Retry::Later),
    (&[("retry-after", "7")], Retry::After(Duration::from_secs(7))),
    (&[("retry-after", "0")], Retry::After(Duration::ZERO)),
    (&[("retry-after", " 7 ")], Retry::After(Duration::from_secs(7))),
    (&[("retry-after", "99999999999")], Retry::After(A_DAY)),
    (&[("retry-after", "99999999999999999999999999")], Retry::Later),
    (&[("retry-after", "-5")], Retry::Later),
    (&[("retry-after", "1.5")], Retry::Later),
    (&[("retry-after", "soon")], Retry::Later),
    (
        &[
            ("date", "Fri, 15 Jan 2027 08:00:00 GMT"),
            ("retry-after", "Fri, 15 Jan 2027 08:00:30 GMT"),
        ],
        Retry::After(Duration::from_secs(30)),
    ),
    (
        &[
            ("date", "Fri, 15 Jan 2027 08:00:00 GMT"),
            ("retry-after", "Fri, 15 Jan 2010 08:00:00 GMT"),
        ],
        Retry::After(Duration::ZERO),
    ),
    // Without a `Date` beside it nobody knows how far off that is.
    (&[("retry-after", "Fri, 15 Jan 2027 08:00:30 GMT")], Retry::Later),
];

fn wait(endpoint: Endpoint, status: u16, headers: &'static [(&'static str, &'static str)]) -> ChangeAnswer {
    let scene = ChangeAnswer::of(endpoint, move |answer| {
        // Where the server is asked too often, its other words do not count.
        answer.become_json(
            status,
            if status == 429 {
                r#"{"error":"slow_down"}"#
            } else {
                "{}"
            },
        );
        for (name, value) in headers {
            answer.add_header(name, value);
        }
    });
    scene.instead_of_the_work()
}

#[tokio::test]
async fn a_wait_that_the_server_asks_for_is_told_and_nothing_was_done() {
    // Where the answer proves that nothing was done. A 503 at the other endpoints may come from a proxy, behind which the
    // work was done.
    let table = [
        (Endpoint::Discovery, 429),
        (Endpoint::Discovery, 503),
        (Endpoint::KeySet, 429),
        (Endpoint::KeySet, 503),
        (Endpoint::PushedAuthorization, 429),
        (Endpoint::PushedAuthorization, 503),
        (Endpoint::Authorization, 429),
    ];
    for (endpoint, status) in table {
        for (headers, retry) in WAITS {
            let row = format!("{status} at {endpoint:?}, {headers:?}");
            let host = Host::start().await;
            host.idp.play(wait(endpoint, status, headers));
            let failure = host.enroll().await.unwrap_err();
            assert_told(&failure, StatusType::RateLimited, "asks to wait", &row);
            assert_eq!(
                (failure.retry(), failure.certainty()),
                (retry, Certainty::NotDone),
                "{row}"
            );
            assert_eq!((host.count(endpoint), host.count(Endpoint::Token)), (1, 0), "{row}");
            assert!(host.stages().is_empty(), "{row}");
        }
    }
}

#[tokio::test]
async fn a_wait_at_a_refresh_keeps_the_grant() {
    for (headers, retry) in WAITS {
        let row = format!("{headers:?}");
        let host = Host::enrolled().await;
        host.idp
            .play(wait(Endpoint::Token, 429, headers).for_grant("refresh_token"));
        let failure = host.exchange().await.unwrap_err();
        assert_told(&failure, StatusType::RateLimited, "asks to wait", &row);
        assert_eq!(
            (failure.retry(), failure.certainty()),
            (retry, Certainty::NotDone),
            "{row}"
        );
        assert_eq!(
            (host.count(Endpoint::Token), host.stages()),
            (2, vec![StageKind::Active]),
            "{row}"
        );
        host.exchange().await.unwrap();
    }
}

#[tokio::test]
async fn a_503_that_hides_what_was_done_is_repeated_once_and_nothing_is_lost() {
    // endpoint, grant, requests to the token endpoint and to the authorization endpoint in the end
    let table = [
        (Endpoint::Token, "authorization_code", 2, 2),
        (Endpoint::Token, "refresh_token", 3, 1),
    ];
    for (endpoint, grant, tokens, walks) in table {
        let host = Host::start().await;
        host.idp
            .play(wait(endpoint, 503, &[("retry-after", "9")]).for_grant(grant));
        host.enroll().await.unwrap();
        if grant == "refresh_token" {
            host.exchange().await.unwrap();
        }
        assert_eq!(
            (host.count(Endpoint::Token), host.count(Endpoint::Authorization)),
            (tokens, walks),
            "{grant}"
        );
        assert_eq!(host.stages(), [StageKind::Active], "{grant}");
    }
    assert_eq!(RealmSettings::default().date_header, DateHeader::Absent);
}
