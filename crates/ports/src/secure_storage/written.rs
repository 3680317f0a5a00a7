//! What is written, under which secret, and what stands then.

use vestibule_domain::record::{Header, Place, Revision};
use vestibule_domain::secret::{GateKey, Password, Payload, RecordKey};

use crate::biometric_gate::GateBlob;

/// What opens a record.
#[derive(Clone, Debug)]
pub enum Key {
    /// The credential of its mode.
    Credential(Credential),
    /// What an earlier opening or write handed out.
    RecordKey(RecordKey),
}

/// The secret of an authentication mode.
#[derive(Clone, Debug)]
pub enum Credential {
    /// Mode `no`.
    None,
    /// Mode `password`.
    Password(Password),
    /// Mode `biometric`: the released key, and the blob that the record keeps of it (only used when sealing).
    Biometric {
        /// The key that the gate released or wrapped.
        key: GateKey,
        /// The gate's blob.
        blob: GateBlob,
    },
}

/// What a write puts in.
#[derive(Clone, Debug)]
pub enum Content {
    /// A new protection.
    Seal {
        /// The content.
        payload: Payload,
        /// The credential to seal under; it fits the header's mode.
        credential: Credential,
    },
    /// The same protection.
    Reseal {
        /// The content.
        payload: Payload,
        /// The key of this epoch.
        key: RecordKey,
    },
}

/// One write.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct WriteRequest {
    /// Where.
    pub place: Place,
    /// The state that it replaces; `None`: absent.
    pub expected: Option<Revision>,
    /// The header to bind to the content.
    pub header: Header,
    /// The content.
    pub content: Content,
}

impl WriteRequest {
    /// A write.
    #[must_use]
    pub const fn new(place: Place, expected: Option<Revision>, header: Header, content: Content) -> Self {
        Self {
            place,
            expected,
            header,
            content,
        }
    }
}

/// A write that stands.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Written {
    /// The name of the new state.
    pub revision: Revision,
    /// The key of the epoch.
    pub key: RecordKey,
    /// Whether the next write of this record has room for certain.
    pub room: bool,
}

impl Written {
    /// A write that stands, with room for the next.
    #[must_use]
    pub const fn new(revision: Revision, key: RecordKey) -> Self {
        Self {
            revision,
            key,
            room: true,
        }
    }

    /// The same, saying whether there is room for the next.
    #[must_use]
    pub const fn with_room(mut self, room: bool) -> Self {
        self.room = room;
        self
    }
}
