//! Planned faults: the n-th call is not done, done but lost, untrusted, or the end of its process.

mod decorators;
mod enumeration;
mod fault;
#[cfg(test)]
mod faulty_tests;
mod plan;
mod process;

pub use decorators::Faulty;
pub use enumeration::FaultEnumeration;
pub use fault::{Fault, Operation};
pub use plan::FaultPlan;
pub use process::Process;
