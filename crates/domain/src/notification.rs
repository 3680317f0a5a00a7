//! What the app is told without having asked.

use crate::identifiers::{Audience, UserIdentifier};
use crate::instant::WallTime;
use crate::sdk_state::SdkState;

/// Why a session ended by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SessionEnd {
    /// The IdP refused the token and the user could not be recovered. The record is kept.
    Refused,
    /// Another process removed the record.
    Removed,
    /// Another process changed the record's protection.
    Reprotected,
}

/// What the app is told without having asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Notification {
    /// The state changed.
    StateChanged {
        /// The state before.
        from: SdkState,
        /// The state now.
        to: SdkState,
    },
    /// The IdP gave a token.
    TokenRefreshed {
        /// For whom; `None` for the proof at login.
        audience: Option<Audience>,
    },
    /// A *new* user took the place of the one that was there.
    IdentityReplaced {
        /// The user now.
        user: UserIdentifier,
    },
    /// The token was lost and the same user was found again by its key.
    UserRecovered {
        /// The user.
        user: UserIdentifier,
    },
    /// The session ended; log in again.
    SessionEnded {
        /// Why.
        why: SessionEnd,
    },
    /// The session at the IdP ends sooner than 30 days from now unless it is used.
    ShortLivedSession {
        /// When it ends.
        ends: WallTime,
    },
    /// The IdP binds access tokens to this device's key, so that they cannot be handed to a third party.
    AccessTokensBound,
    /// A later token carries user data: the user has registered.
    IdentityNoLongerAnonymous {
        /// The claim that says so.
        claim: &'static str,
    },
    /// The protection of the stored token changed.
    StorageProtectionChanged,
    /// A session at the IdP is still to be revoked. Told once, not at each try.
    RevocationPending,
    /// A session that was to be revoked is: by this handle or another, or it has come to its end by itself.
    RevocationDone,
    /// So many less important notifications were dropped because nobody read them.
    Missed {
        /// How many.
        count: u64,
    },
}

impl Notification {
    /// Whether this one may never be dropped when the reader is slow.
    #[must_use]
    pub const fn is_important(&self) -> bool {
        match self {
            Self::TokenRefreshed { .. } | Self::RevocationPending | Self::RevocationDone | Self::Missed { .. } => false,
            Self::StateChanged { .. }
            | Self::IdentityReplaced { .. }
            | Self::UserRecovered { .. }
            | Self::SessionEnded { .. }
            | Self::ShortLivedSession { .. }
            | Self::AccessTokensBound
            | Self::IdentityNoLongerAnonymous { .. }
            | Self::StorageProtectionChanged => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identifiers::{TenantId, UserId};

    #[test]
    fn what_changes_the_users_world_is_never_dropped() {
        let user = UserIdentifier {
            tenant_id: TenantId::parse("acme").unwrap(),
            user_id: UserId::parse("u1").unwrap(),
        };
        let table = [
            (
                Notification::StateChanged {
                    from: SdkState::NotStarted,
                    to: SdkState::LoggedIn,
                },
                true,
            ),
            (Notification::IdentityReplaced { user: user.clone() }, true),
            (Notification::UserRecovered { user }, true),
            (
                Notification::SessionEnded {
                    why: SessionEnd::Refused,
                },
                true,
            ),
            (
                Notification::ShortLivedSession {
                    ends: WallTime::from_unix_s(1),
                },
                true,
            ),
            (Notification::AccessTokensBound, true),
            (Notification::IdentityNoLongerAnonymous { claim: "email" }, true),
            (Notification::StorageProtectionChanged, true),
            (Notification::TokenRefreshed { audience: None }, false),
            (Notification::RevocationPending, false),
            (Notification::RevocationDone, false),
            (Notification::Missed { count: 3 }, false),
        ];
        for (notification, important) in table {
            assert_eq!(notification.is_important(), important, "{notification:?}");
        }
    }
}
