//! Resume: undoes a suspend. A record in mode `no` is opened again silently, without network; any other waits for its user.

use vestibule_domain::event::{EventKind, ResumeEvent};
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::notification::{Notification, SessionEnd};
use vestibule_domain::record::Lookup;
use vestibule_domain::resumption::{Resumption, resumption};
use vestibule_domain::sdk_state::{Fact, SdkState};
use vestibule_domain::status::Cause;
use vestibule_ports::{Credential, Key, StorageError};

use super::read_records::read_records;
use crate::core::{Core, FlowContext};
use crate::dispatch::{Lane, SdkEvent, sealed::Sealed};
use crate::ledger::{Closed, Held};

impl Sealed for ResumeEvent {}

impl SdkEvent for ResumeEvent {
    type Outcome = ();
    type Parsed = ();
    const KIND: EventKind = EventKind::Resume;
    const LANE: Lane = Lane::Control;

    /// The vendor tells apps to call it first, whatever the state: then nothing is interrupted for it.
    fn answer_at_once(state: SdkState) -> Option<()> {
        (state != SdkState::Suspended).then_some(())
    }

    fn parse(self) -> Result<(), InvalidParameter> {
        Ok(())
    }

    async fn run((): (), cx: FlowContext) -> Result<(), Cause> {
        let core = &cx.core;
        if core.ledger.state() != SdkState::Suspended {
            return Ok(());
        }
        let mut ended = None;
        if let Some(closed) = core.ledger.suspended() {
            match reopen(core, closed).await? {
                Ok(held) => {
                    core.ledger.conclude(cx.era, Fact::ResumedOpen, Some(*held));
                    return Ok(());
                }
                Err(Resumption::End(why)) => ended = Some(why),
                Err(Resumption::Close | Resumption::Reopen) => {}
            }
        }
        let records = read_records(core).await?;
        core.ledger.remember(records.known);
        let concluded = core
            .ledger
            .conclude(cx.era, Fact::ResumedClosed(records.holdings), None);
        if let (true, Some(why)) = (concluded, ended) {
            core.ledger.tell(&Notification::SessionEnded { why });
        }
        Ok(())
    }
}

/// Opens what was open, if nobody has to be asked; else what is to be done instead. Only a storage that does not say what
/// lies there is an error: the SDK stays suspended.
async fn reopen(core: &Core, closed: Closed) -> Result<Result<Box<Held>, Resumption>, Cause> {
    let storage = &core.ports.storage;
    let found = match storage.describe(closed.place.clone()).await {
        Ok(found) => found,
        Err(error) => return unless_unavailable(error),
    };
    let Lookup::Present(described) = found else {
        return Ok(Err(Resumption::End(SessionEnd::Removed)));
    };
    let since = closed.header.compared_with(&described.header);
    match resumption(closed.header.mode, since, &described.header.stage) {
        Resumption::Reopen => {}
        closed @ (Resumption::Close | Resumption::End(_)) => return Ok(Err(closed)),
    }
    let opened = match storage
        .open(closed.place.clone(), Key::Credential(Credential::None))
        .await
    {
        Ok(opened) => opened,
        Err(error) => return unless_unavailable(error),
    };
    // Another process may have changed it since the look: what was opened is what is judged.
    let since = closed.header.compared_with(&opened.header);
    match resumption(closed.header.mode, since, &opened.header.stage) {
        Resumption::Reopen => Ok(Held::from_opened(closed.place, opened)
            .map(Box::new)
            .map_err(|_| Resumption::Close)),
        closed @ (Resumption::Close | Resumption::End(_)) => Ok(Err(closed)),
    }
}

fn unless_unavailable(error: StorageError) -> Result<Result<Box<Held>, Resumption>, Cause> {
    match error {
        StorageError::Unavailable(_) | StorageError::Unclear => Err(error.into()),
        _ => Ok(Err(Resumption::Close)),
    }
}
