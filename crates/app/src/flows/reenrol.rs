//! Enrolling again with the same key: to recover a user whose grant was refused, or for an audience that it lacks.

use vestibule_domain::notification::Notification;
use vestibule_domain::record::{OutdatedCause, Stage};
use vestibule_domain::rotation::{AfterReenrolment, Reason, Reenrolled, after_reenrolment};
use vestibule_domain::status::{Cause, Denial, Hint};
use vestibule_ports::{EnrollRequest, Enrolled, IdpError, UserOrigin};

use super::rotate_grant::{NotRotated, Rotated, mark_outdated};
use crate::adapter_call;
use crate::leased_record::{Kept, LeasedRecord, Work};
use crate::outcome::user_of;
use crate::revocation_queue;

/// Enrols again with the key of a user that stands. The same user's new grant is on disk before anything else; with any
/// other answer the old grant stays.
pub(crate) async fn reenrol(mut leased: LeasedRecord, reason: Reason) -> Result<Rotated, NotRotated> {
    if let Err(cause) = leased.renew_where_presence_is_unknown().await {
        return Err(NotRotated {
            cause,
            held: None,
            ended: None,
        });
    }
    let slot = leased.held.header.slot.clone();
    let key = leased.held.body.key.clone();
    let request = EnrollRequest::new(slot.realm, slot.client_id, key, leased.cx.interrupt.clone());
    let answer = adapter_call::enroll(leased.core(), request).await;
    match after_reenrolment(classify(&leased, &answer), reason) {
        AfterReenrolment::Keep => match answer {
            Ok(enrolled) => keep(leased, enrolled).await,
            Err(error) => Err(NotRotated::kept(error.into(), leased.leave_to_nobody().await)),
        },
        AfterReenrolment::QueueThenOutdated => {
            queue(&leased, answer).await;
            Err(mark_outdated(leased, OutdatedCause::AnotherUser).await)
        }
        AfterReenrolment::QueueThenGiveBack => {
            queue(&leased, answer).await;
            Err(NotRotated::kept(not_granted(), leased.give_back().await))
        }
        AfterReenrolment::Outdated => Err(mark_outdated(leased, OutdatedCause::Refused).await),
        AfterReenrolment::GiveBack => Err(NotRotated::kept(not_granted(), leased.give_back().await)),
        AfterReenrolment::LeaveForLater => {
            let cause = answer
                .err()
                .map_or(Cause::ContractBroken("an answer reads as an error"), Cause::from);
            Err(NotRotated::kept(cause, leased.leave_to_nobody().await))
        }
    }
}

fn classify(leased: &LeasedRecord, answer: &Result<Enrolled, IdpError>) -> Reenrolled {
    match answer {
        Ok(Enrolled {
            identity: Ok(identity), ..
        }) => match &leased.work {
            Work::Rotating(user) if user == identity.user() => Reenrolled::SameUser,
            Work::Rotating(_) | Work::Enrolling => Reenrolled::AnotherUser,
        },
        Ok(Enrolled { identity: Err(_), .. }) => Reenrolled::Unproven,
        Err(error) => error.reenrolled(),
    }
}

async fn keep(mut leased: LeasedRecord, enrolled: Enrolled) -> Result<Rotated, NotRotated> {
    let (Work::Rotating(user), Ok(identity)) = (leased.work.clone(), &enrolled.identity) else {
        let cause = Cause::ContractBroken("only a proven user is recovered");
        return Err(NotRotated::kept(cause, leased.leave_to_nobody().await));
    };
    let mut body = leased.held.body.clone();
    body.grant = Some(enrolled.grant.clone());
    body.recoverable = identity.recoverable;
    body.session_ends = enrolled.session_ends;
    match leased.keep(Stage::Active { user }, body).await {
        Kept::Stands => {}
        Kept::Conflict { unclear } => {
            if !unclear {
                queue(&leased, Ok(enrolled)).await;
            }
            return Err(NotRotated {
                cause: Cause::RecordInUse,
                held: None,
                ended: None,
            });
        }
    }
    tell(&leased, identity.origin);
    Ok(Rotated {
        held: leased.into_held(),
        token: None,
    })
}

fn tell(leased: &LeasedRecord, origin: UserOrigin) {
    let ledger = &leased.core().ledger;
    ledger.count(|counters| counters.recoveries += 1);
    if let Some(user) = user_of(&leased.held.header) {
        ledger.tell(&match origin {
            UserOrigin::New => Notification::IdentityReplaced { user },
            UserOrigin::Known | UserOrigin::Unsaid => Notification::UserRecovered { user },
        });
    }
}

/// A grant that is of no use here is a session of its own: it is revoked later.
async fn queue(leased: &LeasedRecord, answer: Result<Enrolled, IdpError>) {
    let Ok(enrolled) = answer else { return };
    let held = &leased.held;
    let queued = revocation_queue::queue(
        leased.core(),
        &held.header,
        &held.body.key,
        &enrolled.grant,
        enrolled.session_ends,
    );
    if let Err(cause) = queued.await {
        tracing::warn!(%cause, "a session that nobody uses could not be queued for revocation");
    }
}

fn not_granted() -> Cause {
    Cause::AccessDenied {
        denial: Denial::AudienceNotGranted,
        hint: Hint::default(),
    }
}
