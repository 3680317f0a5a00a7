//! Stopping an enrolment while it still may be stopped.

use core::fmt;

use tokio::sync::watch;

/// Tells an enrolment to stop while it still may. Cheap to clone.
#[derive(Clone)]
pub struct Interrupt(watch::Receiver<bool>);

impl Interrupt {
    /// An interrupt and the switch that raises it. A dropped switch never raises it.
    #[must_use]
    pub fn new() -> (InterruptSwitch, Self) {
        let (sender, receiver) = watch::channel(false);
        (InterruptSwitch(sender), Self(receiver))
    }

    /// One that is never raised.
    #[must_use]
    pub fn never() -> Self {
        Self::new().1
    }

    /// Whether it is raised.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        *self.0.borrow()
    }

    /// Returns when it is raised; never if it is not.
    pub async fn raised(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|raised| *raised).await.is_err() {
            core::future::pending::<()>().await;
        }
    }
}

impl fmt::Debug for Interrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Interrupt({})", self.is_raised())
    }
}

/// Raises an [`Interrupt`].
#[derive(Debug)]
pub struct InterruptSwitch(watch::Sender<bool>);

impl InterruptSwitch {
    /// Raises it.
    pub fn raise(&self) {
        self.0.send_replace(true);
    }
}
