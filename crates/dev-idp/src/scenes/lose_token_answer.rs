//! The next token answer is lost: the server does the work, then closes the connection.

use async_trait::async_trait;
use axum::response::Response;

use crate::endpoint::Endpoint;
use crate::scenes::{RequestFacts, Scene, Work, no_answer};

/// Loses one answer of the token endpoint.
#[derive(Debug, Default, Clone, Copy)]
pub struct LoseTokenAnswer {
    grant_type: Option<&'static str>,
}

impl LoseTokenAnswer {
    /// Of whatever grant comes next.
    #[must_use]
    pub const fn of_any_grant() -> Self {
        Self { grant_type: None }
    }

    /// Of the next grant of that type: `authorization_code` or `refresh_token`.
    #[must_use]
    pub const fn of_grant(grant_type: &'static str) -> Self {
        Self {
            grant_type: Some(grant_type),
        }
    }
}

#[async_trait]
impl Scene for LoseTokenAnswer {
    fn name(&self) -> &'static str {
        "lose the token answer"
    }

    fn matches(&self, request: &RequestFacts) -> bool {
        request.endpoint == Endpoint::Token
            && self
                .grant_type
                .is_none_or(|wanted| request.grant_type.as_deref() == Some(wanted))
    }

    async fn play(self: Box<Self>, work: Work) -> Response {
        let _lost = work.perform().await;
        no_answer()
    }
}
