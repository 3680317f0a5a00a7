//! What a deletion does with each kind of record, and what it may say of the session at the IdP.

use crate::event::DeletionCredential;
use crate::identifiers::{RecordHandle, RecordId};
use crate::record::{Header, Stage};

/// What became of the session at the IdP.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Revocation {
    /// It is revoked: neither record nor live session is left.
    Done,
    /// It is not revoked yet, or not every session of its key is: that is queued on disk and worked off while an SDK
    /// lives.
    Queued,
    /// Nothing can be revoked: the credential was not given, there was no token, or which token is the last one is not
    /// known. A session that exists lives until its idle end.
    NotPossible,
}

/// What a deletion does with the record that it was asked to delete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// Somebody else began to delete it: finish that.
    Finish,
    /// Open it. One that holds a grant is deleted as [`Step::Revoke`] says, any other as [`Step::PutAway`].
    OpenUnfinished,
    /// Remove it, or put back what it replaced, in one write.
    PutAway,
    /// Open it, write Deleting with key and grant, revoke or queue, remove.
    Revoke,
    /// Open it and settle it by one rotation (an unclear or refused grant may not be the last one), then look again.
    Settle,
    /// Write Deleting with nothing in it, remove.
    WithoutGrant,
    /// It is no record of a user or of an enrolment.
    Refuse,
}

/// Decides by the stage that was found. `settled` is whether this deletion has tried to settle the record already.
#[must_use]
pub const fn step(stage: &Stage, credential: DeletionCredential, settled: bool) -> Step {
    match (stage, credential) {
        (Stage::Deleting { .. }, DeletionCredential::Ask | DeletionCredential::Skip) => Step::Finish,
        (Stage::Enrolling { .. }, DeletionCredential::Ask) => Step::OpenUnfinished,
        (Stage::Enrolling { .. }, DeletionCredential::Skip) => Step::PutAway,
        (Stage::Active { .. }, DeletionCredential::Ask) => Step::Revoke,
        (Stage::Rotating { .. } | Stage::Outdated { .. }, DeletionCredential::Ask) if !settled => Step::Settle,
        (Stage::Rotating { .. } | Stage::Outdated { .. }, DeletionCredential::Ask)
        | (Stage::Active { .. } | Stage::Rotating { .. } | Stage::Outdated { .. }, DeletionCredential::Skip) => {
            Step::WithoutGrant
        }
        (Stage::Revoking { .. }, DeletionCredential::Ask | DeletionCredential::Skip) => Step::Refuse,
    }
}

/// Who began a deletion, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Begun {
    /// This flow, of a record that it found Active, or settled by a rotation.
    OfActive,
    /// This flow, of a record whose grant an enrolment with the same key has just renewed: an older session may live on.
    OfRecovered,
    /// This flow, of an unfinished enrolment: other sessions of its key may exist.
    OfUnfinished,
    /// Another flow, or an earlier process: what it has sent is not known.
    BySomebodyElse,
}

impl Begun {
    /// Whether the grant is revoked at once. Where `Done` may never be said it is queued, so that `Queued` is true.
    #[must_use]
    pub const fn revokes_at_once(self) -> bool {
        match self {
            Self::OfActive => true,
            Self::OfRecovered | Self::OfUnfinished | Self::BySomebodyElse => false,
        }
    }
}

/// What the IdP said to the revocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asked {
    /// It was not asked.
    No,
    /// It was, and did not do it for certain.
    Failed,
    /// The grant is revoked.
    Revoked,
}

/// Whether the grant is to be queued before the record is removed.
#[must_use]
pub const fn must_queue(holds_grant: bool, asked: Asked) -> bool {
    match asked {
        Asked::Revoked => false,
        Asked::No | Asked::Failed => holds_grant,
    }
}

/// What the app is told. `another_queued` is whether another queued revocation of the same key stands.
#[must_use]
pub const fn answer(begun: Begun, holds_grant: bool, asked: Asked, another_queued: bool) -> Revocation {
    if !holds_grant {
        return Revocation::NotPossible;
    }
    match (begun, asked) {
        (Begun::OfActive, Asked::Revoked) if !another_queued => Revocation::Done,
        (
            Begun::OfActive | Begun::OfRecovered | Begun::OfUnfinished | Begun::BySomebodyElse,
            Asked::No | Asked::Failed | Asked::Revoked,
        ) => Revocation::Queued,
    }
}

/// What becomes of a copy that is kept aside of the slot in which a record is deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CopyAside {
    /// It is of the record itself, or of one that a user has replaced: it goes first.
    RemoveFirst,
    /// It is what an unfinished enrolment replaces: it is put back.
    PutBack,
}

/// Decides by the record that is deleted and the copy.
#[must_use]
pub fn copy_aside(deleted: &Header, copy: &Header) -> CopyAside {
    if puts_back(deleted) && copy.record_id != deleted.record_id {
        CopyAside::PutBack
    } else {
        CopyAside::RemoveFirst
    }
}

/// Whether deleting this record puts back what it replaced: a user that stands has replaced it for good.
#[must_use]
pub const fn puts_back(deleted: &Header) -> bool {
    match &deleted.stage {
        Stage::Deleting { user, .. } => user.is_none(),
        Stage::Enrolling { .. } => true,
        Stage::Active { .. } | Stage::Rotating { .. } | Stage::Outdated { .. } | Stage::Revoking { .. } => false,
    }
}

/// Where the revocation of a deleted identity is queued: always the same place, so that a deletion that is finished twice
/// queues it once. It is made of the record id, and is neither that (where a copy kept aside lies) nor any other's.
#[must_use]
pub fn queue_place(deleted: RecordId) -> RecordHandle {
    RecordHandle::from_bytes(deleted.as_bytes().map(|byte| !byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authentication_mode::AuthenticationMode;
    use crate::identifiers::{ClientId, RealmId, TenantId, UserId, WriteId};
    use crate::instant::BootTime;
    use crate::record::{Lease, OutdatedCause, Slot};

    const BEGUN: [Begun; 4] = [
        Begun::OfActive,
        Begun::OfRecovered,
        Begun::OfUnfinished,
        Begun::BySomebodyElse,
    ];
    const ASKED: [Asked; 3] = [Asked::No, Asked::Failed, Asked::Revoked];

    fn user() -> UserId {
        UserId::parse("u1").unwrap()
    }

    fn lease() -> Lease {
        Lease {
            owner: None,
            written: BootTime::from_ms(7),
        }
    }

    fn stages() -> [Stage; 6] {
        [
            Stage::Enrolling { lease: lease() },
            Stage::Active { user: user() },
            Stage::Rotating {
                user: user(),
                lease: lease(),
            },
            Stage::Outdated {
                user: user(),
                cause: OutdatedCause::Refused,
            },
            Stage::Deleting {
                user: Some(user()),
                lease: lease(),
            },
            Stage::Revoking { until: None },
        ]
    }

    fn header(record: u8, stage: Stage) -> Header {
        let slot = Slot {
            realm: RealmId::new("https://idp.example/realms/acme").unwrap(),
            client_id: ClientId::parse("app").unwrap(),
        };
        Header::first(
            RecordId::from_bytes([record; 16]),
            WriteId::from_bytes([2; 16]),
            stage,
            AuthenticationMode::No,
            TenantId::parse("acme").unwrap(),
            slot,
        )
    }

    #[test]
    fn every_stage_is_deleted_with_and_without_the_credential() {
        use Step::{Finish, OpenUnfinished, PutAway, Refuse, Revoke, Settle, WithoutGrant};
        // columns: asked for the credential; asked and settled; without the credential
        let table = [
            [OpenUnfinished, OpenUnfinished, PutAway],
            [Revoke, Revoke, WithoutGrant],
            [Settle, WithoutGrant, WithoutGrant],
            [Settle, WithoutGrant, WithoutGrant],
            [Finish, Finish, Finish],
            [Refuse, Refuse, Refuse],
        ];
        for (stage, expected) in stages().iter().zip(table) {
            let found = [
                step(stage, DeletionCredential::Ask, false),
                step(stage, DeletionCredential::Ask, true),
                step(stage, DeletionCredential::Skip, false),
            ];
            assert_eq!(found, expected, "{stage:?}");
            let skipped = step(stage, DeletionCredential::Skip, true);
            assert_eq!(
                skipped, expected[2],
                "without the credential nothing is settled: {stage:?}"
            );
        }
    }

    #[test]
    fn done_is_said_only_of_a_record_found_active_that_the_idp_revoked_and_of_which_nothing_else_is_queued() {
        for begun in BEGUN {
            for asked in ASKED {
                for another in [false, true] {
                    let told = answer(begun, true, asked, another);
                    let done = begun == Begun::OfActive && asked == Asked::Revoked && !another;
                    let expected = if done { Revocation::Done } else { Revocation::Queued };
                    assert_eq!(told, expected, "{begun:?} {asked:?} {another}");
                    let without = answer(begun, false, asked, another);
                    assert_eq!(without, Revocation::NotPossible, "{begun:?} {asked:?} {another}");
                }
            }
        }
    }

    #[test]
    fn queued_is_said_only_where_something_is_queued() {
        for begun in BEGUN {
            for asked in ASKED {
                if asked == Asked::Revoked && !begun.revokes_at_once() {
                    continue;
                }
                for another in [false, true] {
                    for holds_grant in [false, true] {
                        let queued = must_queue(holds_grant, asked) || (another && holds_grant);
                        let told = answer(begun, holds_grant, asked, another) == Revocation::Queued;
                        assert_eq!(told, queued, "{begun:?} {asked:?} {holds_grant} {another}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_grant_is_queued_unless_it_is_revoked() {
        for (asked, queued) in [(Asked::No, true), (Asked::Failed, true), (Asked::Revoked, false)] {
            assert_eq!(must_queue(true, asked), queued, "{asked:?}");
            assert!(!must_queue(false, asked), "{asked:?}");
        }
    }

    #[test]
    fn only_what_an_unfinished_enrolment_replaces_is_put_back() {
        use CopyAside::{PutBack, RemoveFirst};
        let deleting = |user| Stage::Deleting { user, lease: lease() };
        // columns: a copy of the record itself, a copy of another
        let table = [
            (Stage::Enrolling { lease: lease() }, [RemoveFirst, PutBack]),
            (deleting(None), [RemoveFirst, PutBack]),
            (deleting(Some(user())), [RemoveFirst, RemoveFirst]),
            (Stage::Active { user: user() }, [RemoveFirst, RemoveFirst]),
        ];
        for (stage, expected) in table {
            let deleted = header(1, stage);
            let found = [1, 9].map(|copied| copy_aside(&deleted, &header(copied, Stage::Active { user: user() })));
            assert_eq!(found, expected, "{:?}", deleted.stage);
        }
    }

    #[test]
    fn the_place_of_a_queued_revocation_is_always_the_same_and_nobody_elses() {
        let (one, other) = (RecordId::from_bytes([0x0f; 16]), RecordId::from_bytes([1; 16]));
        assert_eq!(queue_place(one), queue_place(one));
        assert_ne!(queue_place(one), queue_place(other));
        assert_ne!(queue_place(one).as_bytes(), one.as_bytes());
    }
}
