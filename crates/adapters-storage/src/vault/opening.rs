//! Opens a record, with its credential or with the key of its epoch.

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::record::{Lookup, Place, Unreadable};
use vestibule_domain::secret::{Password, Payload, RecordKey};
use vestibule_ports::{Credential, Key, Opened, StorageError};

use super::{Vault, record_names};
use crate::envelope::aead::DataKey;
use crate::envelope::kdf::{KdfParameters, ReadyKdf, SALT_BYTES};
use crate::envelope::key_schedule::{DeviceShare, ModeSecret, derive_key_encryption_key};
use crate::envelope::record_key::OpenedKey;
use crate::envelope::sealed_record::ProvenRecord;
use crate::password_preparation;

/// What a record of mode `password` asks for, checked against what this device allows.
struct PasswordWork {
    parameters: KdfParameters,
    salt: [u8; SALT_BYTES],
}

impl Vault {
    pub(super) async fn open_record(&self, place: &Place, key: Key) -> Result<Opened, StorageError> {
        let Lookup::Present(found) = self.find(record_names::handle_of_place(place)).await? else {
            return Err(StorageError::NotThere);
        };
        self.check_machine(&found.record).await?;
        let (payload, key) = match key {
            Key::Credential(credential) => self.try_credential(&found.record, &credential).await?,
            Key::RecordKey(key) => (open_with_record_key(&found.record, &key)?, key),
        };
        let is_weak = self.is_weakly_sealed(&found.record);
        let opened = Opened::new(found.record.header, found.revision, payload, key);
        Ok(if is_weak { opened.weakly_sealed() } else { opened })
    }

    /// Opens with a credential that may be a guess.
    pub(super) async fn try_credential(
        &self,
        record: &ProvenRecord,
        credential: &Credential,
    ) -> Result<(Payload, RecordKey), StorageError> {
        match (record.header.mode, credential) {
            (AuthenticationMode::Password, Credential::Password(guess)) => self.guess(record, guess).await,
            (
                AuthenticationMode::No | AuthenticationMode::Password | AuthenticationMode::Biometric,
                Credential::None | Credential::Password(_) | Credential::Biometric { .. },
            ) => self.open_with_credential(record, credential).await,
        }
    }

    /// Tries a password and counts it. All that can fail without a word about the guess comes before it is counted; the
    /// count comes before the guess is looked at, so that no end of the process makes it a free one.
    async fn guess(&self, record: &ProvenRecord, guess: &Password) -> Result<(Payload, RecordKey), StorageError> {
        if let Some(wait) = self.lock_out(record).await? {
            return Err(StorageError::LockedOut(wait));
        }
        let PasswordWork { parameters, salt } = self.password_work(record)?;
        let prepared = password_preparation::prepare(guess).map_err(StorageError::Unsupported)?;
        let share = self.share_of(record).await?;
        let kdf = self.reserve_kdf(parameters).await?;
        let counter = self.counter_of(record).await?;
        self.begin_guess(&counter).await?;
        let secret = ModeSecret::Password(kdf.derive(prepared, salt).await?);
        let opened = open_with_secret(record, &share, &secret);
        match &opened {
            Ok(_) => self.opened(&counter).await,
            Err(StorageError::WrongCredential) => self.guessed_wrong(&counter).await,
            Err(_) => {}
        }
        opened
    }

    /// Derives the key that opens the record anew. Nothing is counted: this is for a credential that is known.
    pub(super) async fn open_with_credential(
        &self,
        record: &ProvenRecord,
        credential: &Credential,
    ) -> Result<(Payload, RecordKey), StorageError> {
        let secret = match (record.header.mode, credential) {
            (AuthenticationMode::No, Credential::None) => ModeSecret::None,
            (AuthenticationMode::Password, Credential::Password(password)) => {
                let PasswordWork { parameters, salt } = self.password_work(record)?;
                let prepared = password_preparation::prepare(password).map_err(StorageError::Unsupported)?;
                let kdf = self.reserve_kdf(parameters).await?;
                ModeSecret::Password(kdf.derive(prepared, salt).await?)
            }
            (AuthenticationMode::Biometric, Credential::Biometric { key, .. }) => ModeSecret::Gate(key.clone()),
            (
                AuthenticationMode::No | AuthenticationMode::Password | AuthenticationMode::Biometric,
                Credential::None | Credential::Password(_) | Credential::Biometric { .. },
            ) => return Err(StorageError::WrongCredential),
        };
        open_with_secret(record, &self.share_of(record).await?, &secret)
    }

    /// Waits for the turn of one derivation, with its memory.
    pub(super) async fn reserve_kdf(&self, parameters: KdfParameters) -> Result<ReadyKdf, StorageError> {
        #[cfg(test)]
        self.derivations.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        ReadyKdf::reserve(parameters).await
    }

    fn password_work(&self, record: &ProvenRecord) -> Result<PasswordWork, StorageError> {
        let kdf = record.sealed.protection.password_kdf();
        let (parameters, salt) = kdf.map_err(StorageError::Unreadable)?;
        if parameters.memory_kib() > self.settings.memory_ceiling_kib() {
            return Err(StorageError::Unavailable(
                "the record's password needs more memory than this app allows: raise max_kdf_memory_kib",
            ));
        }
        Ok(PasswordWork { parameters, salt })
    }

    async fn share_of(&self, record: &ProvenRecord) -> Result<DeviceShare, StorageError> {
        self.device.share(&record.sealed.protection.context()?).await
    }

    /// Whether a password is derived at a lower price than a new one would be.
    fn is_weakly_sealed(&self, record: &ProvenRecord) -> bool {
        match record.header.mode {
            AuthenticationMode::Password => record
                .sealed
                .protection
                .password_kdf()
                .is_ok_and(|(parameters, _)| self.settings.kdf.are_stronger_than(&parameters)),
            AuthenticationMode::No | AuthenticationMode::Biometric => false,
        }
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

/// Opens by the secret of the mode. The commitment tells a wrong secret from damage, after the same work.
fn open_with_secret(
    record: &ProvenRecord,
    share: &DeviceShare,
    secret: &ModeSecret,
) -> Result<(Payload, RecordKey), StorageError> {
    let protection = &record.sealed.protection;
    let context = protection.context()?;
    let wrap = protection.wrap().map_err(StorageError::Unreadable)?;
    let (key, commitment) = derive_key_encryption_key(&context, share, secret)?;
    if !commitment.is(&wrap.commitment) {
        return Err(match secret {
            // Nobody can have typed it wrong.
            ModeSecret::None => StorageError::Unreadable(Unreadable::Corrupted),
            ModeSecret::Password(_) | ModeSecret::Gate(_) => StorageError::WrongCredential,
        });
    }
    let data_key = DataKey::unwrap_from(&key, &wrap.nonce, &context, &wrap.sealed_key);
    let data_key = data_key.map_err(StorageError::Unreadable)?;
    let payload = record.open(&data_key).map_err(StorageError::Unreadable)?;
    let key = OpenedKey::new(protection.clone(), &data_key).hand_out()?;
    Ok((payload, key))
}
