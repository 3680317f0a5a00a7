//! What a grant is answered with: access token, ID token, refresh token, claim by claim as Keycloak's anonymous user.

use serde_json::{Value, json};

use crate::call::Call;
use crate::client::{Binding, Client};
use crate::compact_jws::{base64url, sha256};
use crate::json_object::set;
use crate::random;
use crate::realm::Enrolment;
use crate::realm_state::RealmState;
use crate::refresh_token::RefreshToken;
use crate::refusal::Refusal;
use crate::scope;
use crate::session::Session;

/// The lowest level: nobody proved who they are.
const ACR: &str = "0";

/// An answer, and what the log may know of it.
#[derive(Debug)]
pub(crate) struct TokenAnswer {
    pub(crate) body: Value,
    pub(crate) refresh_token: String,
    pub(crate) user: String,
}

/// Claim `device_user`: whether this server knew the device's user before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DeviceUser {
    New,
    Known,
}

/// Issues tokens of a session. `granted` is what this answer may do; the refresh token keeps all of the session's scope.
pub(crate) fn issue(
    call: &Call,
    realm: &mut RealmState,
    client: Client,
    session_id: &str,
    granted: &[String],
    device_user: DeviceUser,
) -> Result<TokenAnswer, Refusal> {
    let now = call.now();
    let refresh_token = next_refresh_token(realm, client, session_id, now)?;
    let session = realm.sessions.get(session_id).ok_or_else(gone)?;
    let facts = Facts {
        call,
        client,
        session_id,
        session,
        now,
    };
    let expires_at = facts.access_token_end();
    let access_token = realm.keys.sign(&facts.access_claims(granted, expires_at)?)?;
    let mut body = json!({
        "access_token": access_token,
        "expires_in": expires_at - now,
        "refresh_expires_in": session.expires_at.map_or(0, |end| end.saturating_sub(now)),
        "refresh_token": refresh_token,
        "token_type": if facts.access_is_bound() { "DPoP" } else { "Bearer" },
        "not-before-policy": realm.not_before,
        "session_state": session_id,
        "scope": granted.join(" "),
    });
    // Also when `openid` was narrowed away.
    if session.scope.iter().any(|word| word == scope::OPENID) {
        let user = realm.users.get(&session.user);
        let device_jkt = user.and_then(|user| user.device_jkt.as_deref());
        let claims = facts.id_claims(&access_token, expires_at, device_jkt, device_user)?;
        set(&mut body, "id_token", realm.keys.sign(&claims)?);
    }
    Ok(TokenAnswer {
        body,
        refresh_token,
        user: session.user.clone(),
    })
}

/// Counts one on in the session.
fn next_refresh_token(realm: &mut RealmState, client: Client, session_id: &str, now: u64) -> Result<String, Refusal> {
    let session = realm.sessions.get_mut(session_id).ok_or_else(gone)?;
    let number = session.next_token;
    session.next_token += 1;
    realm.refresh_token_key.seal(&RefreshToken {
        session: session_id.to_owned(),
        number,
        issued_at: now,
        expires_at: session.expires_at,
        client: client.id.to_owned(),
    })
}

fn gone() -> Refusal {
    Refusal::invalid_grant("Session not active")
}

struct Facts<'a> {
    call: &'a Call,
    client: Client,
    session_id: &'a str,
    session: &'a Session,
    now: u64,
}

impl Facts<'_> {
    fn access_token_end(&self) -> u64 {
        let end = self.now.saturating_add(self.call.settings.access_token_lifetime_s);
        self.session
            .expires_at
            .map_or(end, |session_end| session_end.min(end))
            .max(self.now)
    }

    fn access_is_bound(&self) -> bool {
        self.client.binding == Binding::AccessToo && self.session.bound_to.is_some()
    }

    fn common_claims(&self, kind: &str, expires_at: u64) -> Result<Value, Refusal> {
        Ok(json!({
            "exp": expires_at,
            "iat": self.now,
            "jti": random::make_uuid()?,
            "iss": self.call.issuer(),
            "sub": self.session.user,
            "typ": kind,
            "azp": self.client.id,
            "sid": self.session_id,
            "acr": ACR,
        }))
    }

    /// `aud` is absent, a string or an array: none, one or several audiences.
    fn access_claims(&self, granted: &[String], expires_at: u64) -> Result<Value, Refusal> {
        let bound = self.access_is_bound();
        let mut claims = self.common_claims(if bound { "DPoP" } else { "Bearer" }, expires_at)?;
        set(&mut claims, "scope", granted.join(" "));
        match scope::audiences(granted).as_slice() {
            [] => {}
            [one] => set(&mut claims, "aud", *one),
            several => set(&mut claims, "aud", several.to_vec()),
        }
        if let (true, Some(jkt)) = (bound, &self.session.bound_to) {
            set(&mut claims, "cnf", json!({ "jkt": jkt }));
        }
        Ok(claims)
    }

    fn id_claims(
        &self,
        access_token: &str,
        expires_at: u64,
        device_jkt: Option<&str>,
        device_user: DeviceUser,
    ) -> Result<Value, Refusal> {
        let mut claims = self.common_claims("ID", expires_at)?;
        set(&mut claims, "aud", self.client.id);
        set(&mut claims, "auth_time", self.session.auth_time);
        set(&mut claims, "at_hash", at_hash(access_token));
        if let Some(nonce) = &self.session.nonce {
            set(&mut claims, "nonce", nonce.as_str());
        }
        if let (Enrolment::Recoverable, Some(jkt)) = (self.call.settings.enrolment, device_jkt) {
            set(&mut claims, "device_jkt", jkt);
            set(
                &mut claims,
                "device_user",
                match device_user {
                    DeviceUser::New => "new",
                    DeviceUser::Known => "known",
                },
            );
        }
        Ok(claims)
    }
}

/// OpenID Connect Core 1.0, section 3.1.3.6: the left half of the hash.
fn at_hash(access_token: &str) -> String {
    let hash = sha256(access_token.as_bytes());
    base64url(hash.split_at(16).0)
}
