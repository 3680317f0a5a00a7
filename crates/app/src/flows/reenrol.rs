//! Enrolling again with the same key: to recover a user whose grant was refused, or for an audience that it lacks.

use vestibule_domain::anonymity::first_user_datum;
use vestibule_domain::notification::Notification;
use vestibule_domain::record::{OutdatedCause, Stage};
use vestibule_domain::rotation::{AfterReenrolment, Reason, Reenrolled, after_reenrolment};
use vestibule_domain::status::{Cause, Denial, Hint};
use vestibule_ports::{EnrollRequest, Enrolled, Identity, IdpError, UserOrigin};

use super::rotate_grant::{NotRotated, Rotated, mark_outdated};
use crate::adapter_call;
use crate::leased_record::{Kept, LeasedRecord, Work};
use crate::outcome::user_of;
use crate::revocation_queue::{Revocable, queue_surely};
use crate::successor_conflict::{Settled, settle};

/// Enrols again with the key of a user that stands. The same user's new grant is on disk before anything else; with any
/// other answer the old grant stays.
pub(crate) async fn reenrol(mut leased: LeasedRecord, reason: Reason) -> Result<Rotated, NotRotated> {
    if let Err(cause) = leased.before_call().await {
        return Err(NotRotated::kept(cause, leased.leave_to_nobody().await));
    }
    let slot = leased.held.header.slot.clone();
    let key = leased.held.body.key.clone();
    let request = EnrollRequest::new(slot.realm, slot.client_id, key, leased.cx.interrupt.clone());
    let answer = adapter_call::enroll(leased.core(), request).await;
    let whose = classify(&leased, &answer);
    match after_reenrolment(whose, reason) {
        AfterReenrolment::Keep => match answer {
            Ok(enrolled) => keep(leased, enrolled, reason).await,
            Err(error) => Err(NotRotated::kept(error.into(), leased.leave_to_nobody().await)),
        },
        AfterReenrolment::QueueThenOutdated => {
            queue(&leased, answer).await;
            let why = match whose {
                Reenrolled::AnotherUser => OutdatedCause::AnotherUser,
                Reenrolled::SameUser | Reenrolled::Unproven | Reenrolled::Refused | Reenrolled::NotSentOrUnclear => {
                    OutdatedCause::Refused
                }
            };
            Err(mark_outdated(leased, why).await)
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

async fn keep(mut leased: LeasedRecord, enrolled: Enrolled, reason: Reason) -> Result<Rotated, NotRotated> {
    let (Work::Rotating(user), Ok(identity)) = (leased.work.clone(), &enrolled.identity) else {
        let cause = Cause::ContractBroken("only a proven user is recovered");
        return Err(NotRotated::kept(cause, leased.leave_to_nobody().await));
    };
    let mut body = leased.held.body.clone();
    body.grant = Some(enrolled.grant.clone());
    body.recoverable = identity.recoverable;
    body.session_ends = enrolled.session_ends;
    let sent = leased.held.body.grant.clone();
    let kept = leased.keep(Stage::Active { user }, body.clone()).await;
    if let Kept::Failed(error) = kept {
        return Err(NotRotated::failed(error.into()));
    }
    if let Kept::Conflict { unclear } = kept {
        let settled = match sent {
            Some(sent) => settle(&mut leased, &sent, &body).await,
            None => Settled::Dropped,
        };
        if settled == Settled::Dropped {
            if !unclear {
                queue(&leased, Ok(enrolled)).await;
            }
            return Err(NotRotated::in_use());
        }
    }
    tell(&leased, identity, reason);
    Ok(Rotated {
        held: leased.into_held(),
        token: None,
    })
}

fn tell(leased: &LeasedRecord, identity: &Identity, reason: Reason) {
    let ledger = &leased.core().ledger;
    if let Some(claim) = first_user_datum(&identity.claims.names) {
        ledger.tell(&Notification::IdentityNoLongerAnonymous { claim });
    }
    let Some(user) = user_of(&leased.held.header) else {
        return;
    };
    match (identity.origin, reason) {
        (UserOrigin::New, Reason::Recovery | Reason::WiderScope) => {
            ledger.tell(&Notification::IdentityReplaced { user });
        }
        (UserOrigin::Known | UserOrigin::Unsaid, Reason::Recovery) => {
            ledger.count(|counters| counters.recoveries += 1);
            ledger.tell(&Notification::UserRecovered { user });
        }
        (UserOrigin::Known | UserOrigin::Unsaid, Reason::WiderScope) => {}
    }
}

/// A grant that is of no use here is a session of its own: it is revoked later.
async fn queue(leased: &LeasedRecord, answer: Result<Enrolled, IdpError>) {
    let Ok(enrolled) = answer else { return };
    let revocable = Revocable {
        of: &leased.held.header,
        key: &leased.held.body.key,
        grant: &enrolled.grant,
        until: enrolled.session_ends,
    };
    queue_surely(&leased.cx, &revocable).await;
}

fn not_granted() -> Cause {
    Cause::AccessDenied {
        denial: Denial::AudienceNotGranted,
        hint: Hint::default(),
    }
}
