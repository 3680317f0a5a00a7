//! Restart: memory is wiped and the storage read anew; nothing on disk changes.

use vestibule_domain::event::{EventKind, RestartEvent};
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::status::Cause;

use super::start::read_and_conclude;
use crate::core::FlowContext;
use crate::dispatch::{Lane, SdkEvent, sealed::Sealed};
use crate::outcome::Started;

impl Sealed for RestartEvent {}

impl SdkEvent for RestartEvent {
    type Outcome = Started;
    type Parsed = ();
    const KIND: EventKind = EventKind::Restart;
    const LANE: Lane = Lane::Control;

    fn parse(self) -> Result<(), InvalidParameter> {
        Ok(())
    }

    async fn run((): (), cx: FlowContext) -> Result<Started, Cause> {
        let era = cx.core.ledger.end_era();
        read_and_conclude(FlowContext { era, ..cx }).await
    }
}
