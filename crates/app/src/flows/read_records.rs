//! What lies on this device: read at every start, and again when memory was wiped.

use vestibule_domain::identifiers::{RecordHandle, UserIdentifier};
use vestibule_domain::record::{Header, Lookup, Place, Slot, Stage, place_of_unreadable_copy};
use vestibule_domain::sdk_state::Holdings;
use vestibule_domain::status::Cause;
use vestibule_ports::{Described, ListedRecord, StorageError};

use super::finish_deletion::finish_deletion;
use crate::core::{Core, FlowContext};
use crate::outcome::{KnownRecord, user_of};

/// So many records are read at a time.
const PAGE: usize = 256;

/// Everything that lies on this device.
pub(super) struct Records {
    pub known: Vec<KnownRecord>,
    pub holdings: Holdings,
    pub unfinished: Unfinished,
}

/// What a start finishes in the background.
#[derive(Default)]
pub(super) struct Unfinished {
    deletions: Vec<Slot>,
    revocations: Vec<RecordHandle>,
    asides: Vec<(ListedRecord, Header)>,
    unreadable_copies: Vec<ListedRecord>,
}

/// Reads every record. Only what was proven counts as absent.
pub(super) async fn read_records(core: &Core) -> Result<Records, Cause> {
    let mut records = Records {
        known: Vec::new(),
        holdings: Holdings::NoUser,
        unfinished: Unfinished::default(),
    };
    let mut after = None;
    loop {
        let page = core.ports.storage.list(after, PAGE).await?;
        if page.foreign > 0 {
            records.holdings = Holdings::PerhapsUsers;
        }
        for listed in page.records {
            records.sort_in(listed);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => {
                records.find_unreadable_copies();
                return Ok(records);
            }
        }
    }
}

impl Records {
    fn sort_in(&mut self, listed: ListedRecord) {
        match &listed.header {
            Err(_) => {
                self.holdings = Holdings::PerhapsUsers;
                self.unfinished.unreadable_copies.push(listed.clone());
            }
            Ok(header) if listed.aside => {
                let header = header.clone();
                self.unfinished.asides.push((listed, header));
                return;
            }
            Ok(header) => match &header.stage {
                Stage::Enrolling { .. } => {}
                Stage::Active { .. } | Stage::Rotating { .. } | Stage::Outdated { .. } => {
                    self.holdings = Holdings::PerhapsUsers;
                }
                Stage::Deleting { .. } => return self.unfinished.deletions.push(header.slot.clone()),
                Stage::Revoking { .. } => return self.unfinished.revocations.push(listed.handle),
            },
        }
        self.known.push(KnownRecord::from_listed(&listed));
    }

    /// Of what cannot be read, what is a copy of something that a user has replaced. Only its place says so.
    fn find_unreadable_copies(&mut self) {
        let known = &self.known;
        let is_replaced = |listed: &ListedRecord| {
            let original = place_of_unreadable_copy(listed.handle);
            known
                .iter()
                .any(|known| known.handle == original && known.user().is_some())
        };
        self.unfinished.unreadable_copies.retain(is_replaced);
        let copies = &self.unfinished.unreadable_copies;
        self.known
            .retain(|known| copies.iter().all(|copy| copy.handle != known.handle));
    }
}

/// Finishes what an earlier process began: deletions, copies that are of no use any more, revocations.
pub(super) fn finish_in_background(cx: FlowContext, unfinished: Unfinished) {
    for revocation in unfinished.revocations {
        cx.core.revocations.found(revocation, cx.core.now());
    }
    tokio::spawn(async move {
        for slot in unfinished.deletions {
            if let Err(cause) = finish_deletion(&cx.core, &slot).await {
                tracing::info!(%cause, "a deletion is left for later");
            }
        }
        for (aside, header) in unfinished.asides {
            remove_superseded(&cx.core, &aside, &header).await;
        }
        for copy in unfinished.unreadable_copies {
            remove_superseded_copy(&cx.core, copy).await;
        }
    });
}

/// A copy kept aside is of no use once a user stands in its slot, and harmless while its own record does.
async fn remove_superseded(core: &Core, aside: &ListedRecord, header: &Header) {
    let storage = &core.ports.storage;
    let Ok(Lookup::Present(standing)) = storage.describe(Place::Slot(header.slot.clone())).await else {
        return;
    };
    let superseded = standing.header.record_id != header.record_id && standing.header.stage.user().is_some();
    if superseded && let Err(error) = storage.remove(aside.handle, aside.revision.clone()).await {
        tracing::info!(%error, "a copy kept aside is left for later");
    }
}

/// The same of a copy that cannot be read.
async fn remove_superseded_copy(core: &Core, copy: ListedRecord) {
    let storage = &core.ports.storage;
    let original = Place::Handle(place_of_unreadable_copy(copy.handle));
    if let Ok(Lookup::Present(standing)) = storage.describe(original).await
        && standing.header.stage.user().is_some()
        && let Err(error) = storage.remove(copy.handle, copy.revision).await
    {
        tracing::info!(%error, "a copy that cannot be read is left for later");
    }
}

/// The copies that are kept aside of a slot. While it is being replaced there is one, of what was replaced.
pub(super) async fn find_asides(core: &Core, slot: &Slot) -> Result<Vec<(ListedRecord, Header)>, StorageError> {
    let asides = find_listed(core, |listed| listed.aside).await?;
    let of_slot = |listed: ListedRecord| {
        let header = listed.header.clone().ok()?;
        (header.slot == *slot).then_some((listed, header))
    };
    Ok(asides.into_iter().filter_map(of_slot).collect())
}

/// The copy of something that could not be read at a place, while that is being replaced.
pub(super) async fn find_unreadable_copy(core: &Core, of: RecordHandle) -> Result<Option<ListedRecord>, StorageError> {
    let place = place_of_unreadable_copy(of);
    let found = find_listed(core, |listed| listed.handle == place && listed.header.is_err()).await?;
    Ok(found.into_iter().next())
}

/// The listed records that are wanted.
pub(super) async fn find_listed(
    core: &Core,
    is_wanted: impl Fn(&ListedRecord) -> bool,
) -> Result<Vec<ListedRecord>, StorageError> {
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let page = core.ports.storage.list(after, PAGE).await?;
        found.extend(page.records.into_iter().filter(|listed| is_wanted(listed)));
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(found),
        }
    }
}

/// The slot of a user's record.
pub(super) async fn find_user(core: &Core, user: &UserIdentifier) -> Result<Slot, Cause> {
    let headers = find_headers(core, |header| user_of(header).as_ref() == Some(user)).await?;
    let header = headers.into_iter().next().ok_or(Cause::NoSuchRecord)?;
    Ok(header.slot)
}

/// The headers of the records that are wanted. Where there is none, but something cannot be read, it may be that one: then
/// nobody says that there is no such record.
pub(super) async fn find_headers(core: &Core, is_wanted: impl Fn(&Header) -> bool) -> Result<Vec<Header>, Cause> {
    let wanted_or_unreadable = |listed: &ListedRecord| !listed.aside && listed.header.as_ref().map_or(true, &is_wanted);
    let listed = find_listed(core, wanted_or_unreadable).await?;
    let (mut headers, mut unreadable) = (Vec::new(), None);
    for listed in listed {
        match listed.header {
            Ok(header) => headers.push(header),
            Err(why) => unreadable = Some(why),
        }
    }
    match unreadable {
        Some(why) if headers.is_empty() => Err(Cause::Unreadable(why)),
        Some(_) | None => Ok(headers),
    }
}

/// Remembers what now stands in a slot among the known records.
pub(super) async fn remember(core: &Core, slot: &Slot) {
    if let Ok(Lookup::Present(Described {
        handle,
        revision,
        header,
        ..
    })) = core.ports.storage.describe(Place::Slot(slot.clone())).await
    {
        core.ledger.remember_one(KnownRecord::from_listed(&ListedRecord::new(
            handle,
            revision,
            Ok(header),
        )));
    }
}
