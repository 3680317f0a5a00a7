//! How an event ended: the cause, and the status that follows from it by one total match.

mod cause;
mod status_type;

pub use cause::{Cause, Certainty, Denial, Hint, MAX_HINT_CHARS, Retry, Untrusted};
pub use status_type::StatusType;
