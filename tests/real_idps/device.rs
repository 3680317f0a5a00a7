//! A device at a real provider: the adapter, a key and a clock.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use vestibule_adapters_idp::{AudienceSettings, DeviceProof, OidcIdentityProvider, OidcSettings};
use vestibule_domain::identifiers::{Audience, ClientId, RealmId, TenantId, UserId};
use vestibule_domain::instant::{BootTime, WallTime};
use vestibule_domain::secret::{EnrolmentKey, Grant};
use vestibule_ports::{
    Clock, EnrollRequest, Enrolled, IdentityProvider as _, IdpError, Interrupt, RefreshRequest, Refreshed,
    RevokeRequest,
};
use vestibule_tests::servers::{Form, OidcProvider};

/// Granted to every device.
pub(crate) const GRANTED: [&str; 2] = ["orders", "billing"];
/// Listed in the settings, and known to the provider; granted to nobody.
pub(crate) const REFUSED: &str = "ledger";

pub(crate) struct Device {
    idp: OidcIdentityProvider,
    realm: RealmId,
    pub(crate) client_id: ClientId,
    key: EnrolmentKey,
}

impl Device {
    /// A device as it is meant for this form of the provider.
    pub(crate) fn new(server: &OidcProvider, form: Form) -> Self {
        Self::with_proof(server, proof(form))
    }

    pub(crate) fn with_proof(server: &OidcProvider, proof: DeviceProof) -> Self {
        Self::with_clock(server, proof, 0)
    }

    /// A device whose clock is ahead of the world by so many milliseconds.
    pub(crate) fn with_clock(server: &OidcProvider, proof: DeviceProof, ahead_ms: i64) -> Self {
        let settings = GRANTED.into_iter().chain([REFUSED]).map(audience).fold(
            OidcSettings::new(server.issuer())
                .allowing_plain_http_to_loopback()
                .with_device_proof(proof),
            |settings, audience| {
                settings.with_audience(AudienceSettings::new(
                    audience.clone(),
                    format!("aud:{}", audience.as_str()),
                ))
            },
        );
        let idp = OidcIdentityProvider::new(settings, Arc::new(DeviceClock { ahead_ms })).unwrap();
        let realm = idp.realm(&TenantId::parse("acme").unwrap()).unwrap();
        let client_id = ClientId::parse(OidcProvider::DEVICE_CLIENT).unwrap();
        Self {
            idp,
            realm,
            client_id,
            key: EnrolmentKey::new([7; 32]),
        }
    }

    pub(crate) fn at_client(mut self, client_id: &str) -> Self {
        self.client_id = ClientId::parse(client_id).unwrap();
        self
    }

    pub(crate) async fn try_enrol(&self) -> Result<Enrolled, IdpError> {
        let (realm, client_id) = (self.realm.clone(), self.client_id.clone());
        self.idp
            .enroll(EnrollRequest::new(
                realm,
                client_id,
                self.key.clone(),
                Interrupt::never(),
            ))
            .await
    }

    /// Enrols, with a proven identity.
    pub(crate) async fn enrol(&self) -> (UserId, Grant) {
        let enrolled = self.try_enrol().await.unwrap();
        (enrolled.identity.unwrap().user().clone(), enrolled.grant)
    }

    pub(crate) async fn refresh(&self, grant: &Grant, audience: Option<&str>) -> Result<Refreshed, IdpError> {
        let (realm, client_id) = (self.realm.clone(), self.client_id.clone());
        let audience = audience.map(self::audience);
        self.idp
            .refresh(RefreshRequest::new(
                realm,
                client_id,
                grant.clone(),
                self.key.clone(),
                audience,
            ))
            .await
    }

    pub(crate) async fn revoke(&self, grant: &Grant) -> Result<(), IdpError> {
        let (realm, client_id) = (self.realm.clone(), self.client_id.clone());
        self.idp
            .revoke(RevokeRequest::new(realm, client_id, grant.clone(), self.key.clone()))
            .await
    }
}

/// What the form is meant for.
pub(crate) const fn proof(form: Form) -> DeviceProof {
    match form {
        Form::OneRedirect => DeviceProof::Never,
        Form::Hops => DeviceProof::Required,
    }
}

pub(crate) fn audience(name: &str) -> Audience {
    Audience::parse(name).unwrap()
}

/// The provider lives in real time, and so must the device. Nothing waits on it.
struct DeviceClock {
    ahead_ms: i64,
}

#[async_trait]
impl Clock for DeviceClock {
    #[expect(clippy::disallowed_methods, reason = "a real server has the real time")]
    fn wall(&self) -> WallTime {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        WallTime::from_unix_ms(i64::try_from(now.as_millis()).unwrap() + self.ahead_ms)
    }

    fn since_boot(&self) -> BootTime {
        BootTime::from_ms(u64::try_from(self.wall().unix_ms()).unwrap())
    }

    async fn sleep(&self, _: Duration) {
        panic!("the adapter does not wait")
    }
}
