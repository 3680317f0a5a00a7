//! A pseudo terminal that a command runs at, as a person types there.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::process::Stdio;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{LocalModes, tcgetattr};
use tokio::process::Child;

use crate::device::Device;

/// A text that is not shown by then never is: the test has failed.
const TOO_LONG: Timespec = Timespec { tv_sec: 60, tv_nsec: 0 };
const NOT_AT_ALL: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// A person's end of a terminal, and a command at the other one.
pub(crate) struct PseudoTerminal {
    person: OwnedFd,
    /// Kept open, so that the terminal outlives the command and can be looked at.
    terminal: File,
    seen: String,
}

impl PseudoTerminal {
    /// Starts a command whose controlling terminal, standard input and error this is; standard output is apart.
    pub(crate) fn run(device: &Device, arguments: &[&str]) -> (Self, Child) {
        let person = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&person).unwrap();
        unlockpt(&person).unwrap();
        let name = ptsname(&person, Vec::new()).unwrap().into_string().unwrap();
        let terminal = OpenOptions::new().read(true).write(true).open(name).unwrap();
        assert!(echoes(&terminal), "as a terminal is at first");
        let end = || Stdio::from(terminal.try_clone().unwrap());
        // A session of its own, with its standard input as controlling terminal.
        let child = device
            .command_through("setsid", &["--ctty", "--wait"], arguments)
            .env("TERM", "xterm")
            .stdin(end())
            .stderr(end())
            .spawn()
            .unwrap();
        let seen = String::new();
        (Self { person, terminal, seen }, child)
    }

    /// Waits until this is shown after all that was waited for before.
    pub(crate) async fn shows(&mut self, text: &str) {
        let mut seen = std::mem::take(&mut self.seen);
        let person = self.person.try_clone().unwrap();
        let text = text.to_owned();
        // The test waits on a thread of its own: the IdP of the test answers meanwhile.
        self.seen = tokio::task::spawn_blocking(move || {
            loop {
                if let Some(at) = seen.find(&text) {
                    return seen.split_off(at + text.len());
                }
                assert!(has_something(&person, TOO_LONG), "{text:?} is not shown, but {seen:?}");
                seen.push_str(&read(&person));
            }
        })
        .await
        .unwrap();
    }

    /// All that is shown and was not waited for.
    pub(crate) fn rest(&mut self) -> String {
        while has_something(&self.person, NOT_AT_ALL) {
            let more = read(&self.person);
            self.seen.push_str(&more);
        }
        std::mem::take(&mut self.seen)
    }

    /// All that is shown from now on, to the end of everybody who writes there: a terminal that nobody reads is full soon.
    pub(crate) fn read_to_the_end(self) -> tokio::task::JoinHandle<String> {
        let Self {
            person,
            terminal,
            mut seen,
        } = self;
        drop(terminal);
        tokio::task::spawn_blocking(move || {
            let mut bytes = [0; 1024];
            // A terminal that nobody has open any more is an input/output error on this side.
            while let Ok(count) = rustix::io::read(&person, &mut bytes) {
                seen += &String::from_utf8_lossy(&bytes[..count]);
            }
            seen
        })
    }

    /// Types something: the line discipline of the terminal sees each key.
    pub(crate) fn type_keys(&self, keys: &str) {
        File::from(self.person.try_clone().unwrap())
            .write_all(keys.as_bytes())
            .unwrap();
    }

    /// Whether what is typed is shown.
    pub(crate) fn echoes(&self) -> bool {
        echoes(&self.terminal)
    }
}

fn echoes(terminal: &File) -> bool {
    tcgetattr(terminal).unwrap().local_modes.contains(LocalModes::ECHO)
}

fn has_something(person: &OwnedFd, wait: Timespec) -> bool {
    poll(&mut [PollFd::new(person, PollFlags::IN)], Some(&wait)).unwrap() > 0
}

fn read(person: &OwnedFd) -> String {
    let mut bytes = [0; 1024];
    let count = rustix::io::read(person, &mut bytes).unwrap();
    String::from_utf8(bytes[..count].to_vec()).unwrap()
}
