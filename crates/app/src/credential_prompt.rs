//! Asking for the credential of a mode, before anything is sent.

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::{InvalidParameter, UserIdentifier};
use vestibule_domain::secret::GateKey;
use vestibule_domain::status::Cause;
use vestibule_ports::{BiometricGate, Credential, Described, GateAvailability, PasswordPurpose, PasswordRequest};

use crate::core::FlowContext;
use crate::gate_keys::{GateKeyOwner, forget};
use crate::outcome::user_of;

/// A credential that somebody chose, and the protection that it was chosen for.
pub(crate) struct Chosen {
    pub credential: Credential,
    pub mode: AuthenticationMode,
    pub owner: GateKeyOwner,
    /// Whether a record sealed with it may stand.
    pub may_stand: bool,
}

impl Chosen {
    /// Nothing that was sealed with it stands: what a gate keeps for it is forgotten.
    pub(crate) async fn drop_unused(self, cx: &FlowContext) {
        if self.mode == AuthenticationMode::Biometric && !self.may_stand {
            forget(&cx.core, self.owner).await;
        }
    }
}

/// Asks for a new credential for a protection that is to be.
pub(crate) async fn choose(
    cx: &FlowContext,
    mode: AuthenticationMode,
    owner: GateKeyOwner,
    user: Option<UserIdentifier>,
) -> Result<Chosen, Cause> {
    let credential = match mode {
        AuthenticationMode::No => Credential::None,
        AuthenticationMode::Password => password(cx, PasswordRequest::new(PasswordPurpose::Choose, user)).await?,
        AuthenticationMode::Biometric => {
            let gate = ready_gate(cx).await?;
            let mut key = [0; 32];
            cx.core.ports.entropy.fill(&mut key)?;
            let key = GateKey::new(key);
            let blob = match interruptible(cx, gate.wrap(&owner.label(), key.clone())).await {
                Ok(wrapped) => wrapped?,
                Err(interrupted) => {
                    // The gate may have wrapped it by then.
                    forget(&cx.core, owner).await;
                    return Err(interrupted);
                }
            };
            Credential::Biometric { key, blob }
        }
    };
    Ok(Chosen {
        credential,
        mode,
        owner,
        may_stand: false,
    })
}

/// Asks once, whatever the slot holds by then; only a gate's key belongs to one protection alone.
pub(crate) async fn choose_once(
    cx: &FlowContext,
    mode: AuthenticationMode,
    owner: GateKeyOwner,
    chosen: &mut Option<Chosen>,
) -> Result<Credential, Cause> {
    let of_another = |chosen: &mut Chosen| mode == AuthenticationMode::Biometric && chosen.owner != owner;
    if let Some(of_another) = chosen.take_if(of_another) {
        of_another.drop_unused(cx).await;
    }
    let standing = match chosen.take() {
        Some(chosen) => chosen,
        None => choose(cx, mode, owner, None).await?,
    };
    Ok(chosen.insert(standing).credential.clone())
}

/// Notes whether a record sealed with what was chosen may stand.
pub(crate) fn may_stand(chosen: &mut Option<Chosen>, may_stand: bool) {
    if let Some(chosen) = chosen {
        chosen.may_stand = may_stand;
    }
}

/// Asks for the credential of a stored record. Nobody is asked in vain: one that is locked out is refused before.
pub(crate) async fn unlock(cx: &FlowContext, described: &Described) -> Result<Credential, Cause> {
    match described.header.mode {
        AuthenticationMode::No => Ok(Credential::None),
        AuthenticationMode::Password => {
            if let Some(wait) = described.locked_out {
                return Err(Cause::LockedOut { wait });
            }
            let user = user_of(&described.header);
            password(cx, PasswordRequest::new(PasswordPurpose::Unlock, user)).await
        }
        AuthenticationMode::Biometric => {
            let gate = ready_gate(cx).await?;
            let blob = described.gate_blob.clone().ok_or(Cause::BiometricInvalidated)?;
            let label = GateKeyOwner::of(&described.header).label();
            let key = interruptible(cx, gate.unwrap(&label, blob.clone())).await??;
            Ok(Credential::Biometric { key, blob })
        }
    }
}

async fn password(cx: &FlowContext, request: PasswordRequest) -> Result<Credential, Cause> {
    let why = "needs a password source: build the SDK with one";
    let source = cx.core.ports.password_source.as_ref();
    let source = source.ok_or(InvalidParameter {
        field: "authentication_mode",
        why,
    })?;
    Ok(Credential::Password(interruptible(cx, source.ask(request)).await??))
}

async fn ready_gate(cx: &FlowContext) -> Result<&dyn BiometricGate, Cause> {
    let gate = cx.core.ports.biometric_gate.as_deref();
    let gate = gate.ok_or(Cause::BiometricUnavailable(
        "the SDK was built without a biometric gate",
    ))?;
    match gate.availability().await {
        GateAvailability::Ready => Ok(gate),
        GateAvailability::Unavailable(why) => Err(Cause::BiometricUnavailable(why)),
        _ => Err(Cause::BiometricUnavailable("the gate does not say that it is ready")),
    }
}

/// A prompt ends when the event is interrupted; nothing was sent then.
async fn interruptible<T>(cx: &FlowContext, prompt: impl Future<Output = T>) -> Result<T, Cause> {
    tokio::select! {
        biased;
        () = cx.interrupt.raised() => Err(Cause::QueueFull),
        answer = prompt => Ok(answer),
    }
}
