//! How long a password is not tried after wrong ones.
//!
//! A guess counts from the moment that it is begun, so that ending the process in the middle of one is no free guess.
//! Nothing is ever wiped: a process that was killed for its memory has not guessed wrong, and nothing would bring the
//! identity back.

use core::time::Duration;

use crate::instant::{BootTime, WallTime};

/// So many guesses in a row are followed by a delay; fewer are not.
pub const FIRST_DELAYED_GUESS: u32 = 5;
/// The delays after that guess and each one more; the last one stays.
pub const DELAYS: [Duration; 5] = [
    Duration::from_secs(30),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    LONGEST_DELAY,
];
/// The longest delay: also for a count that is missing or was tampered with.
pub const LONGEST_DELAY: Duration = Duration::from_secs(60 * 60);

/// So much of a delay must have passed before it is noted: each note is a durable write.
pub const NOTED_STEP: Duration = Duration::from_secs(60);

/// One instant on both clocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// The device's idea of the date.
    pub wall: WallTime,
    /// Time since boot.
    pub boot: BootTime,
}

/// The guesses at one record since it was last opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guesses {
    /// Guesses that were begun.
    pub started: u32,
    /// Guesses that were proven wrong.
    pub failed: u32,
    /// How much of the delay had passed when this was noted.
    pub passed: Duration,
    /// When this was noted.
    pub noted: Moment,
}

impl Guesses {
    /// No guess: before the first one, and after a right one.
    #[must_use]
    pub const fn none(now: Moment) -> Self {
        Self {
            started: 0,
            failed: 0,
            passed: Duration::ZERO,
            noted: now,
        }
    }

    /// What stands in for a count that is missing or was tampered with: the longest delay, from now on.
    #[must_use]
    pub const fn not_known(now: Moment) -> Self {
        let guesses = FIRST_DELAYED_GUESS - 1 + DELAYS.len() as u32;
        Self {
            started: guesses,
            failed: guesses,
            passed: Duration::ZERO,
            noted: now,
        }
    }

    /// Whether there is nothing to forget.
    #[must_use]
    pub const fn is_none(&self) -> bool {
        self.started == 0 && self.failed == 0
    }

    /// One more guess is begun. It counts at once, even when a process that was killed left fewer begun than failed.
    #[must_use]
    pub fn begun(self, now: Moment) -> Self {
        Self {
            started: self.count().saturating_add(1),
            passed: Duration::ZERO,
            noted: now,
            ..self
        }
    }

    /// One guess was proven wrong.
    #[must_use]
    pub const fn proven_wrong(self, now: Moment) -> Self {
        Self {
            failed: self.failed.saturating_add(1),
            passed: Duration::ZERO,
            noted: now,
            ..self
        }
    }

    /// How long the next guess must wait; `None` when it may be made now.
    #[must_use]
    pub fn wait_left(&self, now: Moment) -> Option<Duration> {
        let passed = self.passed.saturating_add(elapsed(self.noted, now));
        let left = delay_after(self.count()).saturating_sub(passed);
        (!left.is_zero()).then_some(left)
    }

    /// The same guesses noted anew, where that helps an honest owner:
    /// - The wall clock went back behind the note. Without this a date that was once set far ahead, and put right since,
    ///   would lock the record until that date. Nothing passed since the note.
    /// - The device was booted. Without this a boot that goes on for as long as the one before would be taken for that one,
    ///   and the time in it for none.
    /// - A [`NOTED_STEP`] has passed. Without this a device that is never on for as long as the delay would be locked for
    ///   ever. It gives nothing away: each note begins where the last one ended, so no time is noted twice, and a delay
    ///   still lasts as long as the device must run. A delay that has passed is noted too: a boot would bring it back.
    #[must_use]
    pub fn noted_anew(self, now: Moment) -> Option<Self> {
        let passed = elapsed(self.noted, now);
        let is_over = self.passed >= delay_after(self.count());
        let went_back = now.wall < self.noted.wall || now.boot < self.noted.boot;
        (!is_over && (went_back || passed >= NOTED_STEP)).then_some(Self {
            passed: self.passed.saturating_add(passed),
            noted: now,
            ..self
        })
    }

    fn count(&self) -> u32 {
        self.started.max(self.failed)
    }
}

/// The delay after so many guesses in a row.
#[must_use]
pub fn delay_after(guesses: u32) -> Duration {
    let Some(step) = guesses.checked_sub(FIRST_DELAYED_GUESS) else {
        return Duration::ZERO;
    };
    let delay = usize::try_from(step).ok().and_then(|step| DELAYS.get(step));
    delay.copied().unwrap_or(LONGEST_DELAY)
}

/// How much of a delay has passed: what both clocks agree on, and nothing when the wall clock went back.
///
/// Where the time since boot is less than at the note, the device was booted in between. Then all of this boot lies after
/// the note, and no more than that is believed: whoever holds the device can boot it and set the date, and each guess
/// would cost him a minute instead of an hour. So a boot gives nothing away, and the price is that a delay passes only
/// while the device runs.
#[must_use]
pub fn elapsed(noted: Moment, now: Moment) -> Duration {
    let by_wall = now.wall.since(noted.wall);
    let by_boot = now
        .boot
        .checked_since(noted.boot)
        .unwrap_or_else(|| Duration::from_millis(now.boot.ms()));
    by_wall.min(by_boot)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const fn at(wall_s: i64, boot_s: u64) -> Moment {
        Moment {
            wall: WallTime::from_unix_s(wall_s),
            boot: BootTime::from_ms(boot_s * 1000),
        }
    }

    const fn guesses(started: u32, failed: u32) -> Guesses {
        Guesses {
            started,
            failed,
            passed: Duration::ZERO,
            noted: at(1_000_000, 10_000),
        }
    }

    #[test]
    fn the_delay_follows_from_the_greater_of_begun_and_failed() {
        let now = at(1_000_000, 10_000);
        let table = [
            (0, 0, 0),
            (4, 4, 0),
            (4, 3, 0),
            (5, 4, 30),
            (0, 5, 30),
            (6, 6, 60),
            (7, 0, 300),
            (8, 8, 900),
            (9, 9, 3_600),
            (10, 9, 3_600),
            (u32::MAX, u32::MAX, 3_600),
        ];
        for (started, failed, expected_s) in table {
            let left = guesses(started, failed).wait_left(now);
            assert_eq!(
                left.map_or(0, |left| left.as_secs()),
                expected_s,
                "{started} begun, {failed} failed"
            );
            assert_ne!(left, Some(Duration::ZERO));
        }
    }

    #[test]
    fn what_has_passed_is_what_both_clocks_agree_on() {
        let noted = at(1_000_000, 10_000);
        // columns: what happened, now, elapsed seconds
        let table = [
            ("both went on", at(1_000_020, 10_020), 20),
            ("the date was set ahead", at(2_000_000, 10_020), 20),
            ("the device slept, and its date is late", at(1_000_005, 10_020), 5),
            ("the date was set back", at(999_999, 10_020), 0),
            ("the date was set back by years", at(0, 20_000), 0),
            ("booted, and 20 s ago", at(1_000_100, 20), 20),
            ("booted, and the date set ahead", at(9_000_000, 20), 20),
            ("booted, and the date late", at(1_000_003, 20), 3),
            ("booted, and the date set back", at(999_000, 20), 0),
            ("booted this moment", at(1_000_100, 0), 0),
            (
                "booted, and longer ago than the note was after its own boot",
                at(1_099_999, 10_020),
                20,
            ),
        ];
        for (what, now, expected_s) in table {
            assert_eq!(elapsed(noted, now), Duration::from_secs(expected_s), "{what}");
        }
    }

    #[test]
    fn a_delay_that_has_passed_lets_one_guess_through_and_that_guess_counts() {
        let five = guesses(5, 5);
        assert_eq!(five.wait_left(at(1_000_029, 10_029)), Some(Duration::from_secs(1)));
        let later = at(1_000_030, 10_030);
        assert_eq!(five.wait_left(later), None);
        let sixth = five.begun(later);
        assert_eq!(sixth.wait_left(later), Some(Duration::from_secs(60)));
        assert_eq!(
            sixth.proven_wrong(later).wait_left(later),
            Some(Duration::from_secs(60))
        );
    }

    #[test]
    fn the_fourth_wrong_guess_is_free_and_the_fifth_is_not() {
        let now = at(1_000_000, 10_000);
        let mut guesses = Guesses::none(now);
        assert!(guesses.is_none());
        for guess in 1..=5 {
            assert_eq!(guesses.wait_left(now), None, "guess {guess}");
            guesses = guesses.begun(now).proven_wrong(now);
            assert!(!guesses.is_none());
        }
        assert_eq!(guesses.wait_left(now), Some(Duration::from_secs(30)));
    }

    #[test]
    fn a_guess_that_was_begun_counts_though_its_end_was_never_noted() {
        let now = at(1_000_000, 10_000);
        let killed = (0..5).fold(Guesses::none(now), |guesses, _| guesses.begun(now));
        assert_eq!((killed.started, killed.failed), (5, 0));
        assert_eq!(killed.wait_left(now), Some(Duration::from_secs(30)));
        // Another process has reset the count while this guess was checked: the next one begins above the failed one.
        let raced = Guesses::none(now).proven_wrong(now).begun(now);
        assert_eq!((raced.started, raced.failed), (2, 1));
    }

    #[test]
    fn a_count_that_is_not_known_waits_longest() {
        let now = at(1_000_000, 10_000);
        let not_known = Guesses::not_known(now);
        assert_eq!(not_known.wait_left(now), Some(LONGEST_DELAY));
        assert_eq!(not_known.wait_left(at(1_003_600, 13_600)), None);
        let one_less = Guesses {
            started: not_known.started - 1,
            failed: 0,
            passed: Duration::ZERO,
            noted: now,
        };
        assert_ne!(one_less.wait_left(now), Some(LONGEST_DELAY), "no more than it needs");
    }

    #[test]
    fn a_date_that_went_back_behind_the_note_begins_the_delay_anew() {
        let noted = guesses(9, 9);
        assert_eq!(noted.noted_anew(at(1_000_000, 10_000)), None);
        let booted = noted.noted_anew(at(1_000_030, 20)).unwrap();
        assert_eq!(
            (booted.passed, booted.noted),
            (Duration::from_secs(20), at(1_000_030, 20))
        );
        assert_eq!(
            noted.noted_anew(at(1_000_059, 10_059)),
            None,
            "no write for less than a minute"
        );
        assert_eq!(
            guesses(4, 4).noted_anew(at(2_000_000, 2_000_000)),
            None,
            "there is no delay"
        );
        let over = noted.noted_anew(at(2_000_000, 20_000)).unwrap();
        assert_eq!(over.wait_left(at(2_000_001, 0)), None, "a boot does not bring it back");
        assert_eq!(over.noted_anew(at(3_000_000, 30_000)), None, "and it is noted once");
        let minute = at(1_000_060, 10_060);
        let looked = noted.noted_anew(minute).unwrap();
        assert_eq!((looked.passed, looked.noted), (NOTED_STEP, minute));
        assert_eq!(
            (looked.begun(minute).passed, looked.proven_wrong(minute).passed),
            (Duration::ZERO, Duration::ZERO)
        );
        let put_right = at(500_000, 10_001);
        let anew = noted.noted_anew(put_right).unwrap();
        assert_eq!(
            anew,
            Guesses {
                noted: put_right,
                ..noted
            }
        );
        assert_eq!(anew.wait_left(put_right), Some(LONGEST_DELAY));
        assert_eq!(anew.wait_left(at(503_600, 13_601)), None);
    }

    fn moment() -> impl Strategy<Value = Moment> {
        (any::<i64>(), any::<u64>()).prop_map(|(wall, boot)| Moment {
            wall: WallTime::from_unix_ms(wall),
            boot: BootTime::from_ms(boot),
        })
    }

    proptest! {
        #[test]
        fn no_wait_is_longer_than_its_delay_and_more_guesses_never_wait_less(
            started in 0_u32..12, failed in 0_u32..12, noted in moment(), now in moment(),
        ) {
            let guesses = Guesses { started, failed, passed: Duration::ZERO, noted };
            let left = guesses.wait_left(now).unwrap_or_default();
            prop_assert!(left <= delay_after(started.max(failed)));
            prop_assert!(guesses.begun(noted).wait_left(now) >= guesses.wait_left(now));
            prop_assert!(guesses.proven_wrong(noted).wait_left(now) >= guesses.wait_left(now));
        }

        #[test]
        fn however_often_it_is_noted_no_more_has_passed_than_the_device_has_run(
            steps in prop::collection::vec((0_u64..1_500_000, any::<bool>(), prop::option::of(any::<i64>())), 1..20),
        ) {
            let mut now = at(1_000_000, 10_000);
            let mut guesses = Guesses { started: 9, failed: 9, passed: Duration::ZERO, noted: now };
            let mut ran = Duration::ZERO;
            for (ran_ms, boots, set) in steps {
                let step = Duration::from_millis(ran_ms);
                if boots {
                    now.boot = BootTime::from_ms(0);
                }
                now = Moment { wall: set.map_or(now.wall, WallTime::from_unix_ms).after(step), boot: now.boot.after(step) };
                ran = ran.saturating_add(step);
                prop_assert!(guesses.wait_left(now).unwrap_or_default() >= LONGEST_DELAY.saturating_sub(ran));
                let left = guesses.wait_left(now);
                guesses = guesses.noted_anew(now).unwrap_or(guesses);
                prop_assert_eq!(guesses.wait_left(now), left, "a note changes nothing at its moment");
            }
        }

        #[test]
        fn neither_a_boot_nor_a_date_shortens_what_is_left(
            started in 0_u32..12, noted in moment(), ran_ms in 0_u64..7_200_000, wall in any::<i64>(),
        ) {
            let guesses = Guesses { started, failed: 0, passed: Duration::ZERO, noted };
            let ran = Duration::from_millis(ran_ms);
            let honest = Moment { wall: noted.wall.after(ran), boot: noted.boot.after(ran) };
            let booted = Moment { wall: WallTime::from_unix_ms(wall), boot: BootTime::from_ms(ran_ms) };
            prop_assert!(guesses.wait_left(booted).unwrap_or_default() >= delay_after(started).saturating_sub(ran));
            let set = Moment { wall: WallTime::from_unix_ms(wall), ..honest };
            prop_assert!(guesses.wait_left(set).unwrap_or_default() >= delay_after(started).saturating_sub(ran));
        }
    }
}
