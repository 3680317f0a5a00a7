//! Presence by lock files: a flow is at work as long as the lock on its file is held.

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use vestibule_domain::identifiers::OwnerId;
use vestibule_domain::record_lease::Presence;
use vestibule_ports::{Entered, Entropy, FlowPresence, PresenceError};

use super::lock_files::LockFiles;
use crate::private_directory::FileSystems;
use crate::system_calls::Unix;

/// The directory of the lock files, within the state directory.
pub const FLOWS_DIRECTORY: &str = "flows";

/// A [`FlowPresence`] of one lock file per flow, in the state directory of this device, whatever the byte store: a record
/// opens on this device only. It answers for all processes that share this state directory.
///
/// - The file is made under a temporary name, locked, and only then renamed to the flow's id: nobody ever sees it unlocked
///   while the flow is at work. The operating system drops the lock with the process, however that ends.
/// - It is probed with a *shared* lock on a descriptor of its own, so that probers do not take each other for the owner.
/// - A file that is free or missing means gone. Free files are swept.
///
/// Blocking calls run on tokio's blocking threads, so it is used within a tokio runtime. Leaving is one `unlink`.
pub struct LockFilePresence {
    files: Arc<LockFiles<Unix>>,
}

impl LockFilePresence {
    /// Opens the directory of lock files in a state directory; both are made where there are none.
    ///
    /// # Errors
    /// [`PresenceError`], with the rule that a directory breaks.
    pub fn open(state_directory: impl AsRef<Path>, entropy: Arc<dyn Entropy>) -> Result<Self, PresenceError> {
        Self::open_on(state_directory, entropy, FileSystems::Local)
    }

    /// Opens it on any of the allowed file systems; locks must hold there between all processes.
    ///
    /// # Errors
    /// [`PresenceError`], with the rule that a directory breaks.
    pub fn open_on(
        state_directory: impl AsRef<Path>,
        entropy: Arc<dyn Entropy>,
        allowed: FileSystems,
    ) -> Result<Self, PresenceError> {
        let path = state_directory.as_ref().join(FLOWS_DIRECTORY);
        let files = LockFiles::open(Unix, &path, entropy, allowed).map_err(PresenceError)?;
        Ok(Self { files: Arc::new(files) })
    }
}

impl core::fmt::Debug for LockFilePresence {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("LockFilePresence(..)")
    }
}

const NOT_BACK: PresenceError = PresenceError("the thread that was to lock did not come back");

#[async_trait]
impl FlowPresence for LockFilePresence {
    async fn enter(&self) -> Result<Entered, PresenceError> {
        let files = Arc::clone(&self.files);
        let entered = tokio::task::spawn_blocking(move || files.enter()).await;
        let (owner, lock) = entered.map_err(|_| NOT_BACK)?.map_err(PresenceError)?;
        Ok(Entered::new(owner, lock))
    }

    async fn of(&self, owner: OwnerId) -> Result<Presence, PresenceError> {
        let files = Arc::clone(&self.files);
        let probed = tokio::task::spawn_blocking(move || files.probe(owner)).await;
        probed.map_err(|_| NOT_BACK)?.map_err(PresenceError)
    }
}
