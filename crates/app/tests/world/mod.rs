//! A world for lives: a server, a disk, a clock, and processes that come and go in it.

use std::future::Future;
use std::sync::Arc;

use vestibule::event::{
    EnrollAnonymousUserEvent, ExchangeIamTokenEvent, OfflineLoginEvent, RecordRef, RestartEvent, StartEvent,
};
use vestibule::ports::Clock;
use vestibule::ports::testing::{
    FaultPlan, IdpKind, Journal, ManualClock, MemoryStorage, Process, ScriptedIdp, SeededEntropy, SharedPresence,
};
use vestibule::status::StatusType;
use vestibule::{AuthenticationMode, Failure, Sdk, SdkState};

/// What all processes share.
#[derive(Clone)]
pub(crate) struct World {
    pub journal: Journal,
    pub idp: ScriptedIdp,
    pub disk: MemoryStorage,
    pub presence: SharedPresence,
    pub clock: ManualClock,
    pub entropy: SeededEntropy,
}

impl World {
    pub(crate) fn new(kind: IdpKind) -> Self {
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
    pub(crate) fn sdk(&self, process: &Process) -> Sdk {
        self.sdk_with_clock(process, Arc::new(self.clock.clone()))
    }

    /// The same by another clock.
    pub(crate) fn sdk_with_clock(&self, process: &Process, clock: Arc<dyn Clock>) -> Sdk {
        let presence = process.presence(&self.presence);
        Sdk::builder(
            Arc::new(process.faulty(Arc::new(self.idp.clone()))),
            Arc::new(process.faulty(Arc::new(self.disk.clone()))),
        )
        .presence(Arc::new(process.faulty(Arc::new(presence))))
        .clock(clock)
        .entropy(Arc::new(self.entropy.clone()))
        .build()
        .expect("inside a runtime")
    }

    /// Runs a process of a plan on a runtime of its own, which is dropped with all its tasks. `None` when it was killed.
    pub(crate) fn process<F, T>(&self, plan: &FaultPlan, live: impl FnOnce(Sdk) -> F) -> Option<T>
    where
        F: Future<Output = T>,
    {
        let process = plan.process();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .expect("a runtime");
        let lived = runtime.block_on(process.run(async { live(self.sdk(&process)).await }));
        drop(runtime);
        process.kill();
        lived
    }

    /// A process without faults that lives until it holds a token, and one that finishes what is left over. It comes to
    /// its first event's end as soon as an abandoned lease may be taken over: within 5 s.
    pub(crate) fn last_process(&self) -> Result<(), Failure> {
        let begun = self.clock.since_boot();
        let last = self
            .process(&FaultPlan::none(), |sdk| async move { live_until_a_token(&sdk).await })
            .expect("nobody kills the last process");
        let took = self
            .clock
            .since_boot()
            .checked_since(begun)
            .expect("nobody boots the device");
        assert!(
            last.is_err() || took <= GOES_ON_WITHIN,
            "it went on after {took:?}\n{}",
            self.journal
        );
        self.rest();
        last
    }

    /// A process that only starts, and is left alone with what it finds.
    pub(crate) fn rest(&self) {
        self.process(&FaultPlan::none(), |sdk| async move {
            sdk.send(StartEvent::new("rest", "1", "en"))
                .await
                .expect("storage is there");
            for _ in 0..20 {
                self.clock.sleep(std::time::Duration::from_secs(1)).await;
            }
        });
    }
}

/// A killed and restarted app goes on within this.
const GOES_ON_WITHIN: std::time::Duration = std::time::Duration::from_secs(5);

/// Lives as an app does: asks the state what to do next, tries again when it fails, until it holds a token.
pub(crate) async fn live_until_a_token(sdk: &Sdk) -> Result<(), Failure> {
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

pub(crate) enum Step {
    Token,
    Other,
}

/// One event, as the state wants it.
pub(crate) async fn step(sdk: &Sdk) -> Result<Step, Failure> {
    match sdk.state() {
        SdkState::NotStarted => sdk.send(StartEvent::new("life", "1", "en")).await.map(drop)?,
        SdkState::ActivationRequired => match enroll(sdk).await {
            // Somebody else was faster: the app reads anew what is there.
            Err(failure) if failure.status() == StatusType::UserIdAlreadyExists => {
                sdk.send(RestartEvent).await.map(drop)?;
            }
            enrolled => enrolled?,
        },
        SdkState::LoginRequired => login(sdk).await?,
        SdkState::LoggedIn => {
            let asked = ExchangeIamTokenEvent::new("orders").forced();
            return sdk.send(asked).await.map(|_| Step::Token);
        }
        SdkState::Suspended => unreachable!("nobody suspends"),
    }
    Ok(Step::Other)
}

pub(crate) async fn enroll(sdk: &Sdk) -> Result<(), Failure> {
    sdk.send(EnrollAnonymousUserEvent::new("acme", AuthenticationMode::No))
        .await
        .map(drop)
}

/// Logs in as the one user that Start found.
pub(crate) async fn login(sdk: &Sdk) -> Result<(), Failure> {
    let information = sdk.send(vestibule::event::GetInformationEvent).await?.outcome;
    match information.users.first() {
        Some(user) => sdk
            .send(OfflineLoginEvent::new(RecordRef::User(user.clone())))
            .await
            .map(drop),
        None => enroll(sdk).await,
    }
}
