//! A code for tokens (RFC 6749, section 4.1.3; RFC 7636, section 4.6).

use crate::call::{Call, ProofRule};
use crate::client::Client;
use crate::compact_jws::{base64url, sha256};
use crate::dpop_proof::ProofFault;
use crate::parameters::Parameters;
use crate::realm_state::{Code, RealmState};
use crate::refusal::Refusal;
use crate::rotation::Uses;
use crate::session::Session;
use crate::token_answer::{self, DeviceUser, TokenAnswer};

/// Redeems the code of a client. A stale or replayed proof leaves the code as it is; everything else uses it up.
pub(crate) fn exchange(call: &Call, client: Client) -> Result<TokenAnswer, Refusal> {
    let proven = call
        .proven_key()
        .map_err(|fault| Refusal::invalid_request(fault.to_string()))?;
    let code = call.form.required("code")?;
    let now = call.now();
    call.change(|realm| {
        let code = realm.redeem(code, now)?;
        check_request(&call.form, client, &code)?;
        check_proof(call.proof_rule(client), &code, proven.as_deref())?;
        let device_user = meet_user(realm, &code.user)?;
        // Older sessions of the same key. In a plain realm nobody comes twice.
        realm.end_sessions_of(&code.user);
        let id = code.session.clone();
        let session = begin_session(call, code, proven, now);
        let scope = session.scope.clone();
        realm.sessions.insert(id.clone(), session);
        token_answer::issue(call, realm, client, &id, &scope, device_user)
    })
}

fn check_request(form: &Parameters, client: Client, code: &Code) -> Result<(), Refusal> {
    if code.request.client_id != client.id {
        return Err(Refusal::invalid_grant("Code not valid"));
    }
    if form.optional("redirect_uri") != Some(code.request.redirect_uri.as_str()) {
        return Err(Refusal::invalid_grant("Incorrect redirect_uri"));
    }
    let verifier = form
        .optional("code_verifier")
        .ok_or_else(|| Refusal::invalid_grant("PKCE code verifier not specified"))?;
    if base64url(&sha256(verifier.as_bytes())) == code.request.code_challenge {
        Ok(())
    } else {
        Err(Refusal::invalid_grant("PKCE verification failed: Code mismatch"))
    }
}

fn check_proof(rule: ProofRule, code: &Code, proven: Option<&str>) -> Result<(), Refusal> {
    match (rule, proven, code.request.dpop_jkt.as_deref()) {
        (ProofRule::Mandatory, None, _) | (_, None, Some(_)) => {
            Err(Refusal::invalid_dpop_proof(ProofFault::Missing.to_string()))
        }
        (_, Some(proven), Some(bound)) if proven != bound => Err(Refusal::invalid_request(
            "DPoP Proof public key thumbprint does not match dpop_jkt",
        )),
        (ProofRule::Mandatory | ProofRule::Voluntary | ProofRule::Ignored, _, _) => Ok(()),
    }
}

/// From now on the user is known: its device may hold tokens.
fn meet_user(realm: &mut RealmState, id: &str) -> Result<DeviceUser, Refusal> {
    let user = realm
        .users
        .get_mut(id)
        .ok_or_else(|| Refusal::invalid_grant("User not found"))?;
    if !user.enabled {
        return Err(Refusal::invalid_grant("User disabled"));
    }
    let known = std::mem::replace(&mut user.known, true);
    Ok(if known { DeviceUser::Known } else { DeviceUser::New })
}

fn begin_session(call: &Call, code: Code, bound_to: Option<String>, now: u64) -> Session {
    let mut session = Session {
        user: code.user,
        client: code.request.client_id,
        bound_to,
        scope: code.request.scope,
        nonce: code.request.nonce,
        auth_time: code.issued_at,
        expires_at: None,
        next_token: 0,
        uses: Uses::default(),
        lost: false,
    };
    session.prolong(now, call.settings.session_lifetime_s);
    session
}
