//! The *Device enrollment* flow: no person is asked. The device proves its key, and the key is the user.

use crate::authorization_request::AuthorizationRequest;
use crate::call::Call;
use crate::compact_jws::sha256;
use crate::dpop_proof::ProofFault;
use crate::random::{make_uuid, uuid_of};
use crate::realm::Enrolment;
use crate::realm_state::{IssuedCode, RealmState, User};
use crate::refusal::Refusal;

/// The version of a UUID that is derived in a way of its own (RFC 9562, section 5.8).
const DERIVED_UUID_VERSION: u8 = 8;

/// Finds or makes the user and issues a code. Nothing is ended here: older sessions end when the code is redeemed.
pub(crate) fn enroll(call: &Call, request: AuthorizationRequest) -> Result<IssuedCode, Refusal> {
    let jkt = match call.settings.enrolment {
        Enrolment::Recoverable => Some(demand_proof(call, &request)?),
        Enrolment::Plain => None,
    };
    let id = match &jkt {
        Some(jkt) => derive_user_id(&call.tenant, jkt),
        None => make_uuid()?,
    };
    call.note(|record| record.user = Some(id.clone()));
    let now = call.now();
    call.change(|realm| {
        find_or_make(realm, &id, jkt, now)?;
        realm.issue_code(&id, request, now)
    })
}

/// The same key in the same realm is always the same user.
pub(crate) fn derive_user_id(tenant: &str, jkt: &str) -> String {
    let hash = sha256(format!("vestibule dev-idp user\n{}\n{tenant}\n{jkt}", tenant.len()).as_bytes());
    let mut bytes = [0; 16];
    for (to, from) in bytes.iter_mut().zip(hash) {
        *to = from;
    }
    uuid_of(bytes, DERIVED_UUID_VERSION)
}

/// Without the proof, whoever knows a thumbprint would get a session of its user.
fn demand_proof(call: &Call, request: &AuthorizationRequest) -> Result<String, Refusal> {
    let refused = |fault: ProofFault| Refusal::invalid_dpop_proof(fault.to_string());
    let jkt = call
        .proven_key()
        .map_err(refused)?
        .ok_or_else(|| refused(ProofFault::Missing))?;
    if request.dpop_jkt.as_ref() == Some(&jkt) {
        Ok(jkt)
    } else {
        Err(Refusal::invalid_dpop_proof(
            "DPoP Proof public key thumbprint does not match dpop_jkt",
        ))
    }
}

fn find_or_make(realm: &mut RealmState, id: &str, device_jkt: Option<String>, now: u64) -> Result<(), Refusal> {
    let user = realm.users.entry(id.to_owned()).or_insert(User {
        device_jkt,
        enabled: true,
        created_at: now,
        known: false,
    });
    if user.enabled {
        Ok(())
    } else {
        Err(Refusal::access_denied("User disabled"))
    }
}
