//! An app on a device, and the IdP that it talks to. One clock for both.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use vestibule::event::{EnrollAnonymousUserEvent, ExchangeIamTokenEvent, StartEvent};
use vestibule::{Answer, AuthenticationMode, EnrolledUser, Failure, IamToken, Sdk, SdkSettings};
use vestibule_adapters_idp::{AudienceSettings, OidcIdentityProvider, OidcSettings};
use vestibule_dev_idp::scenes::{ForgeTokens, TokenParts};
use vestibule_dev_idp::{DevIdp, Endpoint, RequestRecord, Settings};
use vestibule_domain::identifiers::Audience;
use vestibule_domain::instant::{BootTime, WallTime};
use vestibule_domain::record::StageKind;
use vestibule_domain::status::StatusType;
use vestibule_ports::testing::MemoryStorage;
use vestibule_ports::{Clock, IdentityProvider, SecureStorage};

/// A recoverable realm whose refresh tokens are good once: a successor that is lost shows at the next request.
pub(crate) const TENANT: &str = "reuse0";
pub(crate) const CODE: &str = "authorization_code";
pub(crate) const REFRESH: &str = "refresh_token";
const START_MS: u64 = 1_800_000_000_000;
/// No flow waits so long of its own accord; this is only the limit of a call.
const LIMIT: Duration = Duration::from_secs(40);

/// Stands still, except that a wait takes no time. What is only there to end a call that hangs never fires.
#[derive(Debug, Default)]
pub(crate) struct HostClock(AtomicU64);

impl HostClock {
    pub(crate) fn pass(&self, time: Duration) {
        self.0.fetch_add(u64::try_from(time.as_millis()).unwrap(), SeqCst);
    }
}

#[async_trait]
impl Clock for HostClock {
    fn wall(&self) -> WallTime {
        WallTime::from_unix_ms(i64::try_from(START_MS + self.0.load(SeqCst)).unwrap())
    }

    fn since_boot(&self) -> BootTime {
        BootTime::from_ms(1_000_000 + self.0.load(SeqCst))
    }

    async fn sleep(&self, time: Duration) {
        if time >= LIMIT {
            std::future::pending::<()>().await;
        }
        tokio::task::yield_now().await;
        self.pass(time);
    }
}

/// The server's view of the same clock.
struct ServerView {
    clock: Arc<HostClock>,
    /// By how many seconds the device is ahead of the server.
    device_ahead_s: i64,
}

impl vestibule_dev_idp::Clock for ServerView {
    fn now(&self) -> u64 {
        u64::try_from(self.clock.wall().unix_s() - self.device_ahead_s).unwrap()
    }
}

/// The app, its device and its IdP.
pub(crate) struct Host {
    pub(crate) idp: DevIdp,
    pub(crate) clock: Arc<HostClock>,
    pub(crate) storage: Arc<MemoryStorage>,
    pub(crate) sdk: Sdk,
}

impl Host {
    /// Started, nobody enrolled.
    pub(crate) async fn start() -> Self {
        Self::with(audiences, SdkSettings::default()).await
    }

    pub(crate) async fn with(change: impl FnOnce(OidcSettings) -> OidcSettings, flows: SdkSettings) -> Self {
        Self::with_clocks(0, change, flows).await
    }

    /// Started, on a device whose clock is ahead of the server's.
    pub(crate) async fn ahead_by(seconds: i64) -> Self {
        Self::with_clocks(seconds, audiences, SdkSettings::default()).await
    }

    async fn with_clocks(
        device_ahead_s: i64,
        change: impl FnOnce(OidcSettings) -> OidcSettings,
        flows: SdkSettings,
    ) -> Self {
        let clock = Arc::new(HostClock::default());
        let view = ServerView {
            clock: Arc::clone(&clock),
            device_ahead_s,
        };
        let settings = Settings::in_memory().clock(Arc::new(view));
        let idp = DevIdp::start(settings).await.unwrap();
        let storage = Arc::new(MemoryStorage::new());
        let oidc = change(OidcSettings::new(idp.issuer_template()).allowing_plain_http_to_loopback());
        let sdk = sdk(oidc, &storage, &clock, flows).await;
        Self {
            idp,
            clock,
            storage,
            sdk,
        }
    }

    /// With a user who is logged in.
    pub(crate) async fn enrolled() -> Self {
        let host = Self::start().await;
        host.enroll().await.unwrap();
        host
    }

    pub(crate) async fn enroll(&self) -> Result<Answer<EnrolledUser>, Failure> {
        self.enroll_at(TENANT).await
    }

    pub(crate) async fn enroll_at(&self, tenant: &str) -> Result<Answer<EnrolledUser>, Failure> {
        let event = EnrollAnonymousUserEvent::new(tenant, AuthenticationMode::No);
        self.sdk.send(event).await
    }

    pub(crate) async fn exchange(&self) -> Result<Arc<IamToken>, Failure> {
        let answer = self.sdk.send(ExchangeIamTokenEvent::new("orders")).await;
        answer.map(|answer| answer.outcome)
    }

    /// Forges the tokens of the next answer to that grant.
    pub(crate) fn forge(&self, grant_type: &'static str, change: impl FnOnce(&mut TokenParts) + Send + Sync + 'static) {
        let realm = self.idp.realm(TENANT);
        self.idp.play(ForgeTokens::of_grant(realm, grant_type, change));
    }

    /// How often an endpoint was asked.
    pub(crate) fn count(&self, endpoint: Endpoint) -> usize {
        self.requests_to(endpoint).len()
    }

    pub(crate) fn requests_to(&self, endpoint: Endpoint) -> Vec<RequestRecord> {
        let all = self.idp.requests().into_iter();
        all.filter(|request| request.endpoint == endpoint).collect()
    }

    /// The stages of all records, that of the slot first.
    pub(crate) fn stages(&self) -> Vec<StageKind> {
        let mut kinds: Vec<StageKind> = self
            .storage
            .records()
            .iter()
            .map(|one| one.header.stage.kind())
            .collect();
        kinds.sort_by_key(|kind| *kind == StageKind::Revoking);
        kinds
    }
}

/// An SDK on these ports, started.
pub(crate) async fn sdk(
    oidc: OidcSettings,
    storage: &Arc<MemoryStorage>,
    clock: &Arc<HostClock>,
    flows: SdkSettings,
) -> Sdk {
    let clock: Arc<dyn Clock> = Arc::<HostClock>::clone(clock);
    let idp: Arc<dyn IdentityProvider> = Arc::new(OidcIdentityProvider::new(oidc, Arc::clone(&clock)).unwrap());
    let storage: Arc<dyn SecureStorage> = Arc::<MemoryStorage>::clone(storage);
    let sdk = Sdk::builder(idp, storage).clock(clock).settings(flows).build().unwrap();
    sdk.send(StartEvent::new("hostile answers", "1.0", "en")).await.unwrap();
    sdk
}

/// The audiences that the IdP knows, and one that it does not.
pub(crate) fn audiences(settings: OidcSettings) -> OidcSettings {
    ["orders", "billing", "unknown"]
        .into_iter()
        .fold(settings, |settings, name| {
            settings.with_audience(AudienceSettings::new(
                Audience::parse(name).unwrap(),
                format!("aud:{name}"),
            ))
        })
}

/// What an app is told of a failure: its status, and a sentence with these words.
pub(crate) fn assert_told(failure: &Failure, status: StatusType, words: &str, row: &str) {
    assert_eq!(failure.status(), status, "{row}: {failure}");
    assert!(failure.to_string().contains(words), "{row}: {failure}");
}
