//! What is typed: a command and the options that every command has.

use clap::Parser;

use crate::commands::Command;
use crate::global_options::GlobalOptions;
use crate::output::long_help;

/// Enrols this device anonymously at an identity provider (IdP), keeps its token sealed, and hands out tokens for one
/// audience.
#[derive(Debug, Parser)]
#[command(name = "vestibule", version, after_long_help = long_help(), after_help = "Exit codes, settings and JSON: --help")]
pub(crate) struct CommandLine {
    #[command(flatten)]
    pub(crate) options: GlobalOptions,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_flags_of_all_commands_fit_together() {
        CommandLine::command().debug_assert();
    }
}
