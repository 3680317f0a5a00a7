//! One file per command, with its flags.

mod completions;
mod delete;
mod dev_idp;
mod enroll;
mod list;
mod login;
mod mode;
mod status;
mod token;

use std::path::Path;

use serde_json::{Value, json};
use vestibule::identifiers::UserIdentifier;

use crate::effective_settings::EffectiveSettings;
use crate::output::{Ending, Output, tilde};

/// A command.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Enrol this device: a user without a name, made by the IdP without asking anybody anything
    Enroll(enroll::Enroll),
    /// Log in with the stored token and prove it at the IdP
    Login(login::Login),
    /// Get an access token for one audience
    Token(token::Token),
    /// Change how the stored token is kept, or its password
    Mode(mode::Mode),
    /// Delete a user or a record from this device, and end its session at the IdP
    Delete(delete::Delete),
    /// List the records of this device
    List(list::List),
    /// Show state, users, and where data lies
    Status(status::Status),
    /// Write the completions of a shell to stdout
    Completions(completions::Completions),
    /// Run the development IdP in the foreground, for commands in parallel
    DevIdp(dev_idp::Serve),
}

/// What a command runs in.
pub(crate) struct Invocation {
    pub(crate) settings: EffectiveSettings,
    pub(crate) output: Output,
}

impl Command {
    /// Runs it to its end.
    pub(crate) async fn run(self, invocation: &Invocation) -> Ending {
        match self {
            Self::Enroll(command) => command.run(invocation).await,
            Self::Login(command) => command.run(invocation).await,
            Self::Token(command) => command.run(invocation).await,
            Self::Mode(command) => command.run(invocation).await,
            Self::Delete(command) => command.run(invocation).await,
            Self::List(command) => command.run(invocation).await,
            Self::Status(command) => command.run(invocation).await,
            Self::Completions(command) => command.run(&invocation.output),
            Self::DevIdp(command) => command.run(invocation).await,
        }
    }
}

/// A user, for a program.
fn user_json(user: &UserIdentifier) -> Value {
    json!({"tenant_id": user.tenant_id.as_str(), "user_id": user.user_id.as_str()})
}

/// A path, for a person.
fn shown(path: &Path) -> String {
    let home = std::env::var_os("HOME");
    tilde(path, home.as_deref().map(Path::new))
}
