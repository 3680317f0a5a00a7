//! The client id that the IdP knows this app by.

use alloc::string::String;
use core::fmt;

use super::{InvalidParameter, visible_ascii};

/// Longest client id, in bytes.
pub const MAX_CLIENT_ID_BYTES: usize = 255;
/// The client id of the vendor's default set-up, used when the app names none.
pub const DEFAULT_CLIENT_ID: &str = "AstDeviceEnrollment";

/// An OAuth 2.0 client id (RFC 6749, section 2.2): 1..=255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(String);

impl ClientId {
    /// Parses a client id.
    ///
    /// # Errors
    /// [`InvalidParameter`] with field `client_id` when it is empty, too long, or holds anything but visible ASCII.
    pub fn parse(value: &str) -> Result<Self, InvalidParameter> {
        visible_ascii("client_id", value, MAX_CLIENT_ID_BYTES)?;
        Ok(Self(value.into()))
    }

    /// The client id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
