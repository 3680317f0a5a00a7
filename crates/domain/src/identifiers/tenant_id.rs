//! The tenant that a device enrols at.

use alloc::string::String;
use core::fmt;

use unicode_normalization::is_nfc;

use super::InvalidParameter;

/// Longest tenant id, in Unicode scalar values.
pub const MAX_TENANT_ID_SCALARS: usize = 255;
/// Characters that could leave the one path segment that a tenant becomes, or that name a user behind it.
const FORBIDDEN: [char; 8] = ['/', '\\', '?', '#', '%', ';', '@', ':'];

/// A tenant: 1..=255 Unicode scalar values in NFC, without control characters, leading or trailing white space and
/// `/ \ ? # % ; @ :`, and neither `.` nor `..`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TenantId(String);

impl TenantId {
    /// Parses a tenant id.
    ///
    /// # Errors
    /// [`InvalidParameter`] with field `tenant_id` and the rule that is broken.
    pub fn parse(value: &str) -> Result<Self, InvalidParameter> {
        match broken_rule(value) {
            Some(why) => Err(InvalidParameter {
                field: "tenant_id",
                why,
            }),
            None => Ok(Self(value.into())),
        }
    }

    /// The tenant id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn broken_rule(value: &str) -> Option<&'static str> {
    if value.is_empty() {
        Some("is empty")
    } else if value.chars().count() > MAX_TENANT_ID_SCALARS {
        Some("is longer than 255 characters")
    } else if value == "." || value == ".." {
        Some("may not be a relative path segment")
    } else if value.chars().any(char::is_control) {
        Some("holds a control character")
    } else if value.starts_with(char::is_whitespace) || value.ends_with(char::is_whitespace) {
        Some("begins or ends with white space")
    } else if value.contains(FORBIDDEN) {
        Some("holds one of / \\ ? # % ; @ :")
    } else if !is_nfc(value) {
        Some("is not in Unicode normalisation form C")
    } else {
        None
    }
}
