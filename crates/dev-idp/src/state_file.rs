//! The one file in which everything lies that survives a restart, and the lock of the process that serves it.
//!
//! Three files: `FILE` is replaced as a whole (temporary file, fsync, rename). `FILE.lock` is held by the serving process
//! and never replaced, so that a rename does not void the lock. `FILE.starting` is held only from the look at the lock
//! until the port is written, so that whoever finds the lock taken also finds the port.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::store::IdpState;

/// The format that is written.
pub(crate) const FORMAT: u32 = 1;
/// Nobody else may read: the file holds keys.
const MODE: u32 = 0o600;

/// The file, open and locked by this process.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    _lock: File,
}

/// Why a state file cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateFileError {
    #[error("another process serves it")]
    Locked { port: u16 },
    #[error("the state file cannot be read or written: {0}")]
    Io(#[from] io::Error),
    #[error("the state file is no state of this IdP: {0}")]
    NotOurs(serde_json::Error),
    #[error("the state file has format {0}, this IdP knows {FORMAT}")]
    OtherFormat(u32),
}

/// A start under way. Others that want to start wait until it is dropped.
#[derive(Debug)]
pub(crate) struct Starting {
    _starting: File,
}

/// What every format has.
#[derive(Deserialize)]
struct Head {
    format: u32,
}

impl StateFile {
    /// Locks the file and reads what lies in it, if anything. Waits while another process is just starting.
    pub(crate) fn open(path: &Path) -> Result<(Self, Option<IdpState>, Starting), StateFileError> {
        if let Some(directory) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            std::fs::create_dir_all(directory)?;
        }
        let starting = open_lock(&beside(path, "starting"))?;
        starting.lock()?;
        let lock = open_lock(&beside(path, "lock"))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let port = read(path)?.map_or(0, |state| state.port);
                return Err(StateFileError::Locked { port });
            }
            Err(TryLockError::Error(error)) => return Err(error.into()),
        }
        let state = read(path)?;
        Ok((
            Self {
                path: path.to_owned(),
                _lock: lock,
            },
            state,
            Starting { _starting: starting },
        ))
    }

    /// Replaces the file. When this fails, the old one stays.
    pub(crate) fn write(&self, state: &IdpState) -> Result<(), StateFileError> {
        let text = serde_json::to_vec(state).map_err(StateFileError::NotOurs)?;
        let temporary = beside(&self.path, "new");
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(MODE)
            .open(&temporary)?;
        file.write_all(&text)?;
        file.sync_data()?;
        std::fs::rename(&temporary, &self.path)?;
        Ok(())
    }
}

fn read(path: &Path) -> Result<Option<IdpState>, StateFileError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let head: Head = serde_json::from_slice(&text).map_err(StateFileError::NotOurs)?;
    if head.format != FORMAT {
        return Err(StateFileError::OtherFormat(head.format));
    }
    serde_json::from_slice(&text).map(Some).map_err(StateFileError::NotOurs)
}

fn open_lock(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .open(path)
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}
