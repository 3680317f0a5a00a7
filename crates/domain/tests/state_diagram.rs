//! Prints the state diagram from `SdkState::accepts` and `Fact::leads_to`, and checks that `docs/state-diagram.md` shows it.
//!
//! After a wanted change: `UPDATE_STATE_DIAGRAM=1 cargo test -p vestibule-domain --test state_diagram`.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::{env, fs};

use vestibule_domain::event::EventKind;
use vestibule_domain::sdk_state::{Fact, Holdings, SdkState};

const PAGE: &str = "docs/state-diagram.md";

#[test]
fn the_page_shows_the_states_as_the_code_has_them() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").join(PAGE);
    let printed = page();
    if env::var_os("UPDATE_STATE_DIAGRAM").is_some() {
        fs::write(&path, &printed).unwrap();
    }
    let shown = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        shown == printed,
        "{PAGE} is not what the code says; UPDATE_STATE_DIAGRAM=1 with this test rewrites it"
    );
}

#[test]
fn every_fact_is_in_the_diagram() {
    let drawn: BTreeSet<String> = SdkState::ALL
        .into_iter()
        .flat_map(edges)
        .map(|(_, fact)| format!("{fact:?}"))
        .collect();
    let all: BTreeSet<String> = Fact::ALL.into_iter().map(|fact| format!("{fact:?}")).collect();
    assert_eq!(drawn, all);
}

#[test]
fn every_state_can_be_reached_and_left() {
    for state in SdkState::ALL {
        let others = || SdkState::ALL.into_iter().filter(|other| *other != state);
        let leads_here = |from: SdkState| edges(from).iter().any(|(_, fact)| fact.leads_to() == state);
        assert!(others().any(leads_here), "nothing leads to {state}");
        assert!(
            edges(state).iter().any(|(_, fact)| fact.leads_to() != state),
            "nothing leads away from {state}"
        );
    }
}

fn page() -> String {
    let mut page = String::from(
        "# States of the SDK\n\nPrinted from `SdkState::accepts` and `Fact::leads_to` by \
         `crates/domain/tests/state_diagram.rs`, which also checks it: change the code, not this page.\n\n\
         An edge names the event and the fact that it concluded. A failure that concludes no fact leaves the state as it is.\n\n\
         ```mermaid\nstateDiagram-v2\n    [*] --> NotStarted\n",
    );
    for from in SdkState::ALL {
        for (event, fact) in edges(from) {
            page += &format!("    {from} --> {} : {event}, {}\n", fact.leads_to(), name(fact));
        }
    }
    page.push_str("```\n\n| state | accepts |\n|---|---|\n");
    for state in SdkState::ALL {
        let accepted: Vec<&str> = state.accepts().iter().map(|event| event.as_str()).collect();
        page += &format!("| {state} | {} |\n", accepted.join(", "));
    }
    page.push_str("\n| fact | leads to |\n|---|---|\n");
    for fact in Fact::ALL {
        page += &format!("| {} | {} |\n", name(fact), fact.leads_to());
    }
    page
}

/// The events that a state accepts, each with the facts that it can conclude there.
fn edges(from: SdkState) -> Vec<(EventKind, Fact)> {
    let concluded = |event: &EventKind| {
        concludes(*event, from)
            .iter()
            .map(move |fact| (*event, *fact))
            .collect::<Vec<_>>()
    };
    from.accepts().iter().flat_map(concluded).collect()
}

/// The facts that an event can conclude: the table of the mission, read from the events' side.
fn concludes(event: EventKind, from: SdkState) -> &'static [Fact] {
    match (event, from) {
        (EventKind::Start | EventKind::Restart, _) => &[
            Fact::Started(Holdings::NoUser),
            Fact::Started(Holdings::PerhapsUsers),
            Fact::StorageUnavailableAtStart,
        ],
        (EventKind::EnrollAnonymousUser, _) => &[Fact::Enrolled],
        (EventKind::OfflineLogin, _) => &[Fact::LoggedIn, Fact::LoginFailed],
        (EventKind::Logout, _) => &[Fact::LoggedOut],
        (EventKind::ExchangeIamToken | EventKind::SetAuthenticationMode, _) => &[Fact::SessionEnded],
        (EventKind::DeleteUser, _) => &[Fact::Deleted(Holdings::NoUser), Fact::Deleted(Holdings::PerhapsUsers)],
        (EventKind::Resume, SdkState::Suspended) => &[
            Fact::ResumedOpen,
            Fact::ResumedClosed(Holdings::NoUser),
            Fact::ResumedClosed(Holdings::PerhapsUsers),
        ],
        (EventKind::Suspend, SdkState::ActivationRequired | SdkState::LoginRequired | SdkState::LoggedIn) => {
            &[Fact::Suspended]
        }
        (EventKind::Resume | EventKind::Suspend | EventKind::ClearIamTokenCache | EventKind::GetInformation, _) => &[],
    }
}

fn name(fact: Fact) -> &'static str {
    match fact {
        Fact::Started(Holdings::NoUser) => "started, no user",
        Fact::Started(Holdings::PerhapsUsers) => "started, a user or something unreadable",
        Fact::StorageUnavailableAtStart => "storage unavailable",
        Fact::Enrolled => "enrolled",
        Fact::LoggedIn => "logged in or recovered",
        Fact::LoginFailed => "login failed",
        Fact::LoggedOut => "logged out",
        Fact::SessionEnded => "session ended",
        Fact::Deleted(Holdings::NoUser) => "deleted, no user left",
        Fact::Deleted(Holdings::PerhapsUsers) => "deleted, a user or something unreadable left",
        Fact::Suspended => "suspended",
        Fact::ResumedOpen => "resumed, reopened silently",
        Fact::ResumedClosed(Holdings::NoUser) => "resumed, no user",
        Fact::ResumedClosed(Holdings::PerhapsUsers) => "resumed, to log in",
    }
}
