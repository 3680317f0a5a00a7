//! The worker behind the lanes: it serves one job at a time, and control events before everything that waits.

use std::sync::Arc;

use tokio::sync::mpsc;
use vestibule_domain::status::Cause;
use vestibule_ports::{Interrupt, InterruptSwitch};

use crate::gate::Gate;

pub(crate) type BoxFuture<T> = std::pin::Pin<Box<dyn Future<Output = T> + Send>>;

/// Sends what a job came to.
pub(crate) type SendAnswer = Box<dyn FnOnce() + Send>;

/// Something to serve, with all that it needs.
pub(crate) trait Job: Send {
    fn run(self: Box<Self>, interrupt: Interrupt) -> BoxFuture<SendAnswer>;
    fn refuse(self: Box<Self>, cause: Cause);
    /// Ends when a running event has had time enough.
    fn grace(&self) -> BoxFuture<()>;
    /// Ends when nothing is at work on a record any more.
    fn rest(&self) -> BoxFuture<()>;
    /// Why events that wait are refused when this is served as a control event.
    fn refusal(&self) -> Cause;
}

/// Serves jobs until the SDK is gone or shut down.
pub(crate) async fn work(
    mut queue: mpsc::Receiver<Box<dyn Job>>,
    mut control: mpsc::Receiver<Box<dyn Job>>,
    gate: Arc<Gate>,
) {
    loop {
        let order = tokio::select! {
            biased;
            Some(order) = control.recv() => Some(serve_order(order, None, &mut queue, &gate).await),
            Some(job) = queue.recv() => {
                let (switch, interrupt) = Interrupt::new();
                let mut running = tokio::spawn(run_and_answer(job, interrupt));
                tokio::select! {
                    biased;
                    _ = &mut running => None,
                    Some(order) = control.recv() => {
                        Some(serve_order(order, Some((running, switch)), &mut queue, &gate).await)
                    }
                }
            }
            else => return,
        };
        if order == Some(Cause::ShutDown) {
            return refuse_the_rest([queue, control]);
        }
    }
}

/// What had passed the gate just before it was shut is refused, too.
fn refuse_the_rest(lanes: [mpsc::Receiver<Box<dyn Job>>; 2]) {
    for mut lane in lanes {
        lane.close();
        while let Ok(job) = lane.try_recv() {
            job.refuse(Cause::ShutDown);
        }
    }
}

/// Serves a control event: what waits is refused, what runs is interrupted where it can be, and waited for
/// within its grace: an answer of the IdP that is under way reaches the disk. Gives what the waiting ones were told.
async fn serve_order(
    order: Box<dyn Job>,
    running: Option<(tokio::task::JoinHandle<()>, InterruptSwitch)>,
    queue: &mut mpsc::Receiver<Box<dyn Job>>,
    gate: &Gate,
) -> Cause {
    gate.close_for_control();
    let refusal = order.refusal();
    while let Ok(waiting) = queue.try_recv() {
        waiting.refuse(refusal.clone());
    }
    let rest = order.rest();
    let ended = async {
        if let Some((running, switch)) = running {
            switch.raise();
            let _answered = running.await;
        }
        rest.await;
    };
    tokio::select! {
        biased;
        () = ended => {}
        () = order.grace() => {}
    }
    let served = tokio::spawn(order.run(Interrupt::never())).await;
    gate.order_ended();
    // Whoever was answered is let in.
    gate.open();
    if let Ok(send_answer) = served {
        send_answer();
    }
    refusal
}

pub(crate) async fn run_and_answer(job: Box<dyn Job>, interrupt: Interrupt) {
    let send_answer = job.run(interrupt).await;
    send_answer();
}
