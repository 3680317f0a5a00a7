//! A world for lives: a server, a disk, a clock, and processes that come and go in it.

use std::future::Future;
use std::sync::Arc;

use vestibule::event::{EnrollAnonymousUserEvent, ExchangeIamTokenEvent, OfflineLoginEvent, RecordRef, StartEvent};
use vestibule::ports::testing::{
    FaultPlan, IdpKind, Journal, ManualClock, MemoryStorage, Process, ScriptedIdp, SeededEntropy, SharedPresence,
};
use vestibule::{AuthenticationMode, Failure, Sdk, SdkState};

/// What all processes share.
pub struct World {
    pub journal: Journal,
    pub idp: ScriptedIdp,
    pub disk: MemoryStorage,
    pub presence: SharedPresence,
    pub clock: ManualClock,
    pub entropy: SeededEntropy,
}

impl World {
    pub fn new(kind: IdpKind) -> Self {
        let journal = Journal::new();
        let clock = ManualClock::auto_advancing();
        Self {
            idp: ScriptedIdp::with_journal(kind, &journal).with_clock(Arc::new(clock.clone())),
            disk: MemoryStorage::with_journal(&journal),
            presence: SharedPresence::new(),
            clock,
            entropy: SeededEntropy::new(7),
            journal,
        }
    }

    /// An SDK of a process: its ports follow the plan and die with it.
    pub fn sdk(&self, process: &Process) -> Sdk {
        let presence = process.presence(&self.presence);
        Sdk::builder(Arc::new(process.faulty(Arc::new(self.idp.clone()))), Arc::new(process.faulty(Arc::new(self.disk.clone()))))
            .presence(Arc::new(process.faulty(Arc::new(presence))))
            .clock(Arc::new(self.clock.clone()))
            .entropy(Arc::new(self.entropy.clone()))
            .build()
            .expect("inside a runtime")
    }

    /// Runs a process of a plan on a runtime of its own, which is dropped with all its tasks. `None` when it was killed.
    pub fn process<F, T>(&self, plan: &FaultPlan, live: impl FnOnce(Sdk) -> F) -> Option<T>
    where
        F: Future<Output = T>,
    {
        let process = plan.process();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let lived = runtime.block_on(process.run(async { live(self.sdk(&process)).await }));
        drop(runtime);
        process.kill();
        lived
    }
}

/// Lives as an app does: asks the state what to do next, tries again when it fails, until it holds a token.
pub async fn live_until_a_token(sdk: &Sdk) -> Result<(), Failure> {
    let mut last = None;
    for _ in 0..10 {
        match step(sdk).await {
            Ok(Step::Token) => return Ok(()),
            Ok(Step::Other) => {}
            Err(failure) => last = Some(failure),
        }
    }
    Err(last.expect("a life of ten steps without a failure holds a token"))
}

pub enum Step {
    Token,
    Other,
}

/// One event, as the state wants it.
pub async fn step(sdk: &Sdk) -> Result<Step, Failure> {
    match sdk.state() {
        SdkState::NotStarted => sdk.send(StartEvent::new("life", "1", "en")).await.map(drop)?,
        SdkState::ActivationRequired => enroll(sdk).await?,
        SdkState::LoginRequired => login(sdk).await?,
        SdkState::LoggedIn => {
            let asked = ExchangeIamTokenEvent::new("orders").forced();
            return sdk.send(asked).await.map(|_| Step::Token);
        }
        SdkState::Suspended => unreachable!("nobody suspends"),
    }
    Ok(Step::Other)
}

pub async fn enroll(sdk: &Sdk) -> Result<(), Failure> {
    sdk.send(EnrollAnonymousUserEvent::new("acme", AuthenticationMode::No)).await.map(drop)
}

/// Logs in as the one user that Start found.
pub async fn login(sdk: &Sdk) -> Result<(), Failure> {
    let information = sdk.send(vestibule::event::GetInformationEvent).await?.outcome;
    match information.users.first() {
        Some(user) => sdk.send(OfflineLoginEvent::new(RecordRef::User(user.clone()))).await.map(drop),
        None => enroll(sdk).await,
    }
}
