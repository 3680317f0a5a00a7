//! The issuer's time, as far as it is known: for proofs and token checks only, never stored, never for a lock-out.
//!
//! A reading is held against the time since boot, so that a device whose clock is set right meanwhile is not corrected
//! a second time.

use std::collections::HashMap;
use std::fmt;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use http::header::DATE;
use jiff::Timestamp;
use vestibule_domain::clock_skew::correction_ms;
use vestibule_domain::instant::{BootTime, WallTime};
use vestibule_ports::Clock;

use crate::http::Answer;

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
        let known = self.server_now(issuer).unwrap_or(wall);
        WallTime::from_unix_ms(
            wall.unix_ms()
                .saturating_add(correction_ms(known.unix_ms(), wall.unix_ms())),
        )
    }

    /// By how many milliseconds the device is ahead of the issuer, if that is known.
    pub(crate) fn ahead_ms(&self, issuer: &str) -> Option<i64> {
        self.server_now(issuer)
            .map(|server| self.clock.wall().unix_ms().saturating_sub(server.unix_ms()))
    }

    /// Takes the `Date` of an answer of the issuer's own (RFC 9110, section 6.6.1).
    pub(crate) fn learn_from_answer(&self, issuer: &str, answer: &Answer) {
        let date = answer
            .header(DATE)
            .and_then(|text| httpdate::parse_http_date(text).ok());
        let since_epoch = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
        if let Some(seconds) = since_epoch.and_then(|since| i64::try_from(since.as_secs()).ok()) {
            self.learn(issuer, WallTime::from_unix_s(seconds));
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
