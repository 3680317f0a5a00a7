//! What the operator of a realm sees and does: introspection and acts for tests.

use std::sync::Arc;

use crate::call::Idp;
use crate::realm_state::RealmState;
use crate::refresh;
use crate::refusal::Refusal;
use crate::scenes::TokenPart;

/// The operator's hand on one realm of a running server.
#[derive(Debug, Clone)]
pub struct RealmAdmin {
    idp: Arc<Idp>,
    tenant: String,
}

/// A user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserView {
    /// Its id, the `sub` of its tokens.
    pub id: String,
    /// The thumbprint of the device key that it was derived from; none in a plain realm.
    pub device_jkt: Option<String>,
    /// A disabled user is refused, until it is enabled again.
    pub enabled: bool,
    /// Seconds since the Unix epoch.
    pub created_at: u64,
}

/// A session that a refresh token can go on with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// Its id, the `sid` of its tokens.
    pub id: String,
    /// Its client.
    pub client: String,
    /// The thumbprint that its refresh tokens are bound to.
    pub bound_to: Option<String>,
    /// Everything that a refresh may ask for.
    pub scope: Vec<String>,
    /// Seconds since the Unix epoch; none = no fixed end.
    pub expires_at: Option<u64>,
}

/// Why an act was not done. Nothing has changed then.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AdminError {
    /// No such user in this realm.
    #[error("there is no user {0} in this realm")]
    NoSuchUser(String),
    /// The server could not do it.
    #[error("not done: {0}")]
    NotDone(String),
}

impl RealmAdmin {
    pub(crate) const fn new(idp: Arc<Idp>, tenant: String) -> Self {
        Self { idp, tenant }
    }

    /// All users, by id.
    #[must_use]
    pub fn users(&self) -> Vec<UserView> {
        let view = |(id, user): (&String, &crate::realm_state::User)| UserView {
            id: id.clone(),
            device_jkt: user.device_jkt.clone(),
            enabled: user.enabled,
            created_at: user.created_at,
        };
        self.read(|realm| realm.users.iter().map(view).collect())
            .unwrap_or_default()
    }

    /// The sessions of a user that have not ended and were not lost to the rotation rule.
    #[must_use]
    pub fn live_sessions(&self, user: &str) -> Vec<SessionView> {
        let now = self.idp.clock.now();
        let look = |realm: &RealmState| {
            let live = realm
                .sessions
                .iter()
                .filter(|(_, session)| session.user == user && !session.lost && !session.has_ended(now));
            live.map(|(id, session)| SessionView {
                id: id.clone(),
                client: session.client.clone(),
                bound_to: session.bound_to.clone(),
                scope: session.scope.clone(),
                expires_at: session.expires_at,
            })
            .collect()
        };
        self.read(look).unwrap_or_default()
    }

    /// Whether a refresh token would be served now, by the holder of its key. Asking changes nothing.
    #[must_use]
    pub fn would_serve(&self, refresh_token: &str) -> bool {
        let (rule, now) = (self.idp.realm_settings(&self.tenant).rotation, self.idp.clock.now());
        self.read(|realm| refresh::would_be_served(realm, refresh_token, rule, now))
            .unwrap_or(false)
    }

    /// Deletes a user and its sessions. Its device key makes it anew, with the same id.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing has changed then.
    pub fn delete_user(&self, user: &str) -> Result<(), AdminError> {
        self.change_user(user, |realm| {
            realm.users.remove(user);
            realm.end_sessions_of(user);
        })
    }

    /// Enables or disables a user. Its sessions stay: enabled again, its refresh tokens are good again.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing has changed then.
    pub fn set_enabled(&self, user: &str, enabled: bool) -> Result<(), AdminError> {
        self.change_user(user, |realm| {
            if let Some(user) = realm.users.get_mut(user) {
                user.enabled = enabled;
            }
        })
    }

    /// Ends all sessions of a user. The user stays.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing has changed then.
    pub fn end_sessions(&self, user: &str) -> Result<(), AdminError> {
        self.change_user(user, |realm| realm.end_sessions_of(user))
    }

    /// Refresh tokens issued before that moment are refused as stale; 0 takes it back.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing has changed then.
    pub fn set_not_before(&self, seconds: u64) -> Result<(), AdminError> {
        self.change(|realm| {
            realm.not_before = seconds;
            Ok(())
        })
    }

    /// From now on a new key signs the tokens of this realm. The older ones stay in its key set.
    ///
    /// # Errors
    ///
    /// [`AdminError`]; nothing has changed then.
    pub fn add_signing_key(&self) -> Result<(), AdminError> {
        self.change(|realm| realm.keys.add_signing_key())
    }

    /// A forged token of this realm.
    pub(crate) fn sign(&self, token: &TokenPart) -> Option<String> {
        self.read(|realm| realm.keys.sign_forged(token))?.ok()
    }

    fn read<T>(&self, look: impl FnOnce(&RealmState) -> T) -> Option<T> {
        self.idp.store.read(&self.tenant, look)
    }

    fn change_user(&self, user: &str, act: impl FnOnce(&mut RealmState)) -> Result<(), AdminError> {
        if !self.read(|realm| realm.users.contains_key(user)).unwrap_or(false) {
            return Err(AdminError::NoSuchUser(user.to_owned()));
        }
        self.change(|realm| {
            act(realm);
            Ok(())
        })
    }

    fn change(&self, act: impl FnOnce(&mut RealmState) -> Result<(), Refusal>) -> Result<(), AdminError> {
        let changed = self.idp.store.change(&self.tenant, self.idp.clock.now(), act);
        changed.map_err(|refusal| AdminError::NotDone(refusal.description.into_owned()))
    }
}
