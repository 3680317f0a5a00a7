//! EnrollAnonymousUser: makes a user for a key that is on disk before the IdP hears of it.

mod claim_slot;
mod keep_identity;
mod replaced_record;

use std::sync::Arc;

use vestibule_domain::authentication_mode::AuthenticationMode;
use vestibule_domain::enrolment::{AfterFailure, after_failure};
use vestibule_domain::event::{EnrollAnonymousUserEvent, EventKind, RecordRef};
use vestibule_domain::identifiers::{ClientId, InvalidParameter, RecordHandle, TenantId};
use vestibule_domain::notification::Notification;
use vestibule_domain::record::{Lookup, Slot};
use vestibule_domain::record_lease::SETTLE;
use vestibule_domain::sdk_state::Fact;
use vestibule_domain::short_lived_session::is_short_lived;
use vestibule_domain::status::{Cause, Untrusted};
use vestibule_ports::EnrollRequest;

use super::read_records::remember;
use crate::adapter_call;
use crate::core::{Core, FlowContext};
use crate::dispatch::{Lane, SdkEvent, sealed::Sealed};
use crate::gate_keys::forget_key_of;
use crate::ledger::Held;
use crate::outcome::{EnrolledUser, user_of};
use claim_slot::{Claimed, claim_slot};
use keep_identity::{Stood, keep_grant, prove_held_grant};
use replaced_record::remove_aside;

/// What the app wishes.
pub struct Wish {
    tenant_id: TenantId,
    client_id: ClientId,
    mode: AuthenticationMode,
    replace: Option<RecordRef>,
}

impl Sealed for EnrollAnonymousUserEvent {}

impl SdkEvent for EnrollAnonymousUserEvent {
    type Outcome = EnrolledUser;
    type Parsed = Wish;
    const KIND: EventKind = EventKind::EnrollAnonymousUser;
    const LANE: Lane = Lane::Queue;

    fn parse(self) -> Result<Wish, InvalidParameter> {
        Ok(Wish {
            tenant_id: TenantId::parse(&self.tenant_id)?,
            client_id: ClientId::parse(&self.client_id)?,
            mode: self.authentication_mode,
            replace: self.replace,
        })
    }

    async fn run(wish: Wish, cx: FlowContext) -> Result<EnrolledUser, Cause> {
        let core = Arc::clone(&cx.core);
        let realm = core.ports.idp.realm(&wish.tenant_id)?;
        let slot = Slot {
            realm,
            client_id: wish.client_id.clone(),
        };
        let _turn = core.enter_slot(&slot).await?;
        let claimed = claim_slot(&cx, &wish, &slot).await?;
        let aside = claimed.aside;
        let stood = enrol(claimed).await?;
        conclude(&cx, &slot, stood, aside).await
    }
}

/// Asks the IdP with the key that lies on disk. The order is the protocol's: whatever fails, key and record stay as long
/// as a user with that key may exist.
async fn enrol(claimed: Claimed) -> Result<Stood, Cause> {
    let Claimed {
        mut leased,
        mut fresh,
        aside,
    } = claimed;
    if leased.held.body.grant.is_some() {
        leased = match prove_held_grant(leased).await? {
            Ok(stood) => return Ok(stood),
            Err(to_be_enrolled_again) => to_be_enrolled_again,
        };
    }
    let (mut repeated, mut refused) = (false, false);
    loop {
        if let Err(cause) = leased.before_call().await {
            leased.leave_to_nobody().await;
            return Err(cause);
        }
        let slot = leased.held.header.slot.clone();
        let key = leased.held.body.key.clone();
        let request = EnrollRequest::new(slot.realm, slot.client_id, key, leased.cx.interrupt.clone());
        let error = match adapter_call::enroll(leased.core(), request).await {
            Ok(enrolled) => {
                leased = match keep_grant(leased, enrolled).await? {
                    Ok(stood) => return Ok(stood),
                    Err(to_be_enrolled_again) => to_be_enrolled_again,
                };
                if refused {
                    leased.leave_to_nobody().await;
                    return Err(new_grant_refused());
                }
                (refused, fresh) = (true, false);
                continue;
            }
            Err(error) => error,
        };
        match after_failure(error.effect(), fresh, repeated) {
            AfterFailure::Undo => {
                undo(leased.core(), &leased.held, aside).await;
                return Err(error.into());
            }
            AfterFailure::RepeatOnce if !leased.cx.interrupt.is_raised() => {
                (repeated, fresh, leased.unclear) = (true, false, true);
                leased.core().ports.clock.sleep(SETTLE).await;
                if let Err(cause) = leased.renew().await {
                    leased.leave_to_nobody().await;
                    return Err(cause);
                }
            }
            AfterFailure::RepeatOnce | AfterFailure::KeepKey => {
                leased.leave_to_nobody().await;
                return Err(error.into());
            }
        }
    }
}

/// Twice in a row the IdP refused the grant that it had just given, and its ID token could not be proven.
const fn new_grant_refused() -> Cause {
    Cause::UntrustedResponse(Untrusted::IdToken("its key is unknown, and the grant was refused"))
}

/// Nothing of this key can exist at the IdP: what the slot held before stands again. Where that fails the record stays,
/// and the next enrolment goes on with its key.
async fn undo(core: &Core, held: &Held, aside: Option<RecordHandle>) {
    let storage = &core.ports.storage;
    let undone = match storage.describe(held.place.clone()).await {
        Ok(Lookup::Present(mine)) if mine.header.write_id == held.header.write_id => match aside {
            Some(aside) => storage.put_back(aside, Some(mine.revision)).await.map(drop),
            None => storage.remove(mine.handle, mine.revision).await,
        }
        .map(|()| true),
        Ok(Lookup::Present(_) | Lookup::Absent) => Ok(false),
        Err(error) => Err(error),
    };
    match undone {
        Ok(true) => forget_key_of(core, &held.header).await,
        Ok(false) => {}
        Err(error) => tracing::warn!(%error, "an enrolment that was certainly not done stays unfinished"),
    }
}

/// The user stands on disk: the copy of what it replaced goes, and the app is told.
async fn conclude(
    cx: &FlowContext,
    slot: &Slot,
    stood: Stood,
    aside: Option<RecordHandle>,
) -> Result<EnrolledUser, Cause> {
    let core = &cx.core;
    let Stood {
        held,
        access_tokens_bound,
    } = stood;
    let user_identifier = user_of(&held.header).ok_or(Cause::ContractBroken("a user stands without a name"))?;
    let outcome = EnrolledUser {
        user_identifier: user_identifier.clone(),
        authentication_mode: held.header.mode,
        recoverable: held.body.recoverable,
        session_expires_at: held.body.session_ends,
    };
    if let Some(aside) = aside {
        remove_aside(core, aside).await;
        core.ledger
            .tell(&Notification::IdentityReplaced { user: user_identifier });
    }
    if let Some(ends) = outcome.session_expires_at
        && is_short_lived(Some(ends), core.ports.clock.wall())
    {
        core.ledger.tell(&Notification::ShortLivedSession { ends });
    }
    if access_tokens_bound {
        core.ledger.tell(&Notification::AccessTokensBound);
    }
    if !core.ledger.conclude(cx.era, Fact::Enrolled, Some(held)) {
        core.ledger.conclude_user_stands();
    }
    remember(core, slot).await;
    Ok(outcome)
}
