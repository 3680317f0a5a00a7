//! Runs a test once more in child processes, which do what their role says.

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const DIRECTORY: &str = "VESTIBULE_TEST_DIRECTORY";
/// Begins a line that a child says to its parent, amid those of the test harness.
const SAYS: &str = "child says ";

/// The directory that this process was started for as a child; `None` in the parent.
pub(crate) fn directory_of_child() -> Option<PathBuf> {
    std::env::var_os(DIRECTORY).map(Into::into)
}

/// Says something to the parent.
pub(crate) fn say(text: &str) {
    println!("\n{SAYS}{text}");
}

/// Waits until the parent lets go, or has ended.
pub(crate) fn wait_for_parent() {
    let mut nothing = Vec::new();
    std::io::stdin().read_to_end(&mut nothing).unwrap();
}

/// What the parent tells; waits for it.
pub(crate) fn hear_parent() -> String {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// A child at work.
pub(crate) struct Running {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    /// Starts `test` as a child.
    pub(crate) fn start(test: &str, directory: &Path) -> Self {
        Self::spawn(&mut Command::new(std::env::current_exe().unwrap()), test, directory)
    }

    /// Starts `test` as a child of another user. It runs a copy in `directory`, for that user may not reach ours.
    #[cfg(feature = "as-root")]
    pub(crate) fn start_as(user: u32, test: &str, directory: &Path) -> Self {
        use std::os::unix::process::CommandExt;
        let copy = directory.join("tests");
        // Not by `fs::copy`: a file that is open for writing cannot be run, and a child that another test forks just then
        // holds it open.
        let copied = Command::new("cp")
            .arg(std::env::current_exe().unwrap())
            .arg(&copy)
            .status();
        assert!(copied.unwrap().success());
        let mut command = Command::new(&copy);
        command.uid(user).gid(user).current_dir(directory);
        Self::spawn(&mut command, test, directory)
    }

    fn spawn(command: &mut Command, test: &str, directory: &Path) -> Self {
        let mut child = command
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env(DIRECTORY, directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().unwrap());
        Self { child, stdin, stdout }
    }

    /// The next thing that the child says.
    pub(crate) fn hear(&mut self) -> String {
        loop {
            let mut line = String::new();
            assert_ne!(
                self.stdout.read_line(&mut line).unwrap(),
                0,
                "the child ended without a word"
            );
            if let Some(said) = line.strip_prefix(SAYS) {
                return said.trim_end().to_owned();
            }
        }
    }

    /// Tells the child something.
    pub(crate) fn tell(&mut self, text: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{text}").unwrap();
    }

    /// Lets the child go on.
    pub(crate) fn let_go(&mut self) {
        self.stdin = None;
    }

    /// Waits for its end, which must be a good one.
    pub(crate) fn finish(mut self) {
        self.let_go();
        std::io::copy(&mut self.stdout, &mut std::io::sink()).unwrap();
        assert!(self.child.wait().unwrap().success());
    }

    /// Kills it with SIGKILL.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}
