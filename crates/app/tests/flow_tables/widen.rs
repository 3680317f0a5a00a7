//! An audience that the session lacks: on a recoverable server one enrolment with the same key, once per audience and
//! process; on a plain one the IdP's set-up is at fault.

use vestibule::SdkState::LoggedIn;
use vestibule::identifiers::Audience;
use vestibule::ports::StorageError;
use vestibule::record::StageKind;
use vestibule::secret::EnrolmentKey;
use vestibule::status::StatusType as S;

use crate::before::{Before, of_somebody_unproven};
use crate::call_log::Call::{Enroll, Refresh, Write};
use crate::idp_errors::{all, named};
use crate::rows::{Event, Row, Table, Twist, always, both, enrolled, given, nth, row};
use crate::world::{PLAIN, RECOVERABLE, World};

const UNAVAILABLE: StorageError = StorageError::Unavailable("planned");

fn orders() -> Audience {
    Audience::parse("orders").unwrap()
}

/// The session lacks the audience; a new one would have it.
fn lacking() -> Twist {
    given(|world| {
        world.idp.next_refresh_altered(|mut answer| {
            if let Ok(reply) = &mut answer.access_token
                && let Some(claims) = &mut reply.claims
            {
                claims.audiences.clear();
            }
            answer
        });
    })
}

/// No session will ever have it.
fn withheld() -> Twist {
    both(lacking(), given(|world| world.idp.withhold_audience(orders())))
}

fn forget_the_key(world: &World) {
    let key = world.idp.journal().entries().iter().find_map(|entry| match entry {
        vestibule::ports::testing::JournalEntry::Opened { key, .. } => Some(EnrolmentKey::new(*key.expose())),
        _ => None,
    });
    world.idp.forget_key(&key.unwrap());
}

#[test]
#[rustfmt::skip]
fn a_missing_audience_is_enrolled_for_once_and_the_grant_in_hand_stays_where_that_fails() {
    let asked = "rotating REFRESH active rotating ENROLL";
    let widened = |name, twist, follows: &str, told| -> Row {
        let done = format!("{asked} {follows}").leak();
        row(name, both(lacking(), twist), (S::Ok, LoggedIn), done, "active+grant", told)
    };
    let denied = |name, twist, status, done: &str, disk, told| {
        row(name, twist, (status, LoggedIn), done.to_owned().leak(), disk, told)
    };
    Table::new(RECOVERABLE, Before::LoggedIn, Event::Exchange).check([
        widened("granted by a new session", given(|_| ()), "active rotating REFRESH active", "TokenRefreshed TokenRefreshed"),
        widened("not written once", nth(2, Write(StageKind::Active), UNAVAILABLE), "active! active rotating REFRESH active", "TokenRefreshed TokenRefreshed"),
        denied("never granted", withheld(), S::AccessDenied, "rotating REFRESH active rotating ENROLL active rotating REFRESH active", "active+grant", "TokenRefreshed TokenRefreshed"),
        denied("another user", both(lacking(), given(forget_the_key)), S::AccessDenied, &format!("{asked} revoking active REVOKE remove"), "active+grant", "TokenRefreshed RevocationPending RevocationDone"),
        denied("nobody is proven", both(lacking(), enrolled(of_somebody_unproven)), S::AccessDenied, &format!("{asked} revoking active REVOKE remove"), "active+grant", "TokenRefreshed RevocationPending RevocationDone"),
        denied("the lease is not written", both(lacking(), nth(2, Write(StageKind::Rotating), UNAVAILABLE)), S::StorageUnavailable, "rotating REFRESH active rotating!", "active+grant", "TokenRefreshed"),
        denied("not sent behind the new session", both(lacking(), nth(2, Refresh, named("Unreachable"))), S::NotReachable, &format!("{asked} active rotating REFRESH! active"), "active+grant", "TokenRefreshed"),
    ]);
    let refused = (S::AccessDenied, "active", "active+grant");
    let later = |status| (status, "rotating-nobody", "rotating-nobody+grant");
    // columns: error, (status, what follows the request, what lies on disk)
    let errors = [
        ("InvalidRequest", later(S::InvalidParameter)),
        ("AudienceRefused", later(S::AccessDenied)),
        ("Unreachable", later(S::NotReachable)),
        ("RateLimited", later(S::RateLimited)),
        ("Interrupted early", later(S::Busy)),
        ("Interrupted late", later(S::Busy)),
        ("UntrustedServer", later(S::UntrustedServer)),
        ("Misconfigured", later(S::UntrustedResponse)),
        ("ClockSkewed", later(S::ClockSkewed)),
        ("Denied", refused),
        ("AuthorizationRefused", refused),
        ("CodeRefused", refused),
        ("GrantRefused", refused),
        ("ProofRefused", later(S::CannotAcquireTokenData)),
        ("RefreshRefused", refused),
        ("AnswerLost", later(S::NotReachable)),
        ("UntrustedResponse", later(S::UntrustedResponse)),
    ];
    assert_eq!(errors.map(|row| row.0), all().map(|(name, _)| name));
    Table::new(RECOVERABLE, Before::LoggedIn, Event::Exchange).check(errors.map(|(name, (status, follows, disk))| {
        denied(name, both(lacking(), always(Enroll, named(name))), status, &format!("{asked}! {follows}"), disk, "TokenRefreshed")
    }));
}

#[test]
#[rustfmt::skip]
fn a_plain_server_is_never_asked_to_make_a_user_for_an_audience() {
    Table::new(PLAIN, Before::LoggedIn, Event::Exchange).check([
        row("lacking", lacking(), (S::AccessDenied, LoggedIn), "rotating REFRESH active", "active+grant", "TokenRefreshed"),
    ]);
}
