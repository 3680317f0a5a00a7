//! The options that every command has.

use std::path::PathBuf;

/// Options of every command. What they leave open, the environment and the settings file say.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct GlobalOptions {
    /// Settings file (default: $XDG_CONFIG_HOME/vestibule/config.toml)
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(crate) config: Option<PathBuf>,
    /// Issuer of the IdP, {tenant} in it stands for the tenant (default: the embedded development IdP)
    #[arg(long, global = true, value_name = "URL", help_heading = "Global options")]
    pub(crate) issuer: Option<String>,
    /// Where sealed records lie (default: $XDG_DATA_HOME/vestibule)
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) data_dir: Option<PathBuf>,
    /// Where the device key and the development IdP lie; keep it out of backups (default: $XDG_STATE_HOME/vestibule)
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) state_dir: Option<PathBuf>,
    /// Print exactly one JSON object on stdout
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) json: bool,
    /// Write log lines to stderr; VESTIBULE_LOG chooses which, and switches them on by itself
    #[arg(long, global = true, help_heading = "Global options")]
    pub(crate) verbose: bool,
}
