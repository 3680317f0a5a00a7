//! Starts and ends the real servers and processes that the tests talk to.

#[cfg(feature = "real-idps")]
pub mod servers;
