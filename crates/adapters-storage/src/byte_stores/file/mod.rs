//! A byte store in a directory: one file a name, replaced by renaming.

mod frame;
mod record_files;
#[cfg(test)]
mod record_files_tests;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use vestibule_domain::record::{Lookup, Revision};
use vestibule_ports::{ByteStore, ByteStoreError, Entropy, Loaded, NamesPage, Replaced, StoreName};

use crate::private_directory::FileSystems;
use crate::system_calls::Unix;
use record_files::RecordFiles;

pub use frame::MAX_ENTRY_BYTES;
pub use record_files::MIN_SPARE_BYTES;

/// A [`ByteStore`] in a directory of this user alone, shared by any number of processes.
///
/// - The directory is opened once, never through a symbolic link; it must be ours and closed to group and others, and so
///   must every file in it. A file that is not is unavailable and never absent: `names` counts it as foreign, so that it
///   does not keep the others from being used.
/// - A record may have a second name, as a backup by hard links (`cp -al`) gives it: it is read, and a write gives the
///   name a new file and leaves the other name as it was. Nothing is ever written *into* a file that has two names; so
///   where the backup took the spares along, the next write of each record has only what room the disk has.
/// - `replace` compares and writes under a lock on a file of its own, which is never deleted. The new bytes go into the
///   spare file beside the record, are synced, renamed over the record, and the directory is synced. Whoever is killed on
///   the way leaves the old record or the new one.
/// - The next spare is allocated then and there: the larger of 16 KiB and twice the record. `room` says whether it could.
/// - A revision is the hash of 16 random bytes, kept in front of the record, and of the record: it never comes back.
/// - A process stopped *within* a `replace` holds up the others until it goes on or is killed.
/// - A forked child is refused, and so are network and FUSE file systems ([`FileSystems`]).
///
/// Blocking calls run on tokio's blocking threads, so it is used within a tokio runtime.
pub struct FileByteStore {
    files: Arc<RecordFiles<Unix>>,
}

impl FileByteStore {
    /// Opens a directory on a file system of this machine; it is made where there is none.
    ///
    /// # Errors
    /// `Unavailable`, with the rule that the directory breaks.
    pub fn open(path: impl AsRef<Path>, entropy: Arc<dyn Entropy>) -> Result<Self, ByteStoreError> {
        Self::open_on(path, entropy, FileSystems::Local)
    }

    /// Opens a directory on any of the allowed file systems.
    ///
    /// # Errors
    /// `Unavailable`, with the rule that the directory breaks.
    pub fn open_on(
        path: impl AsRef<Path>,
        entropy: Arc<dyn Entropy>,
        allowed: FileSystems,
    ) -> Result<Self, ByteStoreError> {
        let files = RecordFiles::open(Unix, path.as_ref(), entropy, allowed)?;
        Ok(Self { files: Arc::new(files) })
    }

    /// Runs one call on a thread that may block. `lost` is the error when the thread did not come back.
    async fn blocking<T: Send + 'static>(
        &self,
        lost: ByteStoreError,
        act: impl FnOnce(&RecordFiles<Unix>) -> Result<T, ByteStoreError> + Send + 'static,
    ) -> Result<T, ByteStoreError> {
        let files = Arc::clone(&self.files);
        tokio::task::spawn_blocking(move || act(&files))
            .await
            .unwrap_or(Err(lost))
    }
}

impl core::fmt::Debug for FileByteStore {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("FileByteStore(..)")
    }
}

const NOT_READ: ByteStoreError = ByteStoreError::Unavailable("the thread that was to read did not come back");

#[async_trait]
impl ByteStore for FileByteStore {
    async fn names(&self, after: Option<StoreName>, limit: usize) -> Result<NamesPage, ByteStoreError> {
        self.blocking(NOT_READ, move |files| files.names(after.as_ref(), limit))
            .await
    }

    async fn load(&self, name: StoreName) -> Result<Lookup<Loaded>, ByteStoreError> {
        self.blocking(NOT_READ, move |files| files.load(&name)).await
    }

    async fn replace(
        &self,
        name: StoreName,
        expected: Option<Revision>,
        bytes: Vec<u8>,
    ) -> Result<Replaced, ByteStoreError> {
        let act = move |files: &RecordFiles<Unix>| files.replace(&name, expected.as_ref(), &bytes);
        self.blocking(ByteStoreError::AnswerLost, act).await
    }

    async fn remove(&self, name: StoreName, expected: Revision) -> Result<(), ByteStoreError> {
        self.blocking(ByteStoreError::AnswerLost, move |files| files.remove(&name, &expected))
            .await
    }
}
