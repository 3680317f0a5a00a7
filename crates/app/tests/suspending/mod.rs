//! Lives of an app that goes to the background: between two tokens, and while one is being fetched. Every single fault in
//! every call, on every kind of server.

use vestibule::event::{ClearIamTokenCacheEvent, ExchangeIamTokenEvent, ResumeEvent, SuspendEvent};
use vestibule::ports::testing::{FaultPlan, IdpKind, Rotation};
use vestibule::{Sdk, SdkState};

use crate::oracle::{self, Losses};
use crate::world::{World, live_until_a_token};

/// How the app is suspended.
#[derive(Clone, Copy, Debug)]
enum Background {
    BetweenTokens,
    WhileATokenIsFetched,
}

/// So often the app comes back to the foreground until it is let in.
const RESUMES: usize = 4;

async fn live_with_a_suspend(sdk: &Sdk, background: Background) {
    let _token_or_not = live_until_a_token(sdk).await;
    match background {
        Background::BetweenTokens => {
            let _cleared_or_not = sdk.send(ClearIamTokenCacheEvent).await;
            let _suspended_or_not = sdk.send(SuspendEvent).await;
        }
        Background::WhileATokenIsFetched => {
            let forced = ExchangeIamTokenEvent::new("orders").forced();
            let (_fetched_or_not, _suspended_or_not) = tokio::join!(sdk.send(forced), sdk.send(SuspendEvent));
        }
    }
    for _ in 0..RESUMES {
        if sdk.state() == SdkState::Suspended {
            let _resumed_or_not = sdk.send(ResumeEvent).await;
        }
    }
    if sdk.state() != SdkState::Suspended {
        let _token_or_not = live_until_a_token(sdk).await;
    }
}

fn live(kind: IdpKind, background: Background, plan: &FaultPlan) {
    let world = World::new(kind);
    plan.use_clock(std::sync::Arc::new(world.clock.clone()));
    let _killed_or_not = world.process(plan, |sdk| async move { live_with_a_suspend(&sdk, background).await });
    let last = world.last_process();
    oracle::judge(&world, kind, Losses::of(plan), &last, &|| {
        format!("{background:?} {plan:?}")
    });
}

#[test]
fn an_app_that_goes_to_the_background_loses_nothing_whatever_fails() {
    for recoverable in [true, false] {
        for rotation in [
            Rotation::None,
            Rotation::Renewing,
            Rotation::Reuse(1),
            Rotation::Reuse(0),
        ] {
            let kind = IdpKind { recoverable, rotation };
            for background in [Background::BetweenTokens, Background::WhileATokenIsFetched] {
                let mut lives = 0;
                for plan in FaultPlan::enumerate(1) {
                    live(kind, background, &plan);
                    lives += 1;
                }
                assert!(lives > 60, "only {lives} lives of {kind:?}, {background:?}");
            }
        }
    }
}
