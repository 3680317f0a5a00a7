//! Asking for the credential of a mode, before anything is sent.

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::secret::GateKey;
use vestibule_domain::status::Cause;
use vestibule_ports::{BiometricGate, Credential, Described, GateAvailability, PasswordPurpose, PasswordRequest};

use crate::core::FlowContext;
use crate::outcome::user_of;

/// The label that a biometric gate keeps a record's key under, before the record id.
pub(crate) const GATE_LABEL: &str = "vestibule";

/// Asks for a new credential.
pub(crate) async fn choose(cx: &FlowContext, mode: AuthenticationMode) -> Result<Credential, Cause> {
    match mode {
        AuthenticationMode::No => Ok(Credential::None),
        AuthenticationMode::Password => password(cx, PasswordRequest::new(PasswordPurpose::Choose, None)).await,
        AuthenticationMode::Biometric => {
            let gate = ready_gate(cx).await?;
            let mut key = [0; 32];
            cx.core.ports.entropy.fill(&mut key)?;
            let key = GateKey::new(key);
            let blob = interruptible(cx, gate.wrap(GATE_LABEL, key.clone())).await??;
            Ok(Credential::Biometric { key, blob })
        }
    }
}

/// Asks for the credential of a stored record.
pub(crate) async fn unlock(cx: &FlowContext, described: &Described) -> Result<Credential, Cause> {
    match described.header.mode {
        AuthenticationMode::No => Ok(Credential::None),
        AuthenticationMode::Password => {
            password(
                cx,
                PasswordRequest::new(PasswordPurpose::Unlock, user_of(&described.header)),
            )
            .await
        }
        AuthenticationMode::Biometric => {
            let gate = ready_gate(cx).await?;
            let blob = described.gate_blob.clone().ok_or(Cause::BiometricInvalidated)?;
            let key = interruptible(cx, gate.unwrap(GATE_LABEL, blob.clone())).await??;
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
