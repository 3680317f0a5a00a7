//! The tokens of one answer are made anew: other claims, another header, another signature or none.

use std::fmt;

use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::response::Response;
use serde_json::{Map, Value};

use super::change_answer::MAX_ANSWER_BYTES;
use crate::compact_jws::{CompactJws, base64url, sha256};
use crate::endpoint::Endpoint;
use crate::realm_admin::RealmAdmin;
use crate::scenes::{RequestFacts, Scene, Work, no_answer};

type Change = Box<dyn FnOnce(&mut TokenParts) + Send + Sync>;

/// By what a forged token is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signature {
    /// The key of the realm that signs now.
    Realm,
    /// A key that nobody publishes.
    Foreign,
    /// HMAC-SHA-256 under the realm's public key, which everybody knows.
    MacOfPublicKey,
    /// Nothing.
    None,
}

/// A token, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenPart {
    /// Its header.
    pub header: Map<String, Value>,
    /// Its claims.
    pub claims: Map<String, Value>,
    /// By what it will be signed.
    pub signature: Signature,
}

/// A token answer, taken apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenParts {
    /// All members but the two tokens. A token that the change puts here itself is left as it is.
    pub answer: Map<String, Value>,
    /// The access token; none is none in the answer.
    pub access: Option<TokenPart>,
    /// The ID token; none is none in the answer. Its `at_hash` follows a changed access token unless it was changed itself.
    pub id: Option<TokenPart>,
}

/// Forges the tokens of one answer.
pub struct ForgeTokens {
    realm: RealmAdmin,
    grant_type: &'static str,
    change: Change,
}

impl ForgeTokens {
    /// Of the next grant of that type, with the keys of that realm.
    #[must_use]
    pub fn of_grant(
        realm: RealmAdmin,
        grant_type: &'static str,
        change: impl FnOnce(&mut TokenParts) + Send + Sync + 'static,
    ) -> Self {
        let change = Box::new(change);
        Self {
            realm,
            grant_type,
            change,
        }
    }

    fn forge(self, body: &[u8]) -> Option<Vec<u8>> {
        let mut answer: Map<String, Value> = serde_json::from_slice(body).ok()?;
        let mut take = |name| {
            answer
                .remove(name)
                .as_ref()
                .and_then(Value::as_str)
                .and_then(taken_apart)
        };
        let (access, id) = (take("access_token"), take("id_token"));
        let honest_hash = id.as_ref().and_then(|id| id.claims.get("at_hash").cloned());
        let mut parts = TokenParts { answer, access, id };
        (self.change)(&mut parts);
        let TokenParts { mut answer, access, id } = parts;
        if let Some(token) = access {
            answer.insert("access_token".into(), self.realm.sign(&token)?.into());
        }
        if let Some(mut token) = id {
            let access_token = answer.get("access_token").and_then(Value::as_str);
            if token.claims.get("at_hash") == honest_hash.as_ref()
                && let Some(access_token) = access_token
            {
                token.claims.insert("at_hash".into(), at_hash(access_token).into());
            }
            answer.insert("id_token".into(), self.realm.sign(&token)?.into());
        }
        serde_json::to_vec(&answer).ok()
    }
}

impl fmt::Debug for ForgeTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForgeTokens")
            .field("grant_type", &self.grant_type)
            .finish_non_exhaustive()
    }
}

#[async_trait]
impl Scene for ForgeTokens {
    fn name(&self) -> &'static str {
        "forge the tokens"
    }

    fn matches(&self, request: &RequestFacts) -> bool {
        request.endpoint == Endpoint::Token && request.grant_type.as_deref() == Some(self.grant_type)
    }

    async fn play(self: Box<Self>, work: Work) -> Response {
        let (mut parts, body) = work.perform().await.into_parts();
        let body = to_bytes(body, MAX_ANSWER_BYTES).await.ok();
        let Some(forged) = body.and_then(|body| self.forge(&body)) else {
            return no_answer();
        };
        parts.headers.remove("content-length");
        Response::from_parts(parts, Body::from(forged))
    }
}

fn taken_apart(token: &str) -> Option<TokenPart> {
    let CompactJws { header, claims, .. } = CompactJws::parse(token)?;
    Some(TokenPart {
        header,
        claims,
        signature: Signature::Realm,
    })
}

/// OpenID Connect Core 1.0, section 3.1.3.6: the left half of the hash.
fn at_hash(access_token: &str) -> String {
    base64url(sha256(access_token.as_bytes()).split_at(16).0)
}
