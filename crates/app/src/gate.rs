//! Whether events are let in: not while a control event is served, and never again after a shut-down.

use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use vestibule_domain::status::Cause;

/// Whether events are let in.
#[derive(Default)]
pub(crate) struct Gate {
    state: AtomicU8,
    /// Control events that were sent and have not ended.
    orders: AtomicUsize,
}

const OPEN: u8 = 0;
const CONTROLLED: u8 = 1;
const SHUT_DOWN: u8 = 2;

impl Gate {
    /// Why events are refused, if they are.
    pub(crate) fn refusal(&self) -> Option<Cause> {
        match self.state.load(Ordering::Acquire) {
            OPEN => None,
            CONTROLLED => Some(Cause::QueueFull),
            _ => Some(Cause::ShutDown),
        }
    }

    /// Why a control event is refused, if it is: one more waits for its turn.
    pub(crate) fn refusal_of_an_order(&self) -> Option<Cause> {
        (self.state.load(Ordering::Acquire) == SHUT_DOWN).then_some(Cause::ShutDown)
    }

    /// A control event is sent: what the state will be is not known before it has ended.
    pub(crate) fn order_sent(&self) {
        self.orders.fetch_add(1, Ordering::AcqRel);
    }

    /// A control event has ended, or was not taken.
    pub(crate) fn order_ended(&self) {
        self.orders.fetch_sub(1, Ordering::AcqRel);
    }

    pub(crate) fn has_orders(&self) -> bool {
        self.orders.load(Ordering::Acquire) > 0
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
        let _shut_already = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, keep_shut);
    }
}
