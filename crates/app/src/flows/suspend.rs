//! Suspend: keys and tokens are wiped while the app is in the background. A successor that is not on disk yet lives in its
//! own task until it is.

use vestibule_domain::event::{EventKind, SuspendEvent};
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::sdk_state::SdkState;
use vestibule_domain::status::Cause;

use crate::core::FlowContext;
use crate::dispatch::{Lane, SdkEvent, sealed::Sealed};

impl Sealed for SuspendEvent {}

impl SdkEvent for SuspendEvent {
    type Outcome = ();
    type Parsed = ();
    const KIND: EventKind = EventKind::Suspend;
    const LANE: Lane = Lane::Control;

    fn answer_at_once(state: SdkState) -> Option<()> {
        (state == SdkState::Suspended).then_some(())
    }

    fn parse(self) -> Result<(), InvalidParameter> {
        Ok(())
    }

    async fn run((): (), cx: FlowContext) -> Result<(), Cause> {
        if cx.core.ledger.state() != SdkState::Suspended {
            cx.core.ledger.suspend();
        }
        Ok(())
    }
}
