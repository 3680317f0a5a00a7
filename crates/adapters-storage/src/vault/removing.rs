//! Removes a record, at the named revision only.

use vestibule_domain::identifiers::RecordHandle;
use vestibule_domain::record::{Lookup, Revision};
use vestibule_ports::{ByteStoreError, StorageError};

use super::settled_write::MAX_SENDS_OF_ONE_WRITE;
use super::{Vault, record_names};

impl Vault {
    pub(super) async fn remove_record(&self, handle: RecordHandle, revision: Revision) -> Result<(), StorageError> {
        let name = record_names::name_of(handle)?;
        let mut unclear = false;
        for _ in 0..MAX_SENDS_OF_ONE_WRITE {
            match self.store.remove(name.clone(), revision.clone()).await {
                Ok(()) => return Ok(()),
                Err(ByteStoreError::Unavailable(why)) if !unclear => return Err(StorageError::Unavailable(why)),
                Err(ByteStoreError::Conflict) => {}
                Err(_) => unclear = true,
            }
            match self.load(handle).await {
                Ok(Lookup::Absent) if unclear => return Ok(()),
                Ok(Lookup::Absent) => return Err(StorageError::NotThere),
                Ok(Lookup::Present(loaded)) if loaded.revision != revision && unclear => {
                    return Err(StorageError::Unclear);
                }
                Ok(Lookup::Present(loaded)) if loaded.revision != revision => return Err(StorageError::Conflict),
                Ok(Lookup::Present(_)) => {}
                Err(_) => unclear = true,
            }
        }
        Err(StorageError::Unclear)
    }
}
