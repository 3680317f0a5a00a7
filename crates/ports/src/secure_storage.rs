//! Port: protected records with a durable stage.

use async_trait::async_trait;
use vestibule_domain::enrolment::SlotFault;
use vestibule_domain::identifiers::{InvalidParameter, RecordHandle};
use vestibule_domain::record::{Header, Lookup, Place, Revision, Unreadable};
use vestibule_domain::secret::{GateKey, Password, Payload, RecordKey};
use vestibule_domain::status::Cause;

use crate::biometric_gate::GateBlob;

/// Purpose: keeps records sealed under an authentication mode, one per slot, and proves what is there and what is not.
///
/// - `list` and `describe` MUST NOT unlock, prompt or count an attempt; a header that they give MUST be proven unchanged.
/// - `Absent` MUST be proven; locked, unreadable and unavailable are errors.
/// - `write` and `put_back` are one compare-and-swap each: `Conflict` where the state is not `expected`, unless the
///   very same write (its header's write id) already stands: then it is done.
/// - A write MUST be durable before it returns, and MUST NOT touch the old record when it fails.
/// - `Reseal` MUST keep credential, epoch and key; `Seal` makes a new key for the header's epoch, and MUST be proven to
///   re-open before it replaces anything.
/// - `keep_aside` and `put_back` move a record sealed as it is, without a credential. A record kept aside lies at a handle
///   of its own, made of its record id, and may be kept aside again (the same record: done).
/// - `remove` acts only on the named revision; removing what is absent is `NotThere`.
/// - No method prompts: credentials are asked for by the flow.
///
/// | error | means | then |
/// |---|---|---|
/// | `Conflict` | the state is not `expected` | the flow looks again |
/// | `Unavailable` | certainly not done | StorageUnavailable |
/// | `Unclear` | the write may stand | the same write is repeated |
/// | `Unreadable` | there, but damaged, newer, or without its device key | the status of that name; never "absent" |
/// | `DeviceChanged` | sealed on another machine | DeviceChanged; the grant is not given out |
/// | `WrongCredential` | proven wrong | WrongCredentials |
/// | `LockedOut` | too many wrong ones | LockedUser |
/// | `Unsupported` | this storage cannot keep that mode | InvalidParameter |
/// | `NotThere` | no record at that place | InvalidUserId |
///
/// Shortest adapter: `testing::MemoryStorage`. Most teams want `Vault` over a byte store of their own instead.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait SecureStorage: Send + Sync {
    /// One page of records, in the order of their handles, beginning behind `after`.
    ///
    /// # Errors
    /// See the table.
    async fn list(&self, after: Option<RecordHandle>, limit: usize) -> Result<RecordsPage, StorageError>;

    /// What lies at a place, without opening it.
    ///
    /// # Errors
    /// See the table.
    async fn describe(&self, place: Place) -> Result<Lookup<Described>, StorageError>;

    /// Opens a record.
    ///
    /// # Errors
    /// See the table.
    async fn open(&self, place: Place, key: Key) -> Result<Opened, StorageError>;

    /// Writes a record where the state is `expected`.
    ///
    /// # Errors
    /// See the table.
    async fn write(&self, request: WriteRequest) -> Result<Written, StorageError>;

    /// Keeps a copy of a record at a handle of its own, and gives that handle.
    ///
    /// # Errors
    /// See the table.
    async fn keep_aside(&self, handle: RecordHandle, revision: Revision) -> Result<RecordHandle, StorageError>;

    /// Puts a copy that was kept aside back over what stands at its slot, and removes the copy.
    ///
    /// # Errors
    /// See the table.
    async fn put_back(&self, aside: RecordHandle, expected: Option<Revision>) -> Result<Revision, StorageError>;

    /// Removes a record.
    ///
    /// # Errors
    /// See the table.
    async fn remove(&self, handle: RecordHandle, revision: Revision) -> Result<(), StorageError>;
}

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
        }
    }

    /// The same, with what its gate keeps in it.
    #[must_use]
    pub fn with_gate_blob(mut self, blob: GateBlob) -> Self {
        self.gate_blob = Some(blob);
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
        }
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

/// Why a storage did not do it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// The state is not the expected one; certainly not done.
    #[error("the state is not the expected one")]
    Conflict,
    /// Certainly not done.
    #[error("storage: {0}")]
    Unavailable(&'static str),
    /// The write may stand.
    #[error("the storage did not say whether the write stands")]
    Unclear,
    /// There, but it cannot be read.
    #[error("the record cannot be read: {0:?}")]
    Unreadable(Unreadable),
    /// Sealed on another machine.
    #[error("the record belongs to another device")]
    DeviceChanged,
    /// The credential is proven wrong.
    #[error("the credential is wrong")]
    WrongCredential,
    /// Too many wrong credentials.
    #[error("locked out for {} s", .0.as_secs())]
    LockedOut(core::time::Duration),
    /// This storage cannot keep that.
    #[error("{0}")]
    Unsupported(InvalidParameter),
    /// No record at that place.
    #[error("there is no record at that place")]
    NotThere,
}

impl From<StorageError> for Cause {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Conflict => Self::RecordInUse,
            StorageError::Unavailable(why) => Self::StorageUnavailable(why),
            StorageError::Unclear => Self::WriteUnclear,
            StorageError::Unreadable(why) => Self::Unreadable(why),
            StorageError::DeviceChanged => Self::DeviceChanged,
            StorageError::WrongCredential => Self::WrongPassword,
            StorageError::LockedOut(wait) => Self::LockedOut { wait },
            StorageError::Unsupported(parameter) => Self::InvalidParameter(parameter),
            StorageError::NotThere => Self::NoSuchRecord,
        }
    }
}

impl From<StorageError> for SlotFault {
    fn from(error: StorageError) -> Self {
        match error {
            StorageError::Unreadable(why) => Self::Unreadable(why),
            StorageError::Conflict
            | StorageError::Unavailable(_)
            | StorageError::Unclear
            | StorageError::DeviceChanged
            | StorageError::WrongCredential
            | StorageError::LockedOut(_)
            | StorageError::Unsupported(_)
            | StorageError::NotThere => Self::Storage(error.into()),
        }
    }
}
