//! Loads a record and proves it: whole, ours, in its own place, and not older than what was seen.

use vestibule_domain::identifiers::RecordHandle;
use vestibule_domain::record::{Lookup, Place, Revision, Unreadable};
use vestibule_ports::{ByteStoreError, Described, DeviceKeyId, GateBlob, Loaded, StorageError};

use super::{Vault, record_names};
use crate::envelope::sealed_record::ProvenRecord;

/// A proven record in its place.
#[derive(Debug)]
pub(super) struct Found {
    pub handle: RecordHandle,
    pub revision: Revision,
    pub record: ProvenRecord,
}

impl Vault {
    pub(super) async fn describe_record(&self, place: &Place) -> Result<Lookup<Described>, StorageError> {
        let Lookup::Present(found) = self.find(record_names::handle_of_place(place)).await? else {
            return Ok(Lookup::Absent);
        };
        let lock_out = self.lock_out(&found.record).await?;
        let gate_blob = found.record.sealed.protection.gate_blob;
        let described = Described::new(found.handle, found.revision, found.record.header).with_lock_out(lock_out);
        Ok(Lookup::Present(if gate_blob.is_empty() {
            described
        } else {
            described.with_gate_blob(GateBlob(gate_blob))
        }))
    }

    /// What lies at a handle.
    pub(super) async fn find(&self, handle: RecordHandle) -> Result<Lookup<Found>, StorageError> {
        match self.load(handle).await? {
            Lookup::Absent => Ok(Lookup::Absent),
            Lookup::Present(loaded) => self.find_loaded(handle, loaded).await,
        }
    }

    /// Proves what was loaded from a handle, and that it is not older than what was seen.
    pub(super) async fn find_loaded(
        &self,
        handle: RecordHandle,
        loaded: Loaded,
    ) -> Result<Lookup<Found>, StorageError> {
        let found = self.prove(handle, loaded).await?;
        if !self.is_rolled_back(&found) {
            return Ok(Lookup::Present(found));
        }
        // Another task may have written between our read and our look at what was seen: only a second read tells.
        let Lookup::Present(loaded) = self.load(handle).await? else {
            return Ok(Lookup::Absent);
        };
        let found = self.prove(handle, loaded).await?;
        if self.is_rolled_back(&found) {
            return Err(StorageError::Unreadable(Unreadable::Corrupted));
        }
        Ok(Lookup::Present(found))
    }

    /// What lies at a handle, unproven.
    pub(super) async fn load(&self, handle: RecordHandle) -> Result<Lookup<Loaded>, StorageError> {
        let loaded = self.store.load(record_names::name_of(handle)?).await;
        loaded.map_err(not_read)
    }

    /// Proves what was loaded from a handle.
    pub(super) async fn prove(&self, handle: RecordHandle, loaded: Loaded) -> Result<Found, StorageError> {
        let sealed = ProvenRecord::peek(&loaded.bytes)?;
        let device_key = DeviceKeyId(sealed.protection.device_key_id);
        let index = self.device.index_key(device_key).await?;
        let record = ProvenRecord::prove(loaded.bytes, sealed, &index)?;
        record_names::check_place(handle, &record.header, record.sealed.own_handle())
            .map_err(StorageError::Unreadable)?;
        Ok(Found {
            handle,
            revision: loaded.revision,
            record,
        })
    }

    /// A copy kept aside may be older than its original, which may have gone on since.
    fn is_rolled_back(&self, found: &Found) -> bool {
        let header = &found.record.header;
        !record_names::is_aside(found.handle, header) && self.seen.is_older(header)
    }
}

/// A read that failed has changed nothing.
pub(super) const fn not_read(error: ByteStoreError) -> StorageError {
    match error {
        ByteStoreError::Unavailable(why) => StorageError::Unavailable(why),
        ByteStoreError::Conflict | ByteStoreError::AnswerLost => {
            StorageError::Unavailable("the byte store did not answer a read")
        }
        _ => StorageError::Unavailable("the byte store failed in a way that this version does not know"),
    }
}
