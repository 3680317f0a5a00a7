//! A clock that stands still until a test moves it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use async_trait::async_trait;
use vestibule_domain::instant::{BootTime, WallTime};
use vestibule_ports::Clock;

/// Where both clocks stand at the beginning of a test, in seconds since the Unix epoch.
pub(crate) const START_S: u64 = 1_800_000_000;

/// The device's clock: the date, and the time since boot.
#[derive(Debug)]
pub(crate) struct DeviceClock {
    wall_ms: AtomicI64,
    boot_ms: AtomicU64,
}

impl DeviceClock {
    /// A clock that is this many seconds ahead of [`START_S`].
    pub(crate) fn ahead_by(seconds: i64) -> Arc<Self> {
        let wall_ms = AtomicI64::new((i64::try_from(START_S).unwrap() + seconds) * 1000);
        Arc::new(Self {
            wall_ms,
            boot_ms: AtomicU64::new(1_000_000),
        })
    }

    /// Somebody sets the date forward; no time goes by.
    pub(crate) fn jump(&self, by: Duration) {
        self.wall_ms.fetch_add(i64::try_from(by.as_millis()).unwrap(), SeqCst);
    }

    /// Time goes by.
    pub(crate) fn pass(&self, time: Duration) {
        let ms = u64::try_from(time.as_millis()).unwrap();
        self.wall_ms.fetch_add(i64::try_from(ms).unwrap(), SeqCst);
        self.boot_ms.fetch_add(ms, SeqCst);
    }
}

#[async_trait]
impl Clock for DeviceClock {
    fn wall(&self) -> WallTime {
        WallTime::from_unix_ms(self.wall_ms.load(SeqCst))
    }

    fn since_boot(&self) -> BootTime {
        BootTime::from_ms(self.boot_ms.load(SeqCst))
    }

    async fn sleep(&self, time: Duration) {
        self.pass(time);
    }
}
