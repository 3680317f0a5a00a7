//! The user that an IdP made, and the name by which an app speaks of it.

use alloc::string::String;
use core::fmt;

use super::{InvalidParameter, TenantId, visible_ascii};

/// Longest user id, in bytes (OpenID Connect Core 1.0, section 2: `sub` is at most 255 ASCII characters).
pub const MAX_USER_ID_BYTES: usize = 255;

/// A user as the IdP names it, the `sub` claim: 1..=255 visible ASCII characters.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(String);

impl UserId {
    /// Parses a user id.
    ///
    /// # Errors
    /// [`InvalidParameter`] with field `user_id`.
    pub fn parse(value: &str) -> Result<Self, InvalidParameter> {
        visible_ascii("user_id", value, MAX_USER_ID_BYTES)?;
        Ok(Self(value.into()))
    }

    /// The user id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A user of this device: `tenant/user_id`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserIdentifier {
    /// The tenant that the user belongs to.
    pub tenant_id: TenantId,
    /// The user within the tenant.
    pub user_id: UserId,
}

impl UserIdentifier {
    /// Parses `tenant/user_id`. A tenant holds no `/`, so the first one ends it.
    ///
    /// # Errors
    /// [`InvalidParameter`] with field `user`, `tenant_id` or `user_id`.
    pub fn parse(value: &str) -> Result<Self, InvalidParameter> {
        let (tenant, user) = value.split_once('/').ok_or(InvalidParameter {
            field: "user",
            why: "is not of the form tenant/user_id",
        })?;
        Ok(Self {
            tenant_id: TenantId::parse(tenant)?,
            user_id: UserId::parse(user)?,
        })
    }
}

impl fmt::Display for UserIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.tenant_id, self.user_id)
    }
}
