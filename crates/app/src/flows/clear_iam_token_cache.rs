//! ClearIamTokenCache: drops cached access tokens. The stored token stays: losing it would lose an anonymous user.

use vestibule_domain::event::{ClearIamTokenCacheEvent, EventKind};
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::status::Cause;

use crate::core::FlowContext;
use crate::dispatch::{Lane, SdkEvent, sealed::Sealed};

impl Sealed for ClearIamTokenCacheEvent {}

impl SdkEvent for ClearIamTokenCacheEvent {
    type Outcome = ();
    type Parsed = ();
    const KIND: EventKind = EventKind::ClearIamTokenCache;
    const LANE: Lane = Lane::Queue;

    fn parse(self) -> Result<(), InvalidParameter> {
        Ok(())
    }

    async fn run((): (), cx: FlowContext) -> Result<(), Cause> {
        cx.core.ledger.clear_tokens();
        Ok(())
    }
}
