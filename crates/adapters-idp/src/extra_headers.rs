//! Headers that a host adds to every request to the issuer's origin: a gateway's key, a vendor's client data.
//!
//! They may hold a secret. So a value is shown nowhere, and none of them may be one by which a request would become
//! another request, say who asks, or be answered in another form.

use std::fmt;

use http::header::{HeaderMap, HeaderName, HeaderValue};

/// Most extra headers.
pub const MAX_EXTRA_HEADERS: usize = 16;
/// Longest value of an extra header, in bytes.
pub const MAX_EXTRA_HEADER_BYTES: usize = 4096;
/// How much of a refused name is repeated, in characters.
const SHOWN_NAME_CHARACTERS: usize = 64;

/// Names that are the adapter's own or the connection's.
const FORBIDDEN_NAMES: [&str; 14] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "cookie",
    "cookie2",
    "dpop",
    "expect",
    "host",
    "keep-alive",
    "range",
    "te",
    "trailer",
    "upgrade",
];
/// Beginnings of more such names.
const FORBIDDEN_BEGINNINGS: [&str; 4] = ["content-", "if-", "proxy-", "transfer-"];

/// Headers that go along with every request to the issuer's origin, and to no other.
#[derive(Clone, Default)]
pub struct ExtraHeaders(Vec<(HeaderName, HeaderValue)>);

/// An extra header that cannot be used. Its value is not repeated.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("extra header {name} {why}")]
pub struct InvalidHeader {
    /// Its name, what cannot be printed of it escaped, and shortened where it is very long.
    pub name: String,
    /// What is wrong with it, as the rest of a sentence that begins with the header.
    pub why: &'static str,
}

impl ExtraHeaders {
    /// Headers by name and value. A value is one or more visible ASCII characters.
    ///
    /// # Errors
    /// [`InvalidHeader`] names the first header that cannot be used.
    pub fn new<N: AsRef<str>, V: AsRef<str>>(headers: impl IntoIterator<Item = (N, V)>) -> Result<Self, InvalidHeader> {
        let mut all: Vec<(HeaderName, HeaderValue)> = Vec::new();
        for (name, value) in headers {
            let invalid = |why| InvalidHeader {
                name: name.as_ref().escape_debug().take(SHOWN_NAME_CHARACTERS).collect(),
                why,
            };
            let (name, value) = checked(name.as_ref(), value.as_ref()).map_err(invalid)?;
            if all.iter().any(|(other, _)| *other == name) {
                return Err(invalid("stands there twice"));
            }
            if all.len() == MAX_EXTRA_HEADERS {
                return Err(invalid("is one too many: at most 16 may be set"));
            }
            all.push((name, value));
        }
        Ok(Self(all))
    }

    /// The two headers by which KOBIL's gateways know a client: `X-KOBIL-ASTCLIENTID` and `X-KOBIL-ASTCLIENTDATA`.
    ///
    /// # Errors
    /// [`InvalidHeader`] names the header whose value cannot be used.
    pub fn kobil(client_id: &str, client_data: &str) -> Result<Self, InvalidHeader> {
        Self::new([
            ("X-KOBIL-ASTCLIENTID", client_id),
            ("X-KOBIL-ASTCLIENTDATA", client_data),
        ])
    }

    /// Puts them into a request. The adapter's own headers are never among them.
    pub(crate) fn add_to(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.0 {
            headers.insert(name.clone(), value.clone());
        }
    }
}

impl fmt::Debug for ExtraHeaders {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name.as_str()))
            .finish()
    }
}

fn checked(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "has a name that HTTP does not know")?;
    let is_forbidden = FORBIDDEN_NAMES.contains(&name.as_str())
        || FORBIDDEN_BEGINNINGS
            .iter()
            .any(|beginning| name.as_str().starts_with(beginning));
    if is_forbidden {
        return Err("is not a host's to set");
    }
    if value.is_empty() {
        return Err("has no value");
    }
    if value.len() > MAX_EXTRA_HEADER_BYTES {
        return Err("has a value of more than 4,096 bytes");
    }
    const INVISIBLE: &str = "has a value with other than visible ASCII characters";
    if !value.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(INVISIBLE);
    }
    let mut value = HeaderValue::from_str(value).map_err(|_| INVISIBLE)?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CANARY: &str = "canary-value";

    #[test]
    fn a_header_that_is_not_a_hosts_to_set_is_refused_by_name_in_every_spelling() {
        let names = [
            "Host",
            "COOKIE",
            "cookie2",
            "Authorization",
            "DPoP",
            "dpop",
            "Connection",
            "Content-Length",
            "Content-Type",
            "content-encoding",
            "Proxy-Authorization",
            "proxy-connection",
            "Transfer-Encoding",
            "TE",
            "Trailer",
            "Upgrade",
            "Expect",
            "Keep-Alive",
            "Accept",
            "Accept-Encoding",
            "Range",
            "If-None-Match",
        ];
        for name in names {
            let error = ExtraHeaders::new([(name, CANARY)]).unwrap_err();
            assert_eq!((error.name.as_str(), error.why), (name, "is not a host's to set"));
            assert!(!format!("{error} {error:?}").contains(CANARY));
        }
        for name in [
            "X-Host",
            "X-Cookie",
            "Accept-Language",
            "User-Agent",
            "Contents",
            "dpop2",
        ] {
            assert!(ExtraHeaders::new([(name, CANARY)]).is_ok(), "{name}");
        }
    }

    #[test]
    fn a_name_or_value_that_could_become_another_line_is_refused() {
        for name in ["", "two words", "a:b", "a\r\nb", "a\0", "ü"] {
            let error = ExtraHeaders::new([(name, CANARY)]).unwrap_err();
            assert_eq!(error.why, "has a name that HTTP does not know", "{name:?}");
            assert!(error.name.chars().all(|shown| !shown.is_control()), "{error:?}");
        }
        let long = "a".repeat(MAX_EXTRA_HEADER_BYTES);
        let bad = [
            "",
            "a b",
            "a\tb",
            "canary\r\nX-Other: 1",
            "canary\n",
            "\rcanary",
            "canary\0",
            "canary\u{7f}",
            "canäry",
            &format!("{long}a"),
        ];
        for value in bad {
            let error = ExtraHeaders::new([("X-Key", value)]).unwrap_err();
            assert_eq!(error.name, "X-Key");
            assert!(!format!("{error} {error:?}").contains("canary"), "{error:?}");
        }
        assert!(ExtraHeaders::new([("X-Key", &long)]).is_ok());
    }

    #[test]
    fn a_header_stands_once_and_at_most_sixteen_do() {
        let error = ExtraHeaders::new([("X-Key", "a"), ("x-key", "b")]).unwrap_err();
        assert_eq!(error.to_string(), "extra header x-key stands there twice");
        let many = |count: usize| ExtraHeaders::new((0..count).map(|number| (format!("x-{number}"), "a")));
        assert!(many(MAX_EXTRA_HEADERS).is_ok());
        assert_eq!(many(MAX_EXTRA_HEADERS + 1).unwrap_err().name, "x-16");
    }

    #[test]
    fn the_vendors_preset_sets_its_two_headers_and_shows_neither_value() {
        let headers = ExtraHeaders::kobil("canary-id", "canary-data").unwrap();
        let mut map = HeaderMap::new();
        headers.add_to(&mut map);
        assert_eq!(map.len(), 2);
        assert_eq!(map["X-KOBIL-ASTCLIENTID"], "canary-id");
        assert_eq!(map["X-KOBIL-ASTCLIENTDATA"], "canary-data");
        let shown = format!("{headers:?} {map:?}");
        assert!(
            shown.contains("x-kobil-astclientid") && !shown.contains("canary"),
            "{shown}"
        );
        let error = ExtraHeaders::kobil("canary-id", "two words").unwrap_err();
        assert_eq!(error.name, "X-KOBIL-ASTCLIENTDATA");
    }
}
