//! A directory of this user alone, opened once: everything in it is reached relative to it, so that nobody can put
//! another one in its place.

use std::ffi::OsString;
use std::io::{self, ErrorKind};
use std::path::Path;

use crate::system_calls::{Belonging, Opening, SystemCalls, words_for};

/// On which file systems a directory may lie.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FileSystems {
    /// Only on those of this machine: on network and FUSE file systems neither locks nor atomic renames are certain.
    #[default]
    Local,
    /// On any: the host vouches for locks, atomic renames and `fsync`.
    Any,
}

/// An open directory, and the process that opened it.
pub(crate) struct PrivateDirectory<S: SystemCalls> {
    calls: S,
    directory: S::File,
    opened_by: u32,
}

/// Why a file or directory was not used, in words for an error of a port.
pub(crate) type Why = &'static str;

impl<S: SystemCalls> PrivateDirectory<S> {
    /// Opens a directory, which is made where there is none.
    pub(crate) fn open(calls: S, path: &Path, allowed: FileSystems) -> Result<Self, Why> {
        let directory = match calls.open_directory(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                calls.make_directory(path).map_err(in_words)?;
                calls.open_directory(path)
            }
            opened => opened,
        };
        let directory = directory.map_err(in_words)?;
        let status = calls.status(&directory).map_err(in_words)?;
        check_owner(&calls, &status.belonging)?;
        if allowed == FileSystems::Local && calls.is_remote(&directory).map_err(in_words)? {
            return Err("the directory lies on a network or FUSE file system, which the settings do not allow");
        }
        let opened_by = calls.process();
        Ok(Self {
            calls,
            directory,
            opened_by,
        })
    }

    /// A child that was forked shares locks and counts with its parent: it must open a directory of its own.
    pub(crate) fn check_process(&self) -> Result<(), Why> {
        if self.is_forked() {
            Err("the process was forked since the directory was opened; open it again in the child")
        } else {
            Ok(())
        }
    }

    /// Whether this is another process than the one that opened the directory.
    pub(crate) fn is_forked(&self) -> bool {
        self.calls.process() != self.opened_by
    }

    /// Opens a file; `None` where there is certainly none.
    pub(crate) fn open_file(&self, name: &str, how: Opening) -> Result<Option<S::File>, Why> {
        let file = match self.calls.open(&self.directory, name, how) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return self.check_not_removed().map(|()| None);
            }
            opened => opened.map_err(in_words)?,
        };
        let status = self.calls.status(&file).map_err(in_words)?;
        check_file(&self.calls, &status.belonging)?;
        Ok(Some(file))
    }

    /// Whether a name stands for a file that `open_file` would not refuse. One that is gone is left to `open_file`.
    pub(crate) fn is_ours(&self, name: &str) -> Result<bool, Why> {
        match self.calls.belonging(&self.directory, name) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
            found => Ok(check_file(&self.calls, &found.map_err(in_words)?).is_ok()),
        }
    }

    /// Opens a file that must have no second name, because it is about to be written; `None` where there is certainly none.
    ///
    /// Through a second name (a hard link) another file of this user would be overwritten: one that somebody planted, or
    /// the state that a backup by hard links (`cp -al`) keeps. To *read* such a file is safe, and so is to replace it:
    /// - what is read is believed only once it is proven, and a link gives nobody more than a copy would;
    /// - renaming over a name and removing it change the directory alone; the file under its other name stays as it is.
    pub(crate) fn open_single(&self, name: &str, how: Opening) -> Result<Option<S::File>, Why> {
        let Some(file) = self.open_file(name, how)? else {
            return Ok(None);
        };
        // None at all: it was replaced since it was opened, and is what it was.
        if self.calls.status(&file).map_err(in_words)?.links > 1 {
            return Err("a file has a second name (a hard link) that is not ours");
        }
        Ok(Some(file))
    }

    /// Opens a file and waits for its lock.
    pub(crate) fn lock(&self, name: &str) -> Result<S::File, Why> {
        let file = self
            .open_file(name, Opening::Lock)?
            .ok_or("the directory was removed")?;
        self.calls.lock(&file).map_err(in_words)?;
        Ok(file)
    }

    pub(crate) fn names(&self) -> Result<Vec<OsString>, Why> {
        self.check_not_removed()?;
        self.calls.names(&self.directory).map_err(in_words)
    }

    pub(crate) fn sync(&self) -> io::Result<()> {
        self.calls.sync(&self.directory)
    }

    pub(crate) fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.calls.rename(&self.directory, from, to)
    }

    pub(crate) fn link(&self, from: &str, to: &str) -> io::Result<()> {
        self.calls.link(&self.directory, from, to)
    }

    pub(crate) fn remove(&self, name: &str) -> io::Result<()> {
        self.calls.remove(&self.directory, name)
    }

    pub(crate) const fn calls(&self) -> &S {
        &self.calls
    }

    /// In a directory that was removed nothing is ever found; that proves nothing.
    fn check_not_removed(&self) -> Result<(), Why> {
        match self.calls.status(&self.directory) {
            Ok(status) if status.links > 0 => Ok(()),
            Ok(_) => Err("the directory was removed"),
            Err(error) => Err(in_words(error)),
        }
    }
}

fn check_file(calls: &impl SystemCalls, found: &Belonging) -> Result<(), Why> {
    if !found.regular {
        return Err("something stands where a file of ours would, and is none; move it away");
    }
    check_owner(calls, found)
}

fn check_owner(calls: &impl SystemCalls, found: &Belonging) -> Result<(), Why> {
    if found.owner != calls.user() {
        Err("a file or directory belongs to another user; it must be this user's (chown)")
    } else if !found.readable {
        Err("a file or directory may not be read by its owner (chmod u+rw)")
    } else if found.open_to_others {
        Err("a file or directory is open to group or others; it must be this user's alone (chmod go-rwx)")
    } else {
        Ok(())
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn in_words(error: io::Error) -> Why {
    words_for(&error)
}
