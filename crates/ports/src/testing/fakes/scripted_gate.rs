//! A biometric gate whose finger the test holds.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use vestibule_domain::secret::GateKey;

use super::lock;
use super::seeded_entropy::SplitMix64;
use crate::biometric_gate::{BiometricGate, GateAvailability, GateBlob, GateError, GateProperties};

/// A [`BiometricGate`] that keeps its keys in memory. Every prompt succeeds unless the test said otherwise.
#[derive(Clone, Debug)]
pub struct ScriptedGate(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    keys: Vec<Wrapped>,
    failures: VecDeque<GateError>,
    availability: GateAvailability,
    properties: GateProperties,
    prompts: usize,
    random: SplitMix64,
}

#[derive(Debug)]
struct Wrapped {
    label: String,
    blob: GateBlob,
    key: Option<GateKey>,
}

impl ScriptedGate {
    /// A gate that is ready and wraps silently.
    #[must_use]
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(State {
            keys: Vec::new(),
            failures: VecDeque::new(),
            availability: GateAvailability::Ready,
            properties: GateProperties {
                wraps_silently: true,
                ..GateProperties::default()
            },
            prompts: 0,
            random: SplitMix64::new(0x0f16_9e12),
        })))
    }

    /// A gate that promises this.
    #[must_use]
    pub fn with_properties(self, properties: GateProperties) -> Self {
        lock(&self.0).properties = properties;
        self
    }

    /// The next prompt ends like this.
    #[must_use]
    pub fn then_fail(self, error: GateError) -> Self {
        lock(&self.0).failures.push_back(error);
        self
    }

    /// Makes the gate usable or not.
    pub fn set_availability(&self, availability: GateAvailability) {
        lock(&self.0).availability = availability;
    }

    /// Destroys every key, as a newly enrolled finger does. The blobs stay known.
    pub fn invalidate(&self) {
        for wrapped in &mut lock(&self.0).keys {
            wrapped.key = None;
        }
    }

    /// The labels that keys are kept under, in the order in which they were wrapped.
    #[must_use]
    pub fn labels(&self) -> Vec<String> {
        lock(&self.0).keys.iter().map(|wrapped| wrapped.label.clone()).collect()
    }

    /// How many prompts were shown.
    #[must_use]
    pub fn prompts(&self) -> usize {
        lock(&self.0).prompts
    }
}

impl Default for ScriptedGate {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn prompt(&mut self) -> Result<(), GateError> {
        if let GateAvailability::Unavailable(why) = self.availability {
            return Err(GateError::Unavailable(why));
        }
        self.prompts += 1;
        self.failures.pop_front().map_or(Ok(()), Err)
    }
}

#[async_trait]
impl BiometricGate for ScriptedGate {
    async fn availability(&self) -> GateAvailability {
        lock(&self.0).availability
    }

    fn properties(&self) -> GateProperties {
        lock(&self.0).properties
    }

    async fn wrap(&self, label: &str, key: GateKey) -> Result<GateBlob, GateError> {
        let mut state = lock(&self.0);
        if let GateAvailability::Unavailable(why) = state.availability {
            return Err(GateError::Unavailable(why));
        }
        if !state.properties.wraps_silently {
            state.prompt()?;
        }
        let blob = GateBlob(state.random.bytes::<16>().to_vec());
        state.keys.push(Wrapped {
            label: label.to_owned(),
            blob: blob.clone(),
            key: Some(key),
        });
        Ok(blob)
    }

    async fn unwrap(&self, label: &str, blob: GateBlob) -> Result<GateKey, GateError> {
        let mut state = lock(&self.0);
        state.prompt()?;
        state
            .keys
            .iter()
            .find(|wrapped| wrapped.label == label && wrapped.blob == blob)
            .and_then(|wrapped| wrapped.key.clone())
            .ok_or(GateError::Invalidated)
    }

    async fn forget(&self, label: &str) -> Result<(), GateError> {
        lock(&self.0).keys.retain(|wrapped| wrapped.label != label);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wrapped_key_is_released_under_its_label_and_blob_alone() {
        let gate = ScriptedGate::new();
        let blob = gate.wrap("mine", GateKey::new([3; 32])).await.unwrap();
        assert_eq!(gate.prompts(), 0);
        assert_eq!(gate.unwrap("mine", blob.clone()).await.unwrap().expose(), &[3; 32]);
        assert_eq!(gate.prompts(), 1);
        let other = GateBlob(vec![0; 16]);
        assert_eq!(gate.unwrap("mine", other).await.unwrap_err(), GateError::Invalidated);
        assert_eq!(gate.unwrap("yours", blob).await.unwrap_err(), GateError::Invalidated);
    }

    #[tokio::test]
    async fn a_blob_is_short_and_opens_nothing_at_another_gate() {
        let gate = ScriptedGate::new();
        let blob = gate.wrap("mine", GateKey::new([3; 32])).await.unwrap();
        assert!(blob.0.len() <= crate::biometric_gate::MAX_GATE_BLOB_BYTES);
        assert!(
            !blob.0.windows(4).any(|part| part == [3; 4]),
            "nothing of the key is in it"
        );
        let other = ScriptedGate::new();
        assert_eq!(other.unwrap("mine", blob).await.unwrap_err(), GateError::Invalidated);
    }

    #[tokio::test]
    async fn an_invalidated_or_forgotten_key_is_gone() {
        let gate = ScriptedGate::new();
        let first = gate.wrap("first", GateKey::new([1; 32])).await.unwrap();
        let second = gate.wrap("second", GateKey::new([2; 32])).await.unwrap();
        gate.forget("first").await.unwrap();
        gate.forget("first").await.unwrap();
        assert_eq!(gate.unwrap("first", first).await.unwrap_err(), GateError::Invalidated);
        assert!(gate.unwrap("second", second.clone()).await.is_ok());
        gate.invalidate();
        assert_eq!(gate.unwrap("second", second).await.unwrap_err(), GateError::Invalidated);
    }

    #[tokio::test]
    async fn a_planned_failure_ends_one_prompt_and_an_unavailable_gate_shows_none() {
        let gate = ScriptedGate::new().then_fail(GateError::Cancelled);
        let blob = gate.wrap("mine", GateKey::new([3; 32])).await.unwrap();
        assert_eq!(
            gate.unwrap("mine", blob.clone()).await.unwrap_err(),
            GateError::Cancelled
        );
        assert!(gate.unwrap("mine", blob.clone()).await.is_ok());
        gate.set_availability(GateAvailability::Unavailable("locked out"));
        assert_eq!(
            gate.unwrap("mine", blob).await.unwrap_err(),
            GateError::Unavailable("locked out")
        );
        assert_eq!(gate.prompts(), 2);
    }
}
