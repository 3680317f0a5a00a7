//! The states of the SDK, which events each accepts, and where each fact leads.

use core::fmt;

use crate::event::EventKind;

/// What the app can do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SdkState {
    /// Nothing was read yet, or storage was not available.
    NotStarted,
    /// Storage is proven to hold no user: enrol.
    ActivationRequired,
    /// A user or an unreadable record is there: log in.
    LoginRequired,
    /// A user's token is unlocked and proven.
    LoggedIn,
    /// The app is in the background; keys and tokens are wiped.
    Suspended,
}

impl SdkState {
    /// Every state.
    pub const ALL: [Self; 5] = [
        Self::NotStarted,
        Self::ActivationRequired,
        Self::LoginRequired,
        Self::LoggedIn,
        Self::Suspended,
    ];

    /// The events that this state accepts. Any other fails with `InvalidState` and changes nothing.
    #[must_use]
    pub const fn accepts(self) -> &'static [EventKind] {
        use EventKind::{
            ClearIamTokenCache, DeleteUser, EnrollAnonymousUser, ExchangeIamToken, GetInformation, Logout,
            OfflineLogin, Restart, Resume, SetAuthenticationMode, Start, Suspend,
        };
        match self {
            Self::NotStarted => &[Start, Resume, GetInformation],
            Self::ActivationRequired => &[
                Restart,
                EnrollAnonymousUser,
                DeleteUser,
                Suspend,
                Resume,
                GetInformation,
            ],
            Self::LoginRequired => &[
                Restart,
                EnrollAnonymousUser,
                OfflineLogin,
                ClearIamTokenCache,
                DeleteUser,
                Suspend,
                Resume,
                GetInformation,
            ],
            Self::LoggedIn => &[
                Restart,
                Logout,
                ExchangeIamToken,
                SetAuthenticationMode,
                ClearIamTokenCache,
                Suspend,
                Resume,
                GetInformation,
            ],
            Self::Suspended => &[Restart, Suspend, Resume, GetInformation],
        }
    }

    /// The state's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotStarted => "NotStarted",
            Self::ActivationRequired => "ActivationRequired",
            Self::LoginRequired => "LoginRequired",
            Self::LoggedIn => "LoggedIn",
            Self::Suspended => "Suspended",
        }
    }
}

impl fmt::Display for SdkState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a storage was proven to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Holdings {
    /// Nothing, or only unfinished enrolments (and deletions and revocations, which are no users).
    NoUser,
    /// At least one user, or something that cannot be read and might be one.
    PerhapsUsers,
}

/// What has become true. A state follows from the last fact alone; one about a record is on disk before it is
/// concluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fact {
    /// Storage was read.
    Started(Holdings),
    /// Storage could not be read at the start.
    StorageUnavailableAtStart,
    /// A user stands, made now or found again by an enrolment.
    Enrolled,
    /// A stored token was unlocked and proven at the IdP, or recovered by enrolling again with the same key.
    LoggedIn,
    /// A login failed; memory is wiped.
    LoginFailed,
    /// The user logged out.
    LoggedOut,
    /// The session ended by itself: refused and not recoverable, removed or re-protected by another process.
    SessionEnded,
    /// A record was deleted; this is what is left.
    Deleted(Holdings),
    /// Keys and tokens were wiped.
    Suspended,
    /// Resumed in mode `no`: the record was opened again silently.
    ResumedOpen,
    /// Resumed, and a user has to log in, or nobody was.
    ResumedClosed(Holdings),
}

impl Fact {
    /// Every fact.
    pub const ALL: [Self; 14] = [
        Self::Started(Holdings::NoUser),
        Self::Started(Holdings::PerhapsUsers),
        Self::StorageUnavailableAtStart,
        Self::Enrolled,
        Self::LoggedIn,
        Self::LoginFailed,
        Self::LoggedOut,
        Self::SessionEnded,
        Self::Deleted(Holdings::NoUser),
        Self::Deleted(Holdings::PerhapsUsers),
        Self::Suspended,
        Self::ResumedOpen,
        Self::ResumedClosed(Holdings::NoUser),
        Self::ResumedClosed(Holdings::PerhapsUsers),
    ];

    /// The state that this fact leads to, whatever the state was.
    #[must_use]
    pub const fn leads_to(self) -> SdkState {
        match self {
            Self::StorageUnavailableAtStart => SdkState::NotStarted,
            Self::Started(Holdings::NoUser)
            | Self::Deleted(Holdings::NoUser)
            | Self::ResumedClosed(Holdings::NoUser) => SdkState::ActivationRequired,
            Self::Started(Holdings::PerhapsUsers)
            | Self::Deleted(Holdings::PerhapsUsers)
            | Self::ResumedClosed(Holdings::PerhapsUsers)
            | Self::LoginFailed
            | Self::LoggedOut
            | Self::SessionEnded => SdkState::LoginRequired,
            Self::Enrolled | Self::LoggedIn | Self::ResumedOpen => SdkState::LoggedIn,
            Self::Suspended => SdkState::Suspended,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_accepts_the_events_that_the_mission_names_and_no_other() {
        use EventKind::{
            ClearIamTokenCache, DeleteUser, EnrollAnonymousUser, ExchangeIamToken, GetInformation, Logout,
            OfflineLogin, Restart, Resume, SetAuthenticationMode, Start, Suspend,
        };
        // columns: NotStarted, ActivationRequired, LoginRequired, LoggedIn, Suspended
        let table = [
            (Start, [true, false, false, false, false]),
            (Restart, [false, true, true, true, true]),
            (EnrollAnonymousUser, [false, true, true, false, false]),
            (OfflineLogin, [false, false, true, false, false]),
            (Logout, [false, false, false, true, false]),
            (ExchangeIamToken, [false, false, false, true, false]),
            (SetAuthenticationMode, [false, false, false, true, false]),
            (ClearIamTokenCache, [false, false, true, true, false]),
            (DeleteUser, [false, true, true, false, false]),
            (Suspend, [false, true, true, true, true]),
            (Resume, [true, true, true, true, true]),
            (GetInformation, [true, true, true, true, true]),
        ];
        assert_eq!(table.map(|(event, _)| event), EventKind::ALL);
        for (event, expected) in table {
            assert_eq!(
                SdkState::ALL.map(|state| state.accepts().contains(&event)),
                expected,
                "{event}"
            );
        }
    }

    #[test]
    fn no_state_lists_an_event_twice() {
        for state in SdkState::ALL {
            for event in EventKind::ALL {
                assert!(
                    state.accepts().iter().filter(|accepted| **accepted == event).count() <= 1,
                    "{state}: {event}"
                );
            }
        }
    }

    #[test]
    fn each_fact_leads_to_its_state() {
        let table = [
            (Fact::Started(Holdings::NoUser), SdkState::ActivationRequired),
            (Fact::Started(Holdings::PerhapsUsers), SdkState::LoginRequired),
            (Fact::StorageUnavailableAtStart, SdkState::NotStarted),
            (Fact::Enrolled, SdkState::LoggedIn),
            (Fact::LoggedIn, SdkState::LoggedIn),
            (Fact::LoginFailed, SdkState::LoginRequired),
            (Fact::LoggedOut, SdkState::LoginRequired),
            (Fact::SessionEnded, SdkState::LoginRequired),
            (Fact::Deleted(Holdings::NoUser), SdkState::ActivationRequired),
            (Fact::Deleted(Holdings::PerhapsUsers), SdkState::LoginRequired),
            (Fact::Suspended, SdkState::Suspended),
            (Fact::ResumedOpen, SdkState::LoggedIn),
            (Fact::ResumedClosed(Holdings::NoUser), SdkState::ActivationRequired),
            (Fact::ResumedClosed(Holdings::PerhapsUsers), SdkState::LoginRequired),
        ];
        assert_eq!(table.map(|(fact, _)| fact), Fact::ALL);
        for (fact, state) in table {
            assert_eq!(fact.leads_to(), state, "{fact:?}");
        }
    }
}
