//! What has happened before the event of a row.

use std::time::Duration;

use vestibule::event::{EnrollAnonymousUserEvent, LogoutEvent, OfflineLoginEvent, RecordRef, StartEvent, SuspendEvent};
use vestibule::identifiers::{TenantId, UserId, UserIdentifier};
use vestibule::ports::{Enrolled, IdpError, StorageError};
use vestibule::record::StageKind;
use vestibule::status::{Hint, Untrusted};
use vestibule::{AuthenticationMode, Sdk};

use crate::call_log::{Call, End};
use crate::world::World;

pub(crate) const TENANT: &str = "acme";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Before {
    /// Nothing: the SDK was built.
    NotStarted,
    /// Started on an empty disk.
    Started,
    /// An enrolment whose answers were lost; its lease has settled.
    Unfinished,
    /// An enrolment whose grant is on disk, but proves nobody yet; its lease has settled.
    UnfinishedWithGrant,
    /// The same, but the IdP has proven the grant to be somebody's that must not be trusted, and it is not queued yet.
    UnfinishedWithRefusedGrant,
    /// An enrolment that replaces a user, whose answers were lost: the old record is kept aside.
    UnfinishedReplacement,
    /// A new user in the place of another, whose copy could not be removed.
    ReplacedWithCopy,
    /// An enrolment whose answer could not be trusted: its grant is still to be revoked.
    QueuedRevocation,
    /// A user, logged out.
    User,
    /// A user whose grant the IdP refused, long ago.
    Outdated,
    /// A user, logged in.
    LoggedIn,
    /// A user who was logged in when the app was suspended.
    Suspended,
    /// Suspended before anybody had enrolled.
    SuspendedEmpty,
}

impl Before {
    pub(crate) async fn happen(self, world: &World, sdk: &Sdk, mode: AuthenticationMode) {
        if self != Self::NotStarted {
            sdk.send(start()).await.unwrap();
        }
        match self {
            Self::NotStarted | Self::Started => {}
            Self::SuspendedEmpty => drop(sdk.send(SuspendEvent).await.unwrap()),
            Self::Unfinished => {
                lose_two_enrolments(world);
                sdk.send(EnrollAnonymousUserEvent::new(TENANT, mode)).await.unwrap_err();
            }
            Self::UnfinishedWithGrant => {
                world.idp.next_enroll_altered(of_unknown_key);
                for _ in 0..2 {
                    world.idp.next_refresh(Err(lost()));
                }
                sdk.send(EnrollAnonymousUserEvent::new(TENANT, mode)).await.unwrap_err();
            }
            Self::UnfinishedWithRefusedGrant => {
                world.idp.next_enroll_altered(of_somebody_unproven);
                let full = End::Storage(StorageError::Unavailable("planned"));
                world.log.plan(Call::Write(StageKind::Revoking), 1, usize::MAX, full);
                sdk.send(EnrollAnonymousUserEvent::new(TENANT, mode)).await.unwrap_err();
            }
            Self::QueuedRevocation => {
                world.idp.next_enroll_altered(of_somebody_unproven);
                let away = End::Idp(IdpError::Unreachable(Hint::default()));
                world.log.plan(Call::Revoke, 1, usize::MAX, away);
                sdk.send(EnrollAnonymousUserEvent::new(TENANT, mode)).await.unwrap_err();
            }
            Self::User | Self::Outdated | Self::LoggedIn | Self::Suspended => {
                sdk.send(EnrollAnonymousUserEvent::new(TENANT, mode)).await.unwrap();
            }
            Self::UnfinishedReplacement | Self::ReplacedWithCopy => {
                sdk.send(EnrollAnonymousUserEvent::new(TENANT, mode)).await.unwrap();
                sdk.send(LogoutEvent).await.unwrap();
                self.replace(world, sdk, mode).await;
            }
        }
        if matches!(self, Self::User | Self::Outdated) {
            sdk.send(LogoutEvent).await.unwrap();
        }
        if self == Self::Outdated {
            let user = user(world).unwrap();
            world.idp.next_refresh(Err(IdpError::GrantRefused(Hint::default())));
            world.idp.next_enroll(Err(IdpError::CodeRefused(Hint::default())));
            sdk.send(OfflineLoginEvent::new(user)).await.unwrap_err();
        }
        if self == Self::Suspended {
            sdk.send(SuspendEvent).await.unwrap();
        }
        world.clock.advance(Duration::from_secs(60));
    }

    async fn replace(self, world: &World, sdk: &Sdk, mode: AuthenticationMode) {
        let event = EnrollAnonymousUserEvent::new(TENANT, mode).replacing(user(world).unwrap());
        if self == Self::UnfinishedReplacement {
            lose_two_enrolments(world);
            sdk.send(event).await.unwrap_err();
        } else {
            let gone = StorageError::Unavailable("planned");
            world.log.begin();
            world.log.plan(Call::Remove, 1, 1, End::Storage(gone));
            sdk.send(event).await.unwrap();
            sdk.send(LogoutEvent).await.unwrap();
        }
    }
}

pub(crate) fn start() -> StartEvent {
    StartEvent::new("tables", "1", "en")
}

/// The user on disk.
pub(crate) fn user(world: &World) -> Option<RecordRef> {
    let records = world.disk.records();
    let user = records.iter().find_map(|record| {
        let user_id = record.header.stage.user()?.clone();
        Some(UserIdentifier {
            tenant_id: record.header.tenant_id.clone(),
            user_id,
        })
    });
    user.map(RecordRef::User)
}

/// A user that is on no disk.
pub(crate) fn somebody_else() -> RecordRef {
    RecordRef::User(UserIdentifier {
        tenant_id: TenantId::parse(TENANT).unwrap(),
        user_id: UserId::parse("somebody-else").unwrap(),
    })
}

pub(crate) fn lost() -> IdpError {
    IdpError::AnswerLost(Hint::default())
}

pub(crate) fn lose_two_enrolments(world: &World) {
    for _ in 0..2 {
        world.idp.next_enroll(Err(lost()));
    }
}

/// An answer whose ID token is signed with a key that is not known yet.
pub(crate) fn of_unknown_key(enrolled: Enrolled) -> Enrolled {
    Enrolled::untrusted(Untrusted::IdToken("unknown key"), enrolled.grant).with_unknown_key()
}

/// An answer whose ID token breaks a rule.
pub(crate) fn of_somebody_unproven(enrolled: Enrolled) -> Enrolled {
    Enrolled::untrusted(Untrusted::IdToken("planned"), enrolled.grant)
}
