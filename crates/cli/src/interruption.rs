//! Ctrl-C and SIGTERM: the SDK is shut down in good order, so that no answer of the IdP is lost on the way out.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use vestibule::ports::Clock as _;
use vestibule::{Sdk, SystemClock};

/// After a signal an answer that is under way is waited for this long. A second signal does not wait.
pub(crate) const GRACE: Duration = Duration::from_secs(10);

/// A signal that ends a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// SIGINT, Ctrl-C.
    Interrupt,
    /// SIGTERM.
    Terminate,
}

impl Signal {
    /// 128 and the number of the signal, as shells have it.
    pub(crate) const fn exit_code(self) -> u8 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
        }
    }
}

/// How a piece of work ended.
pub(crate) enum Ended<T> {
    /// By itself.
    ByItself(T),
    /// After a signal, perhaps with a result all the same.
    BySignal(Signal, Option<T>),
}

/// The signals from now on.
pub(crate) struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    /// Takes the signals over from the system, which would end the process at once.
    pub(crate) fn listen() -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The next one.
    pub(crate) async fn next(&mut self) -> Signal {
        tokio::select! {
            biased;
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
        }
    }

    /// Works until it is done or a signal comes, which `heard` is told of. Then the SDK ends: what can be interrupted is,
    /// and an answer that is under way is waited for and kept.
    pub(crate) async fn or_done<T>(
        &mut self,
        sdk: &Sdk,
        heard: impl FnOnce(),
        work: impl Future<Output = T>,
    ) -> Ended<T> {
        tokio::pin!(work);
        let signal = tokio::select! {
            biased;
            signal = self.next() => signal,
            done = &mut work => return Ended::ByItself(done),
        };
        heard();
        let end_of_grace = async {
            sdk.shutdown().await;
            SystemClock.sleep(GRACE).await;
        };
        tokio::select! {
            biased;
            done = &mut work => Ended::BySignal(signal, Some(done)),
            second = self.next() => Ended::BySignal(second, None),
            () = end_of_grace => Ended::BySignal(signal, None),
        }
    }
}
