//! Hostile answers through the public API: the SDK with the OpenID Connect adapter, over HTTP, against the development
//! IdP. Each row says which status the app sees, what was asked, and what lies on disk afterwards.

mod changed_issuers;
mod host;
mod malformed_identifiers;
mod odd_lifetimes;
mod proofs;
mod refused_enrolments;
mod token_endpoint_errors;
mod unfit_access_tokens;
mod untrusted_identities;
mod waits;
