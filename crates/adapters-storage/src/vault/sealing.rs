//! Makes the bytes of a record, under a new protection or under the one that it has.

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::{InvalidParameter, RecordHandle};
use vestibule_domain::record::{Header, Lookup, Unreadable};
use vestibule_domain::secret::{Password, Payload, RecordKey};
use vestibule_ports::{Content, Credential, DeviceKeyId, StorageError};

use super::record_names::{self, EntryKind};
use super::{Vault, reading};
use crate::envelope::aead::{DataKey, make_nonce};
use crate::envelope::header::SealedHeader;
use crate::envelope::kdf::SALT_BYTES;
use crate::envelope::key_schedule::{ModeSecret, derive_key_encryption_key};
use crate::envelope::protection::{Protection, Wrap, is_gate_blob};
use crate::envelope::record_key::OpenedKey;
use crate::envelope::sealed_record::{self, ProvenRecord};
use crate::envelope::without_randomness;
use crate::password_preparation;

/// So many names are asked for at once when it is to be proven that no record exists.
const PROOF_PAGE: usize = 64;

/// The bytes of a record, and the key of its epoch.
pub(super) struct Sealed {
    pub bytes: Vec<u8>,
    pub key: RecordKey,
}

impl Vault {
    /// Seals what a write puts in.
    pub(super) async fn seal(
        &self,
        handle: RecordHandle,
        header: &Header,
        content: &Content,
    ) -> Result<Sealed, StorageError> {
        match content {
            Content::Seal { payload, credential } => self.seal_anew(handle, header, payload, credential).await,
            Content::Reseal { payload, key } => self.seal_again(handle, header, payload, key).await,
        }
    }

    /// A new data key; and the proof that it re-opens, from the very bytes and by the way that a later process takes.
    async fn seal_anew(
        &self,
        handle: RecordHandle,
        header: &Header,
        payload: &Payload,
        credential: &Credential,
    ) -> Result<Sealed, StorageError> {
        self.check_new_credential(header.mode, credential)?;
        let device_key = self.device_key_for_sealing().await?;
        let bare = Protection::of_mode_no(header.record_id, header.epoch, device_key);
        let (bare, secret) = self.lock_with(bare, credential).await?;
        let (protection, data_key) = self.wrap_new_data_key(bare, &secret).await?;
        let bytes = self.seal_body(handle, header, protection, &data_key, payload).await?;
        let index = self.device.index_key(device_key).await?;
        let proven = ProvenRecord::prove(bytes.clone(), ProvenRecord::peek(&bytes)?, &index)?;
        match self.open_with_credential(&proven, credential).await {
            Ok((reopened, key)) if reopened.expose() == payload.expose() && proven.header == *header => {
                Ok(Sealed { bytes, key })
            }
            Err(StorageError::Unavailable(why)) => Err(StorageError::Unavailable(why)),
            Ok(_) | Err(_) => Err(StorageError::Unavailable(
                "what was sealed does not re-open; nothing was replaced",
            )),
        }
    }

    /// The same data key, epoch and credential; only the body and what is bound to it are new.
    async fn seal_again(
        &self,
        handle: RecordHandle,
        header: &Header,
        payload: &Payload,
        key: &RecordKey,
    ) -> Result<Sealed, StorageError> {
        let opened = OpenedKey::take(key).ok_or(StorageError::WrongCredential)?;
        let protection = opened.protection.clone();
        let same_epoch = protection.record_id == *header.record_id.as_bytes() && protection.epoch == header.epoch;
        if !same_epoch || protection.checked_mode() != Ok(header.mode) {
            return Err(OTHER_PROTECTION);
        }
        let bytes = self
            .seal_body(handle, header, protection, &opened.data_key(), payload)
            .await?;
        Ok(Sealed {
            bytes,
            key: key.clone(),
        })
    }

    /// The device's key. Where there is none, one is made only after it was proven that no record exists.
    async fn device_key_for_sealing(&self) -> Result<DeviceKeyId, StorageError> {
        if let Lookup::Present(id) = self.device.id().await? {
            return Ok(id);
        }
        if let Err(why) = self.prove_no_record().await {
            // What lies there may be of another first start, which has made the key since we looked.
            return match self.device.id().await? {
                Lookup::Present(id) => Ok(id),
                Lookup::Absent => Err(why),
            };
        }
        self.device.make().await
    }

    async fn prove_no_record(&self) -> Result<(), StorageError> {
        let mut after = None;
        loop {
            let page = self.store.names(after, PROOF_PAGE).await.map_err(reading::not_read)?;
            for name in &page.names {
                match record_names::kind_of(name) {
                    EntryKind::Record(_) => return Err(StorageError::Unreadable(Unreadable::RestoredWithoutKey)),
                    EntryKind::Foreign => return Err(StorageError::Unreadable(Unreadable::Corrupted)),
                    EntryKind::Attempts => {}
                }
            }
            if page.foreign > 0 {
                return Err(StorageError::Unreadable(Unreadable::Corrupted));
            }
            if !page.more || page.names.is_empty() {
                return Ok(());
            }
            after = page.names.last().cloned();
        }
    }

    /// What can be refused about a credential is refused before anything is made.
    fn check_new_credential(&self, mode: AuthenticationMode, credential: &Credential) -> Result<(), StorageError> {
        match (mode, credential) {
            (AuthenticationMode::No, Credential::None) => Ok(()),
            (AuthenticationMode::Password, Credential::Password(password)) => self.check_new_password(password),
            (AuthenticationMode::Biometric, Credential::Biometric { blob, .. }) if is_gate_blob(&blob.0) => Ok(()),
            (AuthenticationMode::Biometric, Credential::Biometric { .. }) => Err(StorageError::Unsupported(GATE_BLOB)),
            (
                AuthenticationMode::No | AuthenticationMode::Password | AuthenticationMode::Biometric,
                Credential::None | Credential::Password(_) | Credential::Biometric { .. },
            ) => Err(StorageError::Unsupported(OTHER_MODE)),
        }
    }

    fn check_new_password(&self, password: &Password) -> Result<(), StorageError> {
        let min_characters = self.settings.min_characters(self.device.excludes_export());
        password_preparation::prepare(password)
            .and_then(|prepared| password_preparation::check_new(&prepared, min_characters))
            .map_err(StorageError::Unsupported)
    }

    /// What the mode adds to a protection, and its secret.
    async fn lock_with(
        &self,
        bare: Protection,
        credential: &Credential,
    ) -> Result<(Protection, ModeSecret), StorageError> {
        match credential {
            Credential::None => Ok((bare, ModeSecret::None)),
            Credential::Password(password) => {
                let prepared = password_preparation::prepare(password).map_err(StorageError::Unsupported)?;
                let mut salt = [0; SALT_BYTES];
                self.entropy.fill(&mut salt).map_err(without_randomness)?;
                let key = self
                    .reserve_kdf(self.settings.kdf)
                    .await?
                    .derive(prepared, salt)
                    .await?;
                Ok((bare.with_password(self.settings.kdf, salt), ModeSecret::Password(key)))
            }
            Credential::Biometric { key, blob } => Ok((bare.with_gate(blob), ModeSecret::Gate(key.clone()))),
        }
    }

    async fn wrap_new_data_key(
        &self,
        mut protection: Protection,
        secret: &ModeSecret,
    ) -> Result<(Protection, DataKey), StorageError> {
        let context = protection.context()?;
        let share = self.device.share(&context).await?;
        let (key, commitment) = derive_key_encryption_key(&context, &share, secret)?;
        let data_key = DataKey::make(&*self.entropy).map_err(without_randomness)?;
        let nonce = make_nonce(&*self.entropy).map_err(without_randomness)?;
        protection.wraps.push(Wrap {
            commitment: commitment.0,
            nonce,
            sealed_key: data_key.wrap(&key, &nonce, &context)?,
        });
        Ok((protection, data_key))
    }

    async fn seal_body(
        &self,
        handle: RecordHandle,
        header: &Header,
        protection: Protection,
        data_key: &DataKey,
        payload: &Payload,
    ) -> Result<Vec<u8>, StorageError> {
        let index = self.device.index_key(DeviceKeyId(protection.device_key_id)).await?;
        let machine = self.device.machine().await?;
        let nonce = make_nonce(&*self.entropy).map_err(without_randomness)?;
        let sealed = SealedHeader::new(
            protection,
            nonce,
            header,
            machine,
            record_names::own_handle(handle, header),
        )?;
        Ok(sealed_record::seal(&sealed, data_key, payload, &index)?)
    }
}

const OTHER_MODE: InvalidParameter = InvalidParameter {
    field: "authentication_mode",
    why: "does not fit the credential",
};
const GATE_BLOB: InvalidParameter = InvalidParameter {
    field: "gate_blob",
    why: "is not 1 to 1,024 bytes long: the biometric gate breaks its contract",
};
const OTHER_PROTECTION: StorageError = StorageError::Unsupported(InvalidParameter {
    field: "header",
    why: "changes what a reseal must keep: record id, epoch or mode",
});
