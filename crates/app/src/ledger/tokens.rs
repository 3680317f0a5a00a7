//! The access tokens of who is logged in: whoever is not, and whatever was dropped meanwhile, is not handed out.

use std::sync::Arc;

use vestibule_domain::instant::BootTime;
use vestibule_domain::secret::AccessToken;

use super::Ledger;
use crate::outcome::IamToken;
use crate::token_cache::CachedToken;

impl Ledger {
    /// Drops the access tokens. One that is being fetched is answered, but not kept.
    pub(crate) fn clear_tokens(&self) {
        self.drop_tokens(&mut self.memory());
    }

    /// A fresh token from memory. Tokens are dropped with the session, so that one found belongs to who is logged in.
    pub(crate) fn recall_token(&self, audience: &str, forced: bool, now: BootTime) -> Option<Arc<IamToken>> {
        let recalled = self.tokens.fresh(audience, forced, now)?;
        self.cached_tokens.add_one();
        Some(recalled)
    }

    /// A token from memory that has not expired, for whom a fresh one cannot be fetched now.
    pub(crate) fn recall_valid_token(&self, era: u64, audience: &str, now: BootTime) -> Option<Arc<IamToken>> {
        let memory = self.memory();
        self.tokens.valid(audience, now).filter(|_| memory.era == era)
    }

    /// Whether memory holds this very token for another audience.
    pub(crate) fn holds_for_another(&self, audience: &str, token: &AccessToken) -> bool {
        self.tokens.holds_for_another(audience, token)
    }

    /// How often the access tokens were dropped so far.
    pub(crate) fn tokens_dropped(&self) -> u64 {
        self.memory().tokens_dropped
    }

    /// Remembers a token, unless tokens were dropped since it was asked for. Whether it may be handed out: not behind a
    /// suspend.
    pub(crate) fn remember_token(&self, era: u64, tokens_dropped: u64, cached: &CachedToken) -> bool {
        let memory = self.memory();
        if memory.era == era && memory.tokens_dropped == tokens_dropped {
            self.tokens.put(cached);
        }
        memory.last_suspended.is_none_or(|suspended| suspended < era)
    }
}
