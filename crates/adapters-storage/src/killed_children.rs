//! Runs a test again in child processes that are killed at one system call after the other.

use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::faulty_calls::{Fault, FaultyCalls};

const PLAN: &str = "VESTIBULE_TEST_KILL_BEFORE_CALL";
const SCENARIO: &str = "VESTIBULE_TEST_SCENARIO";
const DIRECTORY: &str = "VESTIBULE_TEST_DIRECTORY";

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ended {
    Killed,
    Finished,
}

/// What a child is to do; `None` in the parent.
pub(crate) struct Child {
    pub calls: FaultyCalls,
    pub scenario: String,
    pub directory: PathBuf,
}

impl Child {
    pub(crate) fn of_this_process() -> Option<Self> {
        let at = std::env::var(PLAN).ok()?.parse().unwrap();
        Some(Self {
            calls: FaultyCalls::new(Fault::Kill(at)),
            scenario: std::env::var(SCENARIO).unwrap(),
            directory: std::env::var_os(DIRECTORY).unwrap().into(),
        })
    }
}

/// Runs `test` in a child for each system call of the scenario, killed before it, each in a directory of its own; and at
/// last once to the end. Gives the number of kills.
pub(crate) fn kill_before_every_call(
    test: &str,
    scenario: &str,
    mut prepare: impl FnMut(&Path),
    mut check: impl FnMut(&Path, Ended),
) -> usize {
    for at in 0.. {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("files");
        prepare(&path);
        let status = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--test-threads=1"])
            .env(PLAN, at.to_string())
            .env(SCENARIO, scenario)
            .env(DIRECTORY, &path)
            .stdout(Stdio::null())
            .status()
            .unwrap();
        if status.success() {
            check(&path, Ended::Finished);
            return at;
        }
        assert_eq!(status.signal(), Some(9), "{scenario}, before call {at}: {status}");
        check(&path, Ended::Killed);
    }
    unreachable!("a scenario has an end")
}
