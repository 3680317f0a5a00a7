//! The system calls that the file adapters are made of, behind one trait: so that a test can kill the process between any
//! two of them, refuse one, or play a fork; and a power-cut model can take their place later.

use std::ffi::OsString;
use std::fs::{DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FallocateFlags, FileType, Mode, OFlags};

use crate::remote_file_systems;

/// What a file is opened for. Never through a symbolic link, never inherited over `exec`, never blocking on a pipe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Opening {
    /// To be read.
    Read,
    /// To be overwritten.
    Write,
    /// To be made; it must not be there. Readable and writable by its owner alone.
    New,
    /// To be locked; made where it is not there.
    Lock,
}

/// What an entry of a directory is, and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Belonging {
    pub regular: bool,
    pub owner: u32,
    /// Whether group or others may do anything with it.
    pub open_to_others: bool,
    /// Whether its owner may read it.
    pub readable: bool,
}

/// What is known of an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Status {
    pub belonging: Belonging,
    pub links: u64,
}

/// The system, as far as it is needed here. Names are single components, relative to an open directory.
pub(crate) trait SystemCalls: Send + Sync + 'static {
    /// An open file or directory.
    type File: Send + Sync + 'static;

    /// Makes a directory and its parents, for this user alone.
    fn make_directory(&self, path: &Path) -> io::Result<()>;
    fn open_directory(&self, path: &Path) -> io::Result<Self::File>;
    /// Whether the directory lies on a network or FUSE file system.
    fn is_remote(&self, directory: &Self::File) -> io::Result<bool>;
    fn names(&self, directory: &Self::File) -> io::Result<Vec<OsString>>;
    fn open(&self, directory: &Self::File, name: &str, how: Opening) -> io::Result<Self::File>;
    fn status(&self, file: &Self::File) -> io::Result<Status>;
    /// Whose a name is, without opening it and without following a symbolic link.
    fn belonging(&self, directory: &Self::File, name: &str) -> io::Result<Belonging>;
    /// Reads at most `max` bytes from the beginning.
    fn read(&self, file: &Self::File, max: u64) -> io::Result<Vec<u8>>;
    /// Writes from the beginning and cuts off what lay behind.
    fn write(&self, file: &Self::File, bytes: &[u8]) -> io::Result<()>;
    /// Takes room on the disk for a file.
    fn allocate(&self, file: &Self::File, bytes: u64) -> io::Result<()>;
    fn sync(&self, file: &Self::File) -> io::Result<()>;
    /// Waits for an exclusive lock, which ends with the file.
    fn lock(&self, file: &Self::File) -> io::Result<()>;
    fn rename(&self, directory: &Self::File, from: &str, to: &str) -> io::Result<()>;
    /// Gives a file a second name; fails where that is taken.
    fn link(&self, directory: &Self::File, from: &str, to: &str) -> io::Result<()>;
    fn remove(&self, directory: &Self::File, name: &str) -> io::Result<()>;
    fn user(&self) -> u32;
    fn process(&self) -> u32;
}

/// The calls of a Unix.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Unix;

impl SystemCalls for Unix {
    type File = File;

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    fn open_directory(&self, path: &Path) -> io::Result<File> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        // Without a `/` or `/.` at the end, behind which the system would follow a symbolic link all the same.
        let path: PathBuf = path.components().collect();
        Ok(rustix::fs::open(&path, flags, Mode::empty())?.into())
    }

    fn is_remote(&self, directory: &File) -> io::Result<bool> {
        Ok(remote_file_systems::is_remote(&rustix::fs::fstatfs(directory)?))
    }

    fn names(&self, directory: &File) -> io::Result<Vec<OsString>> {
        let entries = rustix::fs::Dir::read_from(directory)?;
        let names = entries.map(|entry| Ok(OsString::from_vec(entry?.file_name().to_bytes().to_vec())));
        let named = |name: &io::Result<OsString>| !name.as_ref().is_ok_and(|name| name == "." || name == "..");
        names.filter(named).collect()
    }

    fn open(&self, directory: &File, name: &str, how: Opening) -> io::Result<File> {
        let always = OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let flags = match how {
            Opening::Read => OFlags::RDONLY,
            Opening::Write => OFlags::RDWR,
            Opening::New => OFlags::RDWR | OFlags::CREATE | OFlags::EXCL,
            Opening::Lock => OFlags::RDWR | OFlags::CREATE,
        };
        let mode = Mode::RUSR | Mode::WUSR;
        Ok(rustix::fs::openat(directory, name, flags | always, mode)?.into())
    }

    fn status(&self, file: &File) -> io::Result<Status> {
        let metadata = file.metadata()?;
        Ok(Status {
            belonging: Belonging {
                regular: metadata.is_file(),
                owner: metadata.uid(),
                open_to_others: metadata.mode() & 0o077 != 0,
                readable: metadata.mode() & 0o400 != 0,
            },
            links: metadata.nlink(),
        })
    }

    fn belonging(&self, directory: &File, name: &str) -> io::Result<Belonging> {
        let found = rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW)?;
        let mode = Mode::from_raw_mode(found.st_mode);
        Ok(Belonging {
            regular: FileType::from_raw_mode(found.st_mode) == FileType::RegularFile,
            owner: found.st_uid,
            open_to_others: mode.intersects(Mode::RWXG | Mode::RWXO),
            readable: mode.contains(Mode::RUSR),
        })
    }

    fn read(&self, file: &File, max: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        file.take(max).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        file.write_all_at(bytes, 0)?;
        file.set_len(bytes.len() as u64)
    }

    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, bytes) {
            // A file system without the call takes room for what is written.
            Err(rustix::io::Errno::OPNOTSUPP) => {
                let zeros = vec![0; usize::try_from(bytes).map_err(|_| io::ErrorKind::FileTooLarge)?];
                file.write_all_at(&zeros, 0)?;
                file.sync_all()
            }
            done => Ok(done?),
        }
    }

    /// `sync_all` also empties the drive's cache where the platform needs to be asked for it.
    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_all()
    }

    fn lock(&self, file: &File) -> io::Result<()> {
        loop {
            match file.lock() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                locked => return locked,
            }
        }
    }

    fn rename(&self, directory: &File, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::renameat(directory, from, directory, to)?)
    }

    fn link(&self, directory: &File, from: &str, to: &str) -> io::Result<()> {
        Ok(rustix::fs::linkat(directory, from, directory, to, AtFlags::empty())?)
    }

    fn remove(&self, directory: &File, name: &str) -> io::Result<()> {
        Ok(rustix::fs::unlinkat(directory, name, AtFlags::empty())?)
    }

    fn user(&self) -> u32 {
        rustix::process::geteuid().as_raw()
    }

    fn process(&self) -> u32 {
        std::process::id()
    }
}

/// An error of the system in words that may stand in an error of a port.
pub(crate) fn words_for(error: &io::Error) -> &'static str {
    if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) {
        return "a symbolic link stands where a file of ours would";
    }
    match error.kind() {
        io::ErrorKind::PermissionDenied => "the system denied permission",
        io::ErrorKind::NotFound => "a file or directory is not there",
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "the disk is full",
        io::ErrorKind::ReadOnlyFilesystem => "the file system is read-only",
        io::ErrorKind::NotADirectory => "something stands where the directory would, and is none",
        io::ErrorKind::IsADirectory => "a directory stands where a file of ours would",
        _ => "the system reported an input or output error",
    }
}
