//! What an app is tested with: mocks, fakes that behave, and planned faults.
//!
//! | want | take |
//! |---|---|
//! | one answer of one call, or proof that a call does not come | the mocks (`MockIdentityProvider`, ..; from mockall) |
//! | a life of many events | the fakes: [`ScriptedIdp`], [`MemoryStorage`], [`SharedPresence`], [`ManualClock`], .. |
//! | a lost answer, a killed process, at every call | [`FaultPlan`] and [`Faulty`] over the fakes |
//!
//! Every fake is a cheap handle: a clone shares the state, so that two SDKs, or a "new process", see the same world.
//! Nothing here waits for real time, and equal runs give equal bytes.
//!
//! ```
//! use std::sync::Arc;
//! use vestibule_domain::identifiers::{ClientId, TenantId};
//! use vestibule_domain::secret::EnrolmentKey;
//! use vestibule_ports::testing::{Fault, FaultPlan, IdpKind, Rotation, ScriptedIdp};
//! use vestibule_ports::{EnrollRequest, IdentityProvider, IdpError, Interrupt};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let server = ScriptedIdp::new(IdpKind { recoverable: true, rotation: Rotation::Reuse(1) });
//! let plan = FaultPlan::new([(1, Fault::DoneButLost)]);
//! let idp = plan.process().faulty(Arc::new(server.clone()));
//!
//! let realm = idp.realm(&TenantId::parse("acme")?)?;
//! let client = ClientId::parse("AstDeviceEnrollment")?;
//! let request = EnrollRequest::new(realm, client, EnrolmentKey::new([7; 32]), Interrupt::never());
//!
//! // The server makes the user, the answer is lost ...
//! let lost = idp.enroll(request.clone()).await;
//! assert!(matches!(lost, Err(IdpError::AnswerLost(_))));
//! // ... and the same key finds the same user again.
//! let identity = idp.enroll(request).await?.identity?;
//! assert_eq!(server.users(), [identity.claims.subject]);
//! # Ok(())
//! # }
//! ```
//!
//! A [`Journal`] that [`ScriptedIdp`] and [`MemoryStorage`] share knows what was sent and written in which order;
//! [`Journal::violations`] judges it by the rules of the durable protocol.
//!
//! To try *every* fault, walk over [`FaultPlan::enumerate`]: it runs the life without faults, counts its calls, and then
//! plans each fault at each call, and each further fault behind it. [`FaultPlan::stop`] ends the faults, so that the life
//! can come right. Two processes at once: hold one at any call ([`Fault::HeldBefore`]), let the other live, release.

mod fakes;
mod faulty;
mod invariants;
#[cfg(test)]
mod invariants_tests;
mod journal;
mod late_requests;
mod mocks;

pub use fakes::{
    IdpKind, ManualClock, MemoryStorage, Rotation, ScriptedGate, ScriptedIdp, ScriptedPasswordSource, SeededEntropy,
    SharedPresence, StoredRecord,
};
pub use faulty::{Fault, FaultEnumeration, FaultPlan, Faulty, Operation, Process};
pub use journal::{Fingerprint, IdpCall, Journal, JournalEntry, Outcome};
pub use mocks::{
    MockBiometricGate, MockByteStore, MockClock, MockDeviceKey, MockEntropy, MockFlowPresence, MockIdentityProvider,
    MockPasswordSource, MockSecureStorage,
};
