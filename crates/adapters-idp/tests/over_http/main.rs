//! The adapter over real HTTP: against the development IdP, and against a stub that answers whatever bytes a test wants.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test ends where something is not as it must be; clippy exempts only the functions marked as tests"
)]

mod clock;
mod connections;
mod device;
mod enrolling;
mod extra_headers;
mod hostile_answers;
mod hostile_bodies;
mod hostile_metadata;
mod hostile_redirects;
mod pinned;
mod refreshing;
mod revoking;
mod signed_tokens;
mod skewed_clocks;
mod stub_server;
mod system_store;
mod tls_server;
mod untrusted_servers;
