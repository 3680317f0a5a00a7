//! The third party that a token is meant for.

use alloc::string::String;
use core::fmt;

use super::{InvalidParameter, visible_ascii};

/// Longest audience, in bytes.
pub const MAX_AUDIENCE_BYTES: usize = 255;

/// One audience, as the `aud` claim names it (RFC 7519, section 4.1.3): 1..=255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Audience(String);

impl Audience {
    /// Parses an audience.
    ///
    /// # Errors
    /// [`InvalidParameter`] with field `audience` when it is empty, too long, or holds anything but visible ASCII.
    pub fn parse(value: &str) -> Result<Self, InvalidParameter> {
        visible_ascii("audience", value, MAX_AUDIENCE_BYTES)?;
        Ok(Self(value.into()))
    }

    /// The audience as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Audience {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
