//! Two handles, as foreign to each other as two processes, interleaved at every step of enrolment, login and exchange: one
//! is held at a call, the other lives on, then the first goes on, is killed, or goes on after a time too long.

// `cfg(test)` is always true here; it tells clippy that these are tests, where a failed `unwrap` is the right end.
#[cfg(test)]
#[path = "../deleting/mod.rs"]
mod deleting;
#[cfg(test)]
mod deleting_together;
#[cfg(test)]
mod meetings;
#[cfg(test)]
#[path = "../oracle/mod.rs"]
mod oracle;
#[cfg(test)]
#[path = "../person/mod.rs"]
mod person;
#[cfg(test)]
mod reprotecting;
#[cfg(test)]
mod stoppable_clock;
#[cfg(test)]
#[path = "../world/mod.rs"]
mod world;
