//! Whom tokens may be handed out for.

use std::time::Duration;

use vestibule_domain::identifiers::Audience;
use vestibule_domain::single_audience::LONGEST_LIFETIME;

use crate::oidc_settings::InvalidSetting;

/// Most audiences.
pub const MAX_AUDIENCES: usize = 64;

/// A third party that tokens may be handed out for. What is not listed is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct AudienceSettings {
    /// The audience as `aud` names it.
    pub audience: Audience,
    /// The scope that brings it, one word.
    pub scope: String,
    /// The longest life of a token for it.
    pub lifetime_cap: Duration,
    /// Whether a token that cannot be read is handed out all the same.
    pub opaque_allowed: bool,
}

impl AudienceSettings {
    /// An audience and its scope; tokens live at most five minutes and must be readable.
    #[must_use]
    pub fn new(audience: Audience, scope: impl Into<String>) -> Self {
        Self {
            audience,
            scope: scope.into(),
            lifetime_cap: LONGEST_LIFETIME,
            opaque_allowed: false,
        }
    }

    /// The same with another longest life.
    #[must_use]
    pub const fn with_lifetime_cap(mut self, cap: Duration) -> Self {
        self.lifetime_cap = cap;
        self
    }

    /// The same, with tokens that nobody here can read.
    #[must_use]
    pub const fn allowing_opaque(mut self) -> Self {
        self.opaque_allowed = true;
        self
    }
}

/// Each once, and with a scope of one word.
pub(crate) fn check_audiences(audiences: &[AudienceSettings]) -> Result<(), InvalidSetting> {
    let invalid = |why| {
        Err(InvalidSetting {
            setting: "audiences",
            why,
        })
    };
    // RFC 6749, section 3.3.
    let is_scope = |word: &str| {
        !word.is_empty()
            && word
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
    };
    let twice = |(at, one): (usize, &AudienceSettings)| {
        audiences
            .iter()
            .skip(at + 1)
            .any(|other| other.audience == one.audience)
    };
    if audiences.len() > MAX_AUDIENCES {
        invalid("are more than 64")
    } else if audiences
        .iter()
        .any(|one| !is_scope(&one.scope) || one.scope == "openid")
    {
        invalid("must each have a scope of one word, not openid")
    } else if audiences.iter().enumerate().any(twice) {
        invalid("name one twice")
    } else {
        Ok(())
    }
}
