//! `completions`: what a shell needs to complete commands and flags.

use clap::CommandFactory as _;
use clap_complete::Shell;
use serde_json::json;
use vestibule::SdkState;

use crate::command_line::CommandLine;
use crate::output::{Ending, Lines, Outcome, Output, Report};

/// Flags of `completions`.
#[derive(Debug, clap::Args)]
pub(crate) struct Completions {
    /// The shell to write for
    #[arg(value_name = "SHELL")]
    shell: Shell,
}

impl Completions {
    /// Writes them to stdout. It needs no settings and no IdP.
    pub(crate) fn run(&self, output: &Output) -> Ending {
        let mut command = CommandLine::command();
        let name = command.get_name().to_owned();
        // In memory first: the generator panics where it cannot write, and a closed pipe is no reason to fail.
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut command, name, &mut script);
        let script = String::from_utf8_lossy(&script).into_owned();
        let json = json!({"shell": self.shell.to_string(), "script": script});
        let mut outcome = Outcome::new(json, Lines::default());
        outcome.bare = Some(script);
        output.conclude(&Report {
            event: None,
            sdk_state: SdkState::NotStarted,
            result: Ok(outcome),
        })
    }
}
