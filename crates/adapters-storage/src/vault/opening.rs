//! Opens a record, with its credential or with the key of its epoch.

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::record::{Lookup, Place, Unreadable};
use vestibule_domain::secret::{Payload, RecordKey};
use vestibule_ports::{Credential, Key, Opened, StorageError};

use super::{Vault, record_names};
use crate::envelope::aead::DataKey;
use crate::envelope::key_schedule::{ModeSecret, derive_key_encryption_key};
use crate::envelope::protection::Protection;
use crate::envelope::record_key::OpenedKey;
use crate::envelope::sealed_record::ProvenRecord;

impl Vault {
    pub(super) async fn open_record(&self, place: &Place, key: Key) -> Result<Opened, StorageError> {
        let Lookup::Present(found) = self.find(record_names::handle_of_place(place)).await? else {
            return Err(StorageError::NotThere);
        };
        self.check_machine(&found.record).await?;
        let (payload, key) = match key {
            Key::Credential(credential) => self.open_with_credential(&found.record, &credential).await?,
            Key::RecordKey(key) => (open_with_record_key(&found.record, &key)?, key),
        };
        Ok(Opened::new(found.record.header, found.revision, payload, key))
    }

    /// Derives the key that opens the record anew.
    pub(super) async fn open_with_credential(
        &self,
        record: &ProvenRecord,
        credential: &Credential,
    ) -> Result<(Payload, RecordKey), StorageError> {
        if matches!(record.header.mode, AuthenticationMode::No) && !matches!(credential, Credential::None) {
            return Err(StorageError::WrongCredential);
        }
        let mode_secret = mode_secret(record.header.mode, credential)?;
        let protection = &record.sealed.protection;
        let data_key = self.unwrap_data_key(protection, &mode_secret).await?;
        let payload = record.open(&data_key).map_err(StorageError::Unreadable)?;
        let key = OpenedKey::new(protection.clone(), &data_key).hand_out()?;
        Ok((payload, key))
    }

    async fn unwrap_data_key(&self, protection: &Protection, secret: &ModeSecret) -> Result<DataKey, StorageError> {
        let context = protection.context()?;
        let wrap = protection.wrap().map_err(StorageError::Unreadable)?;
        let share = self.device.share(&context).await?;
        let (key, commitment) = derive_key_encryption_key(&context, &share, secret)?;
        if !commitment.is(&wrap.commitment) {
            return Err(match secret {
                // Nobody can have typed it wrong.
                ModeSecret::None => StorageError::Unreadable(Unreadable::Corrupted),
            });
        }
        DataKey::unwrap_from(&key, &wrap.nonce, &context, &wrap.sealed_key).map_err(StorageError::Unreadable)
    }

    /// A record sealed on another machine is not opened. Where it was sealed without a name there is nothing to compare.
    async fn check_machine(&self, record: &ProvenRecord) -> Result<(), StorageError> {
        let Some(sealed_on) = record.sealed.machine() else {
            return Ok(());
        };
        if self.device.machine().await? == Some(sealed_on) {
            Ok(())
        } else {
            Err(StorageError::DeviceChanged)
        }
    }
}

/// Opens with the key of an epoch. The key of another epoch or record is proven wrong before it is tried.
fn open_with_record_key(record: &ProvenRecord, key: &RecordKey) -> Result<Payload, StorageError> {
    let key = OpenedKey::take(key).ok_or(StorageError::WrongCredential)?;
    if key.protection != record.sealed.protection {
        return Err(StorageError::WrongCredential);
    }
    record.open(&key.data_key()).map_err(StorageError::Unreadable)
}

/// The secret that a credential adds to the device key.
pub(super) const fn mode_secret(mode: AuthenticationMode, credential: &Credential) -> Result<ModeSecret, StorageError> {
    match (mode, credential) {
        (AuthenticationMode::No, Credential::None) => Ok(ModeSecret::None),
        (AuthenticationMode::No, Credential::Password(_) | Credential::Biometric { .. }) => {
            Err(refused_mode("does not fit the credential"))
        }
        (AuthenticationMode::Password | AuthenticationMode::Biometric, _) => Err(refused_mode(
            "is not kept by this version of the vault: only mode no is",
        )),
    }
}

const fn refused_mode(why: &'static str) -> StorageError {
    StorageError::Unsupported(InvalidParameter {
        field: "authentication_mode",
        why,
    })
}
