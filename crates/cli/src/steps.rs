//! What the command is at, in words that turn on one line of stderr: for a person at a terminal alone.

use std::io::{IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use vestibule::SystemClock;
use vestibule::ports::Clock as _;

/// How long each picture stands. A step that ends sooner is never shown.
pub(crate) const FRAME: Duration = Duration::from_millis(120);
/// The pictures, one after the other.
const PICTURES: [char; 4] = ['|', '/', '-', '\\'];
/// Back to the first column, and wipes the line (ECMA-48: carriage return, EL).
const WIPE: &str = "\r\x1b[K";

/// Shows steps, or shows nothing.
#[derive(Clone, Debug)]
pub(crate) struct Steps {
    is_shown: bool,
    /// How many prompts are open: they have the terminal for themselves.
    prompts: Arc<AtomicU32>,
}

impl Steps {
    /// Shown where stderr is a terminal that can wipe a line.
    pub(crate) fn at_terminal() -> Self {
        let is_dumb = std::env::var_os("TERM").is_none_or(|name| name.is_empty() || name == "dumb");
        Self {
            is_shown: !is_dumb && std::io::stderr().is_terminal(),
            prompts: Arc::default(),
        }
    }

    /// Shown nowhere.
    pub(crate) fn never() -> Self {
        Self {
            is_shown: false,
            prompts: Arc::default(),
        }
    }

    /// Shows a step until the work is done.
    pub(crate) async fn during<T>(&self, step: &str, work: impl Future<Output = T>) -> T {
        if !self.is_shown {
            return work.await;
        }
        tokio::pin!(work);
        let _line = Line;
        for picture in PICTURES.into_iter().cycle() {
            tokio::select! {
                biased;
                done = &mut work => return done,
                () = SystemClock.sleep(FRAME) => {}
            }
            if self.prompts.load(Ordering::Relaxed) == 0 {
                write(&format!("{WIPE}{picture} {step}"));
            }
        }
        work.await
    }

    /// Shows nothing until the result is dropped.
    pub(crate) fn pause(&self) -> Pause {
        self.prompts.fetch_add(1, Ordering::Relaxed);
        if self.is_shown {
            write(WIPE);
        }
        Pause(Arc::clone(&self.prompts))
    }
}

/// While it lives nothing is shown.
pub(crate) struct Pause(Arc<AtomicU32>);

impl Drop for Pause {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A line of stderr that is wiped at the end, also when the work was given up.
struct Line;

impl Drop for Line {
    fn drop(&mut self) {
        write(WIPE);
    }
}

/// A closed terminal is no reason to fail.
fn write(text: &str) {
    let mut stderr = std::io::stderr().lock();
    stderr.write_all(text.as_bytes()).and_then(|()| stderr.flush()).ok();
}
