//! Where a redirect leads: the rules of the walk from the authorization endpoint to the redirect URI.
//!
//! Only the issuer's own origin is ever asked. The redirect URI is compared as a string before its query and never
//! requested; it need not be reachable at all. What stands in a `Location` is never put in an error: it holds the code.

use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use subtle::ConstantTimeEq as _;
use url::{Url, form_urlencoded};
use zeroize::Zeroizing;

use crate::issuer_template::Issuer;
use crate::oauth_refusal::Refusal;

/// Most redirects that are followed.
pub const MAX_HOPS: usize = 10;
/// Longest `Location` that is read, in bytes.
pub const MAX_LOCATION_BYTES: usize = 16 * 1024;
/// Longest authorization code, in bytes.
pub const MAX_CODE_BYTES: usize = 4096;
/// The parameters that may stand once at most.
const ONCE: [&str; 5] = ["state", "iss", "code", "error", "error_description"];

/// Where an answer of the authorization endpoint leads.
#[derive(Debug)]
pub(crate) enum Hop {
    /// To another page of the issuer.
    Next(Url),
    /// To the redirect URI, with a code.
    Code(Code),
    /// To the redirect URI, with an error.
    Refused(Refusal),
}

/// An authorization code: sent once.
pub(crate) struct Code(Zeroizing<String>);

/// Why a redirect is not followed. Names no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BadRedirect {
    /// There is none, or more than one, or it is no URL.
    NoLocation,
    /// It leads elsewhere, names a user, or has a fragment.
    LeavesOrigin,
    /// 301, 308 and the like: a redirect that may be remembered or change the request.
    Status,
    /// A parameter stands twice.
    Twice,
    /// `state` is missing or not ours.
    State,
    /// `iss` (RFC 9207) is another one, or missing though announced.
    Issuer,
    /// Neither a code nor an error, or both.
    NeitherOrBoth,
    /// The response came in the fragment.
    Fragment,
    /// More redirects than are followed.
    TooMany,
}

impl BadRedirect {
    /// What is wrong.
    pub(crate) const fn why(self) -> &'static str {
        match self {
            Self::NoLocation => "no usable Location",
            Self::LeavesOrigin => "it leaves the issuer's origin",
            Self::Status => "a status that we do not follow",
            Self::Twice => "a parameter of the response stands twice",
            Self::State => "the response has another state, or none",
            Self::Issuer => "the response is of another issuer, or names none",
            Self::NeitherOrBoth => "the response has neither code nor error, or both",
            Self::Fragment => "the response came in the fragment",
            Self::TooMany => "too many redirects",
        }
    }
}

/// What a redirect is held against.
pub(crate) struct Walk<'a> {
    pub(crate) issuer: &'a Issuer,
    pub(crate) redirect_uri: &'a str,
    pub(crate) state: &'a str,
    /// Whether the metadata announces `iss` in the response (RFC 9207).
    pub(crate) iss_announced: bool,
}

impl Code {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Code(..)")
    }
}

impl Walk<'_> {
    /// Reads the redirect that answered a request for `at`; `None` when the answer is no redirect.
    pub(crate) fn follow(&self, at: &Url, status: StatusCode, headers: &HeaderMap) -> Option<Result<Hop, BadRedirect>> {
        if !status.is_redirection() {
            return None;
        }
        Some(match location(headers) {
            _ if !matches!(status.as_u16(), 302 | 303 | 307) => Err(BadRedirect::Status),
            None => Err(BadRedirect::NoLocation),
            Some(location) => self.hop(at, location),
        })
    }

    fn hop(&self, at: &Url, location: &str) -> Result<Hop, BadRedirect> {
        let (before_query, query) = match location.split_once(['?', '#']) {
            Some((before, query)) => (before, query),
            None => (location, ""),
        };
        if before_query == self.redirect_uri {
            return if location.contains('#') {
                Err(BadRedirect::Fragment)
            } else {
                self.response(query)
            };
        }
        let next = at.join(location).map_err(|_| BadRedirect::NoLocation)?;
        if self.issuer.is_own(&next) && next.fragment().is_none() {
            Ok(Hop::Next(next))
        } else {
            Err(BadRedirect::LeavesOrigin)
        }
    }

    fn response(&self, query: &str) -> Result<Hop, BadRedirect> {
        let parameters: Vec<(String, Zeroizing<String>)> = form_urlencoded::parse(query.as_bytes())
            .map(|(name, value)| (name.into_owned(), Zeroizing::new(value.into_owned())))
            .collect();
        let count = |name| parameters.iter().filter(|(other, _)| other == name).count();
        let value = |name| {
            parameters
                .iter()
                .find(|(other, _)| other == name)
                .map(|(_, value)| value.as_str())
        };
        if ONCE.into_iter().any(|name| count(name) > 1) {
            return Err(BadRedirect::Twice);
        }
        if !value("state").is_some_and(|state| state.as_bytes().ct_eq(self.state.as_bytes()).into()) {
            return Err(BadRedirect::State);
        }
        match value("iss") {
            Some(iss) if iss == self.issuer.as_str() => {}
            None if !self.iss_announced => {}
            Some(_) | None => return Err(BadRedirect::Issuer),
        }
        match (value("code"), value("error")) {
            (Some(code), None) if is_code(code) => Ok(Hop::Code(Code(Zeroizing::new(code.into())))),
            (None, Some(error)) => Refusal::new(error, value("error_description"))
                .map(Hop::Refused)
                .ok_or(BadRedirect::NeitherOrBoth),
            (Some(_), _) | (None, None) => Err(BadRedirect::NeitherOrBoth),
        }
    }
}

fn location(headers: &HeaderMap) -> Option<&str> {
    let mut all = headers.get_all(LOCATION).iter();
    let (Some(location), None) = (all.next(), all.next()) else {
        return None;
    };
    location
        .to_str()
        .ok()
        .filter(|location| !location.is_empty() && location.len() <= MAX_LOCATION_BYTES)
}

/// RFC 6749, appendix A.11.
fn is_code(code: &str) -> bool {
    !code.is_empty() && code.len() <= MAX_CODE_BYTES && code.bytes().all(|byte| (0x20..=0x7e).contains(&byte))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use vestibule_domain::identifiers::TenantId;

    use super::*;
    use crate::issuer_template::IssuerTemplate;

    const REDIRECT_URI: &str = "dev.vestibule.app:/enrolled";
    const ISSUER: &str = "iss=https%3A%2F%2Fidp.example%2Frealms%2Facme";

    fn follow(status: u16, location: &str, iss_announced: bool) -> Option<Result<Hop, BadRedirect>> {
        let template = IssuerTemplate::parse("https://idp.example/realms/{tenant}", false).unwrap();
        let issuer = template.expand(&TenantId::parse("acme").unwrap()).unwrap();
        let walk = Walk {
            issuer: &issuer,
            redirect_uri: REDIRECT_URI,
            state: "s1",
            iss_announced,
        };
        let mut headers = HeaderMap::new();
        headers.insert(LOCATION, HeaderValue::from_bytes(location.as_bytes()).unwrap());
        let at = Url::parse("https://idp.example/realms/acme/auth?state=s1").unwrap();
        walk.follow(&at, StatusCode::from_u16(status).unwrap(), &headers)
    }

    fn outcome(status: u16, location: &str, iss_announced: bool) -> Result<String, BadRedirect> {
        follow(status, location, iss_announced).unwrap().map(|hop| match hop {
            Hop::Next(url) => url.to_string(),
            Hop::Code(code) => format!("code {}", code.as_str()),
            Hop::Refused(refusal) => format!("error {}", refusal.code),
        })
    }

    #[test]
    fn only_the_issuers_origin_is_walked() {
        let table = [
            (
                "https://idp.example/realms/acme/login",
                Ok("https://idp.example/realms/acme/login"),
            ),
            ("/interaction/1?x=y", Ok("https://idp.example/interaction/1?x=y")),
            (
                "login?execution=VERIFY",
                Ok("https://idp.example/realms/acme/login?execution=VERIFY"),
            ),
            ("https://idp.example:443/x", Ok("https://idp.example/x")),
            ("https://evil.example/x", Err(BadRedirect::LeavesOrigin)),
            ("//evil.example/x", Err(BadRedirect::LeavesOrigin)),
            ("\\\\evil.example/x", Err(BadRedirect::LeavesOrigin)),
            ("https://idp.example:8443/x", Err(BadRedirect::LeavesOrigin)),
            ("http://idp.example/x", Err(BadRedirect::LeavesOrigin)),
            ("https://user@idp.example/x", Err(BadRedirect::LeavesOrigin)),
            ("https://idp.example@evil.example/x", Err(BadRedirect::LeavesOrigin)),
            ("https://idp.example/x#fragment", Err(BadRedirect::LeavesOrigin)),
            ("file:///etc/passwd", Err(BadRedirect::LeavesOrigin)),
            (
                "dev.vestibule.app:/enrolled/more?code=c&state=s1",
                Err(BadRedirect::LeavesOrigin),
            ),
            (
                "DEV.vestibule.app:/enrolled?code=c&state=s1",
                Err(BadRedirect::LeavesOrigin),
            ),
            ("https://[bad", Err(BadRedirect::NoLocation)),
        ];
        for (location, expected) in table {
            let expected = expected.map(str::to_owned);
            assert_eq!(outcome(302, location, false), expected, "{location}");
        }
        let long = format!("/{}", "x".repeat(MAX_LOCATION_BYTES));
        assert_eq!(outcome(302, &long, false), Err(BadRedirect::NoLocation));
    }

    #[test]
    fn the_response_is_taken_only_whole_and_once() {
        let table = [
            (format!("code=c&state=s1&{ISSUER}&session_state=x"), Ok("code c")),
            (format!("state=s1&{ISSUER}&code=a%20b"), Ok("code a b")),
            (
                format!("error=login_required&state=s1&{ISSUER}"),
                Ok("error login_required"),
            ),
            (format!("code=c&{ISSUER}"), Err(BadRedirect::State)),
            (format!("code=c&state=&{ISSUER}"), Err(BadRedirect::State)),
            (format!("code=c&state=s2&{ISSUER}"), Err(BadRedirect::State)),
            (format!("error=x&{ISSUER}"), Err(BadRedirect::State)),
            ("code=c&state=s1".into(), Err(BadRedirect::Issuer)),
            (
                "code=c&state=s1&iss=https://evil.example".into(),
                Err(BadRedirect::Issuer),
            ),
            (format!("code=c&code=d&state=s1&{ISSUER}"), Err(BadRedirect::Twice)),
            (format!("code=c&state=s1&state=s1&{ISSUER}"), Err(BadRedirect::Twice)),
            (format!("code=c&state=s1&{ISSUER}&{ISSUER}"), Err(BadRedirect::Twice)),
            (format!("error=a&error=b&state=s1&{ISSUER}"), Err(BadRedirect::Twice)),
            (format!("state=s1&{ISSUER}"), Err(BadRedirect::NeitherOrBoth)),
            (
                format!("code=c&error=x&state=s1&{ISSUER}"),
                Err(BadRedirect::NeitherOrBoth),
            ),
            (format!("code=&state=s1&{ISSUER}"), Err(BadRedirect::NeitherOrBoth)),
            (format!("code=a%00b&state=s1&{ISSUER}"), Err(BadRedirect::NeitherOrBoth)),
            (format!("error=&state=s1&{ISSUER}"), Err(BadRedirect::NeitherOrBoth)),
        ];
        for (query, expected) in table {
            let expected = expected.map(str::to_owned);
            assert_eq!(
                outcome(302, &format!("{REDIRECT_URI}?{query}"), true),
                expected,
                "{query}"
            );
        }
        for (bytes, taken) in [(MAX_CODE_BYTES, true), (MAX_CODE_BYTES + 1, false)] {
            let query = format!("code={}&state=s1&{ISSUER}", "c".repeat(bytes));
            assert_eq!(
                outcome(302, &format!("{REDIRECT_URI}?{query}"), true).is_ok(),
                taken,
                "{bytes}"
            );
        }
        let in_fragment = format!("{REDIRECT_URI}#code=c&state=s1&{ISSUER}");
        assert_eq!(outcome(302, &in_fragment, true), Err(BadRedirect::Fragment));
    }

    #[test]
    fn an_issuer_is_checked_even_where_none_is_announced() {
        let table = [
            ("code=c&state=s1", Ok("code c".to_owned())),
            ("code=c&state=s1&iss=https://evil.example", Err(BadRedirect::Issuer)),
        ];
        for (query, expected) in table {
            assert_eq!(
                outcome(302, &format!("{REDIRECT_URI}?{query}"), false),
                expected,
                "{query}"
            );
        }
    }

    #[test]
    fn only_redirects_that_keep_a_get_a_get_are_followed() {
        let table = [
            (302, true),
            (303, true),
            (307, true),
            (301, false),
            (308, false),
            (300, false),
            (304, false),
        ];
        for (status, followed) in table {
            assert_eq!(outcome(status, "/next", false).is_ok(), followed, "{status}");
        }
        assert!(follow(200, "/next", false).is_none());
    }

    #[test]
    fn nothing_of_a_response_is_shown() {
        let hop = follow(302, &format!("{REDIRECT_URI}?code=canary&state=s1&{ISSUER}"), true)
            .unwrap()
            .unwrap();
        assert_eq!(format!("{hop:?}"), "Code(Code(..))");
    }

    proptest::proptest! {
        #[test]
        fn no_location_leads_off_the_issuers_origin(location in "\\PC{0,60}|(https?:)?[/\\\\]{0,3}[a-z@:.#?/\\\\]{0,40}") {
            let is_a_header = HeaderValue::from_str(&location).is_ok();
            if is_a_header && let Some(Ok(Hop::Next(next))) = follow(302, &location, false) {
                proptest::prop_assert_eq!(next.origin().ascii_serialization(), "https://idp.example");
                proptest::prop_assert!(next.username().is_empty());
            }
        }
    }
}
