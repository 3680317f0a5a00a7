//! One page of records, each proven or with the reason why it cannot be read.

use vestibule_domain::identifiers::RecordHandle;
use vestibule_domain::record::{Lookup, Unreadable};
use vestibule_ports::{ListedRecord, RecordsPage, StorageError};

use super::record_names::{self, EntryKind};
use super::{Vault, reading};

/// So many records are on a page at most, whatever is asked for.
pub const MAX_RECORDS_PER_PAGE: usize = 256;

impl Vault {
    pub(super) async fn list_records(
        &self,
        after: Option<RecordHandle>,
        limit: usize,
    ) -> Result<RecordsPage, StorageError> {
        let limit = limit.clamp(1, MAX_RECORDS_PER_PAGE);
        let mut after = after.map(record_names::name_of).transpose()?;
        let mut records = Vec::new();
        let mut foreign = 0_usize;
        loop {
            let first = after.is_none();
            let missing = limit.saturating_sub(records.len());
            let page = self
                .store
                .names(after.clone(), missing)
                .await
                .map_err(reading::not_read)?;
            foreign = foreign.saturating_add(if first { page.foreign } else { 0 });
            for name in &page.names {
                match record_names::kind_of(name) {
                    EntryKind::Record(handle) => records.extend(self.listed(handle).await?),
                    EntryKind::Foreign => foreign = foreign.saturating_add(1),
                    EntryKind::Attempts => {}
                }
            }
            let more = page.more && !page.names.is_empty();
            if !more || records.len() >= limit {
                let next = records
                    .last()
                    .filter(|_| more)
                    .map(|record: &ListedRecord| record.handle);
                return Ok(RecordsPage::new(records, next).with_foreign(foreign));
            }
            after = page.names.last().cloned();
        }
    }

    /// A record as it is listed; nothing when it was removed meanwhile.
    async fn listed(&self, handle: RecordHandle) -> Result<Option<ListedRecord>, StorageError> {
        let Lookup::Present(loaded) = self.load(handle).await? else {
            return Ok(None);
        };
        let revision = loaded.revision.clone();
        let unreadable = |why: Unreadable| Ok(Some(ListedRecord::new(handle, revision.clone(), Err(why))));
        match self.find_loaded(handle, loaded).await {
            Ok(Lookup::Absent) => Ok(None),
            Ok(Lookup::Present(found)) => {
                let header = found.record.header;
                let aside = record_names::is_aside(handle, &header);
                let listed = ListedRecord::new(handle, found.revision, Ok(header));
                Ok(Some(if aside { listed.kept_aside() } else { listed }))
            }
            Err(StorageError::Unreadable(why)) => unreadable(why),
            Err(error) => Err(error),
        }
    }
}
