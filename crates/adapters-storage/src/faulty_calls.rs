//! The system calls of a Unix with one planned fault: killed at a call, a call that fails, a fork, a network.

use std::ffi::OsString;
use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use crate::system_calls::{Belonging, Opening, Status, SystemCalls, Unix};

/// What goes wrong.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    None,
    /// SIGKILL before the n-th call, counted from zero.
    Kill(usize),
    /// Every call of this name fails, from the n-th of that name on.
    Fail(&'static str, usize, ErrorKind),
    /// The directory claims to lie on a network.
    Remote,
    /// Every directory belongs to somebody else.
    ForeignDirectories,
    /// Every file belongs to somebody else.
    ForeignFiles,
}

#[derive(Clone)]
pub(crate) struct FaultyCalls {
    fault: Arc<Mutex<Fault>>,
    calls: Arc<AtomicUsize>,
    named: Arc<AtomicUsize>,
    forks: Arc<AtomicU32>,
}

impl FaultyCalls {
    pub(crate) fn new(fault: Fault) -> Self {
        Self {
            fault: Arc::new(Mutex::new(fault)),
            calls: Arc::default(),
            named: Arc::default(),
            forks: Arc::default(),
        }
    }

    /// Another plan from now on.
    pub(crate) fn plan(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
        self.named.store(0, Ordering::SeqCst);
    }

    /// From now on this is another process.
    pub(crate) fn fork(&self) {
        self.forks.fetch_add(1, Ordering::SeqCst);
    }

    fn call<T>(&self, name: &'static str, act: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        let number = self.calls.fetch_add(1, Ordering::SeqCst);
        let fault = *self.fault.lock().unwrap();
        match fault {
            Fault::Kill(at) if at == number => kill(),
            Fault::Fail(failing, from, kind) if failing == name => {
                if self.named.fetch_add(1, Ordering::SeqCst) >= from {
                    return Err(kind.into());
                }
            }
            Fault::None
            | Fault::Remote
            | Fault::ForeignDirectories
            | Fault::ForeignFiles
            | Fault::Kill(_)
            | Fault::Fail(..) => {}
        }
        act()
    }

    /// The same, of somebody else where that is planned.
    fn owned(&self, found: Belonging) -> Belonging {
        let is_foreign = match *self.fault.lock().unwrap() {
            Fault::ForeignDirectories => !found.regular,
            Fault::ForeignFiles => found.regular,
            Fault::None | Fault::Remote | Fault::Kill(_) | Fault::Fail(..) => false,
        };
        let owner = if is_foreign { found.owner + 1 } else { found.owner };
        Belonging { owner, ..found }
    }
}

fn kill() -> ! {
    rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL).unwrap();
    unreachable!("SIGKILL cannot be survived")
}

impl SystemCalls for FaultyCalls {
    type File = File;

    fn make_directory(&self, path: &Path) -> io::Result<()> {
        self.call("make_directory", || Unix.make_directory(path))
    }

    fn open_directory(&self, path: &Path) -> io::Result<File> {
        self.call("open_directory", || Unix.open_directory(path))
    }

    fn is_remote(&self, directory: &File) -> io::Result<bool> {
        let remote = matches!(*self.fault.lock().unwrap(), Fault::Remote);
        self.call("is_remote", || Unix.is_remote(directory))
            .map(|is| is || remote)
    }

    fn names(&self, directory: &File) -> io::Result<Vec<OsString>> {
        self.call("names", || Unix.names(directory))
    }

    fn open(&self, directory: &File, name: &str, how: Opening) -> io::Result<File> {
        let called = match how {
            Opening::Read => "open to read",
            Opening::Write => "open to write",
            Opening::New => "open new",
            Opening::Lock => "open to lock",
        };
        self.call(called, || Unix.open(directory, name, how))
    }

    fn status(&self, file: &File) -> io::Result<Status> {
        let status = self.call("status", || Unix.status(file))?;
        let belonging = self.owned(status.belonging);
        Ok(Status { belonging, ..status })
    }

    fn belonging(&self, directory: &File, name: &str) -> io::Result<Belonging> {
        let found = self.call("belonging", || Unix.belonging(directory, name))?;
        Ok(self.owned(found))
    }

    fn read(&self, file: &File, max: u64) -> io::Result<Vec<u8>> {
        self.call("read", || Unix.read(file, max))
    }

    /// In two halves, so that a kill between them leaves a torn file.
    fn write(&self, file: &File, bytes: &[u8]) -> io::Result<()> {
        self.call("write half", || Unix.write(file, &bytes[..bytes.len() / 2]))?;
        self.call("write", || Unix.write(file, bytes))
    }

    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.call("allocate", || Unix.allocate(file, bytes))
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let name = if file.metadata()?.is_dir() {
            "sync directory"
        } else {
            "sync file"
        };
        self.call(name, || Unix.sync(file))
    }

    fn lock(&self, file: &File) -> io::Result<()> {
        self.call("lock", || Unix.lock(file))
    }

    fn rename(&self, directory: &File, from: &str, to: &str) -> io::Result<()> {
        self.call("rename", || Unix.rename(directory, from, to))
    }

    fn link(&self, directory: &File, from: &str, to: &str) -> io::Result<()> {
        self.call("link", || Unix.link(directory, from, to))
    }

    fn remove(&self, directory: &File, name: &str) -> io::Result<()> {
        self.call("remove", || Unix.remove(directory, name))
    }

    fn user(&self) -> u32 {
        Unix.user()
    }

    fn process(&self) -> u32 {
        Unix.process() + self.forks.load(Ordering::SeqCst)
    }
}
