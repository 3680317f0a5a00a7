//! What an app says about itself when it starts the SDK.

use alloc::string::String;

use super::InvalidParameter;

/// Longest app name and longest app version, in bytes.
pub const MAX_APP_FIELD_BYTES: usize = 32;
/// Longest language tag, in bytes (RFC 5646, section 4.4.1: 35 hold every tag without extensions).
pub const MAX_LOCALE_BYTES: usize = 35;

/// Name, version and language of an app.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AppInfo {
    name: String,
    version: String,
    locale: String,
}

impl AppInfo {
    /// Parses what `StartEvent` holds: name and version are 1..=32 bytes of UTF-8 without control characters; the locale
    /// has the shape of a language tag (RFC 5646, section 2.1): subtags of 1..=8 letters and digits, joined by `-`, the
    /// first of letters alone. Whether such a language exists is not looked up.
    ///
    /// # Errors
    /// [`InvalidParameter`] with field `app_name`, `app_version` or `locale`.
    pub fn parse(name: &str, version: &str, locale: &str) -> Result<Self, InvalidParameter> {
        app_field("app_name", name)?;
        app_field("app_version", version)?;
        language_tag(locale)?;
        Ok(Self {
            name: name.into(),
            version: version.into(),
            locale: locale.into(),
        })
    }

    /// The app's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The app's version.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The app's language.
    #[must_use]
    pub fn locale(&self) -> &str {
        &self.locale
    }
}

fn app_field(field: &'static str, value: &str) -> Result<(), InvalidParameter> {
    let why = if value.is_empty() {
        "is empty"
    } else if value.len() > MAX_APP_FIELD_BYTES {
        "is longer than 32 bytes"
    } else if value.chars().any(char::is_control) {
        "holds a control character"
    } else {
        return Ok(());
    };
    Err(InvalidParameter { field, why })
}

fn language_tag(value: &str) -> Result<(), InvalidParameter> {
    let subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let primary = value.split('-').next().unwrap_or_default();
    let fits = value.len() <= MAX_LOCALE_BYTES
        && value.split('-').all(subtag)
        && primary.bytes().all(|byte| byte.is_ascii_alphabetic())
        && (primary.len() > 1 || value.len() > 1);
    if fits {
        Ok(())
    } else {
        Err(InvalidParameter {
            field: "locale",
            why: "is not a language tag such as en or de-CH",
        })
    }
}
