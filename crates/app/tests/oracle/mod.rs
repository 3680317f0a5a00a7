//! What must be true after every life, on the IdP's own log and on the disk.

use vestibule::Failure;
use vestibule::ports::testing::{Fault, FaultPlan, IdpCall, IdpKind, JournalEntry, Operation, Outcome, Rotation};
use vestibule::record::Stage;
use vestibule::secret::Grant;
use vestibule::status::StatusType;

use crate::world::World;

/// Judges a life by its end: `last` is what the last process, which met no fault, came to.
pub fn judge(world: &World, kind: IdpKind, plan: &FaultPlan, last: Result<(), Failure>) {
    let told = || format!("{kind:?} {:?}\n{}", plan_of(plan), world.journal);
    if let Err(failure) = &last {
        assert!(session_may_be_lost(kind, plan), "the session was lost: {failure}\n{}", told());
        assert_eq!(failure.status(), StatusType::TokenDataIsOutdated, "{}", told());
    }
    let users: Vec<_> = world
        .disk
        .records()
        .into_iter()
        .filter(|record| !record.aside && record.header.stage.user().is_some())
        .collect();
    assert_eq!(users.len(), 1, "exactly one local user\n{}", told());
    match &users[0].header.stage {
        Stage::Active { user } => {
            assert!(world.idp.users().contains(user), "{}", told());
            assert!(last.is_ok(), "{}", told());
        }
        Stage::Outdated { .. } => assert!(last.is_err(), "{}", told()),
        other => panic!("a record at rest is {other:?}\n{}", told()),
    }
    let made = world.idp.users().len();
    let allowed = if kind.recoverable { 1 } else { 1 + lost_enrolments(plan) };
    assert!(made <= allowed, "{made} users at the server, {allowed} allowed\n{}", told());
    judge_journal(world, &told);
}

/// The invariants of the protocol, in the order of what happened.
fn judge_journal(world: &World, told: &dyn Fn() -> String) {
    let mut stored: Vec<Vec<u8>> = Vec::new();
    let mut open: Vec<(usize, Option<Grant>)> = Vec::new();
    let mut followed: Vec<(Grant, Grant)> = Vec::new();
    let is_stored = |stored: &[Vec<u8>], grant: &Grant| stored.iter().any(|payload| holds(payload, grant.expose()));
    for entry in world.journal.entries() {
        match entry {
            JournalEntry::Opened { request, call, key, grant, .. } => {
                assert!(stored.iter().any(|payload| holds(payload, key.expose())), "a key was used before it was on disk\n{}", told());
                if let Some(grant) = &grant {
                    assert!(is_stored(&stored, grant), "a grant was used before it was on disk\n{}", told());
                    let is_open = open.iter().any(|(_, other)| other.as_ref().is_some_and(|other| same(other, grant)));
                    assert!(!is_open, "two open requests for one grant\n{}", told());
                    let late = followed.iter().any(|(old, new)| same(old, grant) && is_stored(&stored, new));
                    assert!(call == IdpCall::Revoke || !late, "an old grant was sent after its successor was stored\n{}", told());
                }
                open.push((request, grant));
            }
            JournalEntry::Closed { request, outcome } => {
                let at = open.iter().position(|(number, _)| *number == request).expect("an answer to a request");
                let (_, sent) = open.remove(at);
                if let (Some(sent), Outcome::Refreshed { successor: Some(successor) }) = (sent, outcome) {
                    followed.push((sent, successor));
                }
            }
            JournalEntry::Stored { payload, .. } => stored.push(payload.expose().to_vec()),
            _ => {}
        }
    }
}

fn same(one: &Grant, other: &Grant) -> bool {
    one.expose() == other.expose()
}

fn holds(payload: &[u8], secret: &[u8]) -> bool {
    payload.windows(secret.len()).any(|window| window == secret)
}

/// The residual of 06: a plain server that allows n re-uses loses the session after n + 1 lost answers.
fn session_may_be_lost(kind: IdpKind, plan: &FaultPlan) -> bool {
    let Rotation::Reuse(reuses) = kind.rotation else { return false };
    let lost = faults_with_calls(plan)
        .filter(|(fault, operation)| match fault {
            Fault::KilledBefore | Fault::KilledAfter | Fault::KilledLate => true,
            Fault::NotDoneButUnclear | Fault::DoneButLost | Fault::DoneLate => *operation == Operation::Refresh,
            _ => false,
        })
        .count();
    !kind.recoverable && lost > usize::try_from(reuses).expect("small")
}

/// Each lost answer, kill or untrusted answer at an enrolment may leave one orphan at a plain server.
fn lost_enrolments(plan: &FaultPlan) -> usize {
    faults_with_calls(plan)
        .filter(|(fault, operation)| match fault {
            Fault::KilledBefore | Fault::KilledAfter | Fault::KilledLate => true,
            Fault::NotDone => false,
            _ => *operation == Operation::Enroll,
        })
        .count()
}

fn faults_with_calls(plan: &FaultPlan) -> impl Iterator<Item = (Fault, Operation)> {
    let calls = plan.calls();
    plan.faults().into_iter().filter_map(move |(number, fault)| Some((fault, *calls.get(number - 1)?)))
}

fn plan_of(plan: &FaultPlan) -> Vec<(usize, Fault, Option<Operation>)> {
    let calls = plan.calls();
    plan.faults().into_iter().map(|(number, fault)| (number, fault, calls.get(number - 1).copied())).collect()
}
