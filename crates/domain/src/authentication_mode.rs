//! Under which condition a stored token opens again.

use core::fmt;

use crate::identifiers::InvalidParameter;

/// How a record is protected beyond the device key, which is mixed into every mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum AuthenticationMode {
    /// By the device key alone: opens without a prompt.
    No,
    /// Also by a password of the user.
    Password,
    /// Also by a key that only the platform's biometric gate releases.
    Biometric,
}

impl AuthenticationMode {
    /// Every mode.
    pub const ALL: [Self; 3] = [Self::No, Self::Password, Self::Biometric];

    /// The mode's name as the vendor writes it: `no`, `password`, `biometric`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::No => "no",
            Self::Password => "password",
            Self::Biometric => "biometric",
        }
    }

    /// Parses `no`, `password` or `biometric`.
    ///
    /// # Errors
    /// [`InvalidParameter`] with field `authentication_mode`.
    pub fn parse(value: &str) -> Result<Self, InvalidParameter> {
        Self::ALL
            .into_iter()
            .find(|mode| mode.as_str() == value)
            .ok_or(InvalidParameter {
                field: "authentication_mode",
                why: "is none of no, password, biometric",
            })
    }
}

impl fmt::Display for AuthenticationMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modes_are_written_as_the_vendor_writes_them() {
        for (mode, name) in [
            (AuthenticationMode::No, "no"),
            (AuthenticationMode::Password, "password"),
            (AuthenticationMode::Biometric, "biometric"),
        ] {
            assert_eq!(mode.as_str(), name);
            assert_eq!(AuthenticationMode::parse(name), Ok(mode));
        }
    }

    #[test]
    fn any_other_word_is_refused_and_the_field_named() {
        for word in ["", "No", "no ", "none", "passwort", "0"] {
            assert_eq!(
                AuthenticationMode::parse(word).unwrap_err().field,
                "authentication_mode",
                "{word}"
            );
        }
    }
}
