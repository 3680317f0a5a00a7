//! Whether events are let in: not while a control event is served, and never again after a shut-down.

use std::sync::atomic::{AtomicU8, Ordering};

use vestibule_domain::status::Cause;

/// Whether events are let in.
#[derive(Default)]
pub(crate) struct Gate(AtomicU8);

const OPEN: u8 = 0;
const CONTROLLED: u8 = 1;
const SHUT_DOWN: u8 = 2;

impl Gate {
    /// Why events are refused, if they are.
    pub(crate) fn refusal(&self) -> Option<Cause> {
        match self.0.load(Ordering::Acquire) {
            OPEN => None,
            CONTROLLED => Some(Cause::QueueFull),
            _ => Some(Cause::ShutDown),
        }
    }

    pub(crate) fn open(&self) {
        self.set(OPEN);
    }

    pub(crate) fn close_for_control(&self) {
        self.set(CONTROLLED);
    }

    /// Closes it for good.
    pub(crate) fn shut_down(&self) {
        self.set(SHUT_DOWN);
    }

    /// A shut-down is never undone.
    fn set(&self, state: u8) {
        let keep_shut = |now| if now == SHUT_DOWN { None } else { Some(state) };
        let _shut_already = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, keep_shut);
    }
}
