//! What other processes leave on the disk.

use vestibule::AuthenticationMode;
use vestibule::identifiers::{OwnerId, RecordHandle, WriteId};
use vestibule::ports::testing::StoredRecord;
use vestibule::ports::{Clock, Content, Credential, FlowPresence, Key, SecureStorage, WriteRequest};
use vestibule::record::{Header, Lease, Place, Stage, Unreadable};

use crate::mocks::now;
use crate::world::World;

/// The record in its slot.
pub(crate) fn standing(world: &World) -> StoredRecord {
    let in_slot = |record: &&StoredRecord| !record.aside && !matches!(record.header.stage, Stage::Revoking { .. });
    world.disk.records().iter().find(in_slot).unwrap().clone()
}

/// Another process writes the record once more: header as `change` makes it, the same content and protection.
pub(crate) fn write_again(world: &World, change: impl FnOnce(&Header, WriteId) -> Header) {
    let record = standing(world);
    let place = Place::Slot(record.header.slot.clone());
    let opened = now(world.disk.open(place.clone(), Key::Credential(Credential::None))).unwrap();
    let header = change(&opened.header, WriteId::from_bytes([0xee; 16]));
    let content = if header.epoch == opened.header.epoch {
        Content::Reseal {
            payload: opened.payload,
            key: opened.key,
        }
    } else {
        Content::Seal {
            payload: opened.payload,
            credential: Credential::None,
        }
    };
    now(world
        .disk
        .write(WriteRequest::new(place, Some(opened.revision), header, content)))
    .unwrap();
}

/// Another process holds the lease of the user's record.
pub(crate) fn rotating_by(world: &World, owner: Option<OwnerId>) {
    let lease = Lease {
        owner,
        written: world.clock.since_boot(),
    };
    write_again(world, |header, write| {
        let user = header.stage.user().unwrap().clone();
        header.next(write, Stage::Rotating { user, lease })
    });
}

/// Another process is enrolling there.
pub(crate) fn enrolling_by(world: &World, owner: Option<OwnerId>) {
    let lease = Lease {
        owner,
        written: world.clock.since_boot(),
    };
    write_again(world, |header, write| header.next(write, Stage::Enrolling { lease }));
}

/// Another process was killed while it deleted the record.
pub(crate) fn deleting(world: &World) {
    let lease = Lease {
        owner: None,
        written: world.clock.since_boot(),
    };
    write_again(world, |header, write| {
        let user = header.stage.user().cloned();
        header.reprotected(write, Stage::Deleting { user, lease }, AuthenticationMode::No)
    });
    world.clock.advance(std::time::Duration::from_secs(60));
}

/// Another process protected the record anew.
pub(crate) fn reprotected(world: &World) {
    write_again(world, |header, write| {
        header.reprotected(write, header.stage.clone(), AuthenticationMode::No)
    });
}

/// Another process removed the record.
pub(crate) fn removed(world: &World) {
    let record = standing(world);
    now(world.disk.remove(record.handle, record.revision)).unwrap();
}

/// The record cannot be read any more.
pub(crate) fn unreadable(world: &World, why: Unreadable) {
    let place = Place::Slot(standing(world).header.slot);
    world.disk.plant_unreadable(&place, why);
}

/// Something that cannot be read, in another slot.
pub(crate) fn unreadable_elsewhere(world: &World, why: Unreadable) {
    world
        .disk
        .plant_unreadable(&Place::Handle(RecordHandle::from_bytes([9; 16])), why);
}

/// An owner that lives as long as the world.
pub(crate) fn living_owner(world: &World) -> OwnerId {
    let entered = now(world.presence.another_process().enter()).unwrap();
    let owner = entered.owner();
    // Never left: the other process is still at work.
    std::mem::forget(entered);
    owner
}

/// An owner that is gone.
pub(crate) const GONE: OwnerId = OwnerId::from_bytes([0xdd; 16]);
