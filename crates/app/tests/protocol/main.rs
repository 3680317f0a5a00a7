//! Rules of the durable protocol that a life in one process does not meet by itself: strangers at the record, leases that
//! end by age, users that are replaced or lost at the server. The table in `docs/evidence/protocol-rules.md` names for
//! each rule the test that keeps it.

#[path = "../oracle/mod.rs"]
mod oracle;
#[path = "../world/mod.rs"]
mod world;

mod conflicts;
mod leases;
mod meddling;
mod overtaken;
mod recovering;
mod replacing;
mod starting;
