//! What is found: described without opening, opened, listed.

use core::time::Duration;

use vestibule_domain::identifiers::RecordHandle;
use vestibule_domain::record::{Header, Revision, Unreadable};
use vestibule_domain::secret::{Payload, RecordKey};

use crate::biometric_gate::GateBlob;

/// A record as it lies there, unopened.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Described {
    /// Its handle.
    pub handle: RecordHandle,
    /// The name of its state.
    pub revision: Revision,
    /// Its header.
    pub header: Header,
    /// What its biometric gate keeps in it.
    pub gate_blob: Option<GateBlob>,
    /// How long an unlock by password would be refused without looking at it; `None` when it would be tried.
    pub locked_out: Option<Duration>,
}

impl Described {
    /// A described record.
    #[must_use]
    pub const fn new(handle: RecordHandle, revision: Revision, header: Header) -> Self {
        Self {
            handle,
            revision,
            header,
            gate_blob: None,
            locked_out: None,
        }
    }

    /// The same, with what its gate keeps in it.
    #[must_use]
    pub fn with_gate_blob(mut self, blob: GateBlob) -> Self {
        self.gate_blob = Some(blob);
        self
    }

    /// The same, with the time for which wrong passwords lock it; asking for one now would be in vain.
    #[must_use]
    pub const fn with_lock_out(mut self, wait: Option<Duration>) -> Self {
        self.locked_out = wait;
        self
    }
}

/// An opened record.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Opened {
    /// Its header, as it stood when it was opened.
    pub header: Header,
    /// The name of its state.
    pub revision: Revision,
    /// Its content.
    pub payload: Payload,
    /// Reseals and re-opens this epoch without a prompt.
    pub key: RecordKey,
    /// Whether the storage would seal it more strongly today (a password's key derivation has been raised since): the
    /// flow that holds the credential re-protects it in the same mode, where it may.
    pub weakly_sealed: bool,
}

impl Opened {
    /// An opened record.
    #[must_use]
    pub const fn new(header: Header, revision: Revision, payload: Payload, key: RecordKey) -> Self {
        Self {
            header,
            revision,
            payload,
            key,
            weakly_sealed: false,
        }
    }

    /// The same, sealed more weakly than the storage would seal it today.
    #[must_use]
    pub const fn weakly_sealed(mut self) -> Self {
        self.weakly_sealed = true;
        self
    }
}

/// One record of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ListedRecord {
    /// Its handle.
    pub handle: RecordHandle,
    /// The name of its state.
    pub revision: Revision,
    /// Its header, or why it cannot be read.
    pub header: Result<Header, Unreadable>,
    /// Whether it is a copy kept aside while its slot is being replaced.
    pub aside: bool,
}

impl ListedRecord {
    /// A record in its own place.
    #[must_use]
    pub const fn new(handle: RecordHandle, revision: Revision, header: Result<Header, Unreadable>) -> Self {
        Self {
            handle,
            revision,
            header,
            aside: false,
        }
    }

    /// The same record as a copy kept aside.
    #[must_use]
    pub const fn kept_aside(mut self) -> Self {
        self.aside = true;
        self
    }
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RecordsPage {
    /// The records, in the order of their handles.
    pub records: Vec<ListedRecord>,
    /// Where the next page begins; `None` at the end.
    pub next: Option<RecordHandle>,
    /// How many entries were met that are no records and have no handle: something is there, but nobody knows what.
    pub foreign: usize,
}

impl RecordsPage {
    /// A page; `next` is the last handle of it where more follow.
    #[must_use]
    pub const fn new(records: Vec<ListedRecord>, next: Option<RecordHandle>) -> Self {
        Self {
            records,
            next,
            foreign: 0,
        }
    }

    /// The same page, with entries that are no records.
    #[must_use]
    pub const fn with_foreign(mut self, foreign: usize) -> Self {
        self.foreign = foreign;
        self
    }
}
