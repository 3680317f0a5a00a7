//! How events are served: one at a time from a bounded queue, control events past it, token requests beside it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use vestibule_domain::event::EventKind;
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::sdk_state::SdkState;
use vestibule_domain::status::Cause;
use vestibule_ports::Interrupt;

use crate::core::{Core, FlowContext};
use crate::flows::not_on_disk_yet;
use crate::gate::Gate;
use crate::worker::{BoxFuture, Job, SendAnswer, run_and_answer, work};

/// So many events wait; one more is answered `Busy`.
pub(crate) const QUEUE_LENGTH: usize = 32;
/// A running event that cannot be interrupted is waited for this long before a control event goes on without it.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// An event that an SDK serves. Sealed: the implementors are the list of events.
pub trait SdkEvent: sealed::Sealed + Sized + Send + 'static {
    /// What it answers.
    type Outcome: Send + 'static;
    /// The event with its values parsed.
    #[doc(hidden)]
    type Parsed: Send + 'static;
    /// Its kind.
    const KIND: EventKind;
    #[doc(hidden)]
    const LANE: Lane;

    /// The answer, where memory has it: without a hop.
    #[doc(hidden)]
    fn recall(&self, _core: &Arc<Core>) -> Option<Self::Outcome> {
        None
    }

    /// The answer, where the state alone gives it and no control event is under way that changes it.
    #[doc(hidden)]
    fn answer_at_once(_state: SdkState) -> Option<Self::Outcome> {
        None
    }

    #[doc(hidden)]
    fn parse(self) -> Result<Self::Parsed, InvalidParameter>;

    #[doc(hidden)]
    fn run(parsed: Self::Parsed, cx: FlowContext) -> impl Future<Output = Result<Self::Outcome, Cause>> + Send;
}

pub(crate) mod sealed {
    pub trait Sealed {}
}

/// In which order an event is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lane {
    /// One at a time, in order of arrival.
    Queue,
    /// Before everything that waits; what runs is interrupted where it can be.
    Control,
    /// At once.
    Beside,
}

/// A served event, and the state after it.
pub(crate) type Served<T> = (Result<T, Cause>, SdkState);

/// Where events go in.
pub(crate) struct Lanes {
    queue: mpsc::Sender<Box<dyn Job>>,
    control: mpsc::Sender<Box<dyn Job>>,
    gate: Arc<Gate>,
}

impl Lanes {
    /// Lanes and the worker that serves them. The worker owns no port: jobs bring what they need.
    pub(crate) fn start() -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE_LENGTH);
        let (control, orders) = mpsc::channel(QUEUE_LENGTH);
        let gate = Arc::new(Gate::default());
        tokio::spawn(work(waiting, orders, Arc::clone(&gate)));
        Self { queue, control, gate }
    }

    /// Serves an event.
    pub(crate) async fn serve<E: SdkEvent>(&self, core: Arc<Core>, parsed: E::Parsed) -> Served<E::Outcome> {
        let refuse = |cause| (Err(cause), core.ledger.state());
        let refusal = match E::LANE {
            Lane::Control => self.gate.refusal_of_an_order(),
            Lane::Queue | Lane::Beside => self.gate.refusal(),
        };
        if let Some(refusal) = refusal {
            return refuse(refusal);
        }
        let state = core.ledger.state();
        if !self.gate.has_orders()
            && let Some(outcome) = E::answer_at_once(state)
        {
            return (Ok(outcome), state);
        }
        let (reply, answer) = oneshot::channel();
        let job = Box::new(EventJob::<E> {
            core: Arc::clone(&core),
            parsed,
            reply,
        });
        let accepted = match E::LANE {
            Lane::Beside => {
                tokio::spawn(run_and_answer(job, Interrupt::never()));
                Ok(())
            }
            Lane::Queue => self.queue.try_send(job).map_err(|error| full_or_gone(&error)),
            Lane::Control => {
                self.gate.order_sent();
                let sent = self.control.try_send(job).map_err(|error| full_or_gone(&error));
                sent.inspect_err(|_| self.gate.order_ended())
            }
        };
        match accepted {
            Ok(()) => answer.await.unwrap_or_else(|_| refuse(Cause::AdapterPanicked)),
            Err(cause) => refuse(cause),
        }
    }

    /// Refuses everything from now on, and returns when what runs has ended or its grace is over.
    pub(crate) async fn shut_down(&self, core: Arc<Core>) {
        self.gate.shut_down();
        core.revocations.shut_down();
        let (done, ended) = oneshot::channel();
        let order = Box::new(ShutDown {
            core: Arc::clone(&core),
            done,
        });
        let served = async {
            self.gate.order_sent();
            if self.control.send(order).await.is_ok() {
                drop(ended.await);
            }
        };
        // Another control event may wait for a storage that never answers.
        let grace = grace(Arc::clone(&core));
        tokio::select! {
            biased;
            () = served => {}
            () = grace => {
                core.ledger.end_era();
            }
        }
    }
}

fn full_or_gone<T>(error: &mpsc::error::TrySendError<T>) -> Cause {
    match error {
        mpsc::error::TrySendError::Full(_) => Cause::QueueFull,
        mpsc::error::TrySendError::Closed(_) => Cause::ShutDown,
    }
}

struct EventJob<E: SdkEvent> {
    core: Arc<Core>,
    parsed: E::Parsed,
    reply: oneshot::Sender<Served<E::Outcome>>,
}

impl<E: SdkEvent> Job for EventJob<E> {
    fn run(self: Box<Self>, interrupt: Interrupt) -> BoxFuture<SendAnswer> {
        Box::pin(async move {
            let Self { core, parsed, reply } = *self;
            let result = serve_one::<E>(&core, parsed, interrupt).await;
            let served = (result, core.ledger.state());
            let send: SendAnswer = Box::new(move || drop(reply.send(served)));
            send
        })
    }

    fn refuse(self: Box<Self>, cause: Cause) {
        let state = self.core.ledger.state();
        drop(self.reply.send((Err(cause), state)));
    }

    fn grace(&self) -> BoxFuture<()> {
        grace(Arc::clone(&self.core))
    }

    fn rest(&self) -> BoxFuture<()> {
        rest(Arc::clone(&self.core))
    }

    fn refusal(&self) -> Cause {
        Cause::QueueFull
    }
}

/// Serves one event in a task of its own: a panic of an adapter fails the event alone, and a write that must not be
/// given up goes on after its caller was answered.
async fn serve_one<E: SdkEvent>(
    core: &Arc<Core>,
    parsed: E::Parsed,
    interrupt: Interrupt,
) -> Result<E::Outcome, Cause> {
    let (state, era) = core.ledger.state_and_era();
    if !state.accepts().contains(&E::KIND) {
        return Err(Cause::InvalidState { event: E::KIND, state });
    }
    let overdue = Arc::new(Notify::new());
    let cx = FlowContext {
        core: Arc::clone(core),
        interrupt,
        overdue: Arc::clone(&overdue),
        era,
    };
    let flow = tokio::spawn(E::run(parsed, cx));
    tokio::select! {
        biased;
        result = flow => result.unwrap_or(Err(Cause::AdapterPanicked)),
        () = overdue.notified() => {
            core.ledger.give_up_era(era);
            Err(not_on_disk_yet())
        }
    }
}

struct ShutDown {
    core: Arc<Core>,
    done: oneshot::Sender<()>,
}

impl Job for ShutDown {
    fn run(self: Box<Self>, _: Interrupt) -> BoxFuture<SendAnswer> {
        Box::pin(async move {
            self.core.ledger.end_era();
            let send: SendAnswer = Box::new(move || {
                let _nobody_waits = self.done.send(());
            });
            send
        })
    }

    fn refuse(self: Box<Self>, _: Cause) {}

    fn grace(&self) -> BoxFuture<()> {
        grace(Arc::clone(&self.core))
    }

    fn rest(&self) -> BoxFuture<()> {
        rest(Arc::clone(&self.core))
    }

    fn refusal(&self) -> Cause {
        Cause::ShutDown
    }
}

fn grace(core: Arc<Core>) -> BoxFuture<()> {
    Box::pin(async move {
        // In a task of its own: a clock that panics ends the grace, and nothing else.
        let _ended = tokio::spawn(async move { core.ports.clock.sleep(GRACE).await }).await;
    })
}

fn rest(core: Arc<Core>) -> BoxFuture<()> {
    Box::pin(async move { core.until_records_rest().await })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What became of a job, told to whoever asks.
    struct Probe(oneshot::Sender<Option<Cause>>);

    /// A last order, while which an event slips into the queue: it had passed the gate before.
    struct SlippedPast {
        queue: mpsc::Sender<Box<dyn Job>>,
        probe: Probe,
    }

    impl Job for Probe {
        fn run(self: Box<Self>, _: Interrupt) -> BoxFuture<SendAnswer> {
            Box::pin(async move { Box::new(move || drop(self.0.send(None))) as SendAnswer })
        }

        fn refuse(self: Box<Self>, cause: Cause) {
            drop(self.0.send(Some(cause)));
        }

        fn grace(&self) -> BoxFuture<()> {
            Box::pin(std::future::pending())
        }

        fn rest(&self) -> BoxFuture<()> {
            Box::pin(std::future::ready(()))
        }

        fn refusal(&self) -> Cause {
            Cause::QueueFull
        }
    }

    impl Job for SlippedPast {
        fn run(self: Box<Self>, _: Interrupt) -> BoxFuture<SendAnswer> {
            Box::pin(async move {
                assert!(self.queue.try_send(Box::new(self.probe)).is_ok());
                Box::new(|| ()) as SendAnswer
            })
        }

        fn refuse(self: Box<Self>, _: Cause) {}

        fn grace(&self) -> BoxFuture<()> {
            Box::pin(std::future::pending())
        }

        fn rest(&self) -> BoxFuture<()> {
            Box::pin(std::future::ready(()))
        }

        fn refusal(&self) -> Cause {
            Cause::ShutDown
        }
    }

    #[tokio::test]
    async fn an_event_that_slips_past_the_gate_of_a_shutdown_is_refused_and_never_served() {
        let lanes = Lanes::start();
        let (told, became) = oneshot::channel();
        let last = SlippedPast {
            queue: lanes.queue.clone(),
            probe: Probe(told),
        };
        assert!(lanes.control.try_send(Box::new(last)).is_ok());
        assert_eq!(became.await.unwrap(), Some(Cause::ShutDown));
        assert!(lanes.queue.is_closed() && lanes.control.is_closed());
    }
}
