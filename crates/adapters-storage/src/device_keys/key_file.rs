//! The file of a device key: how it is read, and how it is made once.

use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;

use vestibule_ports::{DeviceKeyError, Entropy};
use zeroize::Zeroizing;

use super::device_derivation::SECRET_BYTES;
use crate::private_directory::{FileSystems, PrivateDirectory, Why};
use crate::system_calls::{Opening, SystemCalls, words_for};

const KEY: &str = "device-key";
/// Begins the name of a key that is not in its place yet.
const UNPLACED: &str = ".device-key.";

pub(super) struct KeyFile<S: SystemCalls> {
    directory: PrivateDirectory<S>,
    entropy: Arc<dyn Entropy>,
}

type Secret = Zeroizing<[u8; SECRET_BYTES]>;

impl<S: SystemCalls> KeyFile<S> {
    pub(super) fn open(
        calls: S,
        path: &Path,
        entropy: Arc<dyn Entropy>,
        allowed: FileSystems,
    ) -> Result<Self, DeviceKeyError> {
        let directory = PrivateDirectory::open(calls, path, allowed).map_err(DeviceKeyError::Unavailable)?;
        let file = Self { directory, entropy };
        // A maker that was killed once its key was in place left its other name, and nobody makes a key again.
        if matches!(file.read(), Ok(Some(_))) {
            file.sweep();
        }
        Ok(file)
    }

    /// The key; `None` where there is certainly none.
    pub(super) fn read(&self) -> Result<Option<Secret>, DeviceKeyError> {
        // A second name is not refused here: it is what a maker leaves that was killed before it removed the first.
        let opened = self.directory.open_file(KEY, Opening::Read);
        let Some(file) = opened.map_err(DeviceKeyError::Unavailable)? else {
            return Ok(None);
        };
        let bytes = self.directory.calls().read(&file, SECRET_BYTES as u64 + 1);
        let bytes = Zeroizing::new(bytes.map_err(|error| DeviceKeyError::Unavailable(words_for(&error)))?);
        let secret: [u8; SECRET_BYTES] = bytes.as_slice().try_into().map_err(|_| DeviceKeyError::Corrupted)?;
        Ok(Some(Zeroizing::new(secret)))
    }

    /// Makes the key, or adopts the one that is there. Either way it is durable when this returns.
    pub(super) fn make(&self) -> Result<Secret, DeviceKeyError> {
        self.directory.check_process().map_err(DeviceKeyError::Unavailable)?;
        if self.read()?.is_none() {
            self.place_new().map_err(DeviceKeyError::Unavailable)?;
        }
        self.directory
            .sync()
            .map_err(|error| DeviceKeyError::Unavailable(words_for(&error)))?;
        let secret = self.read()?.ok_or(DeviceKeyError::Missing)?;
        self.sweep();
        Ok(secret)
    }

    /// Writes a full key under a name of its own and links it into place. A key that is there stays.
    fn place_new(&self) -> Result<(), Why> {
        let mut secret: Secret = Zeroizing::new([0; SECRET_BYTES]);
        let mut name = [0_u8; 16];
        let drawn = self
            .entropy
            .fill(secret.as_mut_slice())
            .and_then(|()| self.entropy.fill(&mut name));
        drawn.map_err(|_| "the operating system gave no randomness")?;
        let unplaced = format!("{UNPLACED}{:032x}", u128::from_be_bytes(name));
        let opened = self.directory.open_single(&unplaced, Opening::New)?;
        let file = opened.ok_or("the directory was removed")?;
        let calls = self.directory.calls();
        let written = calls.write(&file, secret.as_slice()).and_then(|()| calls.sync(&file));
        let linked = written.and_then(|()| self.directory.link(&unplaced, KEY));
        let _gone_or_swept_later = self.directory.remove(&unplaced);
        match linked {
            // Another one won; or it won, and has swept our file away before it was linked.
            Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) => Ok(()),
            linked => linked.map_err(|error| words_for(&error)),
        }
    }

    /// Once a key stands, every other one that lies about is nobody's.
    fn sweep(&self) {
        let names = self.directory.names().unwrap_or_default();
        for name in names.iter().filter_map(|name| name.to_str()) {
            if name.starts_with(UNPLACED) {
                let _gone_or_left = self.directory.remove(name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::faulty_calls::{Fault, FaultyCalls};
    use crate::killed_children::{Child, Ended, kill_before_every_call};
    use crate::support::HashedEntropy;

    fn open(path: &Path, calls: FaultyCalls) -> KeyFile<FaultyCalls> {
        let entropy = HashedEntropy::new(u64::from(std::process::id()));
        KeyFile::open(calls, path, entropy, FileSystems::Local).unwrap()
    }

    #[test]
    fn a_kill_at_any_step_of_making_leaves_no_key_or_a_whole_one() {
        if let Some(child) = Child::of_this_process() {
            open(&child.directory, child.calls).make().unwrap();
            return;
        }
        let (mut without, mut with) = (0, 0);
        let kills = kill_before_every_call(
            "device_keys::key_file::tests::a_kill_at_any_step_of_making_leaves_no_key_or_a_whole_one",
            "make",
            |_| {},
            |path, ended| {
                let file = open(path, FaultyCalls::new(Fault::None));
                let found = file.read().unwrap();
                match &found {
                    Some(_) => with += 1,
                    None => without += 1,
                }
                assert!(ended == Ended::Killed || found.is_some());
                let made = file.make().unwrap();
                assert!(
                    found.is_none_or(|found| *found == *made),
                    "a key that stands is adopted"
                );
                assert_eq!(fs::read_dir(path).unwrap().count(), 1, "nothing else lies about");
            },
        );
        assert!(
            kills > 10 && without > 5 && with > 3,
            "{kills} kills, {without} without, {with} with a key"
        );
    }

    #[test]
    fn a_step_that_fails_makes_no_key() {
        for call in ["open new", "write half", "write", "sync file", "link"] {
            let directory = tempfile::tempdir().unwrap();
            let calls = FaultyCalls::new(Fault::None);
            let file = open(&directory.path().join("state"), calls.clone());
            calls.plan(Fault::Fail(call, 0, ErrorKind::StorageFull));
            assert_eq!(
                file.make().unwrap_err(),
                DeviceKeyError::Unavailable("the disk is full"),
                "{call}"
            );
            calls.plan(Fault::None);
            assert!(file.read().unwrap().is_none(), "{call}");
            assert_eq!(
                fs::read_dir(directory.path().join("state")).unwrap().count(),
                0,
                "{call}"
            );
        }
    }

    #[test]
    fn a_key_that_may_not_be_durable_is_not_given_out() {
        let directory = tempfile::tempdir().unwrap();
        let calls = FaultyCalls::new(Fault::None);
        let file = open(&directory.path().join("state"), calls.clone());
        calls.plan(Fault::Fail("sync directory", 0, ErrorKind::Other));
        assert!(file.make().is_err());
        assert!(file.make().is_err(), "nor by whoever would adopt it");
        calls.plan(Fault::None);
        file.make().unwrap();
    }

    #[test]
    fn what_may_not_be_read_is_unavailable_and_never_missing() {
        let directory = tempfile::tempdir().unwrap();
        let calls = FaultyCalls::new(Fault::None);
        let file = open(&directory.path().join("state"), calls.clone());
        let made = file.make().unwrap();
        let denied = DeviceKeyError::Unavailable("the system denied permission");
        for call in ["open to read", "status", "read"] {
            calls.plan(Fault::Fail(call, 0, ErrorKind::PermissionDenied));
            assert_eq!(file.read().unwrap_err(), denied, "{call}");
            assert_eq!(file.make().unwrap_err(), denied, "{call}");
        }
        calls.plan(Fault::None);
        assert_eq!(*file.make().unwrap(), *made);
    }

    #[test]
    fn a_key_of_another_user_is_refused_and_never_missing() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let calls = FaultyCalls::new(Fault::None);
        let file = open(&path, calls.clone());
        let made = file.make().unwrap();
        calls.plan(Fault::ForeignFiles);
        for refused in [file.read().map(drop), file.make().map(drop)] {
            assert!(matches!(refused, Err(DeviceKeyError::Unavailable(why)) if why.contains("another user")));
        }
        calls.plan(Fault::ForeignDirectories);
        let opened = KeyFile::open(calls.clone(), &path, HashedEntropy::new(1), FileSystems::Local);
        assert!(matches!(opened.err(), Some(DeviceKeyError::Unavailable(why)) if why.contains("another user")));
        calls.plan(Fault::None);
        assert_eq!(*file.make().unwrap(), *made);
    }

    #[test]
    fn a_forked_child_makes_no_key() {
        let directory = tempfile::tempdir().unwrap();
        let calls = FaultyCalls::new(Fault::None);
        let file = open(&directory.path().join("state"), calls.clone());
        calls.fork();
        assert!(matches!(file.make(), Err(DeviceKeyError::Unavailable(why)) if why.contains("forked")));
    }
}
