//! What the app is told without having asked: a stream that never blocks the SDK and never drops what is important.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use vestibule_domain::notification::Notification;

/// So many notifications wait for a slow reader before the less important ones are dropped and counted.
pub(crate) const WAITING_LIMIT: usize = 256;

/// A stream of [`Notification`]s. Dropping it unsubscribes.
#[derive(Debug)]
pub struct Notifications(Arc<Mutex<Inbox>>);

#[derive(Debug, Default)]
struct Inbox {
    waiting: VecDeque<Notification>,
    missed: u64,
    closed: bool,
    waker: Option<Waker>,
}

/// Where the flows put notifications.
#[derive(Default)]
pub(crate) struct Notifier(Mutex<Vec<Weak<Mutex<Inbox>>>>);

impl Notifications {
    /// The next notification; `None` when the SDK is gone and everything was read.
    pub async fn next(&mut self) -> Option<Notification> {
        std::future::poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// What is waiting now, without waiting for more.
    pub fn try_next(&mut self) -> Option<Notification> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl Stream for Notifications {
    type Item = Notification;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Notification>> {
        let mut inbox = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match inbox.take() {
            Some(notification) => Poll::Ready(Some(notification)),
            None if inbox.closed => Poll::Ready(None),
            None => {
                inbox.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Notifier {
    pub(crate) fn subscribe(&self) -> Notifications {
        let inbox = Arc::new(Mutex::new(Inbox::default()));
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Arc::downgrade(&inbox));
        Notifications(inbox)
    }

    pub(crate) fn tell(&self, notification: &Notification) {
        let mut inboxes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inboxes.retain(|inbox| match inbox.upgrade() {
            Some(inbox) => {
                inbox
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .put(notification.clone());
                true
            }
            None => false,
        });
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        let inboxes = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        for inbox in inboxes.iter().filter_map(Weak::upgrade) {
            let mut inbox = inbox.lock().unwrap_or_else(PoisonError::into_inner);
            inbox.closed = true;
            inbox.wake();
        }
    }
}

impl Inbox {
    fn put(&mut self, notification: Notification) {
        if self.waiting.len() >= WAITING_LIMIT && !notification.is_important() {
            self.missed += 1;
        } else {
            self.waiting.push_back(notification);
        }
        self.wake();
    }

    fn take(&mut self) -> Option<Notification> {
        match self.waiting.pop_front() {
            Some(notification) => Some(notification),
            None if self.missed > 0 => Some(Notification::Missed {
                count: std::mem::take(&mut self.missed),
            }),
            None => None,
        }
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_reader_misses_only_what_is_not_important_and_is_told_how_many() {
        let notifier = Notifier::default();
        let mut reader = notifier.subscribe();
        for _ in 0..WAITING_LIMIT + 3 {
            notifier.tell(&Notification::TokenRefreshed { audience: None });
        }
        notifier.tell(&Notification::AccessTokensBound);
        let seen: Vec<_> = std::iter::from_fn(|| reader.try_next()).collect();
        assert_eq!(seen.len(), WAITING_LIMIT + 2);
        assert_eq!(seen[WAITING_LIMIT], Notification::AccessTokensBound);
        assert_eq!(seen[WAITING_LIMIT + 1], Notification::Missed { count: 3 });
    }

    #[tokio::test]
    async fn the_stream_ends_when_the_sdk_is_gone() {
        let notifier = Notifier::default();
        let mut reader = notifier.subscribe();
        notifier.tell(&Notification::RevocationDone);
        drop(notifier);
        assert_eq!(reader.next().await, Some(Notification::RevocationDone));
        assert_eq!(reader.next().await, None);
    }
}
