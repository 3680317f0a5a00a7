//! The exit code of each status, and the help text that lists them.

use std::fmt::Write as _;

use vestibule::status::StatusType;

/// The highest exit code that a status has.
const HIGHEST: u8 = 9;
/// The longest line of statuses in the help, in characters.
const WIDTH: usize = 100;

/// The exit code of a status.
pub(crate) const fn exit_code(status: StatusType) -> u8 {
    match status {
        StatusType::Ok => 0,
        StatusType::InvalidParameter => 2,
        StatusType::InvalidState => 3,
        StatusType::WrongCredentials
        | StatusType::LockedUser
        | StatusType::UserCancel
        | StatusType::UserConfirmationTimeout
        | StatusType::BiometricUnavailable
        | StatusType::BiometricInvalidated => 4,
        StatusType::NotReachable | StatusType::RateLimited | StatusType::Busy | StatusType::ShutDown => 5,
        StatusType::AccessDenied
        | StatusType::TokenDataIsOutdated
        | StatusType::CannotAcquireAuthorizationCode
        | StatusType::CannotAcquireAccessTokenForAuthorizationCode
        | StatusType::CannotAcquireTokenData => 6,
        StatusType::UntrustedServer | StatusType::UntrustedResponse | StatusType::ClockSkewed => 7,
        StatusType::StorageUnavailable
        | StatusType::StorageCorrupted
        | StatusType::NewerFormat
        | StatusType::RestoredWithoutKey
        | StatusType::DeviceChanged
        | StatusType::NoTokenDataAvailable => 8,
        StatusType::UserIdAlreadyExists | StatusType::InvalidUserId => 9,
        // `StatusType` is open to other crates: what is added to it has no code before it stands here, and the table in
        // the tests says so.
        StatusType::InternalError | _ => 1,
    }
}

/// What `--help` says at its end.
pub(crate) fn long_help() -> String {
    let mut text = String::from("Exit codes:\n");
    for code in 0..=HIGHEST {
        let mut line = format!("  {code:>3}  ");
        for status in StatusType::ALL.into_iter().filter(|status| exit_code(*status) == code) {
            let name = status.to_string();
            if line.len() + name.len() > WIDTH {
                text.push_str(line.trim_end());
                text.push('\n');
                line = " ".repeat(7);
            }
            // Writing to a string does not fail.
            write!(line, "{name} ").ok();
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push_str(REST);
    text
}

const REST: &str = "  130  SIGINT (143: SIGTERM); an answer of the IdP that was under way is kept all the same

Passwords are typed at the terminal, a new one twice, and never shown; with --password-stdin they are lines of standard
input: one for enroll, login, token and delete; for mode --to password the current and the new one, from mode no the new
one alone. They are never taken from arguments or the environment. Ctrl-D and Ctrl-C at a prompt cancel; nothing is sent.

Completions: vestibule completions bash|zsh|fish|powershell|elvish writes a script, for example
  source <(vestibule completions bash)

Settings, each layer over the next: flags, environment, settings file (TOML; an unknown key is an error), defaults.
  issuer, tenant, client_id, redirect_uri, extra_origins = [..], plain_http_to_loopback = false, leeway_s,
  device_proof = \"required\" | \"never\", anonymity = \"refuse\" | \"warn\", data_dir, state_dir, any_file_system = false,
  [[audiences]] name, scope, lifetime_cap_s, opaque
  ca_file (PEM or DER), ca_replaces_system = false, spki_pins = [..], extra_headers = { Name = \"value\" }, proxy
In the environment: VESTIBULE_ and the name in capitals; VESTIBULE_AUDIENCES=name=scope,name=scope;
VESTIBULE_EXTRA_HEADERS=Name: value (one a line); other lists are separated by commas;
VESTIBULE_CONFIG=FILE; VESTIBULE_LOG=FILTER (log lines on stderr, for example debug).

With --json one object is on stdout, after failures and usage errors too: `event` (the last one that the SDK answered, or
null), `status`, `sdk_state`, and `outcome` or `failure` {cause, message, advice, not_done, retryable, retry_after_s}.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_has_the_exit_code_of_the_mission_and_stands_with_it_in_the_help() {
        let table: [(u8, &[&str]); 10] = [
            (0, &["Ok"]),
            (1, &["InternalError"]),
            (2, &["InvalidParameter"]),
            (3, &["InvalidState"]),
            (
                4,
                &[
                    "WrongCredentials",
                    "LockedUser",
                    "UserCancel",
                    "UserConfirmationTimeout",
                    "BiometricUnavailable",
                    "BiometricInvalidated",
                ],
            ),
            (5, &["NotReachable", "RateLimited", "Busy", "ShutDown"]),
            (
                6,
                &[
                    "AccessDenied",
                    "TokenDataIsOutdated",
                    "CannotAcquireAuthorizationCode",
                    "CannotAcquireAccessTokenForAuthorizationCode",
                    "CannotAcquireTokenData",
                ],
            ),
            (7, &["UntrustedServer", "UntrustedResponse", "ClockSkewed"]),
            (
                8,
                &[
                    "StorageUnavailable",
                    "StorageCorrupted",
                    "NewerFormat",
                    "RestoredWithoutKey",
                    "DeviceChanged",
                    "NoTokenDataAvailable",
                ],
            ),
            (9, &["UserIdAlreadyExists", "InvalidUserId"]),
        ];
        let help = long_help();
        let mut listed = 0;
        for (code, names) in table {
            let paragraph = help.split(&format!("\n{code:>5}  ")).nth(1).unwrap();
            let paragraph = paragraph
                .split("\n    ")
                .filter(|line| !line.trim_start().starts_with(char::is_numeric));
            let words: Vec<&str> = paragraph
                .flat_map(|line| line.lines().next())
                .flat_map(str::split_whitespace)
                .collect();
            for name in names {
                let status = StatusType::ALL.into_iter().find(|status| status.to_string() == *name);
                assert_eq!(status.map(exit_code), Some(code), "{name}");
                assert!(words.contains(name), "{name} is not in the help at {code}: {words:?}");
                listed += 1;
            }
        }
        assert_eq!(listed, StatusType::ALL.len(), "a status has no exit code in the table");
    }
}
