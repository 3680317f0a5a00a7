//! One compare-and-swap with a known outcome, over a byte store whose answers may get lost.
//!
//! Whatever is repeated is the very same bytes: a new nonce would make our own late write look like a stranger's. When
//! the answer is lost, we look. If our bytes stand there, they are written once more over themselves, because a store
//! may have lost its answer after the write was visible and before it was durable, and because only an answer says
//! whether there is room.

use vestibule_domain::identifiers::{RecordHandle, RecordId, WriteId};
use vestibule_domain::record::{Header, Lookup, Revision};
use vestibule_ports::{ByteStoreError, Loaded, StorageError};

use super::{Vault, record_names};

/// So often one write is sent to the byte store before its outcome is called unclear.
pub const MAX_SENDS_OF_ONE_WRITE: u32 = 4;

/// What names a write, however often it is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct WriteMark {
    record_id: RecordId,
    epoch: u64,
    write_id: WriteId,
}

/// A write that stands.
#[derive(Debug)]
pub(super) struct Settled {
    pub revision: Revision,
    pub room: bool,
    /// The bytes that stand: ours, or those of an earlier try of the same write.
    pub bytes: Vec<u8>,
}

/// What stands where we wrote.
enum Standing {
    Ours(Loaded),
    AsExpected,
    Another,
    NotKnown,
}

impl WriteMark {
    pub(super) const fn of(header: &Header) -> Self {
        Self {
            record_id: header.record_id,
            epoch: header.epoch,
            write_id: header.write_id,
        }
    }

    /// Of bytes that nobody can read: only their being the very same says that they stand.
    pub(super) const fn of_nothing_readable(handle: RecordHandle) -> Self {
        let bytes = *handle.as_bytes();
        Self {
            record_id: RecordId::from_bytes(bytes),
            epoch: 0,
            write_id: WriteId::from_bytes(bytes),
        }
    }
}

impl Vault {
    /// Writes bytes where the state is `expected`, and finds out whether they stand.
    pub(super) async fn settle(
        &self,
        handle: RecordHandle,
        expected: Option<Revision>,
        bytes: Vec<u8>,
        mark: WriteMark,
    ) -> Result<Settled, StorageError> {
        let name = record_names::name_of(handle)?;
        let mut attempt = Attempt::new(expected, bytes);
        for _ in 0..MAX_SENDS_OF_ONE_WRITE {
            let sent = self
                .store
                .replace(name.clone(), attempt.expected.clone(), attempt.bytes.clone());
            match sent.await {
                Ok(replaced) => return Ok(attempt.done(replaced.revision, replaced.room)),
                Err(ByteStoreError::Unavailable(why)) => return Err(attempt.unavailable(why)),
                Err(ByteStoreError::Conflict) => {}
                Err(_) => attempt.unclear = true,
            }
            match self.look(handle, &attempt, mark).await {
                Standing::Ours(loaded) => attempt.confirm(loaded),
                Standing::AsExpected => {}
                Standing::NotKnown => attempt.unclear = true,
                Standing::Another => return attempt.overtaken(),
            }
        }
        Err(StorageError::Unclear)
    }

    async fn look(&self, handle: RecordHandle, attempt: &Attempt, mark: WriteMark) -> Standing {
        match self.load(handle).await {
            Err(_) => Standing::NotKnown,
            Ok(Lookup::Absent) if attempt.expected.is_none() => Standing::AsExpected,
            Ok(Lookup::Absent) => Standing::Another,
            Ok(Lookup::Present(loaded)) if loaded.bytes == attempt.bytes => Standing::Ours(loaded),
            Ok(Lookup::Present(loaded)) if Some(&loaded.revision) == attempt.expected.as_ref() => Standing::AsExpected,
            Ok(Lookup::Present(loaded)) => match self.prove(handle, loaded.clone()).await {
                Ok(found) if WriteMark::of(&found.record.header) == mark => Standing::Ours(loaded),
                Ok(_) | Err(StorageError::Unreadable(_)) => Standing::Another,
                Err(_) => Standing::NotKnown,
            },
        }
    }
}

/// One write on its way.
struct Attempt {
    expected: Option<Revision>,
    bytes: Vec<u8>,
    /// An answer was lost: an earlier send may stand, or may have stood.
    unclear: bool,
    /// Our write was seen standing under this revision.
    seen: Option<Revision>,
}

impl Attempt {
    const fn new(expected: Option<Revision>, bytes: Vec<u8>) -> Self {
        Self {
            expected,
            bytes,
            unclear: false,
            seen: None,
        }
    }

    /// Our write stands: the next send writes it over itself.
    fn confirm(&mut self, standing: Loaded) {
        self.seen = Some(standing.revision.clone());
        self.expected = Some(standing.revision);
        self.bytes = standing.bytes;
    }

    fn done(self, revision: Revision, room: bool) -> Settled {
        Settled {
            revision,
            room,
            bytes: self.bytes,
        }
    }

    const fn unavailable(&self, why: &'static str) -> StorageError {
        if self.unclear || self.seen.is_some() {
            StorageError::Unclear
        } else {
            StorageError::Unavailable(why)
        }
    }

    /// Somebody else's state stands. If ours was seen before, it stood, and they went on from it.
    fn overtaken(self) -> Result<Settled, StorageError> {
        match self.seen.clone() {
            Some(revision) => Ok(self.done(revision, false)),
            None if self.unclear => Err(StorageError::Unclear),
            None => Err(StorageError::Conflict),
        }
    }
}
