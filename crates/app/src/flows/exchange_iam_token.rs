//! ExchangeIamToken: an access token for one audience, proven narrow, from memory while it is fresh.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Notify;
use vestibule_domain::event::{EventKind, ExchangeIamTokenEvent};
use vestibule_domain::identifiers::{Audience, InvalidParameter};
use vestibule_domain::instant::BootTime;
use vestibule_domain::notification::Notification;
use vestibule_domain::rotation::{Answer, Course, Next, Reason, after};
use vestibule_domain::sdk_state::Fact;
use vestibule_domain::single_audience::{Asked, LONGEST_LIFETIME, OPAQUE_LIFETIME, Unfit, prove};
use vestibule_domain::status::{Cause, Denial, Hint, Untrusted};
use vestibule_ports::{AccessTokenReply, Interrupt};

use super::reenrol::reenrol;
use super::rotate_grant::{NotRotated, Rotated, rotate_grant};
use crate::core::{Core, FlowContext};
use crate::dispatch::{Lane, SdkEvent, sealed::Sealed};
use crate::leased_record::LeasedRecord;
use crate::ledger::Held;
use crate::outcome::IamToken;
use crate::token_cache::CachedToken;

impl Sealed for ExchangeIamTokenEvent {}

impl SdkEvent for ExchangeIamTokenEvent {
    type Outcome = Arc<IamToken>;
    type Parsed = (Audience, bool);
    const KIND: EventKind = EventKind::ExchangeIamToken;
    const LANE: Lane = Lane::Beside;

    fn recall(&self, core: &Arc<Core>) -> Option<Arc<IamToken>> {
        core.ledger.recall_token(&self.audience, self.force_update, core.now())
    }

    fn parse(self) -> Result<(Audience, bool), InvalidParameter> {
        Ok((Audience::parse(&self.audience)?, self.force_update))
    }

    async fn run((audience, force_update): (Audience, bool), cx: FlowContext) -> Result<Arc<IamToken>, Cause> {
        let core = Arc::clone(&cx.core);
        let dropped = core.ledger.tokens_dropped();
        let token = core.token_flights.join((cx.era, dropped, audience.clone()), |flight| {
            tokio::spawn(async move {
                let overdue = Arc::new(Notify::new());
                let cx = FlowContext {
                    overdue: Arc::clone(&overdue),
                    interrupt: Interrupt::never(),
                    ..cx
                };
                let task = tokio::spawn(async move { fetch(&cx, &audience, force_update, dropped).await });
                tokio::select! {
                    biased;
                    done = task => if let Ok(result) = done { flight.land(result) },
                    () = overdue.notified() => flight.land(Err(not_on_disk_yet())),
                }
            });
        });
        token.await.unwrap_or(Err(Cause::AdapterPanicked))
    }
}

/// What the caller of an event is told while its answer is still being written.
pub(crate) const fn not_on_disk_yet() -> Cause {
    Cause::StorageUnavailable("what the IdP answered is not on disk yet; it is still being written")
}

/// Takes its turn at the slot, then asks the IdP, unless another caller has brought a token meanwhile.
async fn fetch(cx: &FlowContext, audience: &Audience, forced: bool, dropped: u64) -> Result<Arc<IamToken>, Cause> {
    let core = &cx.core;
    let not_logged_in = || Cause::InvalidState {
        event: EventKind::ExchangeIamToken,
        state: core.ledger.state(),
    };
    let session = || core.ledger.session().filter(|(era, _)| *era == cx.era);
    let (_, held) = session().ok_or_else(not_logged_in)?;
    let _turn = match core.enter_slot(&held.header.slot).await {
        Ok(turn) => turn,
        Err(busy) => return still_valid(cx, audience).ok_or(busy),
    };
    let recalled = core.ledger.recall_token(audience.as_str(), forced, core.now());
    let (_, held) = session().ok_or_else(not_logged_in)?;
    if let Some(token) = recalled {
        return Ok(token);
    }
    match ask(cx, held, audience).await {
        Ok((held, token)) => {
            core.ledger.update_session(cx.era, held);
            let token = token?;
            let may_be_handed_out = core.ledger.remember_token(cx.era, dropped, &token);
            if may_be_handed_out {
                Ok(token.token)
            } else {
                Err(Cause::QueueFull)
            }
        }
        Err(NotRotated {
            cause: busy @ Cause::RecordInUse,
            ended: None,
            ..
        }) => still_valid(cx, audience).ok_or(busy),
        Err(failed) => Err(end_of_session(cx, failed)),
    }
}

/// What memory still validly holds, where somebody else is at work on the record.
fn still_valid(cx: &FlowContext, audience: &Audience) -> Option<Arc<IamToken>> {
    let core = &cx.core;
    core.ledger.recall_valid_token(cx.era, audience.as_str(), core.now())
}

type Judged = Result<CachedToken, Cause>;

/// Asks until the grant was renewed for this audience: once more after a recovery, once more after a wider enrolment.
async fn ask(cx: &FlowContext, held: Held, audience: &Audience) -> Result<(Held, Judged), NotRotated> {
    let mut rotated = rotate_grant(cx, held, Some(audience)).await?;
    if rotated.token.is_none() {
        rotated = rotate_grant(cx, rotated.held, Some(audience)).await?;
    }
    let asked_at = cx.core.now();
    let (held, judged) = judge(cx, rotated, audience, asked_at);
    match judged {
        Err(Cause::UntrustedResponse(Untrusted::AccessToken(Unfit::AudienceMissing))) => {}
        judged => return Ok((held, judged)),
    }
    let may_widen = held.body.recoverable && cx.core.may_widen(&held.header.slot, audience);
    let course = Course {
        unclear: false,
        repeated: false,
        recoverable: held.body.recoverable,
        may_widen,
    };
    if after(Answer::AudienceMissing, course) != Next::Widen {
        return Ok((held, Err(denied(Denial::AudienceNotGranted))));
    }
    let leased = LeasedRecord::take(cx, held).await?;
    let widened = match reenrol(leased, Reason::WiderScope).await {
        Ok(widened) => widened,
        Err(NotRotated {
            cause,
            held: Some(held),
            ended: None,
        }) => return Ok((held, Err(cause))),
        Err(failed) => return Err(failed),
    };
    let rotated = rotate_grant(cx, widened.held, Some(audience)).await?;
    let (held, judged) = judge(cx, rotated, audience, cx.core.now());
    Ok((held, judged.map_err(audience_still_missing)))
}

/// Judges the access token that came: it is handed out only when it is proven narrow.
fn judge(cx: &FlowContext, rotated: Rotated, audience: &Audience, now: BootTime) -> (Held, Judged) {
    let Rotated { held, token } = rotated;
    let judged = match token {
        Some(Ok(reply)) => narrow(cx, &held, reply, audience, now),
        Some(Err(why)) => Err(Cause::UntrustedResponse(why)),
        None => Err(denied(Denial::AudienceNotGranted)),
    };
    (held, judged)
}

fn narrow(cx: &FlowContext, held: &Held, reply: AccessTokenReply, audience: &Audience, now: BootTime) -> Judged {
    let (scope, lifetime) = match &reply.claims {
        Some(claims) => {
            let subject = held.body.subject.as_ref().ok_or(Cause::NoToken)?;
            let asked = Asked {
                audience,
                client_id: &held.header.slot.client_id,
                subject,
                scopes: &reply.terms.scopes,
                lifetime_cap: reply.terms.lifetime_cap,
            };
            prove(claims, &asked).map_err(|unfit| match unfit {
                Unfit::Bound => denied(Denial::TokenBoundToDevice),
                unfit => Cause::UntrustedResponse(Untrusted::AccessToken(unfit)),
            })?;
            let stated = claims
                .expires_at
                .zip(claims.issued_at)
                .map(|(until, from)| until.since(from));
            (claims.scopes.clone(), stated.unwrap_or(Duration::ZERO))
        }
        None if reply.terms.opaque_allowed => {
            // Nothing in it says whom it is for.
            if cx.core.ledger.holds_for_another(audience.as_str(), &reply.token) {
                return Err(Cause::UntrustedResponse(Untrusted::AccessToken(Unfit::MoreAudiences)));
            }
            (
                reply.terms.scopes.clone(),
                OPAQUE_LIFETIME.min(reply.terms.lifetime_cap),
            )
        }
        None => return Err(denied(Denial::TokenUnverifiable)),
    };
    let lifetime = reply.lifetime.unwrap_or(lifetime).min(lifetime).min(LONGEST_LIFETIME);
    let expires_at = cx.core.ports.clock.wall().after(lifetime);
    let token = Arc::new(IamToken {
        value: reply.token,
        audience: audience.clone(),
        scope,
        expires_at,
    });
    Ok(CachedToken {
        token,
        fetched: now,
        lifetime,
    })
}

/// A session that is over is concluded and told; one that only had no luck stays.
fn end_of_session(cx: &FlowContext, failed: NotRotated) -> Cause {
    let ledger = &cx.core.ledger;
    match (failed.ended, failed.held) {
        (Some(why), _) => {
            if ledger.conclude(cx.era, Fact::SessionEnded, None) {
                ledger.tell(&Notification::SessionEnded { why });
            }
        }
        (None, Some(held)) => ledger.update_session(cx.era, held),
        (None, None) => {}
    }
    failed.cause
}

fn audience_still_missing(cause: Cause) -> Cause {
    match cause {
        Cause::UntrustedResponse(Untrusted::AccessToken(Unfit::AudienceMissing)) => denied(Denial::AudienceNotGranted),
        other => other,
    }
}

fn denied(denial: Denial) -> Cause {
    Cause::AccessDenied {
        denial,
        hint: Hint::default(),
    }
}
