//! The adapter for OpenID Connect against real providers that are not ours.

mod audiences;
mod device;
mod enrolment;
mod provider_alone;
mod server_guard;
mod sessions;
