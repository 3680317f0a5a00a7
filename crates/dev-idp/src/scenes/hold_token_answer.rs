//! The next token answer is held back after the work is done, until the test lets it go: the moment for a kill.

use async_trait::async_trait;
use axum::response::Response;
use tokio::sync::oneshot;

use crate::endpoint::Endpoint;
use crate::scenes::{RequestFacts, Scene, Work, no_answer};

/// Holds one answer of the token endpoint.
#[derive(Debug)]
pub struct HoldTokenAnswer {
    grant_type: Option<&'static str>,
    reached: oneshot::Sender<()>,
    released: oneshot::Receiver<()>,
}

/// The test's end of a held answer. Dropping it loses the answer.
#[derive(Debug)]
pub struct HeldAnswer {
    reached: Option<oneshot::Receiver<()>>,
    released: oneshot::Sender<()>,
}

impl HoldTokenAnswer {
    /// Of the next grant of that type, or of any.
    #[must_use]
    pub fn of(grant_type: Option<&'static str>) -> (Self, HeldAnswer) {
        let (reached, reached_end) = oneshot::channel();
        let (released_end, released) = oneshot::channel();
        let scene = Self {
            grant_type,
            reached,
            released,
        };
        (
            scene,
            HeldAnswer {
                reached: Some(reached_end),
                released: released_end,
            },
        )
    }
}

impl HeldAnswer {
    /// Waits until the server has done the work. False when that will never be: the scene was dropped with its server.
    pub async fn reached(&mut self) -> bool {
        match self.reached.take() {
            Some(reached) => reached.await.is_ok(),
            None => true,
        }
    }

    /// Lets the answer go.
    pub fn release(self) {
        // An error means that the client has gone away meanwhile.
        self.released.send(()).ok();
    }
}

#[async_trait]
impl Scene for HoldTokenAnswer {
    fn name(&self) -> &'static str {
        "hold the token answer"
    }

    fn matches(&self, request: &RequestFacts) -> bool {
        request.endpoint == Endpoint::Token
            && self
                .grant_type
                .is_none_or(|wanted| request.grant_type.as_deref() == Some(wanted))
    }

    async fn play(self: Box<Self>, work: Work) -> Response {
        let answer = work.perform().await;
        // An error means that the test no longer waits for this moment.
        self.reached.send(()).ok();
        match self.released.await {
            Ok(()) => answer,
            Err(_) => no_answer(),
        }
    }
}
