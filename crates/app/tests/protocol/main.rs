//! Rules of the durable protocol that a life in one process does not meet by itself: strangers at the record, leases that
//! end by age, users that are replaced or lost at the server. The table in `docs/evidence/protocol-rules.md` names for
//! each rule the test that keeps it.

// `cfg(test)` is always true here; it tells clippy that these are tests, where a failed `unwrap` is the right end.
#[cfg(test)]
mod another_user_meanwhile;
#[cfg(test)]
mod conflicts;
#[cfg(test)]
mod leases;
#[cfg(test)]
mod leases_by_age;
#[cfg(test)]
mod meddling;
#[cfg(test)]
#[path = "../oracle/mod.rs"]
mod oracle;
#[cfg(test)]
mod overtaken;
#[cfg(test)]
mod recovering;
#[cfg(test)]
mod replacing;
#[cfg(test)]
mod replacing_together;
#[cfg(test)]
mod replacing_unreadable;
#[cfg(test)]
mod revoking;
#[cfg(test)]
mod slow_storage;
#[cfg(test)]
mod starting;
#[cfg(test)]
#[path = "../world/mod.rs"]
mod world;
