//! Every state with every event that can be sent: what it does not accept fails with `InvalidState` and changes nothing.

use vestibule::SdkState;
use vestibule::status::StatusType as S;

use crate::before::Before;
use crate::rows::{Event, Table, given, nothing, row};
use crate::world::RECOVERABLE;

const EVENTS: [(Event, vestibule::event::EventKind); 12] = {
    use vestibule::AuthenticationMode::No;
    use vestibule::event::EventKind as Kind;
    [
        (Event::Start, Kind::Start),
        (Event::Restart, Kind::Restart),
        (Event::Enroll(No), Kind::EnrollAnonymousUser),
        (Event::LoginSomebodyElse, Kind::OfflineLogin),
        (Event::Logout, Kind::Logout),
        (Event::Exchange, Kind::ExchangeIamToken),
        (Event::SetMode(No), Kind::SetAuthenticationMode),
        (Event::ClearCache, Kind::ClearIamTokenCache),
        (Event::DeleteSomebodyElse, Kind::DeleteUser),
        (Event::Suspend, Kind::Suspend),
        (Event::Resume, Kind::Resume),
        (Event::GetInformation, Kind::GetInformation),
    ]
};

#[test]
fn an_event_that_the_state_does_not_accept_reads_writes_sends_and_tells_nothing() {
    let states = [
        (SdkState::NotStarted, Before::NotStarted, ""),
        (SdkState::ActivationRequired, Before::Started, ""),
        (SdkState::LoginRequired, Before::User, "active+grant"),
        (SdkState::LoggedIn, Before::LoggedIn, "active+grant"),
        (SdkState::Suspended, Before::Suspended, "active+grant"),
    ];
    let mut refused = 0;
    for (state, before, disk) in states {
        for (event, kind) in EVENTS {
            if state.accepts().contains(&kind) {
                continue;
            }
            refused += 1;
            // A disk that is away shows that nothing is asked of it.
            let away = given(|world| world.disk.set_unavailable(Some("planned")));
            Table::new(RECOVERABLE, before, event).check([
                row("refused", nothing(), (S::InvalidState, state), "", disk, ""),
                row(
                    "refused, whatever the disk does",
                    away,
                    (S::InvalidState, state),
                    "",
                    disk,
                    "",
                ),
            ]);
        }
    }
    assert_eq!(refused, 9 + 6 + 4 + 4 + 8);
}

#[test]
fn information_is_given_in_every_state_without_asking_anybody() {
    let states = [
        (SdkState::NotStarted, Before::NotStarted, ""),
        (SdkState::ActivationRequired, Before::Started, ""),
        (SdkState::LoginRequired, Before::User, "active+grant"),
        (SdkState::LoggedIn, Before::LoggedIn, "active+grant"),
        (SdkState::Suspended, Before::Suspended, "active+grant"),
    ];
    for (state, before, disk) in states {
        let away = given(|world| {
            world.disk.set_unavailable(Some("planned"));
            world.idp.set_unreachable(true);
        });
        Table::new(RECOVERABLE, before, Event::GetInformation).check([
            row("all is well", nothing(), (S::Ok, state), "", disk, ""),
            row("everything is away", away, (S::Ok, state), "", disk, ""),
        ]);
    }
}
