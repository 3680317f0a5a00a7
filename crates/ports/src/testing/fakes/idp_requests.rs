//! The requests that reach a scripted IdP: each is open for a while, and logged.

use async_trait::async_trait;
use vestibule_domain::identifiers::{Audience, RealmId, TenantId};
use vestibule_domain::secret::{EnrolmentKey, Grant};
use vestibule_domain::status::Hint;

use super::lock;
use super::manual_clock::let_others_run;
use super::scripted_idp::ScriptedIdp;
use crate::identity_provider::{
    EnrollRequest, Enrolled, IdentityProvider, IdpError, RefreshRequest, Refreshed, RevokeRequest,
};
use crate::testing::journal::{IdpCall, Journal, JournalEntry, Outcome};

/// For how many turns of the others a request stays open before its answer leaves.
const TURNS_OPEN: usize = 3;

#[async_trait]
impl IdentityProvider for ScriptedIdp {
    fn realm(&self, tenant: &TenantId) -> Result<RealmId, IdpError> {
        RealmId::new(format!("idp.example/{tenant}")).map_err(IdpError::InvalidRequest)
    }

    async fn enroll(&self, request: EnrollRequest) -> Result<Enrolled, IdpError> {
        let open = self.open(IdpCall::Enroll, &request.key, None, None)?;
        if request.interrupt.is_raised() {
            return open
                .answer(Err(IdpError::Interrupted { begun: false }), |_| Outcome::Scripted)
                .await;
        }
        let answer = lock(&self.state).enroll(&request);
        open.answer(answer, |enrolled| {
            match lock(&self.state).model.user_of_grant(&enrolled.grant) {
                Some(user) => Outcome::Enrolled {
                    user,
                    grant: enrolled.grant.clone(),
                },
                None => Outcome::Scripted,
            }
        })
        .await
    }

    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed, IdpError> {
        let open = self.open(
            IdpCall::Refresh,
            &request.key,
            Some(&request.grant),
            request.audience.as_ref(),
        )?;
        let answer = lock(&self.state).refresh(&request);
        open.answer(answer, |refreshed| Outcome::Refreshed {
            successor: refreshed.successor.clone(),
        })
        .await
    }

    async fn revoke(&self, request: RevokeRequest) -> Result<(), IdpError> {
        let open = self.open(IdpCall::Revoke, &request.key, Some(&request.grant), None)?;
        let answer = lock(&self.state).revoke(&request);
        open.answer(answer, |()| Outcome::Revoked).await
    }
}

impl ScriptedIdp {
    fn open(
        &self,
        call: IdpCall,
        key: &EnrolmentKey,
        grant: Option<&Grant>,
        audience: Option<&Audience>,
    ) -> Result<Open<'_>, IdpError> {
        if lock(&self.state).unreachable {
            return Err(IdpError::Unreachable(Hint::new("the network is cut")));
        }
        Ok(Open {
            journal: &self.journal,
            request: self.journal.open(call, key, grant, audience),
            outcome: Outcome::Scripted,
        })
    }
}

/// A request that has reached the server. It closes when it is dropped, whoever waited for it.
struct Open<'a> {
    journal: &'a Journal,
    request: usize,
    outcome: Outcome,
}

impl Open<'_> {
    async fn answer<T>(
        mut self,
        answer: Result<T, IdpError>,
        outcome: impl FnOnce(&T) -> Outcome,
    ) -> Result<T, IdpError> {
        self.outcome = match &answer {
            Ok(granted) => outcome(granted),
            Err(error) => Outcome::Refused(error.to_string()),
        };
        for _ in 0..TURNS_OPEN {
            let_others_run().await;
        }
        answer
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.journal.push(JournalEntry::Closed {
            request: self.request,
            outcome: self.outcome.clone(),
        });
    }
}
