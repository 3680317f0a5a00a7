//! The issuer's time, as far as it is known: for proofs and token checks only, never stored, never for a lock-out.
//!
//! A reading is held against the time since boot, so that a device whose clock is set right meanwhile is not corrected
//! a second time.

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::header::{DATE, SET_COOKIE};
use jiff::Timestamp;
use url::Url;
use vestibule_domain::clock_skew::correction_ms;
use vestibule_domain::instant::{BootTime, WallTime};
use vestibule_ports::Clock;

use crate::http::Answer;
use crate::issuer_template::Issuer;
use crate::strict_json::parse_object;

/// What a correction must change at least, in milliseconds, before a refused proof is worth making again.
pub const WORTH_REPEATING_MS: i64 = 2_000;

/// The readings of every issuer.
pub(crate) struct ServerTime {
    clock: Arc<dyn Clock>,
    readings: Mutex<HashMap<String, Reading>>,
}

#[derive(Clone, Copy)]
struct Reading {
    server: WallTime,
    taken: BootTime,
}

impl ServerTime {
    /// Nothing known yet.
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Self {
        Self {
            clock,
            readings: Mutex::default(),
        }
    }

    /// The device's clock.
    pub(crate) fn device(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The time to reckon with at an issuer: the device's, corrected by a day at most.
    pub(crate) fn now(&self, issuer: &str) -> WallTime {
        let wall = self.clock.wall();
        self.corrected(self.server_now(issuer).unwrap_or(wall))
    }

    /// The time to reckon with if this is the server's: the device's, corrected by a day at most.
    pub(crate) fn corrected(&self, server: WallTime) -> WallTime {
        let wall = self.clock.wall().unix_ms();
        WallTime::from_unix_ms(wall.saturating_add(correction_ms(server.unix_ms(), wall)))
    }

    /// By how many milliseconds the device is ahead of the issuer, if that is known.
    pub(crate) fn ahead_ms(&self, issuer: &str) -> Option<i64> {
        self.server_now(issuer)
            .map(|server| self.clock.wall().unix_ms().saturating_sub(server.unix_ms()))
    }

    /// Takes the `Date` of an answer of the issuer's own origin (RFC 9110, section 6.6.1), and of no other; where there is
    /// none, the time at which it made a cookie that is a JWT. Keycloak sends no `Date`, but such a cookie with each code,
    /// so that a code is redeemed with a fresh proof even by a device whose clock is wrong.
    pub(crate) fn learn_from_answer(&self, issuer: &Issuer, asked: &Url, answer: &Answer) {
        if !issuer.is_own(asked) {
            return;
        }
        let date = answer
            .header(DATE)
            .and_then(|text| httpdate::parse_http_date(text).ok());
        let since_epoch = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
        let named = since_epoch.and_then(|since| i64::try_from(since.as_secs()).ok());
        if let Some(seconds) = named.or_else(|| newest_cookie_made_at(answer)) {
            self.learn(issuer.as_str(), WallTime::from_unix_s(seconds));
        }
    }

    /// Takes a time that the issuer has just named.
    pub(crate) fn learn(&self, issuer: &str, server: WallTime) {
        let reading = Reading {
            server,
            taken: self.clock.since_boot(),
        };
        self.readings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(issuer.into(), reading);
    }

    fn server_now(&self, issuer: &str) -> Option<WallTime> {
        let reading = *self
            .readings
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(issuer)?;
        Some(
            reading
                .server
                .after(self.clock.since_boot().checked_since(reading.taken)?),
        )
    }
}

/// When the newest of the cookies that are JWTs was made, in seconds since the Unix epoch: `iat` (RFC 7519, section 4.1.6).
/// It is as good as a `Date`, whose sender is proven by TLS alone, too.
fn newest_cookie_made_at(answer: &Answer) -> Option<i64> {
    let cookies = answer.headers.get_all(SET_COOKIE).iter();
    let values = cookies.filter_map(|cookie| cookie.to_str().ok()?.split(';').next()?.split_once('='));
    values
        .filter_map(|(_, value)| {
            let mut parts = value.trim_matches('"').split('.');
            let (Some(_), Some(payload), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return None;
            };
            let payload = URL_SAFE_NO_PAD.decode(payload).ok()?;
            parse_object(&payload).ok()?.get("iat")?.as_i64()
        })
        .max()
}

/// One issuer's time, as the engine asks for it.
pub(crate) struct IssuerClock {
    time: AssertUnwindSafe<Arc<ServerTime>>,
    issuer: String,
}

impl IssuerClock {
    pub(crate) fn new(time: Arc<ServerTime>, issuer: impl Into<String>) -> Self {
        Self {
            time: AssertUnwindSafe(time),
            issuer: issuer.into(),
        }
    }
}

impl huskarl::core::time::Clock for IssuerClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_millisecond(self.time.now(&self.issuer).unix_ms()).unwrap_or(Timestamp::MAX)
    }
}

impl fmt::Debug for IssuerClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("IssuerClock")
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;
    use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};

    use http::{HeaderMap, HeaderValue, StatusCode};
    use vestibule_domain::clock_skew::MAX_CORRECTION_MS;
    use vestibule_domain::identifiers::TenantId;

    use super::*;
    use crate::issuer_template::IssuerTemplate;

    #[derive(Default)]
    struct TwoHands {
        wall_ms: AtomicI64,
        boot_ms: AtomicU64,
    }

    #[async_trait::async_trait]
    impl Clock for TwoHands {
        fn wall(&self) -> WallTime {
            WallTime::from_unix_ms(self.wall_ms.load(SeqCst))
        }

        fn since_boot(&self) -> BootTime {
            BootTime::from_ms(self.boot_ms.load(SeqCst))
        }

        async fn sleep(&self, _time: Duration) {}
    }

    const DEVICE_MS: i64 = 1_800_000_000_000;

    fn at(wall_ms: i64) -> (Arc<TwoHands>, ServerTime) {
        let clock = Arc::new(TwoHands::default());
        clock.wall_ms.store(wall_ms, SeqCst);
        clock.boot_ms.store(1_000, SeqCst);
        (Arc::clone(&clock), ServerTime::new(clock))
    }

    #[test]
    fn the_devices_clock_is_corrected_by_a_day_at_most() {
        let day = MAX_CORRECTION_MS;
        for (off, corrected) in [
            (0, 0),
            (5_000, 5_000),
            (-60_000, -60_000),
            (3 * day, day),
            (-3 * day, -day),
        ] {
            let (_, time) = at(DEVICE_MS);
            time.learn("a", WallTime::from_unix_ms(DEVICE_MS + off));
            assert_eq!(time.now("a").unix_ms(), DEVICE_MS + corrected, "{off}");
            assert_eq!(time.ahead_ms("a"), Some(-off));
        }
    }

    #[test]
    fn an_issuer_that_said_nothing_corrects_nothing() {
        let (_, time) = at(DEVICE_MS);
        time.learn("a", WallTime::from_unix_ms(0));
        assert_eq!(time.now("b").unix_ms(), DEVICE_MS);
        assert_eq!(time.ahead_ms("b"), None);
    }

    #[test]
    fn a_clock_that_is_set_right_is_not_corrected_twice_and_a_reading_ages_with_the_device() {
        let (clock, time) = at(DEVICE_MS);
        time.learn("a", WallTime::from_unix_ms(DEVICE_MS + 3_600_000));
        clock.wall_ms.fetch_add(3_600_000 + 7_000, SeqCst);
        clock.boot_ms.fetch_add(7_000, SeqCst);
        assert_eq!(time.ahead_ms("a"), Some(0));
        assert_eq!(time.now("a").unix_ms(), clock.wall().unix_ms());
        clock.boot_ms.store(0, SeqCst);
        assert_eq!(
            time.ahead_ms("a"),
            None,
            "a reading from before a boot is worth nothing"
        );
    }

    #[test]
    fn a_date_header_of_the_issuers_own_is_a_reading_and_nonsense_is_none() {
        let template = IssuerTemplate::parse("https://idp.example/{tenant}", false).unwrap();
        let issuer = template.expand(&TenantId::parse("acme").unwrap()).unwrap();
        let (own, other) = ("https://idp.example/token", "https://tokens.example/token");
        let table = [
            (own, Some("Sun, 06 Nov 1994 08:49:37 GMT"), Some(0)),
            (other, Some("Sun, 06 Nov 1994 08:49:37 GMT"), None),
            (own, Some("yesterday"), None),
            (own, Some("Thu, 01 Jan 1600 00:00:00 GMT"), None),
            (own, None, None),
        ];
        for (asked, date, ahead_ms) in table {
            let (_, time) = at(784_111_777_000);
            let mut headers = HeaderMap::new();
            headers.extend(date.map(|date| (DATE, HeaderValue::from_str(date).unwrap())));
            let body = bytes::Bytes::new();
            let status = StatusCode::OK;
            let answer = Answer {
                status,
                headers,
                body,
                flaw: None,
            };
            time.learn_from_answer(&issuer, &Url::parse(asked).unwrap(), &answer);
            assert_eq!(time.ahead_ms(issuer.as_str()), ahead_ms, "{asked} {date:?}");
        }
    }

    #[test]
    fn without_a_date_the_newest_cookie_that_is_a_jwt_is_a_reading() {
        let template = IssuerTemplate::parse("https://idp.example/{tenant}", false).unwrap();
        let issuer = template.expand(&TenantId::parse("acme").unwrap()).unwrap();
        let jwt = |payload: &str| format!("e30.{}.c2ln", URL_SAFE_NO_PAD.encode(payload));
        let (older, newer) = (jwt(r#"{"iat":784111700}"#), jwt(r#"{"iat":784111777}"#));
        let table: [(&[String], Option<i64>); 7] = [
            (
                &[format!("S={older}; Path=/"), format!("I=\"{newer}\"; Secure")],
                Some(0),
            ),
            (&[format!("I={newer}")], Some(0)),
            (&["I=opaque".into()], None),
            (&[format!("I={newer}.more")], None),
            (&[format!("I={}", jwt(r#"{"iat":"soon"}"#))], None),
            (&["I=e30.!.c2ln".into(), "no-value".into()], None),
            (&[], None),
        ];
        for (cookies, ahead_ms) in table {
            let (_, time) = at(784_111_777_000);
            let headers = cookies
                .iter()
                .map(|cookie| (SET_COOKIE, HeaderValue::from_str(cookie).unwrap()));
            let answer = Answer {
                status: StatusCode::FOUND,
                headers: headers.collect(),
                body: bytes::Bytes::new(),
                flaw: None,
            };
            time.learn_from_answer(&issuer, &Url::parse("https://idp.example/auth").unwrap(), &answer);
            assert_eq!(time.ahead_ms(issuer.as_str()), ahead_ms, "{cookies:?}");
        }
    }
}
