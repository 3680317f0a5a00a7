//! Asking on the controlling terminal, wherever standard input and output lead. What is typed is not shown, and the
//! terminal is put back as it was, whatever ends the prompt.

use std::fs::{File, OpenOptions};
use std::io::{self, PipeReader, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::termios::{LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, Termios};
use rustix::termios::{tcflush, tcgetattr, tcsetattr};
use tokio::sync::oneshot;
use vestibule::secret::Password;

use super::password_line::{EndOfInput, LineFault, read_password};

/// What a special character of a terminal is set to, so that no key means it (`_POSIX_VDISABLE`).
#[cfg(any(target_os = "linux", target_os = "android"))]
const NO_KEY: u8 = 0;
#[cfg(not(any(target_os = "linux", target_os = "android")))]
const NO_KEY: u8 = 0xff;

/// The terminal that this process was started from.
pub(super) struct Terminal {
    tty: Arc<File>,
}

impl Terminal {
    /// Opens it; an error where there is none.
    pub(super) fn open() -> io::Result<Self> {
        // Without O_NOCTTY a process without a terminal could get one that it never asked for.
        let flags = i32::try_from((OFlags::NOCTTY | OFlags::CLOEXEC).bits()).unwrap_or_default();
        let tty = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(flags)
            .open("/dev/tty")?;
        Ok(Self { tty: Arc::new(tty) })
    }

    /// Shows nothing of what is typed from now on, until the result is dropped.
    pub(super) fn silence(&self) -> io::Result<Silence> {
        let before = tcgetattr(&self.tty)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO | LocalModes::ECHONL);
        silent.local_modes.insert(LocalModes::ICANON | LocalModes::ISIG);
        // A stopped or killed process could not put the terminal back: only Ctrl-C, which this program hears, stays.
        silent.special_codes[SpecialCodeIndex::VQUIT] = NO_KEY;
        silent.special_codes[SpecialCodeIndex::VSUSP] = NO_KEY;
        tcsetattr(&self.tty, OptionalActions::Flush, &silent)?;
        Ok(Silence {
            tty: Arc::clone(&self.tty),
            before,
        })
    }
}

/// A terminal that shows nothing of what is typed.
pub(super) struct Silence {
    tty: Arc<File>,
    before: Termios,
}

impl Drop for Silence {
    fn drop(&mut self) {
        // What was typed and not read is thrown away: it is a part of a password, and the shell would show it.
        tcsetattr(&self.tty, OptionalActions::Flush, &self.before).ok();
    }
}

impl Silence {
    /// Says something. A terminal that is gone cannot be told.
    pub(super) fn say(&self, text: &str) {
        (&*self.tty).write_all(text.as_bytes()).ok();
    }

    /// Asks for a line. Dropping the future closes the prompt.
    pub(super) async fn ask(&self, question: &str) -> Result<Password, LineFault> {
        self.say(question);
        let _line = EndOfLine(self);
        let unreadable = |error: io::Error| LineFault::Unreadable(error.kind());
        // When this future is dropped, the other end of this pipe goes with it and wakes the reader.
        let (called_off, _caller) = io::pipe().map_err(unreadable)?;
        let (tell, told) = oneshot::channel();
        let tty = Arc::clone(&self.tty);
        let read = move || {
            let line = read_password(|| next_byte(&tty, &called_off), EndOfInput::TakesItBack);
            drop(tell.send(line));
        };
        let reader = std::thread::Builder::new().name("password prompt".into());
        reader.spawn(read).map_err(unreadable)?;
        let answer = told.await.unwrap_or(Err(LineFault::Ended));
        if answer.is_err() {
            // The rest of a line that is too long is no answer to the next question.
            tcflush(&self.tty, QueueSelector::IFlush).ok();
        }
        answer
    }
}

/// The line end that was typed was not shown either.
struct EndOfLine<'a>(&'a Silence);

impl Drop for EndOfLine<'_> {
    fn drop(&mut self) {
        self.0.say("\n");
    }
}

fn next_byte(tty: &File, called_off: &PipeReader) -> io::Result<Option<u8>> {
    let mut byte = [0];
    loop {
        let mut waiting = [PollFd::new(called_off, PollFlags::IN), PollFd::new(tty, PollFlags::IN)];
        let [cancelled, _] = match poll(&mut waiting, None) {
            Ok(_) => waiting.map(|one| !one.revents().is_empty()),
            Err(Errno::INTR) => continue,
            Err(error) => return Err(error.into()),
        };
        if cancelled {
            return Ok(None);
        }
        match rustix::io::read(tty, &mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(byte[0])),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
