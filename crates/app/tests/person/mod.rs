//! Somebody who may have changed the password or the mode, and does not know whether it was done: tries the new credential
//! and the old one in turn.

use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use vestibule::event::{
    EnrollAnonymousUserEvent, ExchangeIamTokenEvent, GetInformationEvent, OfflineLoginEvent, RecordRef, RestartEvent,
    SetAuthenticationModeEvent, StartEvent,
};
use vestibule::ports::testing::{FaultPlan, Process, ScriptedGate};
use vestibule::ports::{
    Clock, Credential, Key, PasswordPurpose, PasswordRequest, PasswordSource, PromptError, SecureStorage,
};
use vestibule::record::Place;
use vestibule::secret::Password;
use vestibule::status::StatusType;
use vestibule::{AuthenticationMode, Failure, Sdk, SdkState};

use crate::world::World;

pub(crate) const OLD: &str = "the old password";
pub(crate) const NEW: &str = "the new password";

/// A person and a finger. A clone is the same person.
#[derive(Clone)]
pub(crate) struct Person {
    types_new: Arc<AtomicBool>,
    chooses_new: Arc<AtomicBool>,
    pub gate: ScriptedGate,
}

impl Person {
    pub(crate) fn new() -> Self {
        Self {
            types_new: Arc::default(),
            chooses_new: Arc::default(),
            gate: ScriptedGate::new(),
        }
    }

    /// Wrong: the other one is tried next.
    fn thinks_again(&self) {
        self.types_new.fetch_xor(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl PasswordSource for Person {
    async fn ask(&self, request: PasswordRequest) -> Result<Password, PromptError> {
        let is_new = match request.purpose {
            PasswordPurpose::Choose => &self.chooses_new,
            PasswordPurpose::Unlock => &self.types_new,
        };
        let password = if is_new.load(Ordering::SeqCst) { NEW } else { OLD };
        Ok(Password::new(password.to_owned()))
    }
}

/// An SDK of a process, with this person in front of it.
pub(crate) fn sdk(world: &World, process: &Process, person: &Person, clock: Arc<dyn Clock>) -> Sdk {
    let presence = process.presence(&world.presence);
    Sdk::builder(
        Arc::new(process.faulty(Arc::new(world.idp.clone()))),
        Arc::new(process.faulty(Arc::new(world.disk.clone()))),
    )
    .presence(Arc::new(process.faulty(Arc::new(presence))))
    .password_source(Arc::new(process.faulty(Arc::new(person.clone()))))
    .biometric_gate(Arc::new(person.gate.clone()))
    .clock(clock)
    .entropy(Arc::new(world.entropy.clone()))
    .build()
    .expect("inside a runtime")
}

/// Runs a process of a plan on a runtime of its own. `None` when it was killed.
pub(crate) fn process<F, T>(world: &World, plan: &FaultPlan, person: &Person, live: impl FnOnce(Sdk) -> F) -> Option<T>
where
    F: Future<Output = T>,
{
    let process = plan.process();
    let clock = Arc::new(world.clock.clone());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    let lived = runtime.block_on(process.run(async { live(sdk(world, &process, person, clock)).await }));
    drop(runtime);
    process.kill();
    lived
}

/// Enrols a user in a mode, without faults, with the old password.
pub(crate) fn enrol(world: &World, person: &Person, mode: AuthenticationMode) {
    process(world, &FaultPlan::none(), person, |sdk| async move {
        sdk.send(StartEvent::new("life", "1", "en")).await?;
        sdk.send(EnrollAnonymousUserEvent::new("acme", mode)).await
    })
    .expect("nobody kills")
    .expect("nothing fails");
    person.chooses_new.store(true, Ordering::SeqCst);
}

/// An app tries again this often.
pub(crate) const PATIENT: usize = 12;

/// Logs in, changes the mode, and holds a token. Tries again when something fails. Whether the change was answered `Ok`.
pub(crate) async fn change_until_a_token(sdk: &Sdk, person: &Person, wished: AuthenticationMode, tries: usize) -> bool {
    let mut changed = false;
    for _ in 0..tries {
        if sdk.state() == SdkState::LoggedIn && !changed {
            let change = sdk.send(SetAuthenticationModeEvent::new(wished)).await;
            changed = note(change, person).is_ok();
        } else if step(sdk, person).await == Ok(true) {
            break;
        }
    }
    changed
}

/// Lives until it holds a token.
pub(crate) async fn live_until_a_token(sdk: &Sdk, person: &Person, tries: usize) -> Result<(), Failure> {
    let mut last = None;
    for _ in 0..tries {
        match step(sdk, person).await {
            Ok(true) => return Ok(()),
            Ok(false) => {}
            Err(failure) => last = Some(failure),
        }
    }
    Err(last.expect("a life without a failure holds a token"))
}

/// One event, as the state wants it. Whether it gave a token.
pub(crate) async fn step(sdk: &Sdk, person: &Person) -> Result<bool, Failure> {
    let stepped = match sdk.state() {
        SdkState::NotStarted => sdk.send(StartEvent::new("life", "1", "en")).await.map(drop),
        SdkState::LoggedIn => {
            let asked = ExchangeIamTokenEvent::new("orders").forced();
            return sdk.send(asked).await.map(|_| true);
        }
        SdkState::Suspended => sdk.send(vestibule::event::ResumeEvent).await.map(drop),
        SdkState::ActivationRequired => sdk.send(RestartEvent).await.map(drop),
        SdkState::LoginRequired => {
            let information = sdk.send(GetInformationEvent).await?.outcome;
            match information.users.first() {
                Some(user) => sdk
                    .send(OfflineLoginEvent::new(RecordRef::User(user.clone())))
                    .await
                    .map(drop),
                None => sdk.send(RestartEvent).await.map(drop),
            }
        }
    };
    note(stepped, person).map(|()| false)
}

fn note<T>(tried: Result<T, Failure>, person: &Person) -> Result<(), Failure> {
    tried.map(drop).inspect_err(|failure| {
        if failure.status() == StatusType::WrongCredentials {
            person.thinks_again();
        }
    })
}

/// Whether this password, or nobody's (mode `no`), opens the user's record.
pub(crate) fn opens(world: &World, password: Option<&str>) -> bool {
    let credential = password.map_or(Credential::None, |password| {
        Credential::Password(Password::new(password.to_owned()))
    });
    let slot = world.disk.records()[0].header.slot.clone();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a runtime");
    runtime
        .block_on(world.disk.open(Place::Slot(slot), Key::Credential(credential)))
        .is_ok()
}
