//! A disk of 100 KiB for one test: a tmpfs.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Mounted until it is dropped, however the test ends.
pub(crate) struct SmallDisk {
    path: PathBuf,
    /// Removed behind the unmounting.
    _under: TempDir,
}

impl SmallDisk {
    pub(crate) fn mount() -> Self {
        require_root();
        let under = tempfile::tempdir().unwrap();
        let path = under.path().join("disk");
        std::fs::create_dir(&path).unwrap();
        run("mount", &["-t", "tmpfs", "-o", "size=100k,mode=0700", "tmpfs"], &path);
        Self { path, _under: under }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn make_read_only(&self) {
        run("mount", &["-o", "remount,ro"], &self.path);
    }

    pub(crate) fn make_writable(&self) {
        run("mount", &["-o", "remount,rw"], &self.path);
    }

    /// Takes the disk up to its last byte.
    pub(crate) fn fill(&self) {
        while self.take(4096) {}
        while self.take(1) {}
    }

    /// Takes the disk but for so many KiB, which must be free.
    pub(crate) fn fill_but(&self, kib: usize) {
        let reserve = vec![0; kib * 1024];
        let held = self.path.join("reserve");
        std::fs::write(&held, reserve).unwrap();
        self.fill();
        std::fs::remove_file(&held).unwrap();
    }

    /// Gives back what was taken.
    pub(crate) fn free(&self) {
        std::fs::remove_file(self.filler()).unwrap();
    }

    /// Whether so many bytes could still be taken.
    fn take(&self, bytes: usize) -> bool {
        let mut file = self.open_filler();
        match file.write_all(&vec![0; bytes]) {
            Ok(()) => true,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::StorageFull);
                false
            }
        }
    }

    fn open_filler(&self) -> File {
        let mut options = OpenOptions::new();
        options.create(true).append(true).mode(0o600);
        options.open(self.filler()).unwrap()
    }

    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a failed test may still hold files open.
        let unmounted = Command::new("umount").arg("-l").arg(&self.path).status();
        let is_unmounted = unmounted.is_ok_and(|status| status.success());
        assert!(is_unmounted || std::thread::panicking(), "the small disk stays mounted");
    }
}

/// Fails where this is not root.
pub(crate) fn require_root() {
    assert!(
        rustix::process::geteuid().is_root(),
        "the feature as-root adds tests that mount a small tmpfs and change owners: run them as root (`.ci/run as_root` \
         takes sudo), or leave the feature out"
    );
}

fn run(command: &str, arguments: &[&str], path: &Path) {
    let output = Command::new(command).args(arguments).arg(path).output().unwrap();
    assert!(
        output.status.success(),
        "{command} {arguments:?}: {} {}; root must be allowed to mount a tmpfs here",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
}
