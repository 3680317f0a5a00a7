//! Counts wrong passwords, so that guessing takes time.
//!
//! The entry `<slot>.attempts` is written before the first record in mode `password` is, so that its absence means that
//! somebody removed it. A guess is counted before it is looked at, by compare-and-swap: of processes that guess at once
//! each needs a count of its own, and none gets an extra guess. It is never removed: only the body that opens resets it.
//! A copy kept aside is counted with its original, whatever handle it is opened by.

use core::time::Duration;

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::identifiers::{RecordHandle, RecordId};
use vestibule_domain::lockout::{Guesses, LONGEST_DELAY, Moment};
use vestibule_domain::record::{Header, Lookup};
use vestibule_ports::{ByteStoreError, DeviceKeyId, Loaded, StorageError, StoreName};

use super::{Vault, reading, record_names};
use crate::envelope::attempts_entry::AttemptsEntry;
use crate::envelope::mac::IndexKey;
use crate::envelope::sealed_record::ProvenRecord;
use crate::envelope::without_randomness;

/// So often a count is tried to be written while other processes write theirs.
const MAX_SENDS_OF_ONE_COUNT: u32 = 32;

/// Whose guesses are counted.
pub(super) struct Counter {
    name: StoreName,
    slot: RecordHandle,
    record: RecordId,
    /// The record at the slot that a new one is about to replace: its count is not the one that makes room.
    standing: Option<RecordId>,
    index: IndexKey,
}

/// What to do about a count: what to write, if anything, and the answer once that stands.
struct Decision<T> {
    write: Option<Guesses>,
    then: T,
}

impl Vault {
    /// How long a password would not be tried; `None` when it would be. A count that is not known begins its delay here:
    /// nobody would ask for a password that is locked out, and it would never end. What has passed of a delay is noted
    /// here too, so that a device that never runs as long as the delay is not locked for ever.
    pub(super) async fn lock_out(&self, record: &ProvenRecord) -> Result<Option<Duration>, StorageError> {
        match record.header.mode {
            AuthenticationMode::Password => {}
            AuthenticationMode::No | AuthenticationMode::Biometric => return Ok(None),
        }
        let counter = self.counter_of(record).await?;
        let guesses = self.entry(&counter).await?.0.guesses(counter.record);
        let looked = look(guesses, self.now());
        if looked.write.is_some() {
            // Whether it stands or not, the answer is the same; the next look tries again.
            let _begun_or_not = self.count(&counter, look).await;
        }
        Ok(looked.then)
    }

    /// Counts a guess before it is looked at.
    ///
    /// # Errors
    /// `LockedOut`; and where it cannot be counted, it is not made.
    pub(super) async fn begin_guess(&self, counter: &Counter) -> Result<(), StorageError> {
        self.count(counter, begin).await?
    }

    /// Counts a guess that was proven wrong. It is counted as begun already: a failure changes nothing.
    pub(super) async fn guessed_wrong(&self, counter: &Counter) {
        let proven_wrong = |guesses: Option<Guesses>, now| Decision {
            write: Some(guesses.unwrap_or_else(|| Guesses::not_known(now)).proven_wrong(now)),
            then: (),
        };
        let _noted_or_not = self.count(counter, proven_wrong).await;
    }

    /// Forgets the guesses: the body was opened. A failure costs the next opening a delay at most.
    pub(super) async fn opened(&self, counter: &Counter) {
        let forget = |guesses: Option<Guesses>, now| Decision {
            write: (!guesses.is_some_and(|guesses| guesses.is_none())).then_some(Guesses::none(now)),
            then: (),
        };
        let _forgotten_or_not = self.count(counter, forget).await;
    }

    /// Begins to count for a record that is about to be sealed. What is counted already stays.
    pub(super) async fn begin_to_count(&self, header: &Header, device_key: DeviceKeyId) -> Result<(), StorageError> {
        let mut counter = self.counter(header, device_key).await?;
        counter.standing = match self.find(counter.slot).await {
            Ok(Lookup::Present(standing)) => Some(standing.record.header.record_id),
            Ok(Lookup::Absent) | Err(_) => None,
        };
        let begin_to_count = |guesses: Option<Guesses>, now| Decision {
            write: guesses.is_none().then_some(Guesses::none(now)),
            then: (),
        };
        self.count(&counter, begin_to_count).await
    }

    pub(super) async fn counter_of(&self, record: &ProvenRecord) -> Result<Counter, StorageError> {
        let device_key = DeviceKeyId(record.sealed.protection.device_key_id);
        self.counter(&record.header, device_key).await
    }

    async fn counter(&self, header: &Header, device_key: DeviceKeyId) -> Result<Counter, StorageError> {
        let slot = record_names::handle_of_slot(&header.slot);
        Ok(Counter {
            name: record_names::name_of_attempts(slot)?,
            slot,
            record: header.record_id,
            standing: None,
            index: self.device.index_key(device_key).await?,
        })
    }

    /// Decides on what stands, and writes the decision where that still stands.
    async fn count<T>(
        &self,
        counter: &Counter,
        decide: impl Fn(Option<Guesses>, Moment) -> Decision<T>,
    ) -> Result<T, StorageError> {
        let mut sent: Option<(Vec<u8>, T)> = None;
        for _ in 0..MAX_SENDS_OF_ONE_COUNT {
            let (mut entry, loaded) = self.entry(counter).await?;
            if let Some(standing) = counter.standing {
                entry = entry.forgotten_last(standing);
            }
            let (bytes, then) = match sent.take() {
                // The answer to our write was lost. It can be seen, but only an answer says that it outlasts a power cut:
                // the very same bytes once more, over themselves.
                Some((bytes, then)) if loaded.as_ref().is_some_and(|loaded| loaded.bytes == bytes) => (bytes, then),
                Some(_) | None => {
                    let Decision { write, then } = decide(entry.guesses(counter.record), self.now());
                    let Some(guesses) = write else {
                        return Ok(then);
                    };
                    let entry = entry.with(counter.record, guesses, self.make_write_id()?);
                    (entry.seal(&counter.index)?, then)
                }
            };
            let expected = loaded.map(|loaded| loaded.revision);
            match self.store.replace(counter.name.clone(), expected, bytes.clone()).await {
                Ok(_) => return Ok(then),
                Err(ByteStoreError::Unavailable(why)) => return Err(StorageError::Unavailable(why)),
                Err(_) => sent = Some((bytes, then)),
            }
        }
        Err(StorageError::Unavailable(
            "the password's count could not be written; nothing was tried: try again",
        ))
    }

    /// What stands. A missing entry and one that is not ours know nothing of any record.
    async fn entry(&self, counter: &Counter) -> Result<(AttemptsEntry, Option<Loaded>), StorageError> {
        let slot = *counter.slot.as_bytes();
        let loaded = self.store.load(counter.name.clone()).await;
        match loaded.map_err(reading::not_read)? {
            Lookup::Absent => Ok((AttemptsEntry::empty(slot), None)),
            Lookup::Present(loaded) => {
                let proven = AttemptsEntry::prove(&loaded.bytes, slot, &counter.index);
                Ok((proven.unwrap_or_else(|_| AttemptsEntry::empty(slot)), Some(loaded)))
            }
        }
    }

    fn make_write_id(&self) -> Result<[u8; 16], StorageError> {
        let mut id = [0; 16];
        self.entropy.fill(&mut id).map_err(without_randomness)?;
        Ok(id)
    }

    fn now(&self) -> Moment {
        Moment {
            wall: self.clock.wall(),
            boot: self.clock.since_boot(),
        }
    }
}

/// Whether a guess may be made.
fn look(guesses: Option<Guesses>, now: Moment) -> Decision<Option<Duration>> {
    let Some(guesses) = guesses else {
        return Decision {
            write: Some(Guesses::not_known(now)),
            then: Some(LONGEST_DELAY),
        };
    };
    Decision {
        write: guesses.noted_anew(now),
        then: guesses.wait_left(now),
    }
}

/// Makes one, if it may be made.
fn begin(guesses: Option<Guesses>, now: Moment) -> Decision<Result<(), StorageError>> {
    let Decision { write, then: wait } = look(guesses, now);
    match (wait, guesses) {
        (None, Some(guesses)) => Decision {
            write: Some(guesses.begun(now)),
            then: Ok(()),
        },
        (wait, Some(_) | None) => Decision {
            write,
            then: Err(StorageError::LockedOut(wait.unwrap_or(LONGEST_DELAY))),
        },
    }
}
