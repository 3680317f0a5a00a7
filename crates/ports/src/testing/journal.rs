//! What happened at the IdP and on the disk, in one order.

use core::fmt;
use std::hash::{DefaultHasher, Hasher};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use vestibule_domain::identifiers::{Audience, RecordHandle, UserId};
use vestibule_domain::record::Header;
use vestibule_domain::secret::{EnrolmentKey, Grant, Payload};

use super::late_requests::arrives_late;

/// The log of a [`ScriptedIdp`](super::ScriptedIdp), a [`MemoryStorage`](super::MemoryStorage), or of both when they share
/// one. A clone is the same log. It holds secrets in clear (of a test), and shows them only as a [`Fingerprint`].
#[derive(Clone, Debug, Default)]
pub struct Journal(Arc<Mutex<Log>>);

#[derive(Debug, Default)]
struct Log {
    entries: Vec<JournalEntry>,
    has_storage: bool,
}

impl Journal {
    /// An empty log.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything so far.
    #[must_use]
    pub fn entries(&self) -> Vec<JournalEntry> {
        self.lock().entries.clone()
    }

    /// How many requests of this kind reached the IdP.
    #[must_use]
    pub fn requests(&self, asked: IdpCall) -> usize {
        let is_asked = |entry: &&JournalEntry| matches!(entry, JournalEntry::Opened { call, .. } if *call == asked);
        self.lock().entries.iter().filter(is_asked).count()
    }

    pub(super) fn push(&self, entry: JournalEntry) {
        self.lock().entries.push(entry);
    }

    /// Logs the beginning of a request under the next number.
    pub(super) fn open(
        &self,
        call: IdpCall,
        key: &EnrolmentKey,
        grant: Option<&Grant>,
        audience: Option<&Audience>,
    ) -> usize {
        let entries = &mut self.lock().entries;
        let request = entries.len();
        entries.push(JournalEntry::Opened {
            request,
            call,
            key: key.clone(),
            grant: grant.cloned(),
            audience: audience.cloned(),
            late: arrives_late(),
        });
        request
    }

    /// Says that a storage writes here, too.
    pub(super) fn attach_storage(&self) {
        self.lock().has_storage = true;
    }

    pub(super) fn has_storage(&self) -> bool {
        self.lock().has_storage
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Display for Journal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        {
            let log = self.lock();
            let mut lines = log.entries.iter().enumerate();
            lines.try_for_each(|(line, entry)| writeln!(f, "{line}: {entry}"))
        }
    }
}

/// One thing that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum JournalEntry {
    /// A request reached the IdP.
    Opened {
        /// Its number, unique in this log.
        request: usize,
        /// What it asks.
        call: IdpCall,
        /// The key that it proves.
        key: EnrolmentKey,
        /// The grant that it sends.
        grant: Option<Grant>,
        /// The audience that it asks for.
        audience: Option<Audience>,
        /// Whether it left long before: a slow request.
        late: bool,
    },
    /// Its answer left the IdP, or nobody waited for it any more.
    Closed {
        /// Its number.
        request: usize,
        /// The answer.
        outcome: Outcome,
    },
    /// A record was written, by `write`, `keep_aside` or `put_back`.
    Stored {
        /// Where it lies.
        handle: RecordHandle,
        /// Whether it is a copy kept aside.
        aside: bool,
        /// Its header.
        header: Header,
        /// Its content.
        payload: Payload,
    },
    /// A record was removed.
    Removed {
        /// Where it lay.
        handle: RecordHandle,
    },
}

impl fmt::Display for JournalEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened {
                request,
                call,
                key,
                grant,
                audience,
                late,
            } => {
                let late = if *late { " late" } else { "" };
                write!(f, "#{request}{late} {call:?} key {}", Fingerprint::of(key.expose()))?;
                if let Some(grant) = grant {
                    write!(f, " grant {}", Fingerprint::of(grant.expose()))?;
                }
                audience.iter().try_for_each(|audience| write!(f, " for {audience}"))
            }
            Self::Closed { request, outcome } => write!(f, "#{request} -> {outcome}"),
            Self::Stored {
                handle, aside, header, ..
            } => {
                let place = if *aside { "aside" } else { "stored" };
                write!(f, "{place} {handle} {:?}, write {}", header.stage, header.write_id)
            }
            Self::Removed { handle } => write!(f, "removed {handle}"),
        }
    }
}

/// Which request it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum IdpCall {
    /// `enroll`
    Enroll,
    /// `refresh`
    Refresh,
    /// `revoke`
    Revoke,
}

/// How the IdP answered.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Outcome {
    /// A user and a grant.
    Enrolled {
        /// The user.
        user: UserId,
        /// The grant.
        grant: Grant,
    },
    /// A renewed grant.
    Refreshed {
        /// The successor, where the server rotated.
        successor: Option<Grant>,
    },
    /// The session has ended.
    Revoked,
    /// No.
    Refused(String),
    /// The test scripted the answer: the model did nothing.
    Scripted,
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enrolled { user, grant } => write!(f, "user {user}, grant {}", Fingerprint::of(grant.expose())),
            Self::Refreshed { successor: None } => f.write_str("no successor"),
            Self::Refreshed { successor: Some(grant) } => write!(f, "grant {}", Fingerprint::of(grant.expose())),
            Self::Revoked => f.write_str("revoked"),
            Self::Refused(why) => f.write_str(why),
            Self::Scripted => f.write_str("scripted"),
        }
    }
}

/// A short name of some bytes, equal within one run for equal bytes. No secret can be guessed from it but by trying.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint(u64);

impl Fingerprint {
    /// The name of these bytes.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = DefaultHasher::new();
        hasher.write(bytes);
        Self(hasher.finish())
    }

    pub(super) const fn bits(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
