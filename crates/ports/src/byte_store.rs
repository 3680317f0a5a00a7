//! Port: a place for sealed bytes with compare-and-swap.

use async_trait::async_trait;
use vestibule_domain::record::{Lookup, Revision};
use vestibule_domain::status::Cause;

/// Purpose: keeps named byte strings; the `Vault` makes a secure storage of any such place.
///
/// - `replace` and `remove` MUST act only where the state is still `expected`, atomically over all processes
///   (kept by `only_the_expected_state_is_replaced_or_removed`,
///   `of_racing_processes_exactly_one_wins_each_revision`).
/// - Both MUST be durable before they return
///   (kept by `a_step_that_fails_leaves_the_old_record_and_says_whether_it_is_certain`,
///   `a_removal_that_fails_leaves_the_record_and_says_whether_it_is_certain`).
/// - Revisions are opaque and MUST NOT come back: a counter that restarts lets a stale writer win
///   (kept by `bytes_come_back_in_a_new_store_and_revisions_never_do`).
/// - `Absent` MUST come from the authority, not from a replica or a cache; everything unproven is an error
///   (kept by `what_may_not_be_read_is_unavailable_and_never_absent`,
///   `in_a_directory_that_was_removed_nothing_is_proven_absent`).
/// - When the outcome of a write is not known, it MUST answer `AnswerLost`, never `Conflict`
///   (kept by `a_step_that_fails_leaves_the_old_record_and_says_whether_it_is_certain`,
///   `a_removal_that_fails_leaves_the_record_and_says_whether_it_is_certain`).
/// - `names` MUST list every stored name in byte order, `after` excluded, at most `limit` of them
///   (kept by `names_are_paged_in_byte_order_and_what_is_none_is_counted`). One that may not be read MUST NOT keep the
///   others from being listed: it is counted as foreign, and `load` says `Unavailable`
///   (kept by `one_record_that_may_not_be_read_leaves_the_other_slots_usable_and_is_never_absent`).
/// - A `replace` or `remove` that was certainly not done MUST leave the old bytes
///   (kept by `a_kill_at_any_step_leaves_the_old_record_or_the_new_one`,
///   `a_step_that_fails_leaves_the_old_record_and_says_whether_it_is_certain`).
///
/// | error | means | then |
/// |---|---|---|
/// | `Conflict` | the state is not `expected` | the Vault answers Conflict; the flow looks again |
/// | `Unavailable` | certainly not done | StorageUnavailable, or a repeat |
/// | `AnswerLost` | may have been done | the Vault looks whether its very bytes stand |
///
/// Shortest adapter: `vestibule_adapters_storage::MemoryByteStore`, about 50 lines.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait ByteStore: Send + Sync {
    /// One page of names, in byte order, beginning behind `after`.
    ///
    /// # Errors
    /// See the table.
    async fn names(&self, after: Option<StoreName>, limit: usize) -> Result<NamesPage, ByteStoreError>;

    /// The bytes of a name.
    ///
    /// # Errors
    /// See the table.
    async fn load(&self, name: StoreName) -> Result<Lookup<Loaded>, ByteStoreError>;

    /// Writes where the state is `expected` (`None`: absent).
    ///
    /// # Errors
    /// See the table.
    async fn replace(
        &self,
        name: StoreName,
        expected: Option<Revision>,
        bytes: Vec<u8>,
    ) -> Result<Replaced, ByteStoreError>;

    /// Removes where the state is `expected`.
    ///
    /// # Errors
    /// See the table.
    async fn remove(&self, name: StoreName, expected: Revision) -> Result<(), ByteStoreError>;
}

/// A name in a byte store: what the Vault calls an entry, `[0-9a-f.a-z]` only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct StoreName(String);

impl StoreName {
    /// Longest name, in bytes.
    pub const MAX_BYTES: usize = 64;

    /// Takes a name: 1..=64 bytes of `a-z`, `0-9` and `.`, not beginning with `.`; `None` for any other.
    #[must_use]
    pub fn new(name: &str) -> Option<Self> {
        let fits = !name.is_empty()
            && name.len() <= Self::MAX_BYTES
            && !name.starts_with('.')
            && name
                .bytes()
                .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.'));
        fits.then(|| Self(name.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One page of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct NamesPage {
    /// The names, in byte order. What the place holds beside them and cannot name goes into `foreign`.
    pub names: Vec<StoreName>,
    /// Whether there are more behind the last one.
    pub more: bool,
    /// How many entries are there that are no store names, or that may not be read: the Vault reports them as unreadable.
    pub foreign: usize,
}

impl NamesPage {
    /// A page.
    #[must_use]
    pub const fn new(names: Vec<StoreName>, more: bool) -> Self {
        Self {
            names,
            more,
            foreign: 0,
        }
    }

    /// The same page, with entries that are no store names.
    #[must_use]
    pub const fn with_foreign(mut self, foreign: usize) -> Self {
        self.foreign = foreign;
        self
    }
}

/// What lies under a name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Loaded {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The name of this state.
    pub revision: Revision,
}

impl Loaded {
    /// Bytes and their state.
    #[must_use]
    pub const fn new(bytes: Vec<u8>, revision: Revision) -> Self {
        Self { bytes, revision }
    }
}

/// A write that stands.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Replaced {
    /// The name of the new state.
    pub revision: Revision,
    /// Whether the next write of this name has room for certain, even on a full disk.
    pub room: bool,
}

impl Replaced {
    /// A write that stands, with room for the next.
    #[must_use]
    pub const fn new(revision: Revision) -> Self {
        Self { revision, room: true }
    }

    /// The same, saying whether there is room for the next.
    #[must_use]
    pub const fn with_room(mut self, room: bool) -> Self {
        self.room = room;
        self
    }
}

/// Why a byte store did not do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ByteStoreError {
    /// The state is not the expected one; certainly not done.
    #[error("the state is not the expected one")]
    Conflict,
    /// Certainly not done.
    #[error("byte store: {0}")]
    Unavailable(&'static str),
    /// It may have been done.
    #[error("the byte store did not say whether it was done")]
    AnswerLost,
}

impl From<ByteStoreError> for Cause {
    fn from(error: ByteStoreError) -> Self {
        match error {
            ByteStoreError::Conflict => Self::RecordInUse,
            ByteStoreError::Unavailable(why) => Self::StorageUnavailable(why),
            ByteStoreError::AnswerLost => Self::WriteUnclear,
        }
    }
}
