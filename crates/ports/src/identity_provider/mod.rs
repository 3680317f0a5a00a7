//! Port: an identity provider.

mod enrolled;
mod idp_error;
mod interrupt;
mod renewed;

pub use enrolled::{EnrollRequest, Enrolled, Identity, UserOrigin};
pub use idp_error::IdpError;
pub use interrupt::{Interrupt, InterruptSwitch};
pub use renewed::{AccessTokenReply, RefreshRequest, Refreshed, RevokeRequest, TokenTerms};

use async_trait::async_trait;
use vestibule_domain::identifiers::{RealmId, TenantId};

/// Purpose: makes a user for a device key, renews its grant, hands out tokens for one audience, revokes.
///
/// - `realm` MUST be pure: no network, the same answer for the same tenant and settings
///   (kept by `a_tenant_names_its_realm_without_a_request`, `a_tenant_becomes_one_segment`).
/// - `enroll` MUST use the request's key as the identity on a recoverable server: the same key gives the same user
///   (kept by `the_same_key_gives_the_same_user_and_another_key_another`).
/// - It MUST obey the interrupt until the code is about to be redeemed, and ignore it from there
///   (kept by `an_interrupt_is_obeyed_before_the_first_request`,
///   `an_interrupt_that_comes_with_the_code_leaves_the_code_unused`,
///   `an_interrupt_that_comes_with_the_token_request_is_ignored`).
/// - After the token answer it MUST NOT make a further request before it returns
///   (kept by `everything_that_is_read_is_read_before_the_code_is_redeemed`).
/// - A 200 that holds a grant MUST bring the grant back, whatever else is wrong with it
///   (kept by `a_malformed_200_that_holds_a_refresh_token_brings_the_grant`,
///   `a_malformed_200_to_a_refresh_brings_the_successor`).
/// - The adapter MUST NOT repeat a request that may have been done; repeating is the flow's decision
///   (kept by `an_answer_to_the_code_that_brings_nothing_is_never_told_as_not_done`,
///   `refresh_errors_are_told_by_their_oauth_code_first`). Only a DPoP nonce or a clock correction may repeat
///   it, once and with a new proof.
/// - A grant MUST be sent only to the server that gave it (`Misconfigured(IssuerChanged)` otherwise, nothing sent)
///   (kept by `a_changed_template_sends_nothing_of_an_old_record`, `a_token_endpoint_that_moved_gets_nothing`).
/// - It judges protocol and cryptography and hands over typed [`Claims`](vestibule_domain::claims::Claims); what they mean is judged by the flow.
/// - Errors MUST say `AnswerLost` whenever a request may have been acted upon and no trusted answer says how
///   (kept by `an_answer_to_the_code_that_brings_nothing_is_never_told_as_not_done`,
///   `a_later_hop_that_was_not_sent_is_not_told_as_not_done`).
///
/// | error | means | then |
/// |---|---|---|
/// | `Unreachable`, `RateLimited`, `UntrustedServer`, `InvalidRequest`, `AudienceRefused` | certainly not done | the flow gives its lease back |
/// | `Misconfigured` | metadata or binding break a rule; nothing was sent of the record | the same, UntrustedResponse |
/// | `Interrupted` | obeyed; `begun` says whether a user may exist | given back, or left for later |
/// | `Denied`, `AuthorizationRefused`, `ClockSkewed` | refused before a code was given | a fresh record is removed |
/// | `CodeRefused` | refused after a code | the key stays |
/// | `GrantRefused` | `invalid_grant`, not because of the proof | recovery with the same key, or Outdated |
/// | `ProofRefused` | key or clock | nothing is marked |
/// | `RefreshRefused` | another OAuth error | CannotAcquireTokenData |
/// | `AnswerLost`, `UntrustedResponse` | may have been done | repeated once, then left for later |
///
/// Shortest adapter: `testing::ScriptedIdp`; the one for OpenID Connect is `vestibule_adapters_idp`.
#[cfg_attr(feature = "mocks", mockall::automock)]
#[async_trait]
pub trait IdentityProvider: Send + Sync {
    /// What this adapter calls the realm of a tenant.
    ///
    /// # Errors
    /// `InvalidRequest` when the tenant cannot be one of its realms.
    fn realm(&self, tenant: &TenantId) -> Result<RealmId, IdpError>;

    /// Makes a user for a key, or finds it again.
    ///
    /// # Errors
    /// See the table.
    async fn enroll(&self, request: EnrollRequest) -> Result<Enrolled, IdpError>;

    /// Proves a grant, and asks for a token for one audience where one is named.
    ///
    /// # Errors
    /// See the table.
    async fn refresh(&self, request: RefreshRequest) -> Result<Refreshed, IdpError>;

    /// Ends a grant's session. Unknown to the server is success (RFC 7009, section 2.2).
    ///
    /// # Errors
    /// See the table.
    async fn revoke(&self, request: RevokeRequest) -> Result<(), IdpError>;
}
