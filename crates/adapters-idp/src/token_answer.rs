//! The answer of the token endpoint (RFC 6749, section 5.1), read from its raw bytes.
//!
//! A refresh token that has come is never lost: whatever else is wrong with the answer, it is found and kept, for the
//! old one may be worth nothing any more.

use serde_json::{Map, Value};
use vestibule_domain::secret::AccessToken;
use zeroize::Zeroizing;

use crate::http::{Answer, Flaw};
use crate::strict_json::parse_object;

/// Longest refresh token that is kept, in bytes.
pub const MAX_REFRESH_TOKEN_BYTES: usize = 64 * 1024;
/// Longest life that an answer may claim for a session, in seconds: a hundred years. More is taken for it.
const MAX_LIFE_S: u64 = 100 * 366 * 24 * 60 * 60;

/// What a 2xx answer of the token endpoint brought.
#[derive(Debug)]
pub(crate) struct TokenAnswer {
    /// The new refresh token, if there is one anywhere in the answer.
    pub(crate) refresh_token: Option<RefreshToken>,
    /// Everything else, or why it must not be used.
    pub(crate) tokens: Result<Tokens, Malformed>,
}

/// A refresh token as it came.
#[derive(Clone)]
pub(crate) struct RefreshToken(Zeroizing<String>);

/// The tokens of a well-formed answer.
#[derive(Debug)]
pub(crate) struct Tokens {
    pub(crate) access_token: AccessToken,
    pub(crate) token_type: TokenType,
    pub(crate) id_token: Option<IdTokenText>,
    /// The scope, where the answer names one; empty is a scope too.
    pub(crate) scope: Option<String>,
    pub(crate) expires_in_s: Option<u64>,
    /// The session's life in seconds; `None` where the answer says nothing, or 0 (no fixed end).
    pub(crate) refresh_expires_in_s: Option<u64>,
}

/// How the access token is to be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenType {
    Bearer,
    /// Bound to the device key (RFC 9449, section 5).
    Dpop,
}

/// An ID token, not yet verified.
#[derive(Clone)]
pub(crate) struct IdTokenText(String);

/// Why an answer cannot be used, whatever it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Malformed {
    /// As a whole.
    Flaw(Flaw),
    /// Not a JSON object, or a member stands twice.
    NotJson,
    /// A member is missing or of the wrong kind.
    Member(&'static str),
}

impl Malformed {
    /// What is wrong.
    pub(crate) fn why(self) -> &'static str {
        match self {
            Self::Flaw(flaw) => flaw.why(),
            Self::NotJson => "no JSON object, or a member stands twice",
            Self::Member("access_token") => "no usable access_token",
            Self::Member("token_type") => "no usable token_type",
            Self::Member("refresh_token") => "no usable refresh_token",
            Self::Member(_) => "a member of the wrong kind",
        }
    }
}

impl RefreshToken {
    /// Takes the text out.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn into_string(mut self) -> String {
        std::mem::take(&mut *self.0)
    }
}

impl IdTokenText {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for RefreshToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefreshToken(..)")
    }
}

impl std::fmt::Debug for IdTokenText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IdToken(..)")
    }
}

impl TokenAnswer {
    /// Reads a 2xx answer.
    pub(crate) fn read(answer: &Answer) -> Self {
        match parse_object(&answer.body) {
            Ok(object) => {
                let tokens = answer
                    .flaw
                    .map_or_else(|| tokens(&object), |flaw| Err(Malformed::Flaw(flaw)));
                Self {
                    refresh_token: object.get("refresh_token").and_then(Value::as_str).and_then(accepted),
                    tokens,
                }
            }
            Err(_) => Self {
                refresh_token: salvage(&answer.body),
                tokens: Err(answer.flaw.map_or(Malformed::NotJson, Malformed::Flaw)),
            },
        }
    }
}

fn tokens(object: &Map<String, Value>) -> Result<Tokens, Malformed> {
    let text = |name: &'static str| match object.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(Malformed::Member(name)),
    };
    let access_token = text("access_token")?
        .filter(|token| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()))
        .ok_or(Malformed::Member("access_token"))?;
    let token_type = match text("token_type")? {
        Some(name) if name.eq_ignore_ascii_case("bearer") => TokenType::Bearer,
        Some(name) if name.eq_ignore_ascii_case("dpop") => TokenType::Dpop,
        Some(_) | None => return Err(Malformed::Member("token_type")),
    };
    let refresh_token = text("refresh_token")?;
    if refresh_token.is_some_and(|token| accepted(token).is_none()) {
        return Err(Malformed::Member("refresh_token"));
    }
    Ok(Tokens {
        access_token: AccessToken::new(access_token.into()),
        token_type,
        id_token: text("id_token")?.map(|token| IdTokenText(token.into())),
        scope: text("scope")?.map(Into::into),
        expires_in_s: seconds(object, "expires_in")?,
        refresh_expires_in_s: seconds(object, "refresh_expires_in")?.filter(|life| *life > 0),
    })
}

/// A number of seconds; some servers write it as a string.
fn seconds(object: &Map<String, Value>, name: &'static str) -> Result<Option<u64>, Malformed> {
    let seconds = match object.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) => text.parse().ok(),
        Some(_) => None,
    };
    seconds
        .map(|life| Some(life.min(MAX_LIFE_S)))
        .ok_or(Malformed::Member(name))
}

/// RFC 6749, appendix A.17: one or more visible characters or spaces.
fn accepted(token: &str) -> Option<RefreshToken> {
    let valid = !token.is_empty()
        && token.len() <= MAX_REFRESH_TOKEN_BYTES
        && token.bytes().all(|byte| (0x20..=0x7e).contains(&byte));
    valid.then(|| RefreshToken(Zeroizing::new(token.into())))
}

/// Finds a refresh token in bytes that are no JSON object: the last member of that name whose value is a whole string.
fn salvage(body: &[u8]) -> Option<RefreshToken> {
    const NAME: &[u8] = b"\"refresh_token\"";
    let starts = body
        .windows(NAME.len())
        .enumerate()
        .filter(|(_, window)| *window == NAME)
        .map(|(at, _)| at);
    starts
        .filter(|at| at.checked_sub(1).and_then(|before| body.get(before)) != Some(&b'\\'))
        .filter_map(|at| {
            let rest = body.get(at + NAME.len()..)?.trim_ascii_start().strip_prefix(b":")?;
            let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<String>();
            accepted(&Zeroizing::new(values.next()?.ok()?))
        })
        .next_back()
}

#[cfg(test)]
mod tests {
    use http::{HeaderMap, StatusCode};

    use super::*;

    fn read(body: &str, flaw: Option<Flaw>) -> TokenAnswer {
        let body = body.to_owned().into();
        TokenAnswer::read(&Answer {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body,
            flaw,
        })
    }

    fn found(answer: &TokenAnswer) -> Option<String> {
        answer.refresh_token.clone().map(RefreshToken::into_string)
    }

    #[test]
    fn a_well_formed_answer_is_read_whole() {
        let body = r#"{"access_token":"at","token_type":"bearer","expires_in":300,"refresh_token":"rt",
            "refresh_expires_in":"1800","id_token":"a.b.c","scope":"","not-before-policy":0,"session_state":"x"}"#;
        let answer = read(body, None);
        assert_eq!(found(&answer).as_deref(), Some("rt"));
        let tokens = answer.tokens.unwrap();
        assert_eq!(tokens.access_token.expose(), "at");
        assert_eq!(tokens.token_type, TokenType::Bearer);
        assert_eq!(tokens.scope.as_deref(), Some(""));
        assert_eq!(
            (tokens.expires_in_s, tokens.refresh_expires_in_s),
            (Some(300), Some(1800))
        );
        assert_eq!(tokens.id_token.unwrap().as_str(), "a.b.c");
    }

    #[test]
    fn zero_means_no_fixed_end() {
        let answer = read(
            r#"{"access_token":"at","token_type":"DPoP","refresh_expires_in":0}"#,
            None,
        );
        let tokens = answer.tokens.unwrap();
        assert_eq!(
            (tokens.refresh_expires_in_s, tokens.token_type),
            (None, TokenType::Dpop)
        );
        assert!(answer.refresh_token.is_none());
    }

    #[test]
    fn a_refresh_token_is_kept_whatever_else_is_wrong() {
        let table = [
            (r#"{"refresh_token":"rt"}"#, Malformed::Member("access_token")),
            (
                r#"{"access_token":"at","refresh_token":"rt"}"#,
                Malformed::Member("token_type"),
            ),
            (
                r#"{"access_token":"at","token_type":"mac","refresh_token":"rt"}"#,
                Malformed::Member("token_type"),
            ),
            (
                r#"{"access_token":7,"token_type":"bearer","refresh_token":"rt"}"#,
                Malformed::Member("access_token"),
            ),
            (
                r#"{"access_token":"a b","token_type":"bearer","refresh_token":"rt"}"#,
                Malformed::Member("access_token"),
            ),
            (
                r#"{"access_token":"at","token_type":"bearer","expires_in":-1,"refresh_token":"rt"}"#,
                Malformed::Member("expires_in"),
            ),
            (
                r#"{"access_token":"at","token_type":"bearer","id_token":{},"refresh_token":"rt"}"#,
                Malformed::Member("id_token"),
            ),
            (
                r#"{"access_token":"a","access_token":"b","token_type":"bearer","refresh_token":"rt"}"#,
                Malformed::NotJson,
            ),
            (r#"{"refresh_token":"old","refresh_token":"rt"}"#, Malformed::NotJson),
            (r#"{"refresh_token":"rt","access_token":"trunc"#, Malformed::NotJson),
            (r#"{"refresh_token" : "r\u0074","x"}"#, Malformed::NotJson),
            (r#"[{"refresh_token":"rt"}]"#, Malformed::NotJson),
            ("\u{feff}{\"refresh_token\":\"rt\"}", Malformed::NotJson),
            (r#"{"refresh_token":"rt"} trailing"#, Malformed::NotJson),
            (
                r#"{"d":"say \"refresh_token\": \"no\"","refresh_token":"rt","#,
                Malformed::NotJson,
            ),
        ];
        for (body, why) in table {
            let answer = read(body, None);
            assert_eq!(found(&answer).as_deref(), Some("rt"), "{body}");
            assert_eq!(answer.tokens.unwrap_err(), why, "{body}");
        }
    }

    #[test]
    fn half_a_refresh_token_is_none() {
        for body in [
            r#"{"refresh_token":"rt"#,
            r#"{"refresh_token":"#,
            r#"{"refresh_token":7,"#,
            r#"{"x\"refresh_token":"another member","#,
            r#"{"refresh_token":""}"#,
            "{\"refresh_token\":\"r\\u0001t\"}",
            r#"{"error_description":"no \"refresh_token\":\"rt\" here","#,
            "",
        ] {
            assert!(read(body, None).refresh_token.is_none(), "{body}");
        }
    }

    #[test]
    fn a_refresh_token_that_is_too_long_to_be_kept_is_none() {
        for (bytes, kept) in [(MAX_REFRESH_TOKEN_BYTES, true), (MAX_REFRESH_TOKEN_BYTES + 1, false)] {
            for end in ["}", ","] {
                let body = format!(r#"{{"refresh_token":"{}"{end}"#, "r".repeat(bytes));
                assert_eq!(
                    read(&body, None).refresh_token.is_some(),
                    kept,
                    "{bytes} bytes, then {end}"
                );
            }
        }
    }

    #[test]
    fn a_flawed_answer_is_not_used_but_its_refresh_token_is_kept() {
        let whole = r#"{"access_token":"at","token_type":"bearer","refresh_token":"rt"}"#;
        for flaw in [Flaw::Cut, Flaw::TooLong, Flaw::TooManyHeaderFields] {
            for body in [whole, whole.strip_suffix('}').unwrap()] {
                let answer = read(body, Some(flaw));
                assert_eq!(found(&answer).as_deref(), Some("rt"));
                assert_eq!(answer.tokens.unwrap_err(), Malformed::Flaw(flaw));
            }
        }
    }

    #[test]
    fn tokens_are_not_shown() {
        let answer = read(
            r#"{"access_token":"canary","token_type":"bearer","refresh_token":"canary","id_token":"canary"}"#,
            None,
        );
        assert!(!format!("{answer:?}").contains("canary"));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(body: Vec<u8>) {
            let answer = Answer { status: StatusCode::OK, headers: HeaderMap::new(), body: body.into(), flaw: None };
            let _read = TokenAnswer::read(&answer);
        }

        #[test]
        fn whatever_follows_a_whole_refresh_token_does_not_lose_it(token in "[!-~]{1,64}", rest in "[^\"]{0,64}") {
            let quoted = serde_json::to_string(&token).unwrap();
            let answer = read(&format!("{{\"refresh_token\":{quoted}{rest}"), None);
            proptest::prop_assert_eq!(found(&answer), Some(token));
        }
    }
}
