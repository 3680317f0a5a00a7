//! Marks the requests that left long before they arrive, so that the log judges them by when they left.

use core::cell::Cell;
use core::future::{Future, poll_fn};
use core::pin::pin;

thread_local! {
    static ARRIVES_LATE: Cell<bool> = const { Cell::new(false) };
}

/// Runs a request that left long ago.
pub(super) async fn arriving_late<T>(request: impl Future<Output = T>) -> T {
    let mut request = pin!(request);
    poll_fn(|context| {
        let before = ARRIVES_LATE.replace(true);
        let polled = request.as_mut().poll(context);
        ARRIVES_LATE.set(before);
        polled
    })
    .await
}

/// Whether the request that is arriving on this thread left long ago.
pub(super) fn arrives_late() -> bool {
    ARRIVES_LATE.get()
}
