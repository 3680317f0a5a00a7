//! A counter that many threads add to at once: each adds in a cache line of its own, so that counting costs nobody a wait.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// So many lines; threads beyond share them.
const LINES: usize = 8;

/// A counter.
#[derive(Default)]
pub(crate) struct Tally([Line; LINES]);

/// As wide as what a processor takes in one step.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static MINE: usize = THREADS.fetch_add(1, Ordering::Relaxed) % LINES;
}

impl Tally {
    pub(crate) fn add_one(&self) {
        // A thread that is ending has no line of its own any more.
        let mine = MINE.try_with(|mine| *mine).unwrap_or(0);
        if let Some(line) = self.0.get(mine) {
            line.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.0.iter().map(|line| line.0.load(Ordering::Relaxed)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_more_threads_than_lines_count_adds_up() {
        let tally = Tally::default();
        std::thread::scope(|threads| {
            for _ in 0..LINES + 3 {
                threads.spawn(|| (0..100).for_each(|_| tally.add_one()));
            }
        });
        assert_eq!(tally.total(), (LINES as u64 + 3) * 100);
    }
}
