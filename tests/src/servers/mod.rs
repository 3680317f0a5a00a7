//! Real servers: started on a free port of 127.0.0.1, ended when their guard is dropped.

mod node_packages;
mod oidc_provider;

pub use oidc_provider::{Form, OidcProvider};
