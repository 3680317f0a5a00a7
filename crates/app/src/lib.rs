//! Vestibule enrols a device anonymously at an identity provider (IdP), keeps its token sealed under an authentication
//! mode, and hands out access tokens for one audience.
//!
//! An [`Sdk`] is built over two ports, an IdP and a storage, and driven by events:
//!
//! ```
//! use std::sync::Arc;
//! use vestibule::event::{EnrollAnonymousUserEvent, ExchangeIamTokenEvent, StartEvent};
//! use vestibule::{AuthenticationMode, Sdk, SdkState};
//! use vestibule_ports::testing::{IdpKind, MemoryStorage, Rotation, ScriptedIdp};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let idp = ScriptedIdp::new(IdpKind { recoverable: true, rotation: Rotation::None });
//! let sdk = Sdk::builder(Arc::new(idp), Arc::new(MemoryStorage::new())).build()?;
//! let started = sdk.send(StartEvent::new("demo", "1.0", "en")).await?;
//! if started.sdk_state == SdkState::ActivationRequired {
//!     sdk.send(EnrollAnonymousUserEvent::new("acme", AuthenticationMode::No)).await?;
//! }
//! let token = sdk.send(ExchangeIamTokenEvent::new("orders")).await?.outcome;
//! assert_eq!(token.audience.as_str(), "orders");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod adapter_call;
mod builder;
mod core;
mod credential_prompt;
mod dispatch;
mod flows;
mod gate;
mod gate_keys;
mod leased_record;
mod ledger;
mod notifications;
mod outcome;
mod patience;
mod record_body;
mod record_turn;
mod reread_record;
mod revocation_queue;
mod revocation_worker;
mod sdk;
mod sdk_settings;
mod single_flight;
mod sole_presence;
#[cfg(feature = "standard")]
mod standard;
mod successor_conflict;
mod system_clock;
mod system_entropy;
mod tally;
mod token_cache;
mod worker;

pub use builder::{BuildError, SdkBuilder};
pub use dispatch::SdkEvent;
pub use notifications::Notifications;
pub use outcome::{Counters, Deleted, EnrolledUser, IamToken, Information, KnownContent, KnownRecord, Started};
pub use sdk::{Answer, Failure, Sdk};
pub use sdk_settings::{AnonymityPolicy, SdkSettings};
#[cfg(feature = "standard")]
pub use standard::{
    AudienceSettings, CaCertificates, DeviceProof, ExtraHeaders, FileSystems, InvalidCertificates, InvalidHeader,
    InvalidSetting, OidcSettings, OpenError, ServerTrust, Settings,
};
pub use system_clock::SystemClock;
pub use system_entropy::SystemEntropy;
pub use vestibule_domain::authentication_mode::AuthenticationMode;
pub use vestibule_domain::deletion::Revocation;
pub use vestibule_domain::sdk_state::SdkState;
pub use vestibule_domain::{event, identifiers, instant, lockout, notification, record, secret, status};
pub use vestibule_ports as ports;
