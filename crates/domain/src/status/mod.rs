//! How an event ended: the cause, and the status that follows from it by one total match.

mod advice;
mod cause;
mod certainty;
mod denial;
mod hint;
mod retry;
mod status_type;
mod untrusted;

pub use cause::Cause;
pub use certainty::Certainty;
pub use denial::Denial;
pub use hint::{Hint, MAX_HINT_CHARS};
pub use retry::Retry;
pub use status_type::StatusType;
pub use untrusted::Untrusted;

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use core::time::Duration;

    use super::*;
    use crate::event::EventKind;
    use crate::identifiers::InvalidParameter;
    use crate::record::{OutdatedCause, Unreadable};
    use crate::sdk_state::SdkState;
    use crate::single_audience::Unfit;

    /// One cause and what must follow from it: status, whether it was done, retry, what its sentence and its advice say.
    type Row = (Cause, StatusType, Certainty, Retry, &'static str, &'static str);

    fn denied(denial: Denial) -> Cause {
        Cause::AccessDenied {
            denial,
            hint: Hint::new("server's words"),
        }
    }

    fn not_reachable(certainty: Certainty) -> Cause {
        Cause::NotReachable {
            certainty,
            hint: Hint::new("connection refused"),
        }
    }

    #[rustfmt::skip]
    fn table() -> [Row; 51] {
        use Certainty::{MayBeDone as May, NotDone as Not};
        use Retry::{Later, No};
        use StatusType as S;
        let hint = || Hint::new("server's words");
        let wait = Duration::from_secs(30);
        let untrusted = |why| Cause::UntrustedResponse(why);
        [
            (Cause::AdapterPanicked, S::InternalError, May, No, "panicked", "author of the adapter"),
            (Cause::ContractBroken("two users"), S::InternalError, May, No, "two users", "author of the adapter"),
            (Cause::InvalidParameter(InvalidParameter { field: "tenant_id", why: "is empty" }), S::InvalidParameter, Not, No, "tenant_id is empty", "field"),
            (Cause::InvalidState { event: EventKind::Logout, state: SdkState::NotStarted }, S::InvalidState, Not, No, "Logout is not accepted in state NotStarted", "accepts"),
            (Cause::WrongPassword, S::WrongCredentials, Not, Later, "password is wrong", "again"),
            (Cause::LockedOut { wait }, S::LockedUser, Not, Retry::After(wait), "30 s", "restart"),
            (Cause::Cancelled, S::UserCancel, Not, Later, "cancelled", "ready"),
            (Cause::PromptTimedOut, S::UserConfirmationTimeout, Not, Later, "in time", "ready"),
            (Cause::BiometricUnavailable("no gate"), S::BiometricUnavailable, Not, No, "no gate", "another mode"),
            (Cause::BiometricInvalidated, S::BiometricInvalidated, Not, No, "record is kept", "`replace`"),
            (not_reachable(Not), S::NotReachable, Not, Later, "(connection refused)", "same user"),
            (not_reachable(May), S::NotReachable, May, Later, "(connection refused)", "same user"),
            (Cause::RateLimited { retry_after: None }, S::RateLimited, Not, Later, "wait", "IdP"),
            (Cause::RateLimited { retry_after: Some(wait) }, S::RateLimited, Not, Retry::After(wait), "wait", "IdP"),
            (Cause::RecordInUse, S::Busy, Not, Later, "another flow", "other flow"),
            (Cause::QueueFull, S::Busy, Not, Later, "busy", "under way"),
            (Cause::Interrupted { certainty: Not }, S::Busy, Not, Later, "interrupted", "again"),
            (Cause::Interrupted { certainty: May }, S::Busy, May, Later, "interrupted", "again"),
            (Cause::ShutDown, S::ShutDown, May, No, "shut down", "new SDK"),
            (denied(Denial::ClientUnknown), S::AccessDenied, Not, No, "this client (server's words)", "client id"),
            (denied(Denial::InteractionRequired), S::AccessDenied, Not, No, "wants a person", "Device enrollment flow"),
            (denied(Denial::Refused), S::AccessDenied, Not, No, "refused this device", "operator"),
            (denied(Denial::AudienceNotGranted), S::AccessDenied, Not, No, "audience not granted", "scope"),
            (denied(Denial::AudienceRefused), S::AccessDenied, Not, No, "audience refused", "settings"),
            (denied(Denial::TokenUnverifiable), S::AccessDenied, Not, No, "token unverifiable", "opaque"),
            (denied(Denial::TokenBoundToDevice), S::AccessDenied, Not, No, "token bound to this device", "allow-only-refresh-token-binding"),
            (Cause::Outdated(OutdatedCause::Refused), S::TokenDataIsOutdated, Not, Later, "it is kept", "`replace`"),
            (Cause::Outdated(OutdatedCause::AnotherUser), S::TokenDataIsOutdated, Not, Later, "it is kept", "`replace`"),
            (Cause::AuthorizationRefused { hint: hint() }, S::CannotAcquireAuthorizationCode, Not, No, "(server's words)", "flow"),
            (Cause::CodeRefused { hint: hint() }, S::CannotAcquireAccessTokenForAuthorizationCode, May, Later, "(server's words)", "same key"),
            (Cause::RefreshRefused { hint: hint() }, S::CannotAcquireTokenData, Not, No, "(server's words)", "scopes"),
            (Cause::UntrustedServer { hint: hint() }, S::UntrustedServer, Not, No, "(server's words)", "certificate"),
            (untrusted(Untrusted::IssuerChanged), S::UntrustedResponse, Not, No, "issuer changed", "do not trust"),
            (untrusted(Untrusted::Metadata("no jwks_uri")), S::UntrustedResponse, Not, No, "metadata: no jwks_uri", "do not trust"),
            (untrusted(Untrusted::AnotherIssuer { configured: Hint::new("https://a"), named: Hint::new("https://a/") }), S::UntrustedResponse, Not, No, "issuer is \"https://a\", but its metadata says \"https://a/\"", "do not trust"),
            (untrusted(Untrusted::Redirect("no state")), S::UntrustedResponse, May, No, "redirect: no state", "do not trust"),
            (untrusted(Untrusted::IdToken("nonce")), S::UntrustedResponse, May, No, "ID token: nonce", "do not trust"),
            (untrusted(Untrusted::TokenAnswer("no token")), S::UntrustedResponse, May, No, "token answer: no token", "do not trust"),
            (untrusted(Untrusted::UserData("email")), S::UntrustedResponse, May, No, "user data: email", "do not trust"),
            (untrusted(Untrusted::SubjectChanged), S::UntrustedResponse, May, No, "subject changed", "do not trust"),
            (untrusted(Untrusted::AccessToken(Unfit::WiderScope)), S::UntrustedResponse, May, No, "scope is wider", "do not trust"),
            (Cause::ClockSkewed { ahead_ms: Some(7) }, S::ClockSkewed, Not, Later, "clock", "clock"),
            (Cause::StorageUnavailable("locked"), S::StorageUnavailable, May, Later, "locked", "nothing was lost"),
            (Cause::WriteUnclear, S::StorageUnavailable, May, Later, "whether a write stands", "recognised"),
            (Cause::Unreadable(Unreadable::Corrupted), S::StorageCorrupted, Not, No, "not what was written", "handle"),
            (Cause::Unreadable(Unreadable::NewerFormat), S::NewerFormat, Not, No, "newer version", "version"),
            (Cause::Unreadable(Unreadable::RestoredWithoutKey), S::RestoredWithoutKey, Not, No, "without its device key", "device key"),
            (Cause::DeviceChanged, S::DeviceChanged, Not, No, "another device", "this device"),
            (Cause::NoToken, S::NoTokenDataAvailable, Not, No, "unfinished", "resumed"),
            (Cause::SlotTaken, S::UserIdAlreadyExists, Not, No, "already", "`replace`"),
            (Cause::NoSuchRecord, S::InvalidUserId, Not, No, "no such record", "list"),
        ]
    }

    /// Counts the variants: a new one does not compile until it has a number here; count on in the test below, and give it a row.
    fn number(cause: &Cause) -> usize {
        match cause {
            Cause::AdapterPanicked => 0,
            Cause::ContractBroken(_) => 1,
            Cause::InvalidParameter(_) => 2,
            Cause::InvalidState { .. } => 3,
            Cause::WrongPassword => 4,
            Cause::LockedOut { .. } => 5,
            Cause::Cancelled => 6,
            Cause::PromptTimedOut => 7,
            Cause::BiometricUnavailable(_) => 8,
            Cause::BiometricInvalidated => 9,
            Cause::NotReachable { .. } => 10,
            Cause::RateLimited { .. } => 11,
            Cause::RecordInUse => 12,
            Cause::QueueFull => 13,
            Cause::ShutDown => 14,
            Cause::AccessDenied { .. } => 15,
            Cause::Outdated(_) => 16,
            Cause::AuthorizationRefused { .. } => 17,
            Cause::CodeRefused { .. } => 18,
            Cause::RefreshRefused { .. } => 19,
            Cause::UntrustedServer { .. } => 20,
            Cause::UntrustedResponse(_) => 21,
            Cause::ClockSkewed { .. } => 22,
            Cause::StorageUnavailable(_) => 23,
            Cause::WriteUnclear => 24,
            Cause::Unreadable(_) => 25,
            Cause::DeviceChanged => 26,
            Cause::NoToken => 27,
            Cause::SlotTaken => 28,
            Cause::NoSuchRecord => 29,
            Cause::Interrupted { .. } => 30,
        }
    }

    #[test]
    fn each_cause_says_what_happened_whether_it_was_done_whether_to_retry_and_what_to_do() {
        for (cause, status, certainty, retry, sentence, advice) in table() {
            assert_eq!(cause.status(), status, "{cause:?}");
            assert_eq!(cause.certainty(), certainty, "{cause:?}");
            assert_eq!(cause.retry(), retry, "{cause:?}");
            assert!(cause.to_string().contains(sentence), "{cause}");
            assert!(cause.advice().contains(advice), "{cause:?}: {}", cause.advice());
            assert!(cause.advice().ends_with('.'), "{cause:?}: {}", cause.advice());
        }
    }

    #[test]
    fn the_table_has_a_row_for_every_cause() {
        for variant in 0..31 {
            assert!(
                table().iter().any(|row| number(&row.0) == variant),
                "no row for cause {variant}"
            );
        }
    }

    #[test]
    fn each_status_but_ok_is_produced_by_some_cause() {
        for status in StatusType::ALL {
            let produced = table().iter().any(|row| row.0.status() == status);
            assert_eq!(produced, status != StatusType::Ok, "{status}");
        }
    }

    #[test]
    fn a_status_is_written_as_in_rust() {
        assert_eq!(StatusType::Ok.to_string(), "Ok");
        assert_eq!(StatusType::TokenDataIsOutdated.to_string(), "TokenDataIsOutdated");
    }
}
