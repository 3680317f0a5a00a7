//! The authorization request (RFC 6749, section 4.1.1; OpenID Connect Core 1.0, section 3.1.2.1): made by the engine,
//! pushed (RFC 9126) where the server wants or offers it, and silent.

use huskarl::core::client_auth::NoAuth;
use huskarl::grant::authorization_code::{AuthorizationCodeGrant, PendingState, Prompt, StartInput};
use sha2::{Digest as _, Sha256};
use url::Url;

use crate::conversation::Conversation;
use crate::engine_wire::{EngineWire, endpoint};
use crate::http::HttpFault;

/// The scope that asks for an ID token.
pub(crate) const OPENID: &str = "openid";

/// A request that is ready to be walked.
pub(crate) struct AuthorizationRequest {
    /// Where the walk begins.
    pub(crate) url: Url,
    /// What was asked for.
    pub(crate) scopes: Vec<String>,
    /// `state`, `nonce` and the PKCE verifier.
    secrets: PendingState,
}

/// Why there is no request; [`EngineWire::take_last`] tells what became of a pushed one.
pub(crate) struct NotBegun;

impl AuthorizationRequest {
    /// Makes a request for these scopes.
    pub(crate) async fn begin(
        talk: &Conversation,
        redirect_uri: &str,
        scopes: Vec<String>,
        wire: &EngineWire,
    ) -> Result<Self, NotBegun> {
        let grant = code_grant(talk, redirect_uri, wire).await.map_err(|_| NotBegun)?;
        // `prompt=none` does not stop the silent flow; it turns a page for a person into an error that can be told.
        let input = StartInput::builder().scope(scopes.clone()).prompt(Prompt::None).build();
        let started = grant.start(input).await.map_err(|_| NotBegun)?;
        let url = Url::parse(&started.authorization_url.to_string()).map_err(|_| NotBegun)?;
        Ok(Self {
            url,
            scopes,
            secrets: started.pending_state,
        })
    }

    pub(crate) fn state(&self) -> &str {
        &self.secrets.state
    }

    pub(crate) fn nonce(&self) -> &str {
        self.secrets.nonce.as_deref().unwrap_or_default()
    }

    /// What a grant keeps of the nonce.
    pub(crate) fn nonce_sha256(&self) -> [u8; 32] {
        Sha256::digest(self.nonce()).into()
    }

    pub(crate) fn verifier(&self) -> Option<String> {
        self.secrets.pkce_verifier.clone()
    }
}

impl std::fmt::Debug for AuthorizationRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AuthorizationRequest")
            .field("scopes", &self.scopes)
            .finish_non_exhaustive()
    }
}

/// All scopes that an enrolment asks for: what is not granted now is silently dropped later. One unknown word spoils
/// the request, so where the server publishes its scopes only those are asked for.
pub(crate) fn scopes_to_ask<'a>(audiences: impl Iterator<Item = &'a str>, published: Option<&[String]>) -> Vec<String> {
    let mut scopes = vec![OPENID.to_owned()];
    for scope in audiences {
        let known = published.is_none_or(|published| published.iter().any(|one| one == scope));
        if known && !scopes.iter().any(|one| one == scope) {
            scopes.push(scope.into());
        }
    }
    scopes
}

/// The engine's grant: S256 always, whatever the server lists; the ID token is verified by us, not by the engine.
pub(crate) async fn code_grant(
    talk: &Conversation,
    redirect_uri: &str,
    wire: &EngineWire,
) -> Result<AuthorizationCodeGrant, HttpFault> {
    let metadata = &talk.facts.metadata;
    let pushed = metadata.pushed_request.as_ref().map(endpoint).transpose()?;
    AuthorizationCodeGrant::builder()
        .clock(talk.clock())
        .client_id(talk.client_id.as_str())
        .http_client(wire.clone())
        .client_auth(NoAuth)
        .dpop(talk.prover.clone())
        .issuer(talk.issuer.as_str())
        .token_endpoint(endpoint(&metadata.token)?)
        .authorization_endpoint(endpoint(&metadata.authorization)?)
        .maybe_pushed_authorization_request_endpoint(pushed)
        .require_pushed_authorization_requests(metadata.pushed_request_required)
        .prefer_pushed_authorization_requests(talk.key.is_some())
        .authorization_response_iss_parameter_supported(metadata.iss_announced)
        .code_challenge_methods_supported(vec!["S256".into()])
        .redirect_uri(redirect_uri)
        .oidc(false)
        .send_oidc_nonce(true)
        .build()
        .await
        .map_err(|_| HttpFault::NotSent("the request could not be made"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_audience_that_the_server_knows_is_asked_for_at_once() {
        let published = ["openid".to_owned(), "aud:orders".to_owned()];
        type Row<'a> = (&'a [&'a str], Option<&'a [String]>, &'a [&'a str]);
        let table: [Row<'_>; 5] = [
            (&[], None, &["openid"]),
            (
                &["aud:orders", "aud:billing"],
                None,
                &["openid", "aud:orders", "aud:billing"],
            ),
            (
                &["aud:orders", "aud:billing"],
                Some(&published),
                &["openid", "aud:orders"],
            ),
            (&["aud:orders"], Some(&[]), &["openid"]),
            (&["same", "same"], None, &["openid", "same"]),
        ];
        for (audiences, published, asked) in table {
            assert_eq!(scopes_to_ask(audiences.iter().copied(), published), asked);
        }
    }
}
