//! The command line of Vestibule.

mod command_line;
mod commands;
mod effective_settings;
mod embedded_idp;
mod global_options;
mod idp_connection;
mod interruption;
mod log_lines;
mod open_sdk;
mod output;
mod passwords;
mod record_choice;
mod settings_layer;
mod steps;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use command_line::CommandLine;
use commands::{Command, Invocation};
use effective_settings::EffectiveSettings;
use output::{Ending, Output, Report, Trouble};
use settings_layer::InvalidSettings;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let ending = match CommandLine::try_parse_from(&arguments) {
        Ok(line) => run(line, &arguments),
        Err(error) => say_usage(&error, &arguments),
    };
    ExitCode::from(ending.exit_code())
}

fn run(line: CommandLine, arguments: &[OsString]) -> Ending {
    let mut output = Output::new(line.options.json, arguments.first());
    if let Command::Completions(command) = &line.command {
        return command.run(&output);
    }
    let refuse = |output: &Output, invalid: InvalidSettings| output.conclude(&Report::before_any_event(invalid.into()));
    match log_lines::start(line.options.verbose) {
        // Log lines and steps would write over each other.
        Ok(true) => {}
        Ok(false) => output = output.with_steps(),
        Err(invalid) => return refuse(&output, invalid),
    }
    let settings = match EffectiveSettings::read(line.options) {
        Ok(settings) => settings,
        Err(invalid) => return refuse(&output, invalid),
    };
    // One thread: a command is one event after the other, and starts sooner so.
    match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(line.command.run(&Invocation { settings, output })),
        Err(error) => output.conclude(&Report::before_any_event(Trouble::of_system("no runtime", &error))),
    }
}

/// Help and version go to stdout and are no failure. A usage error is said on stderr, and to a program in JSON, too.
fn say_usage(error: &clap::Error, arguments: &[OsString]) -> Ending {
    // A closed pipe is no reason to fail.
    error.print().ok();
    if !error.use_stderr() {
        return Ending::OK;
    }
    let report = Report::before_any_event(Trouble::of_usage(error));
    if arguments.iter().any(|argument| argument == "--json") {
        Output::new(true, arguments.first()).conclude(&report);
    }
    report.ending()
}
