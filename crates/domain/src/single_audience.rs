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

/// Both times are the server's, so that no clock of ours plays a part; that `iat` is not ahead is the adapter's to prove.
fn lives_short_enough(claims: &Claims, cap: Duration) -> bool {
    let (Some(from), Some(until)) = (claims.issued_at, claims.expires_at) else {
        return false;
    };
    until.since(from) <= cap.min(LONGEST_LIFETIME)
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;
    use alloc::vec::Vec;

    use super::*;
    use crate::anonymity::USER_DATA_CLAIMS;
    use crate::instant::WallTime;

    fn owned(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    type Change = fn(&mut Claims);

    /// A token that is fit for `orders`.
    fn fit() -> Claims {
        let mut claims = Claims::new(UserId::parse("u1").unwrap());
        claims.audiences = owned(&["orders"]);
        claims.authorized_party = Some("app".to_owned());
        claims.scopes = owned(&["aud:orders"]);
        claims.issued_at = Some(WallTime::from_unix_s(1_000));
        claims.expires_at = Some(WallTime::from_unix_s(1_300));
        claims.is_access_token = true;
        claims.role_audiences = owned(&["orders"]);
        claims.names = owned(&["sub", "aud", "azp", "scope", "iat", "exp", "typ", "email_verified"]);
        claims
    }

    fn proven(claims: &Claims, cap_s: u64) -> Result<(), Unfit> {
        let asked = Asked {
            audience: &Audience::parse("orders").unwrap(),
            client_id: &ClientId::parse("app").unwrap(),
            subject: &UserId::parse("u1").unwrap(),
            scopes: &owned(&["aud:orders", "read"]),
            lifetime_cap: Duration::from_secs(cap_s),
        };
        prove(claims, &asked)
    }

    #[test]
    fn a_narrow_token_is_handed_out() {
        let harmless: [Change; 5] = [
            |_| (),
            |claims| claims.scopes.clear(),
            |claims| claims.scopes.push("read".to_owned()),
            |claims| claims.role_audiences.clear(),
            |claims| claims.expires_at = Some(WallTime::from_unix_s(1_001)),
        ];
        for (row, change) in harmless.into_iter().enumerate() {
            let mut claims = fit();
            change(&mut claims);
            assert_eq!(proven(&claims, 300), Ok(()), "row {row}");
        }
    }

    #[test]
    fn each_claim_alone_makes_a_token_unfit() {
        let table: [(Change, Unfit); 20] = [
            (|c| c.audiences.clear(), Unfit::AudienceMissing),
            (|c| c.audiences = owned(&["billing"]), Unfit::AudienceMissing),
            (|c| c.audiences = owned(&["Orders"]), Unfit::AudienceMissing),
            (|c| c.audiences.push("billing".to_owned()), Unfit::MoreAudiences),
            (|c| c.audiences = owned(&["account", "orders"]), Unfit::MoreAudiences),
            (|c| c.scopes.push("openid".to_owned()), Unfit::OpenidScope),
            (|c| c.scopes.push("aud:billing".to_owned()), Unfit::WiderScope),
            (|c| c.subject = UserId::parse("u2").unwrap(), Unfit::AnotherSubject),
            (|c| c.authorized_party = None, Unfit::AnotherClient),
            (|c| c.authorized_party = Some("orders".to_owned()), Unfit::AnotherClient),
            (|c| c.is_access_token = false, Unfit::NotAnAccessToken),
            (|c| c.role_audiences.push("billing".to_owned()), Unfit::ForeignRoles),
            (|c| c.role_audiences = owned(&[""]), Unfit::ForeignRoles),
            (|c| c.is_bound = true, Unfit::Bound),
            (|c| c.names.push("email".to_owned()), Unfit::UserData("email")),
            (|c| c.issued_at = None, Unfit::LivesTooLong),
            (|c| c.expires_at = None, Unfit::LivesTooLong),
            (
                |c| c.expires_at = Some(WallTime::from_unix_ms(1_300_001)),
                Unfit::LivesTooLong,
            ),
            (
                |c| c.expires_at = Some(WallTime::from_unix_ms(i64::MAX)),
                Unfit::LivesTooLong,
            ),
            (
                |c| c.issued_at = Some(WallTime::from_unix_ms(i64::MIN)),
                Unfit::LivesTooLong,
            ),
        ];
        for (row, (change, why)) in table.into_iter().enumerate() {
            let mut claims = fit();
            change(&mut claims);
            assert_eq!(proven(&claims, 300), Err(why), "row {row}");
        }
    }

    #[test]
    fn every_user_datum_alone_makes_a_token_unfit() {
        for claim in USER_DATA_CLAIMS {
            let mut claims = fit();
            claims.names.push(claim.to_owned());
            assert_eq!(proven(&claims, 300), Err(Unfit::UserData(claim)));
        }
    }

    #[test]
    fn a_missing_audience_is_said_first_because_it_has_a_cure() {
        let mut claims = fit();
        claims.audiences = owned(&["account"]);
        claims.scopes = owned(&["openid", "email"]);
        claims.subject = UserId::parse("u2").unwrap();
        claims.is_bound = true;
        claims.expires_at = None;
        assert_eq!(proven(&claims, 300), Err(Unfit::AudienceMissing));
    }

    #[test]
    fn an_audiences_own_cap_shortens_the_life_and_never_lengthens_it() {
        let living = |seconds: i64| {
            let mut claims = fit();
            claims.expires_at = Some(WallTime::from_unix_s(1_000 + seconds));
            claims
        };
        let table = [
            (60, 60, true),
            (61, 60, false),
            (300, 3600, true),
            (301, 3600, false),
            (1, 0, false),
        ];
        for (life_s, cap_s, fits) in table {
            assert_eq!(
                proven(&living(life_s), cap_s).is_ok(),
                fits,
                "life {life_s} s, cap {cap_s} s"
            );
        }
    }
}
