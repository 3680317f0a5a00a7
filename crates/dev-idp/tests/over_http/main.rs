//! The development IdP as its clients meet it: real HTTP, real signatures, a raw client.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where something is not as it must be; clippy exempts only the functions marked as tests"
)]

mod bench;
mod device;

mod authorization;
mod codes;
mod enrollment;
mod faults;
mod hostile_scenes;
mod operator;
mod proofs;
mod pushed_requests;
mod refreshes;
mod restarts;
mod revocations;
mod rotations;
