//! The calls of an IdP adapter, each ended by us: an adapter that never returns must not hold a lease for ever.

use core::future::Future;
use core::time::Duration;

use vestibule_domain::status::Hint;
use vestibule_ports::{Clock, EnrollRequest, Enrolled, IdpError, RefreshRequest, Refreshed, RevokeRequest};

use crate::core::Core;

/// An enrolment is given up after this, and taken for lost.
pub(crate) const ENROLL_LIMIT: Duration = Duration::from_secs(75);
/// A refresh is given up after this, and taken for lost.
pub(crate) const REFRESH_LIMIT: Duration = Duration::from_secs(45);
/// A revocation is given up after this, and taken for lost.
pub(crate) const REVOKE_LIMIT: Duration = Duration::from_secs(45);

pub(crate) async fn enroll(core: &Core, request: EnrollRequest) -> Result<Enrolled, IdpError> {
    core.ledger.count(|counters| counters.enrolments += 1);
    let call = core.ports.idp.enroll(request);
    within(&*core.ports.clock, ENROLL_LIMIT, call)
        .await
        .unwrap_or_else(given_up)
}

pub(crate) async fn refresh(core: &Core, request: RefreshRequest) -> Result<Refreshed, IdpError> {
    core.ledger.count(|counters| counters.refreshes += 1);
    let call = core.ports.idp.refresh(request);
    within(&*core.ports.clock, REFRESH_LIMIT, call)
        .await
        .unwrap_or_else(given_up)
}

pub(crate) async fn revoke(core: &Core, request: RevokeRequest) -> Result<(), IdpError> {
    let call = core.ports.idp.revoke(request);
    within(&*core.ports.clock, REVOKE_LIMIT, call)
        .await
        .unwrap_or_else(given_up)
}

/// What the future gives, or `None` when it does not end within `limit`.
pub(crate) async fn within<T>(clock: &dyn Clock, limit: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        output = future => Some(output),
        () = clock.sleep(limit) => None,
    }
}

fn given_up<T>() -> Result<T, IdpError> {
    Err(IdpError::AnswerLost(Hint::new("the adapter did not return in time")))
}
