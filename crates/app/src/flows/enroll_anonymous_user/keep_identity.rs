//! A grant came back: one write before anything else, then the identity is judged.

use vestibule_domain::anonymity::first_user_datum;
use vestibule_domain::enrolment::{AfterGrant, AfterProving, Proof, after_grant, after_proving};
use vestibule_domain::instant::WallTime;
use vestibule_domain::notification::Notification;
use vestibule_domain::record::{Lease, Lookup, Stage};
use vestibule_domain::record_lease::SETTLE;
use vestibule_domain::secret::Grant;
use vestibule_domain::status::{Cause, Untrusted};
use vestibule_ports::{Enrolled, Identity, RefreshRequest};

use crate::adapter_call;
use crate::core::Core;
use crate::leased_record::{Kept, LeasedRecord};
use crate::ledger::Held;
use crate::record_body::RecordBody;
use crate::revocation_queue::{Revocable, queue, queue_surely};
use crate::sdk_settings::AnonymityPolicy;
use crate::successor_conflict::{Settled, settle};

/// A user that stands on disk.
pub(super) struct Stood {
    pub held: Held,
    pub access_tokens_bound: bool,
}

/// A grant and what came with it.
struct Came {
    grant: Grant,
    identity: Result<Identity, Untrusted>,
    key_unknown: bool,
    session_ends: Option<WallTime>,
    access_tokens_bound: bool,
    /// What was sent, where it came by the one refresh that is to prove the identity.
    sent: Option<Grant>,
}

/// Keeps what an enrolment brought. Gives the record back (`Err`) when the IdP refused the new grant at its proof, so that
/// the key is enrolled again.
pub(super) async fn keep_grant(
    mut leased: LeasedRecord,
    enrolled: Enrolled,
) -> Result<Result<Stood, LeasedRecord>, Cause> {
    let Enrolled {
        identity,
        key_unknown,
        grant,
        session_ends,
        access_tokens_bound,
        ..
    } = enrolled;
    let came = Came {
        grant,
        identity,
        key_unknown,
        session_ends,
        access_tokens_bound,
        sent: None,
    };
    if keep(&mut leased, came).await?.is_some() {
        return Ok(Ok(Stood {
            held: leased.into_held(),
            access_tokens_bound,
        }));
    }
    Ok(prove_held_grant(leased).await?.map(|stood| Stood {
        access_tokens_bound,
        ..stood
    }))
}

/// Proves the grant that an unfinished record holds by refreshing it once. Gives the record back (`Err`) when the IdP
/// refused the grant, so that the key is enrolled again.
pub(super) async fn prove_held_grant(mut leased: LeasedRecord) -> Result<Result<Stood, LeasedRecord>, Cause> {
    if leased.held.body.refused {
        let lease = leased.my_lease();
        if let Err(cause) = queue_refused(&mut leased, lease).await {
            leased.leave_to_nobody().await;
            return Err(cause);
        }
    }
    let mut repeated = false;
    loop {
        let Some(grant) = leased.held.body.grant.clone() else {
            return Ok(Err(leased));
        };
        if let Err(cause) = leased.before_call().await {
            leased.leave_to_nobody().await;
            return Err(cause);
        }
        let slot = leased.held.header.slot.clone();
        let request = RefreshRequest::new(
            slot.realm,
            slot.client_id,
            grant.clone(),
            leased.held.body.key.clone(),
            None,
        );
        let error = match adapter_call::refresh(leased.core(), request).await {
            Ok(refreshed) => {
                let missing = || Err(Untrusted::IdToken("is missing in the answer to a refresh"));
                let came = Came {
                    grant: refreshed.successor.unwrap_or_else(|| grant.clone()),
                    identity: refreshed.identity.unwrap_or_else(missing),
                    key_unknown: false,
                    session_ends: refreshed.session_ends,
                    access_tokens_bound: false,
                    sent: Some(grant),
                };
                let bound = keep(&mut leased, came).await?.unwrap_or(false);
                return Ok(Ok(Stood {
                    held: leased.into_held(),
                    access_tokens_bound: bound,
                }));
            }
            Err(error) => error,
        };
        match after_proving(error.answer(), repeated) {
            AfterProving::EnrolAgain => return Ok(Err(leased)),
            AfterProving::RepeatOnce => {
                repeated = true;
                leased.core().ports.clock.sleep(SETTLE).await;
                if let Err(cause) = leased.renew().await {
                    leased.leave_to_nobody().await;
                    return Err(cause);
                }
            }
            AfterProving::KeepGrant | AfterProving::Judge => {
                leased.leave_to_nobody().await;
                return Err(error.into());
            }
        }
    }
}

/// The one write. `Some` when the user stands; `None` when a refresh is to prove it.
async fn keep(leased: &mut LeasedRecord, came: Came) -> Result<Option<bool>, Cause> {
    let mut body = leased.held.body.clone();
    body.grant = Some(came.grant.clone());
    body.session_ends = came.session_ends;
    let (proof, proven) = judge(leased.core(), &came);
    match (after_grant(proof, came.sent.is_some()), proven) {
        (AfterGrant::Stand, Ok(identity)) => {
            let user = identity.user().clone();
            body.subject = Some(user.clone());
            body.recoverable = identity.recoverable;
            stand(leased, Stage::Active { user }, body, &came).await?;
            if let Some(claim) = first_user_datum(&identity.claims.names) {
                leased
                    .core()
                    .ledger
                    .tell(&Notification::IdentityNoLongerAnonymous { claim });
            }
            Ok(Some(came.access_tokens_bound))
        }
        (AfterGrant::KeepAndProve, _) => {
            let stage = Stage::Enrolling {
                lease: leased.my_lease(),
            };
            stand(leased, stage, body, &came).await?;
            Ok(None)
        }
        (AfterGrant::KeepRefused | AfterGrant::Stand, proven) => {
            body.refused = true;
            let stage = Stage::Enrolling {
                lease: leased.my_lease(),
            };
            stand(leased, stage, body, &came).await?;
            let lease = leased.core().lease_of_nobody();
            queue_refused(leased, lease).await?;
            let why = proven.err().unwrap_or(Untrusted::IdToken("proves nobody"));
            Err(Cause::UntrustedResponse(why))
        }
    }
}

/// Whether the identity is proven, and anonymous as the settings want it.
fn judge(core: &Core, came: &Came) -> (Proof, Result<Identity, Untrusted>) {
    match &came.identity {
        Err(why) if came.key_unknown => (Proof::UnknownKey, Err(why.clone())),
        Err(why) => (Proof::Failed, Err(why.clone())),
        Ok(identity) => match (first_user_datum(&identity.claims.names), core.settings.anonymity) {
            (Some(claim), AnonymityPolicy::Refuse) => (Proof::Failed, Err(Untrusted::UserData(claim))),
            (None, AnonymityPolicy::Refuse | AnonymityPolicy::Warn) | (Some(_), AnonymityPolicy::Warn) => {
                (Proof::Proven, Ok(identity.clone()))
            }
        },
    }
}

/// Writes until it is definite. Where something else stands by then, a successor is held by the rules of rotation; a grant
/// of its own is a session that nobody uses: it is revoked later, unless a write of it may have stood in between and been
/// rotated on.
async fn stand(leased: &mut LeasedRecord, stage: Stage, body: RecordBody, came: &Came) -> Result<(), Cause> {
    let unclear = match leased.keep(stage, body.clone()).await {
        Kept::Stands => return Ok(()),
        Kept::Conflict { unclear } => unclear,
        Kept::Failed(error) => return Err(error.into()),
    };
    if let Some(sent) = &came.sent {
        return match settle(leased, sent, &body).await {
            Settled::Stands if leased.held.header.stage.user().is_some() => Ok(()),
            Settled::Stands | Settled::Dropped => Err(Cause::RecordInUse),
        };
    }
    if unclear {
        // It may stand by a write of mine: then under my lease, or as a user.
        let stands = settle(leased, &came.grant, &body).await == Settled::Stands;
        if stands && (leased.is_mine() || leased.held.header.stage.user().is_some()) {
            return Ok(());
        }
    } else {
        queue_surely(&leased.cx, &revocable(leased, &came.grant, came.session_ends)).await;
    }
    let standing = leased.core().ports.storage.describe(leased.held.place.clone()).await?;
    Err(match standing {
        Lookup::Present(described) if described.header.stage.user().is_some() => Cause::SlotTaken,
        Lookup::Present(_) | Lookup::Absent => Cause::RecordInUse,
    })
}

/// A grant that is marked refused is queued for revocation and taken out, never sent. The key stays, under `lease`: mine
/// where it is enrolled again now, nobody's where the flow ends.
async fn queue_refused(leased: &mut LeasedRecord, lease: Lease) -> Result<(), Cause> {
    let mut body = leased.held.body.clone();
    if let Some(grant) = body.grant.take() {
        queue(leased.core(), &revocable(leased, &grant, body.session_ends)).await?;
    }
    (body.refused, body.session_ends) = (false, None);
    match leased.keep(Stage::Enrolling { lease }, body).await {
        Kept::Stands => Ok(()),
        Kept::Conflict { .. } => Err(Cause::RecordInUse),
        Kept::Failed(error) => Err(error.into()),
    }
}

const fn revocable<'a>(leased: &'a LeasedRecord, grant: &'a Grant, until: Option<WallTime>) -> Revocable<'a> {
    Revocable {
        of: &leased.held.header,
        key: &leased.held.body.key,
        grant,
        until,
    }
}
