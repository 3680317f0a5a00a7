//! A row of a table, and the one driver of all tables.

use vestibule::notification::Notification;
use vestibule::ports::testing::IdpKind;
use vestibule::ports::{Enrolled, Refreshed};
use vestibule::status::StatusType;
use vestibule::{AuthenticationMode, Notifications, SdkSettings, SdkState};

use crate::before::Before;
use crate::call_log::{Call, End};
pub(crate) use crate::events::Event;
use crate::events::Named;
use crate::world::{World, let_others_finish, soon};

/// What a row changes of a world in which everything goes well.
pub(crate) type Twist = Box<dyn Fn(&World)>;

/// What happens, and all that must follow.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) twist: Twist,
    pub(crate) status: StatusType,
    pub(crate) state: SdkState,
    /// Calls that change something or reach somebody, in order, and no others.
    pub(crate) done: &'static str,
    /// What lies on disk afterwards.
    pub(crate) disk: &'static str,
    /// Notifications but the change of state, which follows from the states.
    pub(crate) told: &'static str,
}

pub(crate) fn row(
    name: &'static str,
    twist: Twist,
    (status, state): (StatusType, SdkState),
    done: &'static str,
    disk: &'static str,
    told: &'static str,
) -> Row {
    Row {
        name,
        twist,
        status,
        state,
        done,
        disk,
        told,
    }
}

pub(crate) fn nothing() -> Twist {
    Box::new(|_| ())
}

/// Changes the fakes.
pub(crate) fn given(change: impl Fn(&World) + 'static) -> Twist {
    Box::new(change)
}

/// Changes the disk while the IdP serves the next enrolment.
pub(crate) fn while_enrolling(change: fn(&World)) -> Twist {
    Box::new(move |world| {
        let meanwhile = world.clone();
        world.idp.next_enroll_altered(move |enrolled| {
            change(&meanwhile);
            enrolled
        });
    })
}

/// Changes the disk while the IdP serves the next refresh.
pub(crate) fn while_refreshing(change: fn(&World)) -> Twist {
    Box::new(move |world| {
        let meanwhile = world.clone();
        world.idp.next_refresh_altered(move |refreshed| {
            change(&meanwhile);
            refreshed
        });
    })
}

/// Alters the next answer to an enrolment.
pub(crate) fn enrolled(alter: fn(Enrolled) -> Enrolled) -> Twist {
    Box::new(move |world| world.idp.next_enroll_altered(alter))
}

/// Alters the next answer to a refresh.
pub(crate) fn refreshed(alter: fn(Refreshed) -> Refreshed) -> Twist {
    Box::new(move |world| world.idp.next_refresh_altered(alter))
}

/// The first call of this kind ends so.
pub(crate) fn first(call: Call, end: impl Into<End>) -> Twist {
    nth(1, call, end)
}

pub(crate) fn nth(number: usize, call: Call, end: impl Into<End>) -> Twist {
    let end = end.into();
    Box::new(move |world| world.log.plan(call, number, number, end.clone()))
}

/// Every call of this kind ends so.
pub(crate) fn always(call: Call, end: impl Into<End>) -> Twist {
    let end = end.into();
    Box::new(move |world| world.log.plan(call, 1, usize::MAX, end.clone()))
}

pub(crate) fn both(one: Twist, other: Twist) -> Twist {
    Box::new(move |world| {
        one(world);
        other(world);
    })
}

/// What comes before, and what the rows send.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    pub(crate) kind: IdpKind,
    pub(crate) before: Before,
    /// The mode of what comes before.
    pub(crate) mode: AuthenticationMode,
    pub(crate) event: Event,
    /// Whether the event is sent to a new SDK on the same disk, as after a restart of the process.
    pub(crate) fresh: bool,
    pub(crate) settings: SdkSettings,
}

impl Table {
    pub(crate) fn new(kind: IdpKind, before: Before, event: Event) -> Self {
        let (mode, settings) = (AuthenticationMode::No, SdkSettings::default());
        Self {
            kind,
            before,
            mode,
            event,
            fresh: false,
            settings,
        }
    }

    pub(crate) const fn in_mode(mut self, mode: AuthenticationMode) -> Self {
        self.mode = mode;
        self
    }

    pub(crate) const fn in_a_new_process(mut self) -> Self {
        self.fresh = true;
        self
    }

    /// Runs every row in a world of its own, and shows all that differ.
    pub(crate) fn check(self, rows: impl IntoIterator<Item = Row>) {
        let mut wrong = Vec::new();
        let mut count = 0;
        for row in rows {
            count += 1;
            let expected = line(row.status, row.state, row.done, row.disk, row.told);
            let found = self.run(&row.twist);
            if found != expected {
                wrong.push(format!("{}\n  expected {expected}\n     found {found}", row.name));
            }
        }
        assert!(count > 0, "a table without rows");
        assert!(
            wrong.is_empty(),
            "{} of {count} rows:\n{}",
            wrong.len(),
            wrong.join("\n")
        );
    }

    fn run(self, twist: &Twist) -> String {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::new(self.kind);
            let mut sdk = world.sdk(self.settings);
            self.before.happen(&world, &sdk, self.mode).await;
            let_others_finish().await;
            if self.fresh {
                sdk = world.sdk(self.settings);
            }
            let mut told = sdk.notifications();
            let named = Named::on_disk(&world);
            world.log.begin();
            twist(&world);
            let ended = soon(self.event.send(named, &sdk)).await;
            let_others_finish().await;
            let (status, state) = match ended {
                Ok(state) => (StatusType::Ok, state),
                Err(failure) => (failure.status(), failure.sdk_state),
            };
            assert_eq!(sdk.state(), state, "the answer names another state than the SDK is in");
            line(
                status,
                state,
                &world.log.shown(),
                &world.on_disk(),
                &told_words(&mut told),
            )
        })
    }
}

fn line(status: StatusType, state: SdkState, done: &str, disk: &str, told: &str) -> String {
    format!("{status} {state} | {done} | {disk} | {told}")
}

/// The notifications so far but the changes of state, by name.
pub(crate) fn told_words(told: &mut Notifications) -> String {
    let names = std::iter::from_fn(|| told.try_next()).filter_map(|notification| match notification {
        Notification::StateChanged { .. } => None,
        Notification::TokenRefreshed { .. } => Some("TokenRefreshed"),
        Notification::IdentityReplaced { .. } => Some("IdentityReplaced"),
        Notification::UserRecovered { .. } => Some("UserRecovered"),
        Notification::SessionEnded { .. } => Some("SessionEnded"),
        Notification::ShortLivedSession { .. } => Some("ShortLivedSession"),
        Notification::AccessTokensBound => Some("AccessTokensBound"),
        Notification::IdentityNoLongerAnonymous { .. } => Some("IdentityNoLongerAnonymous"),
        Notification::StorageProtectionChanged => Some("StorageProtectionChanged"),
        Notification::RevocationPending => Some("RevocationPending"),
        Notification::RevocationDone => Some("RevocationDone"),
        other => panic!("an unknown notification: {other:?}"),
    });
    names.collect::<Vec<_>>().join(" ")
}
