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
mod record_choice;
mod settings_layer;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::Parser as _;

use command_line::CommandLine;
use commands::Invocation;
use effective_settings::EffectiveSettings;
use output::{Ending, Output, Report, Trouble};

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let ending = match CommandLine::try_parse_from(&arguments) {
        Ok(line) => run(line, &arguments),
        Err(error) => say_usage(&error, &arguments),
    };
    ExitCode::from(ending.exit_code())
}

fn run(line: CommandLine, arguments: &[OsString]) -> Ending {
    let output = Output::new(line.options.json, arguments.first());
    let logging = log_lines::start(line.options.verbose);
    let settings = match logging.and_then(|()| EffectiveSettings::read(line.options)) {
        Ok(settings) => settings,
        Err(invalid) => return output.conclude(&Report::before_any_event(invalid.into())),
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
