//! A refresh token for new tokens (RFC 6749, section 6), with narrowed scope and rotation as Keycloak does them.

use crate::call::{Call, ProofRule};
use crate::client::Client;
use crate::dpop_proof::ProofFault;
use crate::realm::Rotation;
use crate::realm_state::RealmState;
use crate::refresh_token::RefreshToken;
use crate::refusal::Refusal;
use crate::rotation::{self, Verdict};
use crate::scope;
use crate::session::Session;
use crate::token_answer::{self, DeviceUser, TokenAnswer};

/// Serves a refresh.
pub(crate) fn refresh(call: &Call, client: Client) -> Result<TokenAnswer, Refusal> {
    let proven = call
        .proven_key()
        .map_err(|fault| Refusal::invalid_request(fault.to_string()))?;
    let sent = call.form.required("refresh_token")?;
    let now = call.now();
    call.change(|realm| {
        if call.proof_rule(client) == ProofRule::Mandatory && proven.is_none() {
            return Err(Refusal::invalid_dpop_proof(ProofFault::Missing.to_string()));
        }
        let token = open(realm, sent, now)?;
        let session = live_session(realm, &token)?;
        check_holder(session, client, proven.as_deref())?;
        let scope = narrowed_scope(call.form.optional("scope"), session)?;
        let (id, lifetime_s) = (token.session.clone(), call.settings.session_lifetime_s);
        use_token(realm, &token, call.settings.rotation)?;
        if let Some(session) = realm.sessions.get_mut(&id) {
            session.prolong(now, lifetime_s);
        }
        token_answer::issue(call, realm, client, &id, &scope, DeviceUser::Known)
    })
}

/// Whether this refresh token would be served now, were its key proven. Changes nothing.
pub(crate) fn would_be_served(realm: &RealmState, sent: &str, rule: Rotation, now: u64) -> bool {
    let Ok(token) = open(realm, sent, now) else {
        return false;
    };
    live_session(realm, &token)
        .is_ok_and(|session| !session.has_ended(now) && matches!(judged(rule, session, &token), Verdict::Served(_)))
}

fn open(realm: &RealmState, sent: &str, now: u64) -> Result<RefreshToken, Refusal> {
    let token = realm
        .refresh_token_key
        .open(sent)
        .ok_or_else(|| Refusal::invalid_grant("Invalid refresh token"))?;
    if token.expires_at.is_some_and(|end| end <= now) {
        return Err(Refusal::invalid_grant("Token is not active"));
    }
    Ok(token)
}

fn live_session<'a>(realm: &'a RealmState, token: &RefreshToken) -> Result<&'a Session, Refusal> {
    let session = realm
        .sessions
        .get(&token.session)
        .ok_or_else(|| Refusal::invalid_grant("Session not active"))?;
    let user = realm
        .users
        .get(&session.user)
        .ok_or_else(|| Refusal::invalid_grant("Session not active"))?;
    if !user.enabled {
        return Err(Refusal::invalid_grant("User disabled"));
    }
    if session.lost {
        return Err(Refusal::invalid_grant("Session doesn't have required client"));
    }
    if token.issued_at < realm.not_before {
        return Err(Refusal::invalid_grant("Stale token"));
    }
    Ok(session)
}

fn check_holder(session: &Session, client: Client, proven: Option<&str>) -> Result<(), Refusal> {
    if session.client != client.id {
        return Err(Refusal::invalid_grant(
            "Invalid refresh token. Token client and authorized client don't match",
        ));
    }
    match (session.bound_to.as_deref(), proven) {
        (None, _) => Ok(()),
        (Some(bound), Some(proven)) if bound == proven => Ok(()),
        (Some(_), Some(_)) => Err(Refusal::invalid_grant("DPoP confirmation doesn't match DPoP proof")),
        (Some(_), None) => Err(Refusal::invalid_grant("DPoP proof is missing")),
    }
}

/// What was asked **and** granted at the authorization endpoint. A known scope that was not granted there falls away
/// without a word, as on Keycloak; an unknown one spoils the request.
fn narrowed_scope(asked: Option<&str>, session: &Session) -> Result<Vec<String>, Refusal> {
    let Some(asked) = asked.filter(|asked| !asked.is_empty()) else {
        return Ok(session.scope.clone());
    };
    let asked_words = scope::parse(asked).ok_or_else(|| Refusal::invalid_scope(asked))?;
    Ok(session
        .scope
        .iter()
        .filter(|word| asked_words.contains(word))
        .cloned()
        .collect())
}

fn use_token(realm: &mut RealmState, token: &RefreshToken, rule: Rotation) -> Result<(), Refusal> {
    let Some(session) = realm.sessions.get_mut(&token.session) else {
        return Err(Refusal::invalid_grant("Session not active"));
    };
    match judged(rule, session, token) {
        Verdict::Served(uses) => session.uses = uses,
        Verdict::TooOften => {
            session.lost = true;
            return Err(Refusal::invalid_grant("Maximum allowed refresh token reuse exceeded"));
        }
        Verdict::Stale => {
            session.lost = true;
            return Err(Refusal::invalid_grant("Stale token"));
        }
    }
    Ok(())
}

fn judged(rule: Rotation, session: &Session, token: &RefreshToken) -> Verdict {
    rotation::judge(rule, &session.uses, token.number, session.next_token)
}
