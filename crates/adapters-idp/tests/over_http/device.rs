//! A device with the adapter in it, and the development IdP that it talks to.

use std::sync::Arc;

use vestibule_adapters_idp::{AudienceSettings, OidcIdentityProvider, OidcSettings};
use vestibule_dev_idp::{DevIdp, Endpoint, ManualClock, RequestRecord, Settings, client};
use vestibule_domain::identifiers::{Audience, ClientId, RealmId, TenantId};
use vestibule_domain::secret::{EnrolmentKey, Grant};
use vestibule_domain::status::{Cause, StatusType};
use vestibule_ports::{
    EnrollRequest, Enrolled, IdentityProvider as _, IdpError, Interrupt, RefreshRequest, Refreshed, RevokeRequest,
};

use crate::clock::{DeviceClock, START_S};

/// The audiences that every device is set up for; the development IdP knows the first two.
pub(crate) const AUDIENCES: [&str; 3] = ["orders", "billing", "unknown"];

/// A development IdP whose clock stands still.
pub(crate) async fn idp() -> (DevIdp, Arc<ManualClock>) {
    let clock = Arc::new(ManualClock::at(START_S));
    let idp = DevIdp::start(Settings::in_memory().clock(clock.clone())).await.unwrap();
    (idp, clock)
}

/// Settings for an issuer on a loopback address, with the usual audiences.
pub(crate) fn settings(issuer_template: &str) -> OidcSettings {
    let settings = OidcSettings::new(issuer_template).allowing_plain_http_to_loopback();
    AUDIENCES.into_iter().fold(settings, |settings, name| {
        settings.with_audience(AudienceSettings::new(audience(name), format!("aud:{name}")))
    })
}

/// An audience.
pub(crate) fn audience(name: &str) -> Audience {
    Audience::parse(name).unwrap()
}

/// A device: adapter, tenant, client and key.
pub(crate) struct Device {
    pub(crate) adapter: OidcIdentityProvider,
    pub(crate) clock: Arc<DeviceClock>,
    pub(crate) tenant: String,
    pub(crate) client_id: ClientId,
    pub(crate) key: EnrolmentKey,
}

impl Device {
    /// A device at a tenant, its clock right.
    pub(crate) fn new(settings: OidcSettings, tenant: &str, key: u8) -> Self {
        Self::with_clock(settings, tenant, key, DeviceClock::ahead_by(0))
    }

    /// The same with another clock.
    pub(crate) fn with_clock(settings: OidcSettings, tenant: &str, key: u8, clock: Arc<DeviceClock>) -> Self {
        Self {
            adapter: OidcIdentityProvider::new(settings, clock.clone()).unwrap(),
            clock,
            tenant: tenant.into(),
            client_id: ClientId::parse(client::DEVICE_ENROLLMENT).unwrap(),
            key: EnrolmentKey::new([key; 32]),
        }
    }

    /// A device at the development IdP.
    pub(crate) fn at(idp: &DevIdp, tenant: &str, key: u8) -> Self {
        Self::new(settings(&idp.issuer_template()), tenant, key)
    }

    /// The same for another client.
    pub(crate) fn for_client(mut self, client_id: &str) -> Self {
        self.client_id = ClientId::parse(client_id).unwrap();
        self
    }

    pub(crate) fn realm(&self) -> RealmId {
        self.adapter.realm(&TenantId::parse(&self.tenant).unwrap()).unwrap()
    }

    pub(crate) async fn enroll(&self) -> Result<Enrolled, IdpError> {
        self.enroll_until(Interrupt::never()).await
    }

    pub(crate) async fn enroll_until(&self, interrupt: Interrupt) -> Result<Enrolled, IdpError> {
        let request = EnrollRequest::new(self.realm(), self.client_id.clone(), self.key.clone(), interrupt);
        self.adapter.enroll(request).await
    }

    /// Refreshes a grant, for an audience where one is named.
    pub(crate) async fn refresh(&self, grant: &Grant, name: Option<&str>) -> Result<Refreshed, IdpError> {
        let request = RefreshRequest::new(
            self.realm(),
            self.client_id.clone(),
            grant.clone(),
            self.key.clone(),
            name.map(audience),
        );
        self.adapter.refresh(request).await
    }

    pub(crate) async fn revoke(&self, grant: &Grant) -> Result<(), IdpError> {
        let request = RevokeRequest::new(self.realm(), self.client_id.clone(), grant.clone(), self.key.clone());
        self.adapter.revoke(request).await
    }
}

/// What an app is told of an error: its status, and the sentence.
pub(crate) fn told(error: &IdpError) -> (StatusType, String) {
    let cause = Cause::from(error.clone());
    (cause.status(), cause.to_string())
}

/// The endpoints that were asked, in order.
pub(crate) fn asked(idp: &DevIdp) -> Vec<Endpoint> {
    idp.requests().iter().map(|request| request.endpoint).collect()
}

/// The requests to one endpoint.
pub(crate) fn requests_to(idp: &DevIdp, endpoint: Endpoint) -> Vec<RequestRecord> {
    idp.requests()
        .into_iter()
        .filter(|request| request.endpoint == endpoint)
        .collect()
}
