//! GetInformation: what memory knows, in every state, without waiting for anything.

use std::sync::Arc;

use vestibule_domain::event::{EventKind, GetInformationEvent};
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::status::Cause;

use crate::core::{Core, FlowContext};
use crate::dispatch::{Lane, SdkEvent, sealed::Sealed};
use crate::outcome::Information;

impl Sealed for GetInformationEvent {}

impl SdkEvent for GetInformationEvent {
    type Outcome = Information;
    type Parsed = ();
    const KIND: EventKind = EventKind::GetInformation;
    const LANE: Lane = Lane::Beside;

    fn recall(&self, core: &Arc<Core>) -> Option<Information> {
        Some(information(core))
    }

    fn parse(self) -> Result<(), InvalidParameter> {
        Ok(())
    }

    async fn run((): (), cx: FlowContext) -> Result<Information, Cause> {
        Ok(information(&cx.core))
    }
}

fn information(core: &Core) -> Information {
    Information {
        revocations_queued: core.revocations.count(),
        ..core.ledger.information()
    }
}
