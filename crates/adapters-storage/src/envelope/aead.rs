//! The data key and what is sealed with it: XChaCha20-Poly1305 with random nonces.

use chacha20poly1305::aead::{Aead, Payload as Message};
use chacha20poly1305::{KeyInit, XChaCha20Poly1305};
use vestibule_domain::record::Unreadable;
use vestibule_ports::{Entropy, EntropyError};
use zeroize::{Zeroize, Zeroizing};

use super::EnvelopeError;
use super::key_schedule::{KEY_BYTES, KeyEncryptionKey};

/// Length of a nonce, in bytes.
pub(crate) const NONCE_BYTES: usize = 24;
/// Length of the tag behind a sealed text, in bytes.
pub(crate) const TAG_BYTES: usize = 16;

/// The key of a record's body: random, one per epoch.
#[derive(Clone)]
pub(crate) struct DataKey(pub Zeroizing<[u8; KEY_BYTES]>);

impl DataKey {
    /// A new one.
    pub(crate) fn make(entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut key = Zeroizing::new([0; KEY_BYTES]);
        entropy.fill(key.as_mut_slice())?;
        Ok(Self(key))
    }

    /// Wraps it.
    pub(crate) fn wrap(
        &self,
        key: &KeyEncryptionKey,
        nonce: &[u8; NONCE_BYTES],
        context: &[u8],
    ) -> Result<[u8; KEY_BYTES + TAG_BYTES], EnvelopeError> {
        seal(&key.0, nonce, context, self.0.as_slice())?
            .try_into()
            .map_err(|_| EnvelopeError::Impossible("a wrapped key has another length"))
    }

    /// Unwraps it.
    pub(crate) fn unwrap_from(
        key: &KeyEncryptionKey,
        nonce: &[u8; NONCE_BYTES],
        context: &[u8],
        wrapped: &[u8],
    ) -> Result<Self, Unreadable> {
        let opened = Zeroizing::new(open(&key.0, nonce, context, wrapped)?);
        let mut data_key = Zeroizing::new([0; KEY_BYTES]);
        if opened.len() != KEY_BYTES {
            return Err(Unreadable::Corrupted);
        }
        data_key.copy_from_slice(&opened);
        Ok(Self(data_key))
    }

    /// Seals a body that is bound to its head.
    pub(crate) fn seal(&self, nonce: &[u8; NONCE_BYTES], head: &[u8], text: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
        seal(&self.0, nonce, head, text)
    }

    /// Opens a body.
    pub(crate) fn open(&self, nonce: &[u8; NONCE_BYTES], head: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unreadable> {
        open(&self.0, nonce, head, sealed)
    }
}

/// A random nonce: 24 bytes are enough for it never to come back.
pub(crate) fn make_nonce(entropy: &dyn Entropy) -> Result<[u8; NONCE_BYTES], EntropyError> {
    let mut nonce = [0; NONCE_BYTES];
    entropy.fill(&mut nonce)?;
    Ok(nonce)
}

fn seal(key: &[u8; KEY_BYTES], nonce: &[u8; NONCE_BYTES], aad: &[u8], text: &[u8]) -> Result<Vec<u8>, EnvelopeError> {
    XChaCha20Poly1305::new(key.into())
        .encrypt(nonce.into(), Message { msg: text, aad })
        .map_err(|_| EnvelopeError::Impossible("the cipher refused to seal"))
}

fn open(key: &[u8; KEY_BYTES], nonce: &[u8; NONCE_BYTES], aad: &[u8], sealed: &[u8]) -> Result<Vec<u8>, Unreadable> {
    XChaCha20Poly1305::new(key.into())
        .decrypt(nonce.into(), Message { msg: sealed, aad })
        .map_err(|_| Unreadable::Corrupted)
}

impl Drop for DataKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}
