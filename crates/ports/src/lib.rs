//! The ports of Vestibule: what an IdP, a storage and a platform must be able to do.
//!
//! All traits are object-safe, take and give owned values, and name no URL, header, path or algorithm. Requests are
//! made by the SDK and may grow (`#[non_exhaustive]`); replies are made by adapters with `new(..)` and `with_..`.
//! Each port has one error enum, and the `From` into [`vestibule_domain::status::Cause`] stands beside it.

mod biometric_gate;
mod byte_store;
mod clock;
mod device_key;
mod entropy;
mod flow_presence;
mod identity_provider;
mod password_source;
mod secure_storage;
#[cfg(feature = "mocks")]
pub mod testing;

pub use biometric_gate::{BiometricGate, GateAvailability, GateBlob, GateError, GateProperties, MAX_GATE_BLOB_BYTES};
pub use byte_store::{ByteStore, ByteStoreError, Loaded, NamesPage, Replaced, StoreName};
pub use clock::Clock;
pub use device_key::{DeviceKey, DeviceKeyError, DeviceKeyId};
pub use entropy::{Entropy, EntropyError};
pub use flow_presence::{Entered, FlowPresence, PresenceError};
pub use identity_provider::{
    AccessTokenReply, EnrollRequest, Enrolled, Identity, IdentityProvider, IdpError, Interrupt, InterruptSwitch,
    RefreshRequest, Refreshed, RevokeRequest, TokenTerms, UserOrigin,
};
pub use password_source::{PasswordPurpose, PasswordRequest, PasswordSource, PromptError};
pub use secure_storage::{
    Content, Credential, Described, Key, ListedRecord, Opened, RecordsPage, SecureStorage, StorageError, WriteRequest,
    Written,
};
