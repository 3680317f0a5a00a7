//! The development IdP of Vestibule: a real OpenID provider over HTTP on 127.0.0.1 with the *Device enrollment* flow.
//!
//! It behaves as Keycloak 26.7 was seen to behave, with the authenticator that Vestibule brings for it: a `GET` of the
//! authorization endpoint with a `DPoP` proof answers with a code at once, and the user is derived from the device key.
//! It is for tests and for a first look. It is no place for real users: every key lies in one plain file.
//!
//! ```no_run
//! # async fn run() -> Result<(), vestibule_dev_idp::StartError> {
//! use vestibule_dev_idp::{DevIdp, Settings};
//!
//! let idp = DevIdp::start(Settings::in_memory()).await?;
//! assert!(idp.issuer_template().ends_with("/realms/{tenant}"));
//! // ... enrol a device at `idp.issuer("acme")` ...
//! assert_eq!(idp.realm("acme").users().len(), 0);
//! idp.shutdown().await;
//! # Ok(())
//! # }
//! ```
//!
//! Any tenant name is a realm. Which variant it is follows from [`RealmSettings::for_tenant`], or from
//! [`Settings::realm`]. The clients of every realm are the constants of [`client`], the audiences those of [`scope`].

mod authorization_endpoint;
mod authorization_request;
mod call;
pub mod client;
mod clock;
mod code_exchange;
mod compact_jws;
mod connections;
mod device_enrollment;
mod discovery;
mod dpop_proof;
mod endpoint;
mod json_object;
mod key_set;
mod page;
mod parameters;
mod pushed_authorization;
mod random;
mod realm;
mod realm_admin;
mod realm_state;
mod refresh;
mod refresh_token;
mod refusal;
mod request_log;
mod revocation;
mod rotation;
mod router;
pub mod scenes;
pub mod scope;
mod server;
mod session;
mod state_file;
mod store;
mod token_answer;
mod token_endpoint;

pub use clock::{Clock, ManualClock, SystemClock};
pub use dpop_proof::{PROOF_AHEAD_S, PROOF_BEHIND_S};
pub use endpoint::Endpoint;
pub use realm::{
    ACCESS_TOKEN_LIFETIME_S, DateHeader, DeviceProof, Enrolment, RealmSettings, Rotation, SESSION_LIFETIME_S,
    STOCK_SESSION_LIFETIME_S,
};
pub use realm_admin::{AdminError, RealmAdmin, SessionView, UserView};
pub use realm_state::{CODE_LIFETIME_S, CODE_MEMORY_S, PUSHED_LIFETIME_S};
pub use request_log::{Outcome, REMEMBERED_REQUESTS, RequestRecord, fingerprint};
pub use server::{DevIdp, Settings, StartError};
