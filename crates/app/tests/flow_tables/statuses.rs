//! Every status is produced by at least one scenario through `Sdk::send`; the test counts them.

use std::time::Duration;

use vestibule::AuthenticationMode::{Biometric, No, Password};
use vestibule::ports::{GateError, IdpError, PromptError, StorageError};
use vestibule::record::Unreadable;
use vestibule::status::{Denial, Hint, StatusType as S, Untrusted};
use vestibule::{SdkSettings, SdkState};

use crate::before::Before;
use crate::call_log::Call::{Choose, Enroll, Fill, List, Open, Refresh, Unlock};
use crate::call_log::End;
use crate::events::{Event, Named};
use crate::plants;
use crate::rows::{Twist, always, first, given, nothing};
use crate::world::{PLAIN, World, let_others_finish, soon};

struct Scenario {
    status: S,
    before: Before,
    mode: vestibule::AuthenticationMode,
    event: Event,
    twist: Twist,
}

fn scenario(status: S, before: Before, event: Event, twist: Twist) -> Scenario {
    Scenario {
        status,
        before,
        mode: No,
        event,
        twist,
    }
}

impl Scenario {
    fn in_mode(mut self, mode: vestibule::AuthenticationMode) -> Self {
        self.mode = mode;
        self
    }

    fn run(&self) -> (S, SdkState) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::new(PLAIN);
            let sdk = world.sdk(SdkSettings::default());
            self.before.happen(&world, &sdk, self.mode).await;
            let_others_finish().await;
            let named = Named::on_disk(&world);
            world.log.begin();
            (self.twist)(&world);
            if self.status == S::ShutDown {
                soon(sdk.shutdown()).await;
            }
            match soon(self.event.send(named, &sdk)).await {
                Ok(state) => (S::Ok, state),
                Err(failure) => (failure.status(), failure.sdk_state),
            }
        })
    }
}

fn hint() -> Hint {
    Hint::default()
}

/// A scenario for each status.
#[rustfmt::skip]
fn scenarios() -> Vec<Scenario> {
    let enroll = |status, error: IdpError| scenario(status, Before::Started, Event::Enroll(No), always(Enroll, error));
    let refresh = |status, error: IdpError| scenario(status, Before::User, Event::Login, always(Refresh, error));
    let open = |status, error: StorageError| scenario(status, Before::User, Event::Login, first(Open, error));
    vec![
        scenario(S::Ok, Before::Started, Event::Enroll(No), nothing()),
        scenario(S::InternalError, Before::Started, Event::Enroll(No), always(Fill, End::NoEntropy)),
        scenario(S::InvalidParameter, Before::Started, Event::EnrollAtNoTenant, nothing()),
        scenario(S::InvalidState, Before::NotStarted, Event::Logout, nothing()),
        scenario(S::WrongCredentials, Before::User, Event::Login, first(Open, StorageError::WrongCredential)).in_mode(Password),
        scenario(S::LockedUser, Before::User, Event::Login, given(|world| world.disk.set_locked_out(Some(Duration::from_secs(30))))).in_mode(Password),
        scenario(S::UserCancel, Before::User, Event::Login, first(Unlock, PromptError::Cancelled)).in_mode(Password),
        scenario(S::UserConfirmationTimeout, Before::Started, Event::Enroll(Password), first(Choose, PromptError::TimedOut)),
        scenario(S::BiometricUnavailable, Before::User, Event::Login, first(crate::call_log::Call::Unwrap, GateError::Unavailable("planned"))).in_mode(Biometric),
        scenario(S::BiometricInvalidated, Before::User, Event::Login, given(|world| world.gate.invalidate())).in_mode(Biometric),
        scenario(S::NotReachable, Before::Started, Event::Enroll(No), given(|world| world.idp.set_unreachable(true))),
        refresh(S::RateLimited, IdpError::RateLimited { retry_after: None }),
        scenario(S::Busy, Before::User, Event::Login, given(|world| plants::rotating_by(world, Some(plants::living_owner(world))))),
        scenario(S::ShutDown, Before::LoggedIn, Event::Logout, nothing()),
        enroll(S::AccessDenied, IdpError::Denied { denial: Denial::InteractionRequired, hint: hint() }),
        refresh(S::TokenDataIsOutdated, IdpError::GrantRefused(hint())),
        enroll(S::CannotAcquireAuthorizationCode, IdpError::AuthorizationRefused(hint())),
        enroll(S::CannotAcquireAccessTokenForAuthorizationCode, IdpError::CodeRefused(hint())),
        refresh(S::CannotAcquireTokenData, IdpError::RefreshRefused(hint())),
        enroll(S::UntrustedServer, IdpError::UntrustedServer(hint())),
        refresh(S::UntrustedResponse, IdpError::UntrustedResponse(Untrusted::IssuerChanged)),
        refresh(S::ClockSkewed, IdpError::ClockSkewed { ahead_ms: None }),
        scenario(S::StorageUnavailable, Before::NotStarted, Event::Start, first(List, StorageError::Unavailable("planned"))),
        open(S::StorageCorrupted, StorageError::Unreadable(Unreadable::Corrupted)),
        open(S::NewerFormat, StorageError::Unreadable(Unreadable::NewerFormat)),
        open(S::RestoredWithoutKey, StorageError::Unreadable(Unreadable::RestoredWithoutKey)),
        scenario(S::DeviceChanged, Before::User, Event::Login, given(|world| world.disk.set_on_another_device(true))),
        scenario(S::NoTokenDataAvailable, Before::UnfinishedReplacement, Event::LoginByHandle, nothing()),
        scenario(S::UserIdAlreadyExists, Before::User, Event::Enroll(No), nothing()),
        scenario(S::InvalidUserId, Before::User, Event::LoginSomebodyElse, nothing()),
    ]
}

#[test]
fn every_status_is_produced_by_a_scenario_through_send() {
    let scenarios = scenarios();
    for status in S::ALL {
        let of_it: Vec<_> = scenarios.iter().filter(|one| one.status == status).collect();
        assert!(!of_it.is_empty(), "no scenario ends in {status}");
        for one in of_it {
            let (found, state) = one.run();
            assert_eq!(found, status, "{:?} after {:?}, in {state}", one.event, one.before);
        }
    }
    assert_eq!(scenarios.len(), S::ALL.len(), "one scenario a status");
}
