//! A token for a third party is proven narrow before anybody gets it.

use alloc::string::String;
use core::time::Duration;

use crate::anonymity::first_user_datum;
use crate::claims::Claims;
use crate::identifiers::{Audience, ClientId, UserId};

/// A token may live at most this long, unless the audience's own setting allows less.
pub const LONGEST_LIFETIME: Duration = Duration::from_secs(300);
/// An opaque token, where the audience allows one at all, is cached this long.
pub const OPAQUE_LIFETIME: Duration = Duration::from_secs(60);
/// A clock that is this far off does not make a token too long-lived.
pub const LIFETIME_LEEWAY: Duration = Duration::from_secs(5);

/// What the token was asked to be.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The one audience.
    pub audience: &'a Audience,
    /// The client that asked.
    pub client_id: &'a ClientId,
    /// Whose token it is.
    pub subject: &'a UserId,
    /// The scopes that were asked for.
    pub scopes: &'a [String],
    /// The longest life that the audience's settings allow.
    pub lifetime_cap: Duration,
}

/// Why a token is not handed out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// The asked audience is not in it: it was not granted.
    #[error("the token is not for the asked audience")]
    AudienceMissing,
    /// Somebody else would take it, too.
    #[error("the token is for more than the asked audience")]
    MoreAudiences,
    /// It reads the userinfo endpoint.
    #[error("the token's scope holds openid")]
    OpenidScope,
    /// Its scope is wider than the request.
    #[error("the token's scope is wider than what was asked for")]
    WiderScope,
    /// It is another user's.
    #[error("the token is another user's")]
    AnotherSubject,
    /// It was given to another client, or does not say to whom.
    #[error("the token was not given to this client")]
    AnotherClient,
    /// It is another kind of token.
    #[error("the token is not an access token")]
    NotAnAccessToken,
    /// It carries roles of somebody else.
    #[error("the token carries roles beyond the asked audience")]
    ForeignRoles,
    /// It is bound to this device's key, so that nobody else can use it.
    #[error("the token is bound to this device's key")]
    Bound,
    /// It carries user data.
    #[error("the token carries user data: {0}")]
    UserData(&'static str),
    /// It lives longer than allowed, or for ever.
    #[error("the token lives longer than allowed")]
    LivesTooLong,
}

/// Proves that a verified token is for exactly the one audience, or says the first reason why it is not.
///
/// # Errors
/// [`Unfit`]; the token must then not be handed out. [`Unfit::AudienceMissing`] comes first: it has a cure.
pub fn prove(claims: &Claims, asked: &Asked<'_>) -> Result<(), Unfit> {
    let refuse = |broken: bool, why: Unfit| if broken { Err(why) } else { Ok(()) };
    let is_asked = |audience: &String| audience == asked.audience.as_str();
    refuse(!claims.audiences.iter().any(is_asked), Unfit::AudienceMissing)?;
    refuse(!claims.audiences.iter().all(is_asked), Unfit::MoreAudiences)?;
    refuse(claims.scopes.iter().any(|scope| scope == "openid"), Unfit::OpenidScope)?;
    refuse(
        claims.scopes.iter().any(|scope| !asked.scopes.contains(scope)),
        Unfit::WiderScope,
    )?;
    refuse(claims.subject != *asked.subject, Unfit::AnotherSubject)?;
    refuse(
        claims.authorized_party.as_deref() != Some(asked.client_id.as_str()),
        Unfit::AnotherClient,
    )?;
    refuse(!claims.is_access_token, Unfit::NotAnAccessToken)?;
    refuse(!claims.role_audiences.iter().all(is_asked), Unfit::ForeignRoles)?;
    refuse(claims.is_bound, Unfit::Bound)?;
    if let Some(claim) = first_user_datum(&claims.names) {
        return Err(Unfit::UserData(claim));
    }
    refuse(!lives_short_enough(claims, asked.lifetime_cap), Unfit::LivesTooLong)
}

fn lives_short_enough(claims: &Claims, cap: Duration) -> bool {
    let (Some(from), Some(until)) = (claims.issued_at, claims.expires_at) else {
        return false;
    };
    until.since(from) <= cap.min(LONGEST_LIFETIME).saturating_add(LIFETIME_LEEWAY)
}
