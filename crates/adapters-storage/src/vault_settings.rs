//! What a host may change of the vault. Each number's default and limit stands in the file of its rule.

use vestibule_domain::identifiers::InvalidParameter;

use crate::envelope::kdf::{KdfParameters, MAX_KDF_MEMORY_KIB};
use crate::password_preparation::DEFAULT_MIN_PASSWORD_CHARACTERS;

/// What a host may change of the vault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VaultSettings {
    /// What the derivation of a password costs when a record is sealed. Records that were sealed with less say so when
    /// they are opened.
    pub(crate) kdf: KdfParameters,
    /// Most memory that an existing record may ask for, in KiB. Never less than what `kdf` asks for, never more than
    /// [`MAX_KDF_MEMORY_KIB`].
    pub(crate) max_kdf_memory_kib: u32,
    /// Fewest characters of a new password. Fewer than 8 count only where the device key cannot be exported: elsewhere a
    /// copy of the device is guessed at without a delay.
    pub(crate) min_password_characters: usize,
}

impl VaultSettings {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        kdf: KdfParameters::DEFAULT,
        max_kdf_memory_kib: MAX_KDF_MEMORY_KIB,
        min_password_characters: DEFAULT_MIN_PASSWORD_CHARACTERS,
    };

    /// The same, with what a password costs: see [`KdfParameters::new`].
    #[must_use]
    pub const fn with_kdf(mut self, kdf: KdfParameters) -> Self {
        self.kdf = kdf;
        self
    }

    /// The same, with the most memory that an existing record may ask for, in KiB.
    ///
    /// # Errors
    /// [`InvalidParameter`] above [`MAX_KDF_MEMORY_KIB`].
    pub const fn with_max_kdf_memory_kib(mut self, max_kib: u32) -> Result<Self, InvalidParameter> {
        if max_kib > MAX_KDF_MEMORY_KIB {
            return Err(InvalidParameter {
                field: "max_kdf_memory_kib",
                why: "is more than 262,144 (256 MiB)",
            });
        }
        self.max_kdf_memory_kib = max_kib;
        Ok(self)
    }

    /// The same, with the fewest characters of a new password.
    ///
    /// # Errors
    /// [`InvalidParameter`] for none.
    pub const fn with_min_password_characters(mut self, characters: usize) -> Result<Self, InvalidParameter> {
        if characters == 0 {
            return Err(InvalidParameter {
                field: "min_password_characters",
                why: "is zero: an empty password is none",
            });
        }
        self.min_password_characters = characters;
        Ok(self)
    }

    /// Most memory that a header may ask for, in KiB.
    pub(crate) fn memory_ceiling_kib(&self) -> u32 {
        self.max_kdf_memory_kib
            .max(self.kdf.memory_kib())
            .min(MAX_KDF_MEMORY_KIB)
    }

    /// Fewest characters of a new password on this device.
    pub(crate) fn min_characters(&self, device_key_excludes_export: bool) -> usize {
        if device_key_excludes_export {
            self.min_password_characters
        } else {
            self.min_password_characters.max(DEFAULT_MIN_PASSWORD_CHARACTERS)
        }
    }
}

impl Default for VaultSettings {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u32 = 1024;

    #[test]
    fn a_header_may_ask_for_what_is_set_up_to_256_mib_and_always_for_what_is_sealed_now() {
        let kdf = |mib| KdfParameters::new(mib * MIB, 2, 1).unwrap();
        // columns: memory of a new record, most memory as set, most that a header may ask for; in MiB
        for (new, most, ceiling) in [
            (64, 256, 256),
            (64, 128, 128),
            (64, 64, 64),
            (64, 0, 64),
            (256, 20, 256),
        ] {
            let settings = VaultSettings::DEFAULT.with_kdf(kdf(new));
            let settings = settings.with_max_kdf_memory_kib(most * MIB).unwrap();
            assert_eq!(settings.memory_ceiling_kib(), ceiling * MIB, "{new} {most}");
        }
        let refused = VaultSettings::DEFAULT
            .with_max_kdf_memory_kib(256 * MIB + 1)
            .unwrap_err();
        assert_eq!(refused.field, "max_kdf_memory_kib");
        assert_eq!(VaultSettings::default().memory_ceiling_kib(), 256 * MIB);
    }

    #[test]
    fn a_short_password_counts_only_where_the_device_key_cannot_be_copied() {
        for (set, elsewhere) in [(1, 8), (4, 8), (8, 8), (9, 9)] {
            let settings = VaultSettings::DEFAULT.with_min_password_characters(set).unwrap();
            assert_eq!(
                (settings.min_characters(true), settings.min_characters(false)),
                (set, elsewhere)
            );
        }
        let refused = VaultSettings::DEFAULT.with_min_password_characters(0).unwrap_err();
        assert_eq!(refused.field, "min_password_characters");
        assert_eq!(VaultSettings::default().min_characters(false), 8);
    }
}
