//! Every notification of the mission is told by a flow and seen through the public API; an important one is never dropped,
//! however slow its reader is.

use std::sync::Arc;

use vestibule::AuthenticationMode::{No, Password};
use vestibule::SdkSettings;
use vestibule::event::{
    EnrollAnonymousUserEvent, ExchangeIamTokenEvent, RestartEvent, ResumeEvent, SetAuthenticationModeEvent,
    SuspendEvent,
};
use vestibule::identifiers::{Audience, TenantId, UserId, UserIdentifier};
use vestibule::instant::WallTime;
use vestibule::notification::{Notification, SessionEnd};
use vestibule::ports::IdpError;
use vestibule::status::Hint;
use vestibule::{AnonymityPolicy, Notifications, Sdk, SdkState};

use crate::before::{Before, TENANT, of_somebody_unproven, user};
use crate::plants;
use crate::scene::seconds;
use crate::world::{RECOVERABLE, World, let_others_finish, soon};

/// What a flow does, in a world with a user who is logged in.
type Act = for<'a> fn(&'a World, &'a Sdk) -> std::pin::Pin<Box<dyn Future<Output = ()> + 'a>>;

/// One of each kind.
fn each_kind() -> Vec<Notification> {
    let user = || UserIdentifier {
        tenant_id: TenantId::parse(TENANT).unwrap(),
        user_id: UserId::parse("u").unwrap(),
    };
    vec![
        Notification::StateChanged {
            from: SdkState::LoggedIn,
            to: SdkState::Suspended,
        },
        Notification::TokenRefreshed { audience: None },
        Notification::IdentityReplaced { user: user() },
        Notification::UserRecovered { user: user() },
        Notification::SessionEnded {
            why: SessionEnd::Removed,
        },
        Notification::ShortLivedSession {
            ends: WallTime::from_unix_s(1),
        },
        Notification::AccessTokensBound,
        Notification::IdentityNoLongerAnonymous { claim: "email" },
        Notification::StorageProtectionChanged,
        Notification::RevocationPending,
        Notification::RevocationDone,
        Notification::Missed { count: 1 },
    ]
}

const fn act_of(kind: &Notification) -> Act {
    match kind {
        Notification::StateChanged { .. } => |_, sdk| {
            Box::pin(async {
                soon(sdk.send(SuspendEvent)).await.unwrap();
                soon(sdk.send(ResumeEvent)).await.unwrap();
            })
        },
        Notification::TokenRefreshed { .. } => |_, sdk| Box::pin(async { exchange(sdk).await }),
        Notification::IdentityReplaced { .. } => |world, sdk| Box::pin(replace(world, sdk, |_| ())),
        Notification::UserRecovered { .. } => |world, sdk| {
            world.idp.next_refresh(Err(IdpError::GrantRefused(Hint::default())));
            Box::pin(async { exchange(sdk).await })
        },
        Notification::SessionEnded { .. } => |world, sdk| {
            plants::removed(world);
            Box::pin(async { exchange(sdk).await })
        },
        Notification::ShortLivedSession { .. } => |world, sdk| {
            Box::pin(replace(world, sdk, |world| {
                let ends = vestibule::ports::Clock::wall(&world.clock).after(seconds(60));
                world
                    .idp
                    .next_enroll_altered(move |enrolled| enrolled.with_session_end(ends));
            }))
        },
        Notification::AccessTokensBound => |world, sdk| {
            Box::pin(replace(world, sdk, |world| {
                world
                    .idp
                    .next_enroll_altered(|enrolled| enrolled.with_bound_access_tokens());
            }))
        },
        Notification::IdentityNoLongerAnonymous { .. } => |world, sdk| {
            Box::pin(replace(world, sdk, |world| {
                world.idp.next_enroll_altered(|mut enrolled| {
                    if let Ok(identity) = &mut enrolled.identity {
                        identity.claims.names.push("email".to_owned());
                    }
                    enrolled
                });
            }))
        },
        Notification::StorageProtectionChanged => |_, sdk| {
            Box::pin(async {
                soon(sdk.send(SetAuthenticationModeEvent::new(Password))).await.unwrap();
            })
        },
        _ => |world, sdk| {
            // A grant that proves nobody is queued for revocation, and revoked in the background.
            Box::pin(replace(world, sdk, |world| {
                world.idp.next_enroll_altered(of_somebody_unproven)
            }))
        },
    }
}

async fn exchange(sdk: &Sdk) {
    let _tells_all_the_same = soon(sdk.send(ExchangeIamTokenEvent::new("orders"))).await;
}

/// Replaces the user, with something special about the answer.
async fn replace(world: &World, sdk: &Sdk, special: fn(&World)) {
    let replaced = user(world).unwrap();
    soon(sdk.send(RestartEvent)).await.unwrap();
    special(world);
    let event = EnrollAnonymousUserEvent::new(TENANT, No).replacing(replaced);
    let _tells_all_the_same = soon(sdk.send(event)).await;
}

/// What was told, by kind.
fn kinds(told: &mut Notifications) -> Vec<std::mem::Discriminant<Notification>> {
    std::iter::from_fn(|| told.try_next())
        .map(|one| std::mem::discriminant(&one))
        .collect()
}

async fn world_of_a_user() -> (World, Arc<Sdk>) {
    let world = World::new(RECOVERABLE);
    let mut settings = SdkSettings::default();
    settings.anonymity = AnonymityPolicy::Warn;
    let sdk = world.sdk(settings);
    Before::LoggedIn.happen(&world, &sdk, No).await;
    (world, Arc::new(sdk))
}

/// Asks for more tokens than a slow reader is kept.
async fn crowd(sdk: &Sdk) {
    for number in 0..300 {
        let event = ExchangeIamTokenEvent::new(format!("audience-{number}"));
        soon(sdk.send(event)).await.unwrap();
    }
}

/// What a slow reader may miss, and what only a slow reader is told.
const fn is_skipped(kind: &Notification, slow: bool) -> bool {
    match kind {
        Notification::TokenRefreshed { .. } | Notification::RevocationPending | Notification::RevocationDone => slow,
        Notification::Missed { .. } => !slow,
        _ => false,
    }
}

#[tokio::test]
async fn each_notification_is_told_by_a_flow_and_an_important_one_even_to_a_slow_reader() {
    for kind in each_kind() {
        for slow in [false, true] {
            if is_skipped(&kind, slow) {
                continue;
            }
            let (world, sdk) = world_of_a_user().await;
            let mut told = sdk.notifications();
            if slow {
                crowd(&sdk).await;
            }
            act_of(&kind)(&world, &sdk).await;
            let_others_finish().await;
            let told = kinds(&mut told);
            assert!(told.contains(&std::mem::discriminant(&kind)), "{kind:?}, slow: {slow}");
        }
    }
}

#[tokio::test]
async fn a_slow_reader_is_told_how_many_tokens_it_missed_behind_everything_important() {
    let (_world, sdk) = world_of_a_user().await;
    let mut told = sdk.notifications();
    crowd(&sdk).await;
    soon(sdk.send(SuspendEvent)).await.unwrap();
    let all: Vec<_> = std::iter::from_fn(|| told.try_next()).collect();
    let refreshed = |one: &&Notification| matches!(one, Notification::TokenRefreshed { audience: Some(_) });
    let kept = all.iter().filter(refreshed).count();
    let suspended = Notification::StateChanged {
        from: SdkState::LoggedIn,
        to: SdkState::Suspended,
    };
    assert_eq!(
        all[kept..],
        [
            suspended,
            Notification::Missed {
                count: 300 - kept as u64
            }
        ]
    );
    assert!(Audience::parse("audience-0").is_ok() && kept < 300);
}
