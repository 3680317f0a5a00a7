//! A person who types what the test wrote down.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use vestibule_domain::secret::Password;

use super::lock;
use crate::password_source::{PasswordRequest, PasswordSource, PromptError};

/// A [`PasswordSource`] that reads its answers from a list. Behind the end of the list nobody answers: `TimedOut`.
#[derive(Clone, Debug, Default)]
pub struct ScriptedPasswordSource(Arc<Mutex<Script>>);

#[derive(Debug, Default)]
struct Script {
    answers: VecDeque<Result<Password, PromptError>>,
    asked: Vec<PasswordRequest>,
}

impl ScriptedPasswordSource {
    /// Nobody answers yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The next prompt is answered with this password.
    #[must_use]
    pub fn then_type(self, password: &str) -> Self {
        lock(&self.0).answers.push_back(Ok(Password::new(password.to_owned())));
        self
    }

    /// The next prompt ends like this.
    #[must_use]
    pub fn then_fail(self, error: PromptError) -> Self {
        lock(&self.0).answers.push_back(Err(error));
        self
    }

    /// Every prompt so far, in order.
    #[must_use]
    pub fn asked(&self) -> Vec<PasswordRequest> {
        lock(&self.0).asked.clone()
    }
}

#[async_trait]
impl PasswordSource for ScriptedPasswordSource {
    async fn ask(&self, request: PasswordRequest) -> Result<Password, PromptError> {
        let mut script = lock(&self.0);
        script.asked.push(request);
        script.answers.pop_front().unwrap_or(Err(PromptError::TimedOut))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::password_source::PasswordPurpose;

    #[tokio::test]
    async fn prompts_are_answered_in_order_and_then_by_nobody() {
        let source = ScriptedPasswordSource::new()
            .then_type("correct horse")
            .then_fail(PromptError::Cancelled);
        let request = PasswordRequest::new(PasswordPurpose::Choose, None);
        assert_eq!(source.ask(request.clone()).await.unwrap().expose(), "correct horse");
        assert_eq!(source.ask(request.clone()).await.unwrap_err(), PromptError::Cancelled);
        assert_eq!(source.ask(request.clone()).await.unwrap_err(), PromptError::TimedOut);
        assert_eq!(source.asked(), [request.clone(), request.clone(), request]);
    }
}
