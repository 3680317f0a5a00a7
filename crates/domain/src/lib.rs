//! Words and decisions of Vestibule: values in, values out.
//!
//! No clock, no randomness, no input or output, no async: what can be *decided* about an enrolment is decided here, one
//! file per rule, and everything that acts lives in `vestibule-ports` (what it needs) and `vestibule` (the flows).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod anonymity;
pub mod authentication_mode;
pub mod backoff;
pub mod claims;
pub mod clock_skew;
pub mod deletion;
pub mod enrolment;
pub mod event;
pub mod freshness;
pub mod identifiers;
pub mod instant;
pub mod lockout;
pub mod notification;
pub mod record;
pub mod record_lease;
pub mod reprotection;
pub mod resumption;
pub mod rotation;
pub mod sdk_state;
pub mod secret;
pub mod short_lived_session;
pub mod single_audience;
pub mod status;
