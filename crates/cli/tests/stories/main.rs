//! Stories of the command line: each command is a process of its own, as a person or a script runs it.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it must be; clippy exempts only the functions marked as tests"
)]

mod device;
mod pseudo_terminal;

mod completions;
mod deletion;
mod first_light;
mod foreground_idp;
mod killed_between_send_and_answer;
mod mode_changes;
mod modes;
mod moved_clock;
mod moved_data;
mod password_mode;
mod prompt;
mod racing_processes;
mod redaction;
mod replaced_user;
mod settings;
mod signals;
