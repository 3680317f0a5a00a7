//! Callers that ask for the same thing at the same time share one request.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;

type Seats<K, T> = Arc<Mutex<HashMap<K, watch::Receiver<Option<T>>>>>;

/// What is under way, by what is asked for.
pub(crate) struct SingleFlight<K, T>(Seats<K, T>);

/// The one who flies. Dropped without landing, everybody who waits is told that nothing came.
pub(crate) struct Flight<K: Eq + Hash, T> {
    seats: Seats<K, T>,
    key: K,
    result: watch::Sender<Option<T>>,
}

impl<K, T> Default for SingleFlight<K, T> {
    fn default() -> Self {
        Self(Seats::default())
    }
}

impl<K: Eq + Hash + Clone, T: Clone> SingleFlight<K, T> {
    /// The result of what is under way for this key, or of what `start` starts. `None` when the flight was lost.
    pub(crate) async fn join(&self, key: K, start: impl FnOnce(Flight<K, T>)) -> Option<T> {
        let mut result = self.seat(key, start);
        let landed = result.wait_for(Option::is_some).await.ok()?;
        landed.clone()
    }

    fn seat(&self, key: K, start: impl FnOnce(Flight<K, T>)) -> watch::Receiver<Option<T>> {
        let (sender, receiver) = watch::channel(None);
        {
            let mut seats = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(under_way) = seats.get(&key) {
                return under_way.clone();
            }
            seats.insert(key.clone(), receiver.clone());
        }
        start(Flight {
            seats: Arc::clone(&self.0),
            key,
            result: sender,
        });
        receiver
    }
}

impl<K: Eq + Hash, T> Flight<K, T> {
    /// Tells everybody who waits, and lets the next caller start anew.
    pub(crate) fn land(self, result: T) {
        self.result.send_replace(Some(result));
    }
}

impl<K: Eq + Hash, T> Drop for Flight<K, T> {
    fn drop(&mut self) {
        self.seats
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_thousand_callers_share_one_flight_and_the_next_one_flies_anew() {
        let flights = Arc::new(SingleFlight::<u8, u32>::default());
        let mut flying = None;
        let mut callers = Vec::new();
        for _ in 0..1000 {
            let mut seat = flights.seat(1, |flight| assert!(flying.replace(flight).is_none(), "a second flight"));
            callers.push(tokio::spawn(
                async move { *seat.wait_for(Option::is_some).await.unwrap() },
            ));
        }
        flying.take().unwrap().land(7);
        for caller in callers {
            assert_eq!(caller.await.unwrap(), Some(7));
        }
        assert_eq!(flights.join(1, |flight| flight.land(8)).await, Some(8));
    }

    #[tokio::test]
    async fn a_lost_flight_tells_those_who_wait() {
        let flights = SingleFlight::<u8, u32>::default();
        assert_eq!(flights.join(1, drop).await, None);
        assert_eq!(flights.join(1, |flight| flight.land(2)).await, Some(2));
    }
}
