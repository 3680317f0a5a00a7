//! What a record's file holds: 16 random bytes that name this state, and the record.

use sha2::{Digest, Sha256};
use vestibule_domain::record::Revision;
use vestibule_ports::{Entropy, EntropyError, Loaded};

/// Length of the random name in front of the record, in bytes.
const ID_BYTES: usize = 16;
/// So many bytes of a file are read at most; a longer file is read short, and thus damaged.
pub const MAX_ENTRY_BYTES: u64 = 2 * 1024 * 1024;

/// The bytes of a file.
pub(super) struct Frame(Vec<u8>);

impl Frame {
    /// A new state.
    pub(super) fn make(bytes: &[u8], entropy: &dyn Entropy) -> Result<Self, EntropyError> {
        let mut id = [0; ID_BYTES];
        entropy.fill(&mut id)?;
        Ok(Self([id.as_slice(), bytes].concat()))
    }

    /// A state that was read.
    pub(super) const fn read(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The name of the state: of all its bytes, so that a file changed by anybody is another state.
    pub(super) fn revision(&self) -> Revision {
        Revision::new(Sha256::digest(&self.0).to_vec())
    }

    /// The record; empty in a file too short to hold one.
    pub(super) fn loaded(self) -> Loaded {
        let revision = self.revision();
        Loaded::new(self.0.get(ID_BYTES..).unwrap_or_default().to_vec(), revision)
    }
}
