//! The files of a byte store, step by step.
//!
//! | name | is |
//! |---|---|
//! | a store name | a record |
//! | `.spare.<name>` | room for the next state of that record; it is also where that is written before it is renamed |
//! | `.lock` | locked while a record is compared and replaced; never deleted |

use std::io;
use std::path::Path;
use std::sync::Arc;

use vestibule_domain::record::{Lookup, Revision};
use vestibule_ports::{ByteStoreError, Entropy, Loaded, NamesPage, Replaced, StoreName};

use super::frame::{Frame, MAX_ENTRY_BYTES};
use crate::private_directory::{FileSystems, PrivateDirectory, Why};
use crate::system_calls::{Opening, SystemCalls, words_for};

/// Smallest spare, in bytes; it is twice the record where that is larger.
pub const MIN_SPARE_BYTES: u64 = 16 * 1024;
const LOCK: &str = ".lock";
const SPARE: &str = ".spare.";

pub(super) struct RecordFiles<S: SystemCalls> {
    directory: PrivateDirectory<S>,
    entropy: Arc<dyn Entropy>,
}

impl<S: SystemCalls> RecordFiles<S> {
    pub(super) fn open(
        calls: S,
        path: &Path,
        entropy: Arc<dyn Entropy>,
        allowed: FileSystems,
    ) -> Result<Self, ByteStoreError> {
        let directory = PrivateDirectory::open(calls, path, allowed).map_err(ByteStoreError::Unavailable)?;
        let files = Self { directory, entropy };
        files.sweep().map_err(ByteStoreError::Unavailable)?;
        Ok(files)
    }

    pub(super) fn names(&self, after: Option<&StoreName>, limit: usize) -> Result<NamesPage, ByteStoreError> {
        self.ready()?;
        let (sorted, beside) = self.sort_names().map_err(ByteStoreError::Unavailable)?;
        let (mut names, refused) = self.sort_out(sorted).map_err(ByteStoreError::Unavailable)?;
        let foreign = beside.saturating_add(refused);
        names.retain(|name| after.is_none_or(|after| name > after));
        let more = names.len() > limit;
        names.truncate(limit);
        Ok(NamesPage::new(names, more).with_foreign(foreign))
    }

    pub(super) fn load(&self, name: &StoreName) -> Result<Lookup<Loaded>, ByteStoreError> {
        self.ready()?;
        let frame = self.read(name)?;
        Ok(frame.map_or(Lookup::Absent, |frame| Lookup::Present(frame.loaded())))
    }

    pub(super) fn replace(
        &self,
        name: &StoreName,
        expected: Option<&Revision>,
        bytes: &[u8],
    ) -> Result<Replaced, ByteStoreError> {
        self.ready()?;
        let _locked = self.directory.lock(LOCK).map_err(ByteStoreError::Unavailable)?;
        self.compare(name, expected)?;
        let frame = Frame::make(bytes, &*self.entropy)
            .map_err(|_| ByteStoreError::Unavailable("the operating system gave no randomness"))?;
        let spare = spare_of(name);
        self.fill_spare(&spare, &frame).map_err(ByteStoreError::Unavailable)?;
        self.directory.rename(&spare, name.as_str()).map_err(not_done)?;
        // From here on the new record can be seen, but may not outlast a power cut.
        self.directory.sync().map_err(|_| ByteStoreError::AnswerLost)?;
        let room = self.make_spare(&spare, frame.bytes().len());
        Ok(Replaced::new(frame.revision()).with_room(room))
    }

    pub(super) fn remove(&self, name: &StoreName, expected: &Revision) -> Result<(), ByteStoreError> {
        self.ready()?;
        let _locked = self.directory.lock(LOCK).map_err(ByteStoreError::Unavailable)?;
        self.compare(name, Some(expected))?;
        self.directory.remove(name.as_str()).map_err(not_done)?;
        self.directory.sync().map_err(|_| ByteStoreError::AnswerLost)?;
        // A spare that stays is swept when the store is opened next.
        let _gone_or_left = self.directory.remove(&spare_of(name));
        Ok(())
    }

    fn ready(&self) -> Result<(), ByteStoreError> {
        self.directory.check_process().map_err(ByteStoreError::Unavailable)
    }

    /// Removes spares whose record is gone. What was half written into a spare is harmless: it is overwritten.
    fn sweep(&self) -> Result<(), Why> {
        let _locked = self.directory.lock(LOCK)?;
        let (names, _) = self.sort_names()?;
        for entry in self.directory.names()? {
            let spare = entry.to_str().and_then(|entry| entry.strip_prefix(SPARE));
            let Some(name) = spare.and_then(StoreName::new) else {
                continue;
            };
            if names.binary_search(&name).is_err() {
                self.directory
                    .remove(&spare_of(&name))
                    .map_err(|error| words_for(&error))?;
            }
        }
        Ok(())
    }

    /// The records in byte order, and how many entries are neither records nor files that we put beside them.
    fn sort_names(&self) -> Result<(Vec<StoreName>, usize), Why> {
        let mut names = Vec::new();
        let mut foreign = 0_usize;
        for entry in self.directory.names()? {
            let text = entry.to_str();
            if let Some(name) = text.and_then(StoreName::new) {
                names.push(name);
            } else if !text.is_some_and(is_beside) {
                foreign = foreign.saturating_add(1);
            }
        }
        names.sort_unstable();
        Ok((names, foreign))
    }

    /// The names whose files may be read, and how many others there are. One file that is not this user's alone must not
    /// keep the others from being listed; it counts as foreign, so that nobody takes the directory for empty.
    fn sort_out(&self, sorted: Vec<StoreName>) -> Result<(Vec<StoreName>, usize), Why> {
        let all = sorted.len();
        let mut names = Vec::with_capacity(all);
        for name in sorted {
            if self.directory.is_ours(name.as_str())? {
                names.push(name);
            }
        }
        let refused = all.saturating_sub(names.len());
        Ok((names, refused))
    }

    fn read(&self, name: &StoreName) -> Result<Option<Frame>, ByteStoreError> {
        // A second name is not refused here: see `open_single`.
        let opened = self.directory.open_file(name.as_str(), Opening::Read);
        let Some(file) = opened.map_err(ByteStoreError::Unavailable)? else {
            return Ok(None);
        };
        let bytes = self.directory.calls().read(&file, MAX_ENTRY_BYTES);
        bytes.map(|bytes| Some(Frame::read(bytes))).map_err(not_done)
    }

    fn compare(&self, name: &StoreName, expected: Option<&Revision>) -> Result<(), ByteStoreError> {
        let standing = self.read(name)?.map(|frame| frame.revision());
        if standing.as_ref() == expected {
            Ok(())
        } else {
            Err(ByteStoreError::Conflict)
        }
    }

    /// Writes a new state beside the record, durably. The record itself is not touched.
    fn fill_spare(&self, spare: &str, frame: &Frame) -> Result<(), Why> {
        let found = self.directory.open_single(spare, Opening::Write);
        let (file, is_new) = match found {
            Ok(Some(file)) => (file, false),
            Ok(None) => (self.new_file(spare)?, true),
            Err(_) => {
                self.directory.remove(spare).map_err(|error| words_for(&error))?;
                (self.new_file(spare)?, true)
            }
        };
        let calls = self.directory.calls();
        let filled = calls.write(&file, frame.bytes()).and_then(|()| calls.sync(&file));
        if filled.is_err() && is_new {
            let _gone_or_left = self.directory.remove(spare);
        }
        filled.map_err(|error| words_for(&error))
    }

    /// Takes room for the next state; says whether it could.
    fn make_spare(&self, spare: &str, frame_len: usize) -> bool {
        let wanted = MIN_SPARE_BYTES.max((frame_len as u64).saturating_mul(2));
        let Ok(file) = self.new_file(spare) else {
            return false;
        };
        let has_room = self.directory.calls().allocate(&file, wanted).is_ok();
        if !has_room {
            let _gone_or_left = self.directory.remove(spare);
        }
        has_room
    }

    fn new_file(&self, name: &str) -> Result<S::File, Why> {
        self.directory
            .open_single(name, Opening::New)?
            .ok_or("the directory was removed")
    }
}

fn spare_of(name: &StoreName) -> String {
    [SPARE, name.as_str()].concat()
}

fn is_beside(entry: &str) -> bool {
    entry == LOCK
        || entry
            .strip_prefix(SPARE)
            .is_some_and(|name| StoreName::new(name).is_some())
}

/// The system refused a step before the new state could be seen.
#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn not_done(error: io::Error) -> ByteStoreError {
    ByteStoreError::Unavailable(words_for(&error))
}
