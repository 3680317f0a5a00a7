//! A process that is stopped does not hear its own alarm clock.

use std::future::pending;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use vestibule::instant::{BootTime, WallTime};
use vestibule::ports::Clock;
use vestibule::ports::testing::ManualClock;

/// The clock of a process that can be stopped: time goes on, but none of its waits ends meanwhile.
#[derive(Clone)]
pub(crate) struct StoppableClock {
    inner: ManualClock,
    stopped: Arc<watch::Sender<bool>>,
}

impl StoppableClock {
    pub(crate) fn new(inner: &ManualClock) -> Self {
        Self {
            inner: inner.clone(),
            stopped: Arc::default(),
        }
    }

    /// Stops the process, or lets it go on.
    pub(crate) fn stop(&self, stopped: bool) {
        self.stopped.send_replace(stopped);
    }

    async fn is(&self, stopped: bool) {
        if self.stopped.subscribe().wait_for(|now| *now == stopped).await.is_err() {
            pending::<()>().await;
        }
    }
}

#[async_trait::async_trait]
impl Clock for StoppableClock {
    fn wall(&self) -> WallTime {
        self.inner.wall()
    }

    fn since_boot(&self) -> BootTime {
        self.inner.since_boot()
    }

    async fn sleep(&self, time: Duration) {
        let end = self.since_boot().after(time);
        loop {
            self.is(false).await;
            let Some(left) = end.checked_since(self.since_boot()) else {
                return;
            };
            tokio::select! {
                biased;
                () = self.is(true) => {}
                () = self.inner.sleep(left) => return,
            }
        }
    }
}
