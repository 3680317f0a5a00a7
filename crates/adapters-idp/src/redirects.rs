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
