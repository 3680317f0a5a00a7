//! The adapter for OpenID Connect against real providers that are not ours.

mod code_reuse;
mod server_guard;
