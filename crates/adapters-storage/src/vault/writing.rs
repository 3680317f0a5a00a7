//! Writes a record where the state is the expected one.

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::record::{Header, Lookup};
use vestibule_domain::secret::RecordKey;
use vestibule_ports::{Content, DeviceKeyId, StorageError, WriteRequest, Written};

use super::sealing::Sealed;
use super::settled_write::WriteMark;
use super::{Vault, record_names};
use crate::envelope::sealed_record::ProvenRecord;

impl Vault {
    pub(super) async fn write_record(&self, request: WriteRequest) -> Result<Written, StorageError> {
        let header = &request.header;
        let handle = record_names::handle_for_write(&request.place, header)?;
        let Sealed { bytes, key } = self.seal(handle, header, &request.content).await?;
        self.begin_to_count_for(header, &request.content).await?;
        let mark = WriteMark::of(header);
        let settled = self.settle(handle, request.expected, bytes.clone(), mark).await?;
        self.seen.wrote(header);
        let key = if settled.bytes == bytes {
            key
        } else {
            self.key_of_earlier_try(settled.bytes, &request.content, key).await?
        };
        Ok(Written::new(settled.revision, key).with_room(settled.room))
    }

    /// Before the first record in mode `password` lies there, its guesses are counted: it would be locked out otherwise.
    async fn begin_to_count_for(&self, header: &Header, content: &Content) -> Result<(), StorageError> {
        match (content, header.mode) {
            (Content::Seal { .. }, AuthenticationMode::Password) => {
                let Lookup::Present(device_key) = self.device.id().await? else {
                    return Err(StorageError::Unavailable(
                        "the device key went away; nothing was written",
                    ));
                };
                self.begin_to_count(header, device_key).await
            }
            (
                Content::Seal { .. } | Content::Reseal { .. },
                AuthenticationMode::No | AuthenticationMode::Password | AuthenticationMode::Biometric,
            ) => Ok(()),
        }
    }

    /// An earlier try of the same write stands, sealed anew with a data key of its own. Nothing says that it was made with
    /// this password, so opening it is a guess like any other.
    async fn key_of_earlier_try(
        &self,
        bytes: Vec<u8>,
        content: &Content,
        key: RecordKey,
    ) -> Result<RecordKey, StorageError> {
        let credential = match content {
            Content::Reseal { .. } => return Ok(key),
            Content::Seal { credential, .. } => credential,
        };
        let sealed = ProvenRecord::peek(&bytes)?;
        let device_key = DeviceKeyId(sealed.protection.device_key_id);
        let proven = ProvenRecord::prove(bytes, sealed, &self.device.index_key(device_key).await?)?;
        match self.try_credential(&proven, credential).await {
            Ok((_, key)) => Ok(key),
            // The write stands: nobody may take it for not done. Repeated, it is found standing again.
            Err(StorageError::Unavailable(_) | StorageError::LockedOut(_)) => Err(StorageError::Unclear),
            Err(error) => Err(error),
        }
    }
}
