//! Every request that may bring a new grant: the proof at login, a token for an audience.

use vestibule_domain::anonymity::first_user_datum;
use vestibule_domain::identifiers::Audience;
use vestibule_domain::notification::{Notification, SessionEnd};
use vestibule_domain::record::{OutdatedCause, Stage};
use vestibule_domain::record_lease::SETTLE;
use vestibule_domain::rotation::{Course, Next, Reason, after};
use vestibule_domain::secret::Grant;
use vestibule_domain::status::{Cause, Untrusted};
use vestibule_ports::{AccessTokenReply, RefreshRequest, Refreshed};

use super::reenrol::reenrol;
use crate::adapter_call;
use crate::core::FlowContext;
use crate::leased_record::{Kept, LeasedRecord, Work};
use crate::ledger::Held;
use crate::reread_record::NoLease;
use crate::successor_conflict::{Settled, settle};

/// A grant that the IdP took.
pub(crate) struct Rotated {
    /// What stands on disk now.
    pub held: Held,
    /// The access token or why it must not be trusted; `None` when the user was recovered by an enrolment instead.
    pub token: Option<Result<AccessTokenReply, Untrusted>>,
}

/// A grant that the IdP did not take, or was not asked about.
pub(crate) struct NotRotated {
    pub cause: Cause,
    /// What stands on disk now, as far as it is known.
    pub held: Option<Held>,
    /// Why the session is over, if it is.
    pub ended: Option<SessionEnd>,
}

impl NotRotated {
    pub(crate) const fn kept(cause: Cause, held: Held) -> Self {
        Self {
            cause,
            held: Some(held),
            ended: None,
        }
    }

    /// The answer cannot be written, and trying again does not help.
    pub(crate) const fn failed(cause: Cause) -> Self {
        Self {
            cause,
            held: None,
            ended: None,
        }
    }

    /// Somebody else went on with the record.
    pub(crate) const fn in_use() -> Self {
        Self::failed(Cause::RecordInUse)
    }

    pub(crate) const fn outdated(why: OutdatedCause, held: Held) -> Self {
        Self {
            cause: Cause::Outdated(why),
            held: Some(held),
            ended: Some(SessionEnd::Refused),
        }
    }
}

impl From<NoLease> for NotRotated {
    fn from(why: NoLease) -> Self {
        match why {
            NoLease::Ended(end) => Self {
                cause: Cause::RecordInUse,
                held: None,
                ended: Some(end),
            },
            NoLease::Failed(cause) => Self::failed(cause),
        }
    }
}

/// Sends the grant once, under a lease that names it; what comes back is on disk before anything else happens.
pub(crate) async fn rotate_grant(
    cx: &FlowContext,
    held: Held,
    audience: Option<&Audience>,
) -> Result<Rotated, NotRotated> {
    let mut leased = LeasedRecord::take(cx, held).await?;
    let mut repeated = false;
    loop {
        let Some(grant) = leased.held.body.grant.clone() else {
            return Err(NotRotated::kept(Cause::NoToken, leased.give_back().await));
        };
        let slot = leased.held.header.slot.clone();
        let key = leased.held.body.key.clone();
        if let Err(cause) = leased.before_call().await {
            return Err(NotRotated::kept(cause, leased.give_back().await));
        }
        let request = RefreshRequest::new(slot.realm, slot.client_id, grant.clone(), key, audience.cloned());
        let error = match adapter_call::refresh(leased.core(), request).await {
            Ok(refreshed) => return keep_answer(leased, &grant, refreshed, audience).await,
            Err(error) => error,
        };
        let recoverable = leased.held.body.recoverable;
        match after(
            error.answer(),
            Course {
                unclear: leased.unclear,
                repeated,
                recoverable,
                may_widen: false,
            },
        ) {
            Next::RepeatOnce => {
                repeated = true;
                leased.unclear = true;
                leased.core().ports.clock.sleep(SETTLE).await;
                if let Err(cause) = leased.renew().await {
                    return Err(NotRotated::kept(cause, leased.leave_to_nobody().await));
                }
            }
            Next::LeaveForLater => return Err(NotRotated::kept(error.into(), leased.leave_to_nobody().await)),
            Next::GiveBack => return Err(NotRotated::kept(error.into(), leased.give_back().await)),
            Next::Recover => return reenrol(leased, Reason::Recovery).await,
            Next::Outdated => return Err(mark_outdated(leased, OutdatedCause::Refused).await),
            Next::Keep | Next::Distrust | Next::Widen | Next::Deny => {
                let cause = Cause::ContractBroken("an error of refresh reads as an answer");
                return Err(NotRotated::kept(cause, leased.leave_to_nobody().await));
            }
        }
    }
}

/// Writes Outdated; the grant is kept, a later try may succeed.
pub(crate) async fn mark_outdated(mut leased: LeasedRecord, why: OutdatedCause) -> NotRotated {
    let Work::Rotating(user) = leased.work.clone() else {
        return NotRotated::kept(
            Cause::ContractBroken("only a user's record is marked"),
            leased.give_back().await,
        );
    };
    let body = leased.held.body.clone();
    match leased.keep(Stage::Outdated { user, cause: why }, body).await {
        Kept::Stands => {
            leased.core().remember_refusal(&leased.held.header.slot);
            NotRotated::outdated(why, leased.into_held())
        }
        Kept::Conflict { .. } => NotRotated::in_use(),
        Kept::Failed(error) => NotRotated::failed(error.into()),
    }
}

async fn keep_answer(
    mut leased: LeasedRecord,
    sent: &Grant,
    refreshed: Refreshed,
    audience: Option<&Audience>,
) -> Result<Rotated, NotRotated> {
    let Work::Rotating(user) = leased.work.clone() else {
        let cause = Cause::ContractBroken("only a user's grant is rotated");
        return Err(NotRotated::kept(cause, leased.leave_to_nobody().await));
    };
    let mut body = leased.held.body.clone();
    if let Some(successor) = &refreshed.successor {
        body.grant = Some(successor.clone());
    }
    body.session_ends = refreshed.session_ends.or(body.session_ends);
    match leased.keep(Stage::Active { user }, body.clone()).await {
        Kept::Stands => {}
        Kept::Conflict { .. } => {
            if refreshed.successor.is_none() || settle(&mut leased, sent, &body).await == Settled::Dropped {
                return Err(NotRotated::in_use());
            }
        }
        Kept::Failed(error) => return Err(NotRotated::failed(error.into())),
    }
    let core = std::sync::Arc::clone(&leased.cx.core);
    let held = leased.into_held();
    let token = judge(refreshed, &held, &core.ledger);
    core.ledger.tell(&Notification::TokenRefreshed {
        audience: audience.cloned(),
    });
    Ok(Rotated {
        held,
        token: Some(token),
    })
}

/// Whose answer it is, and whether that user is still without data. Both are judged after the write.
fn judge(refreshed: Refreshed, held: &Held, ledger: &crate::ledger::Ledger) -> Result<AccessTokenReply, Untrusted> {
    if let Some(identity) = refreshed.identity {
        let identity = identity?;
        if held
            .body
            .subject
            .as_ref()
            .is_some_and(|subject| subject != identity.user())
        {
            return Err(Untrusted::SubjectChanged);
        }
        if let Some(claim) = first_user_datum(&identity.claims.names) {
            ledger.tell(&Notification::IdentityNoLongerAnonymous { claim });
        }
    }
    refreshed.access_token
}
