//! Starts and ends the real servers and processes that the tests talk to.
