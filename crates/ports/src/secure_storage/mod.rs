//! Port: protected records with a durable stage.

mod found;
mod storage_error;
mod written;

pub use found::{Described, ListedRecord, Opened, RecordsPage};
pub use storage_error::StorageError;
pub use written::{Content, Credential, Key, WriteRequest, Written};

use async_trait::async_trait;
use vestibule_domain::identifiers::RecordHandle;
use vestibule_domain::record::{Lookup, Place, Revision};

/// Purpose: keeps records sealed under an authentication mode, one per slot, and proves what is there and what is not.
///
/// - `list` and `describe` MUST NOT unlock (kept by `on_another_machine_a_record_is_described_and_not_opened`).
///   They neither prompt nor count an attempt: they are given no credential.
/// - A header that they give MUST be proven unchanged
///   (kept by `every_change_of_every_byte_is_detected_before_anything_is_opened`).
/// - `Absent` MUST be proven; locked, unreadable and unavailable are errors
///   (kept by `a_record_without_its_device_key_is_told_from_a_damaged_one`,
///   `what_may_not_be_read_is_unavailable_and_never_absent`).
/// - `write` and `put_back` MUST be one compare-and-swap each: `Conflict` where the state is not `expected`, unless the
///   very same write (its header's write id) already stands: then it is done
///   (kept by `a_write_where_another_state_stands_is_a_conflict_and_changes_nothing`,
///   `the_same_write_once_more_is_done_and_its_key_is_the_one_that_stands`,
///   `putting_back_over_a_state_that_is_not_expected_is_a_conflict_and_keeps_both`).
/// - A write MUST be durable before it returns (kept by `a_write_says_what_became_of_it_whatever_gets_lost`).
/// - A write that fails MUST NOT touch the old record
///   (kept by `a_kill_at_any_step_leaves_the_old_record_or_the_new_one`).
/// - `Reseal` MUST keep credential, epoch and key
///   (kept by `the_generation_of_an_epoch_shares_its_wrap_and_not_its_nonce`).
/// - `Seal` MUST make a new key for the header's epoch
///   (kept by `a_new_epoch_is_a_new_key_and_the_old_one_opens_nothing_of_it`).
/// - What `Seal` makes MUST be proven to re-open before it replaces anything
///   (kept by `what_does_not_re_open_replaces_nothing`).
/// - `keep_aside` and `put_back` move a record sealed as it is, without a credential. A record kept aside lies at a handle
///   of its own, made of its record id, and may be kept aside again (the same record: done).
/// - `keep_aside` and `put_back` of something that cannot be read are an ability that a storage may lack: it answers
///   `Unreadable` then. One that has it moves the bytes as they are to
///   [`place_of_unreadable_copy`](vestibule_domain::record::place_of_unreadable_copy) and back, and lists the copy as
///   what it is: a record that cannot be read.
/// - `write` to a handle refuses a record that does not belong there (`Unsupported`).
/// - `remove` acts only on the named revision; removing what is absent is `NotThere`.
/// - No method prompts: credentials are asked for by the flow. `describe` says for how long an unlock by password would be
///   refused, so that nobody is asked in vain; `open` refuses it all the same.
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
