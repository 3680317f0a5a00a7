//! Building an SDK: what it must have is an argument, the rest has a default.

use std::sync::Arc;

use vestibule_ports::{
    BiometricGate, Clock, Entropy, FlowPresence, GateProperties, IdentityProvider, PasswordSource, SecureStorage,
};

use crate::core::{Core, Ports};
use crate::sdk::Sdk;
use crate::sdk_settings::SdkSettings;
use crate::system_clock::SystemClock;
use crate::system_entropy::SystemEntropy;

/// Builds an [`Sdk`].
#[must_use]
pub struct SdkBuilder {
    idp: Arc<dyn IdentityProvider>,
    storage: Arc<dyn SecureStorage>,
    presence: Option<Arc<dyn FlowPresence>>,
    password_source: Option<Arc<dyn PasswordSource>>,
    biometric_gate: Option<Arc<dyn BiometricGate>>,
    required_of_gate: GateProperties,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    settings: SdkSettings,
}

impl SdkBuilder {
    pub(crate) fn new(idp: Arc<dyn IdentityProvider>, storage: Arc<dyn SecureStorage>) -> Self {
        Self {
            idp,
            storage,
            presence: None,
            password_source: None,
            biometric_gate: None,
            required_of_gate: GateProperties::default(),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(SystemEntropy),
            settings: SdkSettings::default(),
        }
    }

    /// Who is at work, over all that share the storage. Without it the storage must belong to this SDK alone.
    pub fn presence(mut self, presence: Arc<dyn FlowPresence>) -> Self {
        self.presence = Some(presence);
        self
    }

    /// Who asks for a password.
    pub fn password_source(mut self, source: Arc<dyn PasswordSource>) -> Self {
        self.password_source = Some(source);
        self
    }

    /// What releases keys by biometrics.
    pub fn biometric_gate(mut self, gate: Arc<dyn BiometricGate>) -> Self {
        self.biometric_gate = Some(gate);
        self
    }

    /// What a biometric gate must promise. A gate that does not is refused when the SDK is built; without any gate, mode
    /// `biometric` answers `BiometricUnavailable`.
    pub const fn require_gate(mut self, required: GateProperties) -> Self {
        self.required_of_gate = required;
        self
    }

    /// Another clock.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Another source of randomness.
    pub fn entropy(mut self, entropy: Arc<dyn Entropy>) -> Self {
        self.entropy = entropy;
        self
    }

    /// Other settings.
    pub const fn settings(mut self, settings: SdkSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Builds the SDK on the current tokio runtime. Nothing is read yet: send `StartEvent`.
    ///
    /// # Errors
    /// [`BuildError`] outside a tokio runtime, or over a gate that lacks what is required of it.
    pub fn build(self) -> Result<Sdk, BuildError> {
        tokio::runtime::Handle::try_current().map_err(|_| BuildError::NoRuntime)?;
        let gate = self.biometric_gate.as_deref();
        let missing = gate.and_then(|gate| gate.properties().first_missing(&self.required_of_gate));
        if let Some(property) = missing {
            return Err(BuildError::GateLacks { property });
        }
        let presence = self
            .presence
            .unwrap_or_else(|| Arc::new(crate::sole_presence::SolePresence::new(Arc::clone(&self.entropy))));
        let ports = Ports {
            idp: self.idp,
            storage: self.storage,
            presence,
            password_source: self.password_source,
            biometric_gate: self.biometric_gate,
            clock: self.clock,
            entropy: self.entropy,
        };
        Ok(Sdk::over(Core::new(ports, self.settings)))
    }
}

/// Why an SDK was not built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// There is no tokio runtime here.
    #[error("an SDK lives on a tokio runtime: build it inside one")]
    NoRuntime,
    /// The biometric gate does not promise what the host requires.
    #[error("the biometric gate does not promise {property}, which is required of it")]
    GateLacks {
        /// The property that is missing.
        property: &'static str,
    },
}
