//! Names that come from outside, each with its grammar, and the random names that we give ourselves.

mod app_info;
mod audience;
mod client_id;
mod random_id;
mod realm_id;
mod tenant_id;
mod user_identifier;

pub use app_info::{AppInfo, MAX_APP_FIELD_BYTES, MAX_LOCALE_BYTES};
pub use audience::{Audience, MAX_AUDIENCE_BYTES};
pub use client_id::{ClientId, DEFAULT_CLIENT_ID, MAX_CLIENT_ID_BYTES};
pub use random_id::{OwnerId, RecordHandle, RecordId, WriteId};
pub use realm_id::{MAX_REALM_ID_BYTES, RealmId};
pub use tenant_id::{MAX_TENANT_ID_SCALARS, TenantId};
pub use user_identifier::{MAX_USER_ID_BYTES, UserId, UserIdentifier};

/// A value from outside that does not fit its grammar: which field, and why. The value itself is never repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[error("{field} {why}")]
pub struct InvalidParameter {
    /// The field as the event or the settings name it, for example `tenant_id`.
    pub field: &'static str,
    /// What is wrong with it, as the rest of a sentence that begins with the field.
    pub why: &'static str,
}

/// 1..=`max` bytes of visible ASCII (0x21..=0x7e), else which rule is broken.
fn visible_ascii(field: &'static str, value: &str, max: usize) -> Result<(), InvalidParameter> {
    let why = if value.is_empty() {
        "is empty"
    } else if value.len() > max {
        "is longer than 255 characters"
    } else if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        "may hold only visible ASCII characters"
    } else {
        return Ok(());
    };
    Err(InvalidParameter { field, why })
}
