//! Faults to order. A scene plays once, on the first request that it matches, and may do the work, undo its answer, or
//! answer on its own.
//!
//! One file per fault. A new one is a struct that implements [`Scene`]; nothing else has to know it. Queue it with
//! [`DevIdp::play`](crate::DevIdp::play).

mod change_answer;
mod forge_tokens;
mod hold_token_answer;
mod lose_token_answer;

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::Response;

use crate::endpoint::Endpoint;

pub use change_answer::{AnswerParts, ChangeAnswer};
pub use forge_tokens::{ForgeTokens, Signature, TokenPart, TokenParts};
pub use hold_token_answer::{HeldAnswer, HoldTokenAnswer};
pub use lose_token_answer::LoseTokenAnswer;

/// What a scene may know of a request before it decides to play.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestFacts {
    /// The tenant, decoded.
    pub tenant: String,
    /// Where it goes.
    pub endpoint: Endpoint,
    /// Parameter `client_id`.
    pub client: Option<String>,
    /// Parameter `grant_type`.
    pub grant_type: Option<String>,
}

/// The server's work on one request, not yet begun. Dropping it means that the work is not done.
#[derive(Debug)]
pub struct Work {
    pub(crate) request: Request,
    pub(crate) next: Next,
}

impl Work {
    /// Does the work: state has changed and is in the file when this returns.
    pub async fn perform(self) -> Response {
        self.next.run(self.request).await
    }
}

/// One fault.
#[async_trait]
pub trait Scene: Send + Sync + 'static {
    /// Its name in the request log.
    fn name(&self) -> &'static str;
    /// Whether it plays on this request.
    fn matches(&self, request: &RequestFacts) -> bool;
    /// Plays it, once. [`no_answer`] closes the connection instead of answering.
    async fn play(self: Box<Self>, work: Work) -> Response;
}

/// Marks an answer that is never sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NoAnswer;

/// The connection is closed without a byte of an answer.
#[must_use]
pub fn no_answer() -> Response {
    let mut response = Response::default();
    response.extensions_mut().insert(NoAnswer);
    response
}

/// The scenes that wait for their request.
#[derive(Default)]
pub(crate) struct SceneQueue(Mutex<Vec<Box<dyn Scene>>>);

impl SceneQueue {
    pub(crate) fn push(&self, scene: Box<dyn Scene>) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(scene);
    }

    /// The first one that matches; it is out of the queue then.
    pub(crate) fn take(&self, request: &RequestFacts) -> Option<Box<dyn Scene>> {
        let mut scenes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let index = scenes.iter().position(|scene| scene.matches(request))?;
        Some(scenes.remove(index))
    }

    pub(crate) fn waiting(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}
