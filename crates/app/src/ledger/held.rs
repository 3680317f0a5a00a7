//! Records as memory holds them, open or closed, and a write that did not succeed.

use vestibule_domain::record::{Header, Place, Revision};
use vestibule_domain::secret::RecordKey;
use vestibule_domain::status::Cause;
use vestibule_ports::{Opened, StorageError};

use crate::record_body::RecordBody;

/// A record that is open in memory.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub place: Place,
    pub header: Header,
    pub revision: Revision,
    pub body: RecordBody,
    pub key: RecordKey,
}

impl Held {
    pub(crate) fn from_opened(place: Place, opened: Opened) -> Result<Self, Cause> {
        let body = RecordBody::decode(&opened.payload)?;
        Ok(Self {
            place,
            header: opened.header,
            revision: opened.revision,
            body,
            key: opened.key,
        })
    }
}

/// A record that was open: what is left when its key is wiped.
#[derive(Clone, Debug)]
pub(crate) struct Closed {
    pub place: Place,
    pub header: Header,
}

/// A write that did not succeed.
#[derive(Debug)]
pub(crate) struct WriteFault {
    pub error: StorageError,
    /// Whether any try of it may stand.
    pub unclear: bool,
}

impl From<WriteFault> for Cause {
    fn from(fault: WriteFault) -> Self {
        fault.error.into()
    }
}
