//! Access tokens that are still fresh, read without a lock.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use vestibule_domain::freshness::{Freshness, judge};
use vestibule_domain::instant::BootTime;
use vestibule_domain::secret::AccessToken;

use crate::outcome::IamToken;

/// The tokens of the user who is logged in.
#[derive(Default)]
pub(crate) struct TokenCache(ArcSwap<HashMap<Box<str>, CachedToken>>);

#[derive(Clone)]
pub(crate) struct CachedToken {
    pub token: Arc<IamToken>,
    /// When it was fetched, on a clock that counts sleep: the device's date may jump.
    pub fetched: BootTime,
    pub lifetime: Duration,
}

impl TokenCache {
    /// The token for an audience, if it is fresh.
    pub(crate) fn fresh(&self, audience: &str, forced: bool, now: BootTime) -> Option<Arc<IamToken>> {
        let tokens = self.0.load();
        let cached = tokens.get(audience)?;
        let age = now.checked_since(cached.fetched)?;
        match judge(age, cached.lifetime, forced) {
            Freshness::Fresh => Some(Arc::clone(&cached.token)),
            Freshness::Stale => None,
        }
    }

    /// The token for an audience, if it has not expired.
    pub(crate) fn valid(&self, audience: &str, now: BootTime) -> Option<Arc<IamToken>> {
        let tokens = self.0.load();
        let cached = tokens.get(audience)?;
        let age = now.checked_since(cached.fetched)?;
        (age < cached.lifetime).then(|| Arc::clone(&cached.token))
    }

    /// Whether this very token is held for another audience.
    pub(crate) fn holds_for_another(&self, audience: &str, token: &AccessToken) -> bool {
        let tokens = self.0.load();
        tokens
            .iter()
            .any(|(held_for, held)| **held_for != *audience && held.token.value.expose() == token.expose())
    }

    pub(crate) fn put(&self, cached: &CachedToken) {
        self.0.rcu(|tokens| {
            let mut tokens = HashMap::clone(tokens);
            tokens.insert(cached.token.audience.as_str().into(), cached.clone());
            tokens
        });
    }

    pub(crate) fn clear(&self) {
        self.0.store(Arc::default());
    }
}
