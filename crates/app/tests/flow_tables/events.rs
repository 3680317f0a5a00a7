//! The events that the rows send, and what an app knows when it sends them.

use vestibule::event::{
    ClearIamTokenCacheEvent, DeleteUserEvent, EnrollAnonymousUserEvent, ExchangeIamTokenEvent, GetInformationEvent,
    LogoutEvent, OfflineLoginEvent, RecordRef, RestartEvent, ResumeEvent, SetAuthenticationModeEvent, SuspendEvent,
};
use vestibule::identifiers::RecordHandle;
use vestibule::{AuthenticationMode, Failure, Revocation, Sdk, SdkState};

use crate::before::{TENANT, somebody_else, start, user};
use crate::world::World;

/// The event of a table.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    Start,
    Restart,
    Enroll(AuthenticationMode),
    /// An enrolment at something that is no tenant.
    EnrollAtNoTenant,
    Replace(AuthenticationMode),
    /// An enrolment that names another user than the one that stands.
    ReplaceSomebodyElse,
    Login,
    LoginSomebodyElse,
    LoginByHandle,
    Logout,
    Exchange,
    SetMode(AuthenticationMode),
    ClearCache,
    Suspend,
    Resume,
    GetInformation,
    /// A deletion by user, and what it says of the session where it succeeds.
    Delete(Revocation),
    DeleteByHandle(Revocation),
    DeleteWithoutCredential,
    DeleteByHandleWithoutCredential,
    DeleteSomebodyElse,
}

impl Event {
    pub(crate) async fn send(self, named: Named, sdk: &Sdk) -> Result<SdkState, Failure> {
        match self {
            Self::Start => sdk.send(start()).await.map(|answer| answer.sdk_state),
            Self::Restart => sdk.send(RestartEvent).await.map(|answer| answer.sdk_state),
            Self::Enroll(mode) => {
                let event = EnrollAnonymousUserEvent::new(TENANT, mode);
                sdk.send(event).await.map(|answer| answer.sdk_state)
            }
            Self::EnrollAtNoTenant => {
                let event = EnrollAnonymousUserEvent::new("no tenant/..", AuthenticationMode::No);
                sdk.send(event).await.map(|answer| answer.sdk_state)
            }
            Self::Replace(mode) => {
                let event = EnrollAnonymousUserEvent::new(TENANT, mode).replacing(named.user.unwrap());
                sdk.send(event).await.map(|answer| answer.sdk_state)
            }
            Self::ReplaceSomebodyElse => {
                let event = EnrollAnonymousUserEvent::new(TENANT, AuthenticationMode::No).replacing(somebody_else());
                sdk.send(event).await.map(|answer| answer.sdk_state)
            }
            Self::Login => {
                let event = OfflineLoginEvent::new(named.user.unwrap());
                sdk.send(event).await.map(|answer| answer.sdk_state)
            }
            Self::LoginSomebodyElse => sdk
                .send(OfflineLoginEvent::new(somebody_else()))
                .await
                .map(|answer| answer.sdk_state),
            Self::LoginByHandle => {
                let event = OfflineLoginEvent::new(named.handle.unwrap());
                sdk.send(event).await.map(|answer| answer.sdk_state)
            }
            Self::Logout => sdk.send(LogoutEvent).await.map(|answer| answer.sdk_state),
            Self::Exchange => {
                let event = ExchangeIamTokenEvent::new("orders");
                sdk.send(event).await.map(|answer| answer.sdk_state)
            }
            Self::SetMode(mode) => sdk
                .send(SetAuthenticationModeEvent::new(mode))
                .await
                .map(|answer| answer.sdk_state),
            Self::ClearCache => sdk.send(ClearIamTokenCacheEvent).await.map(|answer| answer.sdk_state),
            Self::Suspend => sdk.send(SuspendEvent).await.map(|answer| answer.sdk_state),
            Self::Resume => sdk.send(ResumeEvent).await.map(|answer| answer.sdk_state),
            Self::Delete(told) => delete(DeleteUserEvent::new(named.user.unwrap()), told, sdk).await,
            Self::DeleteByHandle(told) => delete(DeleteUserEvent::new(named.handle.unwrap()), told, sdk).await,
            Self::DeleteWithoutCredential => {
                let event = DeleteUserEvent::new(named.user.unwrap()).without_credential();
                delete(event, Revocation::NotPossible, sdk).await
            }
            Self::DeleteByHandleWithoutCredential => {
                let event = DeleteUserEvent::new(named.handle.unwrap()).without_credential();
                delete(event, Revocation::NotPossible, sdk).await
            }
            Self::DeleteSomebodyElse => {
                delete(DeleteUserEvent::new(somebody_else()), Revocation::NotPossible, sdk).await
            }
            Self::GetInformation => sdk.send(GetInformationEvent).await.map(|answer| answer.sdk_state),
        }
    }
}

async fn delete(event: DeleteUserEvent, told: Revocation, sdk: &Sdk) -> Result<SdkState, Failure> {
    let answer = sdk.send(event).await?;
    assert_eq!(answer.outcome.revocation, told, "what became of the session");
    Ok(answer.sdk_state)
}

/// What an app has read of the disk before the row changes it.
#[derive(Clone)]
pub(crate) struct Named {
    user: Option<RecordRef>,
    handle: Option<RecordHandle>,
}

impl Named {
    pub(crate) fn on_disk(world: &World) -> Self {
        let in_slots = world.disk.records().into_iter().filter(|record| !record.aside);
        let handle = in_slots.map(|record| record.handle).next();
        Self {
            user: user(world),
            handle,
        }
    }
}
