//! Start: reads what is stored and says what the app can do next.

use vestibule_domain::event::{EventKind, StartEvent};
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::sdk_state::Fact;
use vestibule_domain::status::Cause;

use super::read_records::{finish_in_background, read_records};
use crate::core::FlowContext;
use crate::dispatch::{Lane, SdkEvent, sealed::Sealed};
use crate::outcome::Started;

/// Longest app name and app version, in bytes.
pub(crate) const MAX_APP_FIELD_BYTES: usize = 32;

impl Sealed for StartEvent {}

impl SdkEvent for StartEvent {
    type Outcome = Started;
    type Parsed = ();
    const KIND: EventKind = EventKind::Start;
    const LANE: Lane = Lane::Queue;

    fn parse(self) -> Result<(), InvalidParameter> {
        app_field("app_name", &self.app_name)?;
        app_field("app_version", &self.app_version)?;
        language_tag(&self.locale)
    }

    async fn run((): (), cx: FlowContext) -> Result<Started, Cause> {
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

fn app_field(field: &'static str, value: &str) -> Result<(), InvalidParameter> {
    let why = if value.is_empty() {
        "is empty"
    } else if value.len() > MAX_APP_FIELD_BYTES {
        "is longer than 32 bytes"
    } else if value.chars().any(char::is_control) {
        "holds a control character"
    } else {
        return Ok(());
    };
    Err(InvalidParameter { field, why })
}

/// The shape of a BCP 47 tag (RFC 5646, section 2.1): subtags of 1..=8 letters and digits, the first one letters.
fn language_tag(tag: &str) -> Result<(), InvalidParameter> {
    let subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let language = tag.split('-').next().unwrap_or_default();
    let fits = tag.split('-').all(subtag) && language.bytes().all(|byte| byte.is_ascii_alphabetic());
    if fits {
        Ok(())
    } else {
        Err(InvalidParameter {
            field: "locale",
            why: "is not a BCP 47 language tag",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_names_the_field_that_does_not_fit() {
        let long = "x".repeat(33);
        for (name, version, locale, field) in [
            ("", "1", "en", Some("app_name")),
            (&*long, "1", "en", Some("app_name")),
            ("a\nb", "1", "en", Some("app_name")),
            ("a", "", "en", Some("app_version")),
            ("a", "1", "", Some("locale")),
            ("a", "1", "e n", Some("locale")),
            ("a", "1", "de-", Some("locale")),
            ("a", "1", "123", Some("locale")),
            ("a", "1", "de-CH-1996", None),
            ("größe", "1.0", "en", None),
        ] {
            let parsed = StartEvent::new(name, version, locale).parse();
            assert_eq!(
                parsed.err().map(|refused| refused.field),
                field,
                "{name:?} {version:?} {locale:?}"
            );
        }
    }
}
