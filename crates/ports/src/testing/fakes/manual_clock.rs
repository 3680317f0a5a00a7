//! A clock that moves only when it is told to.

use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio::sync::watch;
use vestibule_domain::instant::{BootTime, WallTime};

use super::lock;
use crate::clock::Clock;

/// Where the wall clock begins: 2026-01-01T00:00:00Z.
pub(super) const FIRST_WALL: WallTime = WallTime::from_unix_s(1_767_225_600);
/// Where the time since boot begins: one hour.
const FIRST_BOOT: BootTime = BootTime::from_ms(3_600_000);
/// How often an advancing sleep lets everybody else run before it moves the clock, for each sleep that ends earlier.
const ROUNDS_BEFORE_ADVANCE: usize = 64;

/// A [`Clock`] for tests. A clone shows the same time.
///
/// [`new`](Self::new) moves by [`advance`](Self::advance) alone. [`auto_advancing`](Self::auto_advancing) also moves by
/// itself to the end of the earliest sleep, once everybody else had many turns: waits take no time, and a time-out does not fire
/// before an answer that is about to come.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    now: watch::Sender<Now>,
    sleepers: Mutex<Sleepers>,
    advances_itself: bool,
}

#[derive(Clone, Copy, Debug)]
struct Now {
    wall: WallTime,
    boot: BootTime,
}

#[derive(Debug, Default)]
struct Sleepers {
    ends: BTreeSet<(BootTime, u64)>,
    begun: Vec<Duration>,
}

impl ManualClock {
    /// A clock that stands still.
    #[must_use]
    pub fn new() -> Self {
        Self::make(false)
    }

    /// A clock that moves to the end of a sleep by itself.
    #[must_use]
    pub fn auto_advancing() -> Self {
        Self::make(true)
    }

    fn make(advances_itself: bool) -> Self {
        let now = Now {
            wall: FIRST_WALL,
            boot: FIRST_BOOT,
        };
        Self(Arc::new(Shared {
            now: watch::Sender::new(now),
            sleepers: Mutex::default(),
            advances_itself,
        }))
    }

    /// Moves both times forward and wakes whoever slept long enough.
    pub fn advance(&self, by: Duration) {
        self.0.now.send_modify(|now| {
            now.wall = now.wall.after(by);
            now.boot = now.boot.after(by);
        });
    }

    /// Sets the wall clock alone: the user changed the date.
    pub fn set_wall(&self, wall: WallTime) {
        self.0.now.send_modify(|now| now.wall = wall);
    }

    /// Boots the device: the time since boot begins again.
    pub fn reboot(&self) {
        self.0.now.send_modify(|now| now.boot = BootTime::from_ms(0));
    }

    /// How many sleeps are going on.
    #[must_use]
    pub fn sleepers(&self) -> usize {
        lock(&self.0.sleepers).ends.len()
    }

    /// Every sleep that was begun, in order.
    #[must_use]
    pub fn slept(&self) -> Vec<Duration> {
        lock(&self.0.sleepers).begun.clone()
    }

    fn begin(&self, time: Duration) -> Sleep<'_> {
        let end = self.since_boot().after(time);
        let mut sleepers = lock(&self.0.sleepers);
        let entry = (end, sleepers.begun.len() as u64);
        sleepers.begun.push(time);
        sleepers.ends.insert(entry);
        Sleep { clock: self, entry }
    }

    fn advance_to(&self, end: BootTime) {
        if let Some(left) = end.checked_since(self.since_boot()) {
            self.advance(left);
        }
    }
}

impl Default for ManualClock {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn wall(&self) -> WallTime {
        self.0.now.borrow().wall
    }

    fn since_boot(&self) -> BootTime {
        self.0.now.borrow().boot
    }

    async fn sleep(&self, time: Duration) {
        let sleep = self.begin(time);
        if self.0.advances_itself {
            sleep.wait_for_turn().await;
            self.advance_to(sleep.entry.0);
        } else {
            let end = sleep.entry.0;
            // The sender lives as long as this clock, so this never fails.
            let _ = self.0.now.subscribe().wait_for(|now| now.boot >= end).await;
        }
    }
}

/// A sleep that is going on; dropping it ends it.
struct Sleep<'a> {
    clock: &'a ManualClock,
    entry: (BootTime, u64),
}

impl Sleep<'_> {
    /// Lets the others run. Earlier sleeps go first, but not for ever: their tasks may never be polled again.
    async fn wait_for_turn(&self) {
        let mut rounds = 0;
        while self.clock.since_boot() < self.entry.0 && rounds < self.rounds() {
            rounds += 1;
            let_others_run().await;
        }
    }

    fn rounds(&self) -> usize {
        let earlier = lock(&self.clock.0.sleepers).ends.range(..self.entry).count();
        ROUNDS_BEFORE_ADVANCE.saturating_mul(earlier.saturating_add(1))
    }
}

impl Drop for Sleep<'_> {
    fn drop(&mut self) {
        lock(&self.clock.0.sleepers).ends.remove(&self.entry);
    }
}

/// Gives every other task of this executor a turn.
pub(super) async fn let_others_run() {
    let mut waited = false;
    poll_fn(|context| {
        if waited {
            return Poll::Ready(());
        }
        waited = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use core::future::Future;
    use core::pin::pin;
    use core::task::{Context, Waker};

    use super::*;

    const FIVE: Duration = Duration::from_secs(5);

    fn is_over(sleep: core::pin::Pin<&mut (impl Future<Output = ()> + ?Sized)>) -> bool {
        sleep.poll(&mut Context::from_waker(Waker::noop())).is_ready()
    }

    #[test]
    fn a_sleep_ends_when_the_clock_has_moved_far_enough() {
        let clock = ManualClock::new();
        let mut sleep = clock.sleep(FIVE);
        assert!(!is_over(sleep.as_mut()));
        assert_eq!((clock.sleepers(), clock.slept()), (1, vec![FIVE]));
        clock.advance(Duration::from_millis(4_999));
        assert!(!is_over(sleep.as_mut()));
        clock.advance(Duration::from_millis(1));
        assert!(is_over(sleep.as_mut()));
        assert_eq!(clock.sleepers(), 0);
    }

    #[test]
    fn moving_the_clock_moves_both_times_and_setting_the_date_only_one() {
        let clock = ManualClock::new();
        let (wall, boot) = (clock.wall(), clock.since_boot());
        clock.clone().advance(FIVE);
        assert_eq!((clock.wall(), clock.since_boot()), (wall.after(FIVE), boot.after(FIVE)));
        clock.set_wall(WallTime::from_unix_s(0));
        assert_eq!((clock.wall().unix_s(), clock.since_boot()), (0, boot.after(FIVE)));
        clock.reboot();
        assert_eq!((clock.wall().unix_s(), clock.since_boot().ms()), (0, 0));
    }

    #[tokio::test]
    async fn a_clock_that_advances_itself_sleeps_in_no_time_and_by_no_more_than_asked() {
        let clock = ManualClock::auto_advancing();
        let before = clock.since_boot();
        clock.sleep(FIVE).await;
        assert_eq!(clock.since_boot(), before.after(FIVE));
    }

    #[tokio::test]
    async fn the_earlier_of_two_sleeps_ends_first() {
        let clock = ManualClock::auto_advancing();
        let began = clock.since_boot();
        let woken = |after: Duration| {
            let clock = clock.clone();
            tokio::spawn(async move {
                clock.sleep(after).await;
                clock.since_boot()
            })
        };
        let (late, early) = (woken(FIVE * 9), woken(FIVE));
        assert_eq!(early.await.unwrap(), began.after(FIVE));
        assert_eq!(late.await.unwrap(), began.after(FIVE * 9));
    }

    #[tokio::test]
    async fn a_sleep_that_nobody_polls_any_more_does_not_hold_up_the_others() {
        let clock = ManualClock::auto_advancing();
        let mut abandoned = clock.sleep(Duration::from_secs(1));
        assert!(!is_over(abandoned.as_mut()));
        clock.sleep(FIVE).await;
    }

    #[tokio::test]
    async fn an_answer_that_takes_some_turns_comes_before_a_time_out() {
        let clock = ManualClock::auto_advancing();
        let answer = tokio::spawn(async {
            for _ in 0..20 {
                let_others_run().await;
            }
        });
        let mut time_out = pin!(clock.sleep(FIVE));
        let mut answer = pin!(answer);
        let first = poll_fn(|context| {
            // The time-out is asked first: it must not win by that.
            if time_out.as_mut().poll(context).is_ready() {
                return Poll::Ready("time-out");
            }
            answer.as_mut().poll(context).map(|_| "answer")
        });
        assert_eq!(first.await, "answer");
    }
}
