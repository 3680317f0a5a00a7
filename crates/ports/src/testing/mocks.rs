//! The mocks that mockall makes of every port: each call is expected by hand, each unexpected call fails the test.

pub use crate::biometric_gate::MockBiometricGate;
pub use crate::byte_store::MockByteStore;
pub use crate::clock::MockClock;
pub use crate::device_key::MockDeviceKey;
pub use crate::entropy::MockEntropy;
pub use crate::flow_presence::MockFlowPresence;
pub use crate::identity_provider::MockIdentityProvider;
pub use crate::password_source::MockPasswordSource;
pub use crate::secure_storage::MockSecureStorage;
