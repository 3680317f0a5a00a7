//! The lock files of flows, step by step.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::sync::Arc;

use vestibule_domain::identifiers::{OwnerId, RecordHandle};
use vestibule_domain::record_lease::Presence;
use vestibule_ports::Entropy;

use crate::private_directory::{FileSystems, PrivateDirectory, Why};
use crate::system_calls::{Opening, SystemCalls, words_for};

/// So often a flow tries to enter when a sweeper takes its file before it is locked.
pub(super) const MAX_TRIES_TO_ENTER: u32 = 16;
/// Begins the name of a file whose flow has not entered yet.
const UNLOCKED: &str = ".entering.";

pub(super) struct LockFiles<S: SystemCalls<File = File>> {
    directory: Arc<PrivateDirectory<S>>,
    entropy: Arc<dyn Entropy>,
}

/// The lock of a flow that has entered. Dropping it leaves.
pub(super) struct HeldLock<S: SystemCalls<File = File>> {
    directory: Arc<PrivateDirectory<S>>,
    name: String,
    _locked: File,
}

impl<S: SystemCalls<File = File>> LockFiles<S> {
    pub(super) fn open(calls: S, path: &Path, entropy: Arc<dyn Entropy>, allowed: FileSystems) -> Result<Self, Why> {
        let directory = Arc::new(PrivateDirectory::open(calls, path, allowed)?);
        let files = Self { directory, entropy };
        files.sweep()?;
        Ok(files)
    }

    pub(super) fn enter(&self) -> Result<(OwnerId, HeldLock<S>), Why> {
        self.directory.check_process()?;
        for _ in 0..MAX_TRIES_TO_ENTER {
            let mut id = [0; 16];
            self.entropy
                .fill(&mut id)
                .map_err(|_| "the operating system gave no randomness")?;
            let owner = OwnerId::from_bytes(id);
            if let Some(lock) = self.try_enter(&owner.to_string())? {
                return Ok((owner, lock));
            }
        }
        Err("lock files were swept away while they were being made")
    }

    pub(super) fn probe(&self, owner: OwnerId) -> Result<Presence, Why> {
        self.directory.check_process()?;
        self.probe_file(&owner.to_string())
    }

    /// `None` when somebody else got at the file before it was locked.
    fn try_enter(&self, name: &str) -> Result<Option<HeldLock<S>>, Why> {
        let entering = [UNLOCKED, name].concat();
        let opened = self.directory.open_single(&entering, Opening::New)?;
        let file = opened.ok_or("the directory was removed")?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(words_for(&error)),
        }
        if self.directory.rename(&entering, name).is_err() {
            let _gone = self.directory.remove(&entering);
            return Ok(None);
        }
        Ok(Some(HeldLock {
            directory: Arc::clone(&self.directory),
            name: name.to_owned(),
            _locked: file,
        }))
    }

    /// Nobody ever locks a file again that was free: it is removed.
    fn probe_file(&self, name: &str) -> Result<Presence, Why> {
        let Some(file) = self.directory.open_file(name, Opening::Read)? else {
            return Ok(Presence::Gone);
        };
        match file.try_lock_shared() {
            Ok(()) => {
                let _gone_or_left = self.directory.remove(name);
                Ok(Presence::Gone)
            }
            Err(TryLockError::WouldBlock) => Ok(Presence::Alive),
            Err(TryLockError::Error(error)) => Err(words_for(&error)),
        }
    }

    /// Removes what flows left that have ended. What cannot be probed now is left for another time.
    fn sweep(&self) -> Result<(), Why> {
        for name in self.directory.names()? {
            let Some(name) = name.to_str() else {
                continue;
            };
            // 32 hex digits, as every id of ours is written.
            if RecordHandle::parse(name.strip_prefix(UNLOCKED).unwrap_or(name)).is_ok() {
                let _gone_alive_or_left = self.probe_file(name);
            }
        }
        Ok(())
    }
}

impl<S: SystemCalls<File = File>> Drop for HeldLock<S> {
    fn drop(&mut self) {
        // A forked child holds a copy of this value; the flow is its parent's.
        if !self.directory.is_forked() {
            let _gone_or_swept_later = self.directory.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::ErrorKind;

    use super::*;
    use crate::faulty_calls::{Fault, FaultyCalls};
    use crate::killed_children::{Child, kill_before_every_call};
    use crate::support::HashedEntropy;

    fn open(path: &Path, calls: FaultyCalls) -> LockFiles<FaultyCalls> {
        LockFiles::open(calls, path, HashedEntropy::new(1), FileSystems::Local).unwrap()
    }

    #[test]
    fn a_forked_child_neither_enters_nor_probes_nor_ends_its_parents_flows() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flows");
        let calls = FaultyCalls::new(Fault::None);
        let files = open(&path, calls.clone());
        let (owner, lock) = files.enter().unwrap();
        calls.fork();
        assert!(files.enter().is_err_and(|why| why.contains("forked")));
        assert!(files.probe(owner).is_err_and(|why| why.contains("forked")));
        drop(lock);
        assert!(
            path.join(owner.to_string()).exists(),
            "the file is the parent's to remove"
        );
    }

    #[test]
    fn a_kill_at_any_step_of_entering_leaves_nobody_alive_and_nothing_that_is_not_swept() {
        if let Some(child) = Child::of_this_process() {
            let (_, lock) = open(&child.directory, child.calls).enter().unwrap();
            // Not left: as if the flow went on until the process was killed.
            std::mem::forget(lock);
            return;
        }
        let mut left = 0;
        let kills = kill_before_every_call(
            "flow_presences::lock_files::tests::a_kill_at_any_step_of_entering_leaves_nobody_alive_and_nothing_that_is_not_swept",
            "enter",
            |_| {},
            |path, _| {
                let files = || fs::read_dir(path).map_or(0, Iterator::count);
                left += files();
                drop(open(path, FaultyCalls::new(Fault::None)));
                assert_eq!(files(), 0, "swept");
            },
        );
        assert!(kills > 5 && left > 2, "killed {kills} times, {left} files left");
    }

    #[test]
    fn whoever_cannot_make_its_file_does_not_enter() {
        let full = (ErrorKind::StorageFull, "the disk is full");
        let read_only = (ErrorKind::ReadOnlyFilesystem, "the file system is read-only");
        let denied = (ErrorKind::PermissionDenied, "the system denied permission");
        for (kind, why) in [full, read_only, denied] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("flows");
            let calls = FaultyCalls::new(Fault::None);
            let files = open(&path, calls.clone());
            calls.plan(Fault::Fail("open new", 0, kind));
            assert_eq!(files.enter().err(), Some(why));
            assert_eq!(fs::read_dir(&path).unwrap().count(), 0, "{why}");
        }
    }

    #[test]
    fn a_lock_file_of_another_user_is_an_error_and_not_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flows");
        let calls = FaultyCalls::new(Fault::None);
        let files = open(&path, calls.clone());
        let (owner, _lock) = files.enter().unwrap();
        calls.plan(Fault::ForeignFiles);
        assert!(files.probe(owner).is_err_and(|why| why.contains("another user")));
        calls.plan(Fault::ForeignDirectories);
        let opened = LockFiles::open(calls.clone(), &path, HashedEntropy::new(1), FileSystems::Local);
        assert!(opened.err().is_some_and(|why| why.contains("another user")));
        calls.plan(Fault::None);
        assert_eq!(files.probe(owner).unwrap(), Presence::Alive);
    }

    #[test]
    fn probers_do_not_take_each_other_for_the_owner() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flows");
        let files = open(&path, FaultyCalls::new(Fault::None));
        let (owner, lock) = files.enter().unwrap();
        // As a killed owner leaves it: the file is there, and free.
        let left = path.join("left");
        fs::rename(path.join(owner.to_string()), &left).unwrap();
        drop(lock);
        fs::rename(&left, path.join(owner.to_string())).unwrap();
        let another_prober = File::open(path.join(owner.to_string())).unwrap();
        another_prober.try_lock_shared().unwrap();
        assert_eq!(files.probe(owner).unwrap(), Presence::Gone);
    }

    #[test]
    fn what_cannot_be_probed_is_an_error_and_not_gone() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flows");
        let calls = FaultyCalls::new(Fault::None);
        let files = open(&path, calls.clone());
        let (owner, _lock) = files.enter().unwrap();
        calls.plan(Fault::Fail("open to read", 0, ErrorKind::PermissionDenied));
        assert_eq!(files.probe(owner).unwrap_err(), "the system denied permission");
        calls.plan(Fault::None);
        fs::remove_dir_all(&path).unwrap();
        assert_eq!(files.probe(owner).unwrap_err(), "the directory was removed");
    }

    #[test]
    fn a_file_that_a_sweeper_takes_is_made_anew_and_a_failure_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("flows");
        let calls = FaultyCalls::new(Fault::None);
        let files = open(&path, calls.clone());
        calls.plan(Fault::Fail("rename", 0, ErrorKind::NotFound));
        assert!(files.enter().is_err_and(|why| why.contains("swept")));
        assert_eq!(fs::read_dir(&path).unwrap().count(), 0);
        calls.plan(Fault::None);
        let (owner, _lock) = files.enter().unwrap();
        assert_eq!(files.probe(owner).unwrap(), Presence::Alive);
    }
}
