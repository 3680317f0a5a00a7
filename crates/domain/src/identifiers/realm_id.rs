//! What an IdP adapter calls the realm of a tenant.

use alloc::string::String;
use core::fmt;

use super::InvalidParameter;

/// Longest realm id, in bytes.
pub const MAX_REALM_ID_BYTES: usize = 2048;

/// The realm of a tenant, as the IdP adapter names it: opaque to everybody else, for OpenID Connect the issuer.
///
/// A record is bound to it, so that a changed adapter setting never sends an old record to a new place.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RealmId(String);

impl RealmId {
    /// Takes an adapter's name for a realm: 1..=2,048 bytes without control characters.
    ///
    /// # Errors
    /// [`InvalidParameter`] with field `realm`.
    pub fn new(value: impl Into<String>) -> Result<Self, InvalidParameter> {
        let value = value.into();
        let why = if value.is_empty() {
            "is empty"
        } else if value.len() > MAX_REALM_ID_BYTES {
            "is longer than 2,048 bytes"
        } else if value.chars().any(char::is_control) {
            "holds a control character"
        } else {
            return Ok(Self(value));
        };
        Err(InvalidParameter { field: "realm", why })
    }

    /// The realm as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for RealmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
