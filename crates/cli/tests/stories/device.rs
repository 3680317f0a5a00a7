//! A device with a fresh home directory, on which commands run as processes.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde_json::Value;
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use vestibule_dev_idp::DevIdp;

const PROGRAM: &str = env!("CARGO_BIN_EXE_vestibule");

/// A device.
pub(crate) struct Device {
    home: TempDir,
    variables: Vec<(String, String)>,
}

/// A command that has ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// `None` when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Device {
    /// Nothing is there and nothing is configured.
    pub(crate) fn fresh() -> Self {
        Self {
            home: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    /// Nothing is there, and a tenant of this IdP is configured.
    pub(crate) fn fresh_at(idp: &DevIdp, tenant: &str) -> Self {
        Self::fresh()
            .with("VESTIBULE_ISSUER", &idp.issuer_template())
            .with("VESTIBULE_PLAIN_HTTP_TO_LOOPBACK", "true")
            .with("VESTIBULE_AUDIENCES", "orders=aud:orders,billing=aud:billing")
            .with("VESTIBULE_TENANT", tenant)
    }

    /// The same, with a variable of the environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.into(), value.into()));
        self
    }

    pub(crate) fn home(&self) -> &Path {
        self.home.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.home().join(".local/share/vestibule")
    }

    pub(crate) fn state_dir(&self) -> PathBuf {
        self.home().join(".local/state/vestibule")
    }

    /// Starts a command; it is killed when it is dropped.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Child {
        self.prepared(Command::new(PROGRAM), arguments).spawn().unwrap()
    }

    /// Starts a command that reads this from its standard input.
    pub(crate) async fn spawn_with_input(&self, arguments: &[&str], input: &[u8]) -> Child {
        let mut command = self.prepared(Command::new(PROGRAM), arguments);
        let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
        // A command that reads no input may have ended already.
        child.stdin.take().unwrap().write_all(input).await.ok();
        child
    }

    /// A command that another program of the system starts.
    pub(crate) fn command_through(&self, program: &str, flags: &[&str], arguments: &[&str]) -> Command {
        let mut command = Command::new(program);
        command.args(flags).arg(PROGRAM);
        self.prepared(command, arguments)
    }

    fn prepared(&self, mut command: Command, arguments: &[&str]) -> Command {
        let path = std::env::var_os("PATH").unwrap_or_default();
        command
            .args(arguments)
            .env_clear()
            .env("PATH", path)
            .env("HOME", self.home())
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        command
    }

    /// Runs a command to its end.
    pub(crate) async fn run(&self, arguments: &[&str]) -> Run {
        Run::of(self.spawn(arguments)).await
    }

    /// Runs a command that reads this from its standard input, by `--password-stdin`.
    pub(crate) async fn run_with_input(&self, arguments: &[&str], input: &str) -> Run {
        let arguments = [arguments, &["--password-stdin"]].concat();
        Run::of(self.spawn_with_input(&arguments, input.as_bytes()).await).await
    }

    /// Runs a command that must succeed, and returns its JSON object.
    pub(crate) async fn json(&self, arguments: &[&str]) -> Value {
        let run = self.run(&[arguments, &["--json"]].concat()).await;
        assert_eq!(run.code, Some(0), "{arguments:?}: {run:?}");
        run.json()
    }
}

impl Run {
    /// Waits for the end of a command.
    pub(crate) async fn of(child: Child) -> Self {
        let output = child.wait_with_output().await.unwrap();
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The one object on stdout.
    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "{self:?}");
        let value: Value = serde_json::from_str(&self.stdout).unwrap();
        assert!(value.is_object(), "{self:?}");
        value
    }
}

/// The names of an object's members.
pub(crate) fn members(object: &Value) -> Vec<&str> {
    object.as_object().unwrap().keys().map(String::as_str).collect()
}
