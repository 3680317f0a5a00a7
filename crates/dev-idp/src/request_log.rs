//! What the server was asked, for tests to read and for the log of the binary. It holds no token, code or verifier.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use crate::compact_jws::sha256;
use crate::endpoint::Endpoint;

/// Requests that are remembered; older ones are forgotten.
pub const REMEMBERED_REQUESTS: usize = 100_000;

/// How a request ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It has not ended.
    Open,
    /// It was answered.
    Answered {
        /// The HTTP status.
        status: u16,
        /// The OAuth error code, of a redirect too.
        error: Option<String>,
    },
    /// The connection was closed without an answer: a scene did that.
    NoAnswer,
    /// The client went away first, or the server was shut down.
    Abandoned,
}

/// One request. Tokens stand here as [`fingerprint`]s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestRecord {
    /// Counts from 0.
    pub number: u64,
    /// When it arrived. Arrivals and ends share one counter, so that two requests overlap exactly when each arrived before the
    /// other ended.
    pub arrived: u64,
    /// When it ended.
    pub ended: Option<u64>,
    /// The HTTP method.
    pub method: String,
    /// The path, without the query.
    pub path: String,
    /// The endpoint. Requests to other paths are not in the log.
    pub endpoint: Endpoint,
    /// The tenant, decoded.
    pub tenant: String,
    /// Parameter `client_id`.
    pub client: Option<String>,
    /// Parameter `grant_type`.
    pub grant_type: Option<String>,
    /// Parameter `scope`.
    pub scope: Option<String>,
    /// The refresh token that was sent: parameter `refresh_token`, or `token` at the revocation endpoint.
    pub refresh_token: Option<String>,
    /// The authorization code that was sent.
    pub code: Option<String>,
    /// The refresh token that the answer holds, or would have held.
    pub issued_refresh_token: Option<String>,
    /// The thumbprint of the key that a valid proof named.
    pub proof_thumbprint: Option<String>,
    /// The user that was found or made.
    pub user: Option<String>,
    /// The scene that played on it.
    pub scene: Option<&'static str>,
    /// How it ended.
    pub outcome: Outcome,
}

/// Names a secret without telling it: the first 16 hex digits of its SHA-256.
#[must_use]
pub fn fingerprint(secret: &str) -> String {
    sha256(secret.as_bytes())
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// All requests of this server.
#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<Entries>);

#[derive(Debug, Default)]
struct Entries {
    records: VecDeque<RequestRecord>,
    next_number: u64,
    next_tick: u64,
}

impl RequestLog {
    /// Notes an arrival and returns its number.
    pub(crate) fn arrive(&self, make: impl FnOnce(u64, u64) -> RequestRecord) -> u64 {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, tick) = (entries.next_number, entries.next_tick);
        entries.next_number += 1;
        entries.next_tick += 1;
        if entries.records.len() >= REMEMBERED_REQUESTS {
            entries.records.pop_front();
        }
        entries.records.push_back(make(number, tick));
        number
    }

    pub(crate) fn amend(&self, number: u64, change: impl FnOnce(&mut RequestRecord)) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(record) = entries.records.iter_mut().rev().find(|record| record.number == number) {
            change(record);
        }
    }

    pub(crate) fn end(&self, number: u64, outcome: Outcome) {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let tick = entries.next_tick;
        entries.next_tick += 1;
        if let Some(record) = entries.records.iter_mut().rev().find(|record| record.number == number) {
            record.ended = Some(tick);
            record.outcome = outcome;
            tracing::info!(
                number, method = record.method, path = record.path, client = record.client,
                grant_type = record.grant_type, refresh_token = record.refresh_token, user = record.user,
                scene = record.scene, outcome = ?record.outcome, "request"
            );
        }
    }

    pub(crate) fn all(&self) -> Vec<RequestRecord> {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.records.iter().cloned().collect()
    }
}
