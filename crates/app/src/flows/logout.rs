//! Logout: wipes keys and tokens from memory, revokes nothing.

use vestibule_domain::event::{EventKind, LogoutEvent};
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::sdk_state::Fact;
use vestibule_domain::status::Cause;

use crate::core::FlowContext;
use crate::dispatch::{Lane, SdkEvent, sealed::Sealed};

impl Sealed for LogoutEvent {}

impl SdkEvent for LogoutEvent {
    type Outcome = ();
    type Parsed = ();
    const KIND: EventKind = EventKind::Logout;
    const LANE: Lane = Lane::Queue;

    fn parse(self) -> Result<(), InvalidParameter> {
        Ok(())
    }

    async fn run((): (), cx: FlowContext) -> Result<(), Cause> {
        cx.core.ledger.conclude(cx.era, Fact::LoggedOut, None);
        Ok(())
    }
}
