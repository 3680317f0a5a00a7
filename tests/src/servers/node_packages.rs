//! The packages of a server that runs on Node: installed once, exactly as its lock file says.

use std::fs::{self, File};
use std::io::{Error, Result};
use std::path::Path;
use std::process::{Command, Stdio};

/// Written last, so that an interrupted installation is done again; holds the lock file that was installed.
const INSTALLED: &str = "node_modules/.installed-package-lock.json";

/// Installs what `package-lock.json` in `folder` names, unless that has been done. Processes wait for each other.
pub(super) fn install(folder: &Path) -> Result<()> {
    let lock_file = File::open(folder.join("package-lock.json"))?;
    lock_file.lock()?;
    let wanted = fs::read(folder.join("package-lock.json"))?;
    if fs::read(folder.join(INSTALLED)).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    let output = Command::new("npm")
        .args(["ci", "--ignore-scripts"])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::new(error.kind(), format!("npm cannot be run: {error}")))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(Error::other(format!("npm ci failed, {}: {said}", output.status)));
    }
    fs::write(folder.join(INSTALLED), wanted)
}
