//! What lies on disk: a record per slot, its header and its durable stage.

use alloc::vec::Vec;

use crate::authentication_mode::AuthenticationMode;
use crate::identifiers::{ClientId, OwnerId, RealmId, RecordHandle, RecordId, TenantId, UserId, WriteId};
use crate::instant::{BootTime, WallTime};

/// Where an identity lives: at most one user per slot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Slot {
    /// The realm of the tenant, as the IdP adapter names it.
    pub realm: RealmId,
    /// The client that enrolled.
    pub client_id: ClientId,
}

/// Where a record lies.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    /// The one record of a slot.
    Slot(Slot),
    /// A place by its handle: a listed record, one kept aside, or one of our own naming (a queued revocation).
    Handle(RecordHandle),
}

/// Whether something is there. `Absent` is *proven*: everything unproven is an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lookup<T> {
    /// Proven not to be there.
    Absent,
    /// There it is.
    Present(T),
}

/// The storage's name for one state of a place: opaque bytes, compared whole, never counted up.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Revision(Vec<u8>);

impl Revision {
    /// Takes the storage's own name for a state: an ETag, a sequence number, a UUID.
    #[must_use]
    pub const fn new(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Who is at work on a record, and since when. The intent to ask the IdP and the lease are one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The flow at work; `None` once it has left without knowing how its request ended.
    pub owner: Option<OwnerId>,
    /// When the lease was written.
    pub written: BootTime,
}

/// Why a record is kept but cannot be used at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum OutdatedCause {
    /// The IdP refused the grant (`invalid_grant`) and the identity is not recoverable, or its recovery was refused.
    Refused,
    /// Enrolling again with the same key gave another user: nothing was changed.
    AnotherUser,
}

/// The durable stage of a record. Which stage may follow which is the protocol of the records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stage {
    /// An enrolment was begun; the key is on disk, a user may exist.
    Enrolling {
        /// Who is enrolling.
        lease: Lease,
    },
    /// A user stands, nobody is at work.
    Active {
        /// The user.
        user: UserId,
    },
    /// A request that may bring a new grant is under way.
    Rotating {
        /// The user.
        user: UserId,
        /// Who is asking.
        lease: Lease,
    },
    /// The IdP refused the grant; it is kept, and a later try may succeed.
    Outdated {
        /// The user.
        user: UserId,
        /// Why.
        cause: OutdatedCause,
    },
    /// A deletion was begun; anybody may finish it.
    Deleting {
        /// The user, if there was one.
        user: Option<UserId>,
        /// Who is deleting.
        lease: Lease,
    },
    /// A revocation that is still to be done, in a record of its own.
    Revoking {
        /// When the grant ends by itself; `None` when no end is known.
        until: Option<WallTime>,
    },
}

impl Stage {
    /// The lease that stands in this stage, if it is one that somebody works in.
    #[must_use]
    pub const fn lease(&self) -> Option<&Lease> {
        match self {
            Self::Enrolling { lease } | Self::Rotating { lease, .. } | Self::Deleting { lease, .. } => Some(lease),
            Self::Active { .. } | Self::Outdated { .. } | Self::Revoking { .. } => None,
        }
    }

    /// The user of a record that has one to log in with.
    #[must_use]
    pub const fn user(&self) -> Option<&UserId> {
        match self {
            Self::Active { user } | Self::Rotating { user, .. } | Self::Outdated { user, .. } => Some(user),
            Self::Enrolling { .. } | Self::Deleting { .. } | Self::Revoking { .. } => None,
        }
    }

    /// The stage without what it holds.
    #[must_use]
    pub const fn kind(&self) -> StageKind {
        match self {
            Self::Enrolling { .. } => StageKind::Enrolling,
            Self::Active { .. } => StageKind::Active,
            Self::Rotating { .. } => StageKind::Rotating,
            Self::Outdated { .. } => StageKind::Outdated,
            Self::Deleting { .. } => StageKind::Deleting,
            Self::Revoking { .. } => StageKind::Revoking,
        }
    }
}

/// A stage without what it holds, as apps are told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StageKind {
    /// See [`Stage::Enrolling`].
    Enrolling,
    /// See [`Stage::Active`].
    Active,
    /// See [`Stage::Rotating`].
    Rotating,
    /// See [`Stage::Outdated`].
    Outdated,
    /// See [`Stage::Deleting`].
    Deleting,
    /// See [`Stage::Revoking`].
    Revoking,
}

/// What can be read of a record without opening it. The storage proves it unchanged, and binds the body to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// Whose record this is: one identity, one record id.
    pub record_id: RecordId,
    /// Counts re-protections: a new epoch is a new key, and the old credential opens nothing of it.
    pub epoch: u64,
    /// Counts writes of a record; only compared within one record id and epoch.
    pub generation: u64,
    /// The write that made this state.
    pub write_id: WriteId,
    /// The durable stage.
    pub stage: Stage,
    /// The protection of the body.
    pub mode: AuthenticationMode,
    /// The tenant that the app named.
    pub tenant_id: TenantId,
    /// The slot that the record belongs to.
    pub slot: Slot,
}

impl Header {
    /// The first header of a new identity.
    #[must_use]
    pub const fn first(
        record_id: RecordId,
        write_id: WriteId,
        stage: Stage,
        mode: AuthenticationMode,
        tenant_id: TenantId,
        slot: Slot,
    ) -> Self {
        Self {
            record_id,
            epoch: 1,
            generation: 1,
            write_id,
            stage,
            mode,
            tenant_id,
            slot,
        }
    }

    /// The header of the next write under the same protection.
    #[must_use]
    pub fn next(&self, write_id: WriteId, stage: Stage) -> Self {
        Self {
            generation: self.generation.saturating_add(1),
            write_id,
            stage,
            ..self.clone()
        }
    }

    /// The header of the next write under a new protection: a new epoch.
    #[must_use]
    pub fn reprotected(&self, write_id: WriteId, stage: Stage, mode: AuthenticationMode) -> Self {
        Self {
            epoch: self.epoch.saturating_add(1),
            mode,
            ..self.next(write_id, stage)
        }
    }

    /// What has happened to a record that I hold, judged by the header that stands now.
    #[must_use]
    pub fn compared_with(&self, now: &Self) -> SinceThen {
        if now.record_id != self.record_id {
            SinceThen::AnotherIdentity
        } else if matches!(now.stage, Stage::Deleting { .. }) {
            SinceThen::BeingDeleted
        } else if now.epoch != self.epoch {
            SinceThen::Reprotected
        } else if now.write_id == self.write_id {
            SinceThen::Unchanged
        } else if now.generation > self.generation {
            SinceThen::NewerGeneration
        } else {
            SinceThen::OlderGeneration
        }
    }
}

/// What has become of a record since it was last read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SinceThen {
    /// The very write that I know.
    Unchanged,
    /// The same identity under the same protection, written since: to be read again.
    NewerGeneration,
    /// An older state of the record than I know: somebody put it back.
    OlderGeneration,
    /// The same identity under another protection: my key opens nothing of it.
    Reprotected,
    /// A deletion was begun.
    BeingDeleted,
    /// Another identity stands there.
    AnotherIdentity,
}

/// Where a copy of something that cannot be read is kept aside: it has no record id to be named by, so that its name is
/// made of its place, and names that place in turn.
#[must_use]
pub fn place_of_unreadable_copy(of: RecordHandle) -> RecordHandle {
    RecordHandle::from_bytes(of.as_bytes().map(|byte| !byte))
}

/// Why a record that is there cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unreadable {
    /// It is not what was written: bit rot, tampering, a foreign file.
    Corrupted,
    /// It was written by a newer version.
    NewerFormat,
    /// It was sealed with a device key that is not here: a restored backup.
    RestoredWithoutKey,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        let slot = Slot {
            realm: RealmId::new("https://idp.example/realms/acme").unwrap(),
            client_id: ClientId::parse("app").unwrap(),
        };
        let (record, write) = (RecordId::from_bytes([1; 16]), WriteId::from_bytes([2; 16]));
        Header::first(
            record,
            write,
            active(),
            AuthenticationMode::No,
            TenantId::parse("acme").unwrap(),
            slot,
        )
    }

    fn user() -> UserId {
        UserId::parse("u1").unwrap()
    }

    fn active() -> Stage {
        Stage::Active { user: user() }
    }

    fn lease() -> Lease {
        Lease {
            owner: None,
            written: BootTime::from_ms(7),
        }
    }

    #[test]
    fn each_stage_has_its_kind_its_lease_and_its_user() {
        // columns: kind, whether it holds a lease, whether it names a user to log in with
        let table = [
            (Stage::Enrolling { lease: lease() }, StageKind::Enrolling, true, false),
            (active(), StageKind::Active, false, true),
            (
                Stage::Rotating {
                    user: user(),
                    lease: lease(),
                },
                StageKind::Rotating,
                true,
                true,
            ),
            (
                Stage::Outdated {
                    user: user(),
                    cause: OutdatedCause::Refused,
                },
                StageKind::Outdated,
                false,
                true,
            ),
            (
                Stage::Deleting {
                    user: Some(user()),
                    lease: lease(),
                },
                StageKind::Deleting,
                true,
                false,
            ),
            (Stage::Revoking { until: None }, StageKind::Revoking, false, false),
        ];
        for (stage, kind, leased, has_user) in table {
            assert_eq!(stage.kind(), kind);
            assert_eq!(stage.lease(), leased.then(lease).as_ref(), "{kind:?}");
            assert_eq!(stage.user(), has_user.then(user).as_ref(), "{kind:?}");
        }
    }

    #[test]
    fn a_write_counts_up_the_generation_and_only_a_new_protection_the_epoch() {
        let (first, write) = (header(), WriteId::from_bytes([3; 16]));
        assert_eq!((first.epoch, first.generation), (1, 1));
        let next = first.next(write, Stage::Enrolling { lease: lease() });
        assert_eq!((next.epoch, next.generation, next.mode), (1, 2, AuthenticationMode::No));
        assert_eq!((next.write_id, next.stage.kind()), (write, StageKind::Enrolling));
        let reprotected = next.reprotected(write, active(), AuthenticationMode::Password);
        assert_eq!((reprotected.epoch, reprotected.generation), (2, 3));
        assert_eq!(
            (reprotected.mode, reprotected.stage.kind()),
            (AuthenticationMode::Password, StageKind::Active)
        );
        let of_the_identity = |header: &Header| (header.record_id, header.tenant_id.clone(), header.slot.clone());
        assert_eq!(of_the_identity(&reprotected), of_the_identity(&first));
    }

    #[test]
    fn the_copy_of_something_unreadable_and_its_place_name_each_other() {
        let place = RecordHandle::from_bytes([0x0f; 16]);
        let copy = place_of_unreadable_copy(place);
        assert_ne!(copy, place);
        assert_eq!(place_of_unreadable_copy(copy), place);
    }

    #[test]
    fn what_has_become_of_a_record_follows_from_its_header_alone() {
        let mine = header();
        let other_write = WriteId::from_bytes([9; 16]);
        let deleting = || Stage::Deleting {
            user: None,
            lease: lease(),
        };
        let table = [
            (mine.clone(), SinceThen::Unchanged),
            (mine.next(other_write, active()), SinceThen::NewerGeneration),
            (
                Header {
                    write_id: other_write,
                    ..mine.clone()
                },
                SinceThen::OlderGeneration,
            ),
            (
                Header {
                    write_id: other_write,
                    generation: 0,
                    ..mine.clone()
                },
                SinceThen::OlderGeneration,
            ),
            (
                mine.reprotected(other_write, active(), AuthenticationMode::Password),
                SinceThen::Reprotected,
            ),
            (mine.next(other_write, deleting()), SinceThen::BeingDeleted),
            (
                mine.reprotected(other_write, deleting(), AuthenticationMode::No),
                SinceThen::BeingDeleted,
            ),
            (
                Header {
                    record_id: RecordId::from_bytes([8; 16]),
                    ..mine.clone()
                },
                SinceThen::AnotherIdentity,
            ),
            (
                Header {
                    record_id: RecordId::from_bytes([8; 16]),
                    stage: deleting(),
                    epoch: 7,
                    ..mine.clone()
                },
                SinceThen::AnotherIdentity,
            ),
        ];
        for (now, expected) in table {
            assert_eq!(mine.compared_with(&now), expected, "{now:?}");
        }
    }
}
