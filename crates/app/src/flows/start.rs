//! Start: reads what is stored and says what the app can do next.

use vestibule_domain::event::{EventKind, StartEvent};
use vestibule_domain::identifiers::{AppInfo, InvalidParameter};
use vestibule_domain::sdk_state::Fact;
use vestibule_domain::status::Cause;

use super::read_records::{finish_in_background, read_records};
use crate::core::FlowContext;
use crate::dispatch::{Lane, SdkEvent, sealed::Sealed};
use crate::outcome::Started;

impl Sealed for StartEvent {}

impl SdkEvent for StartEvent {
    type Outcome = Started;
    type Parsed = AppInfo;
    const KIND: EventKind = EventKind::Start;
    const LANE: Lane = Lane::Queue;

    fn parse(self) -> Result<AppInfo, InvalidParameter> {
        AppInfo::parse(&self.app_name, &self.app_version, &self.locale)
    }

    async fn run(app: AppInfo, cx: FlowContext) -> Result<Started, Cause> {
        tracing::debug!(
            name = app.name(),
            version = app.version(),
            locale = app.locale(),
            "an app starts the SDK"
        );
        read_and_conclude(cx).await
    }
}

/// Reads the storage and concludes what it holds.
pub(super) async fn read_and_conclude(cx: FlowContext) -> Result<Started, Cause> {
    let records = match read_records(&cx.core).await {
        Ok(records) => records,
        Err(cause) => {
            cx.core.ledger.conclude(cx.era, Fact::StorageUnavailableAtStart, None);
            return Err(cause);
        }
    };
    cx.core.ledger.remember(records.known.clone());
    cx.core.ledger.conclude(cx.era, Fact::Started(records.holdings), None);
    finish_in_background(cx, records.unfinished);
    Ok(Started { known: records.known })
}
