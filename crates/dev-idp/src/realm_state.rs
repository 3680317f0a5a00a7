//! What a realm remembers: users, sessions, codes, pushed requests, keys.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::authorization_request::AuthorizationRequest;
use crate::compact_jws::{base64url, sha256};
use crate::key_set::KeySet;
use crate::random;
use crate::refresh_token::RefreshTokenKey;
use crate::refusal::Refusal;
use crate::session::Session;

/// Seconds in which a code can be redeemed.
pub const CODE_LIFETIME_S: u64 = 60;
/// Seconds in which a second use of a code is still recognised and ends the session of the first.
pub const CODE_MEMORY_S: u64 = 600;
/// Seconds in which a pushed authorization request can be used.
pub const PUSHED_LIFETIME_S: u64 = 60;

/// One realm.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RealmState {
    pub(crate) keys: KeySet,
    pub(crate) refresh_token_key: RefreshTokenKey,
    /// Tokens issued before are "stale"; seconds since the Unix epoch. The operator can take it back.
    pub(crate) not_before: u64,
    pub(crate) users: BTreeMap<String, User>,
    pub(crate) sessions: BTreeMap<String, Session>,
    /// By the hash of the code.
    codes: BTreeMap<String, Code>,
    /// By `request_uri`.
    pushed: BTreeMap<String, Pushed>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct User {
    pub(crate) device_jkt: Option<String>,
    pub(crate) enabled: bool,
    pub(crate) created_at: u64,
    /// A code of this user was redeemed: until then the ID token calls the user new.
    pub(crate) known: bool,
}

/// An authorization code.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Code {
    pub(crate) user: String,
    pub(crate) session: String,
    pub(crate) request: AuthorizationRequest,
    pub(crate) issued_at: u64,
    pub(crate) used: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Pushed {
    request: AuthorizationRequest,
    expires_at: u64,
}

/// What was sent to the redirect URI.
#[derive(Debug)]
pub(crate) struct IssuedCode {
    pub(crate) code: String,
    pub(crate) session: String,
}

impl RealmState {
    pub(crate) fn make() -> Result<Self, Refusal> {
        Ok(Self {
            keys: KeySet::make()?,
            refresh_token_key: RefreshTokenKey::make()?,
            not_before: 0,
            users: BTreeMap::new(),
            sessions: BTreeMap::new(),
            codes: BTreeMap::new(),
            pushed: BTreeMap::new(),
        })
    }

    /// Forgets what time has ended.
    pub(crate) fn sweep(&mut self, now: u64) {
        self.sessions.retain(|_, session| !session.has_ended(now));
        self.codes
            .retain(|_, code| code.issued_at.saturating_add(CODE_MEMORY_S) > now);
        self.pushed.retain(|_, pushed| pushed.expires_at > now);
    }

    pub(crate) fn issue_code(
        &mut self,
        user: &str,
        request: AuthorizationRequest,
        now: u64,
    ) -> Result<IssuedCode, Refusal> {
        let (code, session) = (random::make_word()?, random::make_uuid()?);
        let entry = Code {
            user: user.to_owned(),
            session: session.clone(),
            request,
            issued_at: now,
            used: false,
        };
        self.codes.insert(code_hash(&code), entry);
        Ok(IssuedCode { code, session })
    }

    /// Takes the code. A second use ends the session that the first began (RFC 6749, section 4.1.2).
    pub(crate) fn redeem(&mut self, code: &str, now: u64) -> Result<Code, Refusal> {
        let not_valid = || Refusal::invalid_grant("Code not valid");
        let entry = self.codes.get_mut(&code_hash(code)).ok_or_else(not_valid)?;
        if entry.used {
            self.sessions.remove(&entry.session);
            return Err(not_valid());
        }
        entry.used = true;
        if entry.issued_at.saturating_add(CODE_LIFETIME_S) <= now {
            return Err(not_valid());
        }
        Ok(entry.clone())
    }

    pub(crate) fn push(&mut self, request: AuthorizationRequest, now: u64) -> Result<String, Refusal> {
        let uri = format!("urn:ietf:params:oauth:request_uri:{}", random::make_word()?);
        let expires_at = now.saturating_add(PUSHED_LIFETIME_S);
        self.pushed.insert(uri.clone(), Pushed { request, expires_at });
        Ok(uri)
    }

    /// Takes the pushed request; nobody can take it again.
    pub(crate) fn take_pushed(&mut self, uri: &str) -> Option<AuthorizationRequest> {
        self.pushed.remove(uri).map(|pushed| pushed.request)
    }

    pub(crate) fn end_sessions_of(&mut self, user: &str) {
        self.sessions.retain(|_, session| session.user != user);
    }
}

fn code_hash(code: &str) -> String {
    base64url(&sha256(code.as_bytes()))
}
