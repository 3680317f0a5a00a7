//! What must be true after every life, on the IdP's own log and on the disk.

pub(crate) mod log;

use vestibule::Failure;
use vestibule::ports::testing::{Fault, FaultPlan, IdpKind, Operation, Rotation};
use vestibule::record::Stage;
use vestibule::status::StatusType;

use crate::world::World;

/// How much may have been lost: the residuals of the protocol, and no others.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Losses {
    /// Answers to a refresh that nobody stored.
    pub answers: usize,
    /// Answers to an enrolment that nobody stored, or that must not be trusted.
    pub enrolments: usize,
    /// Whether, where nobody can tell who lives, somebody was stopped for too long just before it sent: a request that
    /// comes out of nowhere.
    pub stopped_before_sending: bool,
}

impl Losses {
    /// What the faults of a plan may have cost.
    pub(crate) fn of(plan: &FaultPlan) -> Self {
        let calls = plan.calls();
        plan.faults()
            .into_iter()
            .fold(Self::default(), |losses, (number, fault)| {
                let operation = calls.get(number - 1);
                operation.map_or(losses, |operation| losses.and(Self::at(fault, *operation)))
            })
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            answers: self.answers + other.answers,
            enrolments: self.enrolments + other.enrolments,
            stopped_before_sending: self.stopped_before_sending || other.stopped_before_sending,
        }
    }

    /// What one fault may have cost. A kill costs an answer only between the request and the write.
    pub(crate) fn at(fault: Fault, operation: Operation) -> Self {
        let loses = match fault {
            Fault::KilledBefore => operation == Operation::Write,
            Fault::KilledLate => operation.is_request() || operation == Operation::Write,
            Fault::NotDoneButUnclear | Fault::DoneButLost | Fault::DoneLate | Fault::KilledAfter | Fault::Untrusted => {
                operation.is_request()
            }
            _ => false,
        };
        Self {
            answers: usize::from(loses && operation != Operation::Enroll),
            enrolments: usize::from(loses && operation != Operation::Refresh),
            stopped_before_sending: false,
        }
    }
}

/// Judges a life by its end: `last` is what the last process, which met no fault, came to.
pub(crate) fn judge(
    world: &World,
    kind: IdpKind,
    losses: Losses,
    last: &Result<(), Failure>,
    life: &dyn Fn() -> String,
) {
    let told = || format!("{kind:?} {losses:?} {}\n{}", life(), world.journal);
    let log = log::read(world);
    let is_residual = |broken: &String| losses.stopped_before_sending && broken.contains("sent");
    let broken: Vec<_> = log.broken.iter().filter(|broken| !is_residual(broken)).collect();
    assert!(broken.is_empty(), "{broken:#?}\n{}", told());
    if let Err(failure) = last {
        assert!(
            may_lose_session(kind, losses, log.most_uses),
            "the session was lost: {failure}\n{}",
            told()
        );
        assert_eq!(failure.status(), StatusType::TokenDataIsOutdated, "{}", told());
    }
    let users: Vec<_> = world
        .disk
        .records()
        .into_iter()
        .filter(|record| !record.aside && record.header.stage.user().is_some())
        .collect();
    assert_eq!(users.len(), 1, "exactly one local user\n{}", told());
    let record = &users[0];
    match &record.header.stage {
        Stage::Active { user } => {
            assert_eq!(
                world.idp.user_within(&record.payload).as_ref(),
                Some(user),
                "{}",
                told()
            );
            assert!(last.is_ok(), "{}", told());
        }
        Stage::Outdated { .. } => assert!(last.is_err(), "{}", told()),
        other => panic!("a record at rest is {other:?}\n{}", told()),
    }
    assert_eq!(log.local_users, 1, "one user was told to the app, ever\n{}", told());
    let made = world.idp.users().len();
    let allowed = if kind.recoverable { 1 } else { 1 + losses.enrolments };
    assert!(
        made <= allowed,
        "{made} users at the server, {allowed} allowed\n{}",
        told()
    );
    let left = world.disk.records().len();
    assert_eq!(
        left,
        1,
        "something is left over: copies, or revocations that were not worked off\n{}",
        told()
    );
    for grant in &log.queued {
        assert!(
            !world.idp.would_accept(grant),
            "a session that was given up lives on\n{}",
            told()
        );
    }
}

/// The residual: a plain server that allows n re-uses loses the session after n + 1 lost answers.
fn may_lose_session(kind: IdpKind, losses: Losses, most_uses: usize) -> bool {
    let Rotation::Reuse(reuses) = kind.rotation else {
        return false;
    };
    let reuses = usize::try_from(reuses).expect("small");
    let lost = most_uses > reuses + 1 && most_uses <= losses.answers + 1;
    !kind.recoverable && (lost || losses.stopped_before_sending)
}
