//! Argon2id (RFC 9106): from a password to 32 bytes, at a price.
//!
//! The price is bounded before anything is paid: what a header asks for is checked, then the memory is reserved, which may
//! fail, and only then is the password looked at. One derivation runs at a time in a process, on a thread of its own, and
//! its memory is wiped afterwards. Its lanes run one after the other: a pool would be the whole process's.

use core::hint::black_box;
use std::sync::mpsc;
use std::thread;

use argon2::{Algorithm, Argon2, Block, Params, Version};
use tokio::sync::{Semaphore, oneshot};
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_ports::StorageError;
use zeroize::Zeroizing;

use super::key_schedule::KEY_BYTES;

/// Memory of a new password's derivation, in KiB (RFC 9106, section 4, second recommendation).
pub const DEFAULT_KDF_MEMORY_KIB: u32 = 64 * 1024;
/// Passes of a new password's derivation (RFC 9106, section 4, second recommendation).
pub const DEFAULT_KDF_PASSES: u32 = 3;
/// Lanes of a new password's derivation (RFC 9106, section 4, second recommendation).
pub const DEFAULT_KDF_LANES: u32 = 4;
/// Least memory that a host may set, in KiB (OWASP Password Storage Cheat Sheet, Argon2id).
pub const MIN_KDF_MEMORY_KIB: u32 = 19 * 1024;
/// Fewest passes that a host may set (OWASP Password Storage Cheat Sheet, Argon2id).
pub const MIN_KDF_PASSES: u32 = 2;
/// Most memory that a header may ask for, in KiB, whatever a host sets.
pub const MAX_KDF_MEMORY_KIB: u32 = 256 * 1024;
/// Most passes that a header may ask for.
pub const MAX_KDF_PASSES: u32 = 16;
/// Most lanes that a header may ask for.
pub const MAX_KDF_LANES: u32 = 8;
/// Length of a salt, in bytes (RFC 9106, section 3.1).
pub(crate) const SALT_BYTES: usize = 16;

/// One derivation at a time in this process: two at once could take twice the memory.
static TURN: Semaphore = Semaphore::const_new(1);

/// What a derivation costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KdfParameters {
    memory_kib: u32,
    passes: u32,
    lanes: u32,
}

impl KdfParameters {
    /// The defaults: 64 MiB, 3 passes, 4 lanes.
    pub const DEFAULT: Self = Self {
        memory_kib: DEFAULT_KDF_MEMORY_KIB,
        passes: DEFAULT_KDF_PASSES,
        lanes: DEFAULT_KDF_LANES,
    };

    /// Parameters to seal with: memory in KiB, passes, lanes.
    ///
    /// # Errors
    /// [`InvalidParameter`] below the floor (19 MiB, 2 passes, 1 lane) or above the ceilings (256 MiB, 16 passes, 8 lanes).
    pub const fn new(memory_kib: u32, passes: u32, lanes: u32) -> Result<Self, InvalidParameter> {
        if memory_kib < MIN_KDF_MEMORY_KIB || memory_kib > MAX_KDF_MEMORY_KIB {
            return Err(refused(
                "kdf_memory_kib",
                "is not between 19,456 (19 MiB) and 262,144 (256 MiB)",
            ));
        }
        if passes < MIN_KDF_PASSES || passes > MAX_KDF_PASSES {
            return Err(refused("kdf_passes", "is not between 2 and 16"));
        }
        if lanes < 1 || lanes > MAX_KDF_LANES {
            return Err(refused("kdf_lanes", "is not between 1 and 8"));
        }
        Ok(Self {
            memory_kib,
            passes,
            lanes,
        })
    }

    /// What a header asks for; `None` when it is more than any writer of this format asks for, or nothing at all. A floor
    /// does not hold here: what was once sealed more weakly must open.
    pub(crate) const fn of_header(memory_kib: u32, passes: u32, lanes: u32) -> Option<Self> {
        let fits = memory_kib <= MAX_KDF_MEMORY_KIB
            && passes >= 1
            && passes <= MAX_KDF_PASSES
            && lanes >= 1
            && lanes <= MAX_KDF_LANES
            // RFC 9106, section 3.1: at least 8 blocks to a lane.
            && memory_kib >= 8 * lanes;
        if fits {
            Some(Self {
                memory_kib,
                passes,
                lanes,
            })
        } else {
            None
        }
    }

    /// Memory, in KiB.
    #[must_use]
    pub const fn memory_kib(&self) -> u32 {
        self.memory_kib
    }

    /// Passes over the memory.
    #[must_use]
    pub const fn passes(&self) -> u32 {
        self.passes
    }

    /// Lanes.
    #[must_use]
    pub const fn lanes(&self) -> u32 {
        self.lanes
    }

    /// Whether these cost no less than `other` in anything, and more in memory or passes. Lanes are no strength.
    pub(crate) const fn are_stronger_than(&self, other: &Self) -> bool {
        let no_less = self.memory_kib >= other.memory_kib && self.passes >= other.passes;
        no_less && (self.memory_kib > other.memory_kib || self.passes > other.passes)
    }
}

impl Default for KdfParameters {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// What a password became.
pub(crate) struct PasswordKey(pub Zeroizing<[u8; KEY_BYTES]>);

/// A derivation whose turn it is, with its thread and its memory: nothing that can be foreseen stops it now.
///
/// Its memory was written to. So where the system gives more than it has and kills who uses it, it kills here, before a
/// guess is counted.
pub(crate) struct ReadyKdf {
    work: mpsc::SyncSender<Work>,
}

/// What is derived, and who waits for it.
struct Work {
    password: Zeroizing<String>,
    salt: [u8; SALT_BYTES],
    tell: oneshot::Sender<Result<PasswordKey, StorageError>>,
}

impl ReadyKdf {
    /// Waits for its turn, starts its thread and takes its memory.
    ///
    /// # Errors
    /// `Unavailable` when there is no memory or no thread for it: certainly nothing was done.
    pub(crate) async fn reserve(parameters: KdfParameters) -> Result<Self, StorageError> {
        let turn = TURN.acquire().await;
        let turn = turn.map_err(|_| StorageError::Unavailable(BROKEN))?;
        let (work, comes) = mpsc::sync_channel(1);
        let (tell, told) = oneshot::channel();
        let run = move || {
            // Given up last: the next one's turn begins when this one's memory is wiped.
            let turn = turn;
            derive_when_told(parameters, tell, &comes);
            drop(turn);
        };
        thread::Builder::new()
            .name("vestibule-kdf".to_owned())
            .spawn(run)
            .map_err(|_| WITHOUT_THREAD)?;
        told.await.map_err(|_| StorageError::Unavailable(BROKEN))??;
        Ok(Self { work })
    }

    /// Derives, on its own thread. Where the caller goes away, the thread comes to its end and wipes.
    ///
    /// # Errors
    /// `Unavailable`.
    pub(crate) async fn derive(
        self,
        password: Zeroizing<String>,
        salt: [u8; SALT_BYTES],
    ) -> Result<PasswordKey, StorageError> {
        let (tell, told) = oneshot::channel();
        let broken = StorageError::Unavailable(BROKEN);
        let work = Work { password, salt, tell };
        self.work.send(work).map_err(|_| broken.clone())?;
        told.await.map_err(|_| broken)?
    }
}

/// The life of the thread: takes the memory, says so, derives when there is something to derive, wipes.
fn derive_when_told(
    parameters: KdfParameters,
    ready: oneshot::Sender<Result<(), StorageError>>,
    comes: &mpsc::Receiver<Work>,
) {
    #[cfg(test)]
    let _seen = tests::Running::begin();
    let mut memory = match take_memory(parameters) {
        Ok(memory) => memory,
        Err(refused) => {
            let _heard_or_not = ready.send(Err(refused));
            return;
        }
    };
    let is_awaited = ready.send(Ok(())).is_ok();
    if let (true, Ok(Work { password, salt, tell })) = (is_awaited, comes.recv()) {
        let derived = hash(parameters, password.as_bytes(), &salt, &mut memory.0);
        drop(password);
        // Where nobody is there any more, the key is wiped with the answer.
        let _heard_or_not = tell.send(derived);
    }
}

fn take_memory(parameters: KdfParameters) -> Result<Wiped<Vec<Block>>, StorageError> {
    let blocks = usize::try_from(parameters.memory_kib).unwrap_or(usize::MAX);
    let mut memory = Wiped(Vec::new());
    memory.0.try_reserve_exact(blocks).map_err(|_| WITHOUT_MEMORY)?;
    memory.0.resize(blocks, Block::new());
    Ok(memory)
}

fn hash(
    parameters: KdfParameters,
    password: &[u8],
    salt: &[u8],
    memory: &mut [Block],
) -> Result<PasswordKey, StorageError> {
    let KdfParameters {
        memory_kib,
        passes,
        lanes,
    } = parameters;
    let broken = |_| StorageError::Unavailable(BROKEN);
    let params = Params::new(memory_kib, passes, lanes, Some(KEY_BYTES)).map_err(broken)?;
    let mut key = Zeroizing::new([0; KEY_BYTES]);
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
        .hash_password_into_with_memory(password, salt, key.as_mut_slice(), memory)
        .map_err(broken)?;
    Ok(PasswordKey(key))
}

/// Memory that is wiped when it is dropped, also by a panic.
struct Wiped<M: AsMut<[Block]>>(M);

impl<M: AsMut<[Block]>> Drop for Wiped<M> {
    fn drop(&mut self) {
        for block in self.0.as_mut() {
            block.as_mut().fill(0);
        }
        // As if somebody looked at it now: the zeros cannot be taken for useless.
        black_box(self.0.as_mut());
    }
}

const WITHOUT_MEMORY: StorageError = StorageError::Unavailable(
    "there is no memory for the password now: nothing was done; close something and try again",
);
const WITHOUT_THREAD: StorageError =
    StorageError::Unavailable("there is no thread for the password now: nothing was done; try again");
const BROKEN: &str = "the key derivation broke its word";

const fn refused(field: &'static str, why: &'static str) -> InvalidParameter {
    InvalidParameter { field, why }
}

#[cfg(test)]
#[path = "kdf_tests.rs"]
mod tests;
