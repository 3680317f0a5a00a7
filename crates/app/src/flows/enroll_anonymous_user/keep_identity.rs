//! A grant came back: one write before anything else, then the identity is judged.

use vestibule_domain::anonymity::first_user_datum;
use vestibule_domain::enrolment::{AfterGrant, Proof, after_grant};
use vestibule_domain::instant::WallTime;
use vestibule_domain::notification::Notification;
use vestibule_domain::record::{Lookup, SinceThen, Stage};
use vestibule_domain::record_lease::SETTLE;
use vestibule_domain::rotation::{Course, Next, after};
use vestibule_domain::secret::Grant;
use vestibule_domain::status::{Cause, Untrusted};
use vestibule_ports::{Enrolled, Identity, Key, RefreshRequest};

use crate::adapter_call;
use crate::core::Core;
use crate::leased_record::{Kept, LeasedRecord};
use crate::ledger::Held;
use crate::record_body::RecordBody;
use crate::revocation_queue;
use crate::sdk_settings::AnonymityPolicy;

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
    /// Whether the one refresh for an unknown key was done already.
    refreshed: bool,
}

/// Keeps what an enrolment brought.
pub(super) async fn keep_grant(leased: LeasedRecord, enrolled: Enrolled) -> Result<Stood, Cause> {
    let Enrolled {
        identity,
        key_unknown,
        grant,
        session_ends,
        access_tokens_bound,
        ..
    } = enrolled;
    let mut leased = leased;
    let came = Came {
        grant,
        identity,
        key_unknown,
        session_ends,
        access_tokens_bound,
        refreshed: false,
    };
    match keep(&mut leased, came).await? {
        Some(bound) => Ok(Stood {
            held: leased.into_held(),
            access_tokens_bound: bound,
        }),
        None => match prove_held_grant(leased).await? {
            Ok(stood) => Ok(Stood {
                access_tokens_bound,
                ..stood
            }),
            Err(to_be_enrolled_again) => {
                to_be_enrolled_again.leave_to_nobody().await;
                Err(Cause::UntrustedResponse(Untrusted::IdToken(
                    "its key is unknown, and the grant was refused",
                )))
            }
        },
    }
}

/// Proves the grant that an unfinished record holds by refreshing it once. Gives the record back (`Err`) when the IdP
/// refused the grant, so that the key is enrolled again.
pub(super) async fn prove_held_grant(mut leased: LeasedRecord) -> Result<Result<Stood, LeasedRecord>, Cause> {
    if leased.held.body.refused {
        queue_refused(&mut leased).await?;
    }
    let mut repeated = false;
    loop {
        let Some(grant) = leased.held.body.grant.clone() else {
            return Ok(Err(leased));
        };
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
                    grant: refreshed.successor.unwrap_or(grant),
                    identity: refreshed.identity.unwrap_or_else(missing),
                    key_unknown: false,
                    session_ends: refreshed.session_ends,
                    access_tokens_bound: false,
                    refreshed: true,
                };
                let bound = keep(&mut leased, came).await?.unwrap_or(false);
                return Ok(Ok(Stood {
                    held: leased.into_held(),
                    access_tokens_bound: bound,
                }));
            }
            Err(error) => error,
        };
        let course = Course {
            unclear: leased.unclear,
            repeated,
            recoverable: false,
            may_widen: false,
        };
        match after(error.answer(), course) {
            Next::Outdated => return Ok(Err(leased)),
            Next::RepeatOnce => {
                (repeated, leased.unclear) = (true, true);
                leased.core().ports.clock.sleep(SETTLE).await;
                leased.renew().await?;
            }
            Next::LeaveForLater
            | Next::GiveBack
            | Next::Keep
            | Next::Distrust
            | Next::Widen
            | Next::Deny
            | Next::Recover => {
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
    match (after_grant(proof, came.refreshed), proven) {
        (AfterGrant::Stand, Ok(identity)) => {
            let user = identity.user().clone();
            body.subject = Some(user.clone());
            body.recoverable = identity.recoverable;
            stand(leased, Stage::Active { user }, body, &came).await?;
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
            queue_refused(leased).await?;
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
            (None, AnonymityPolicy::Refuse | AnonymityPolicy::Warn) => (Proof::Proven, Ok(identity.clone())),
            (Some(claim), AnonymityPolicy::Refuse) => (Proof::Failed, Err(Untrusted::UserData(claim))),
            (Some(claim), AnonymityPolicy::Warn) => {
                core.ledger.tell(&Notification::IdentityNoLongerAnonymous { claim });
                (Proof::Proven, Ok(identity.clone()))
            }
        },
    }
}

/// Writes until it is definite. Where something else stands by then, the grant is a session that nobody uses: it is
/// revoked later, unless a write of it may have stood in between and been rotated on.
async fn stand(leased: &mut LeasedRecord, stage: Stage, body: RecordBody, came: &Came) -> Result<(), Cause> {
    let Kept::Conflict { unclear } = leased.keep(stage, body).await else {
        return Ok(());
    };
    let held = &leased.held;
    let standing = leased.core().ports.storage.describe(held.place.clone()).await?;
    if let Lookup::Present(described) = &standing
        && matches!(held.header.compared_with(&described.header), SinceThen::NewerGeneration)
        && let Some(mine) = open_if_it_holds(leased, &came.grant).await
    {
        leased.held = mine;
        return Ok(());
    }
    if !unclear {
        let key = held.body.key.clone();
        revocation_queue::queue(leased.core(), &held.header, &key, &came.grant, came.session_ends).await?;
    }
    Err(match standing {
        Lookup::Present(described) if described.header.stage.user().is_some() => Cause::SlotTaken,
        Lookup::Present(_) | Lookup::Absent => Cause::RecordInUse,
    })
}

async fn open_if_it_holds(leased: &LeasedRecord, grant: &Grant) -> Option<Held> {
    let held = &leased.held;
    let key = Key::RecordKey(held.key.clone());
    let opened = leased.core().ports.storage.open(held.place.clone(), key).await.ok()?;
    Held::from_opened(held.place.clone(), opened)
        .ok()
        .filter(|now| now.body.holds(grant))
}

/// A grant that is marked refused is queued for revocation and taken out, never sent. The key stays.
async fn queue_refused(leased: &mut LeasedRecord) -> Result<(), Cause> {
    let mut body = leased.held.body.clone();
    if let Some(grant) = body.grant.take() {
        let (header, key) = (&leased.held.header, &leased.held.body.key);
        revocation_queue::queue(leased.core(), header, key, &grant, body.session_ends).await?;
    }
    (body.refused, body.session_ends) = (false, None);
    let stage = Stage::Enrolling {
        lease: leased.core().lease_of_nobody(),
    };
    match leased.keep(stage, body).await {
        Kept::Stands => Ok(()),
        Kept::Conflict { .. } => Err(Cause::RecordInUse),
    }
}
