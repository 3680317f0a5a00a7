//! The cookies of one attempt (RFC 6265, section 5), never shared with another.
//!
//! Every hop of an attempt lies on the issuer's one host, so a cookie's `Domain` says nothing here; and an attempt ends
//! within a minute, so of its life only the deletion counts. A `Secure` cookie is sent back wherever the walk may go
//! at all: https, or plain http to a loopback address, where servers set it all the same.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::HeaderMap;
use http::header::SET_COOKIE;

/// Most cookies that one attempt keeps.
pub const MAX_COOKIES: usize = 64;

/// A cookie jar for one attempt.
#[derive(Default)]
pub(crate) struct Cookies {
    jar: Vec<Cookie>,
}

struct Cookie {
    name: String,
    value: String,
    path: String,
}

impl Cookies {
    /// Takes what an answer to a request for `request_path` sets.
    pub(crate) fn take_from(&mut self, headers: &HeaderMap, request_path: &str) {
        for line in headers.get_all(SET_COOKIE) {
            if let Some((cookie, deleted)) = line.to_str().ok().and_then(|line| parse(line, request_path)) {
                self.jar
                    .retain(|known| known.name != cookie.name || known.path != cookie.path);
                if !deleted && self.jar.len() < MAX_COOKIES {
                    self.jar.push(cookie);
                }
            }
        }
    }

    /// The `Cookie` header for a path, longest path first; `None` when there is nothing to send.
    pub(crate) fn header_for(&self, path: &str) -> Option<String> {
        let mut matching: Vec<&Cookie> = self
            .jar
            .iter()
            .filter(|cookie| path_matches(path, &cookie.path))
            .collect();
        matching.sort_by_key(|cookie| core::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<String> = matching
            .iter()
            .map(|cookie| format!("{}={}", cookie.name, cookie.value))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

fn parse(line: &str, request_path: &str) -> Option<(Cookie, bool)> {
    let mut parts = line.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let (name, value) = (name.trim(), value.trim());
    let (mut path, mut deleted) = (default_path(request_path), false);
    for attribute in parts {
        let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        match (key.trim().to_ascii_lowercase().as_str(), value.trim()) {
            ("path", value) if value.starts_with('/') => path = value.into(),
            ("max-age", value) => deleted = value.parse::<i64>().is_ok_and(|seconds| seconds <= 0),
            ("expires", value) => {
                deleted |= httpdate::parse_http_date(value).is_ok_and(is_at_the_epoch);
            }
            _ => {}
        }
    }
    (!name.is_empty()).then(|| {
        (
            Cookie {
                name: name.into(),
                value: value.into(),
                path,
            },
            deleted,
        )
    })
}

/// Servers delete a cookie by an end at the beginning of the epoch, give or take some seconds.
fn is_at_the_epoch(end: SystemTime) -> bool {
    end.duration_since(UNIX_EPOCH)
        .is_ok_and(|since| since < Duration::from_secs(24 * 60 * 60))
}

/// RFC 6265, section 5.1.4: the request's path up to its last `/`.
fn default_path(request_path: &str) -> String {
    match request_path.rsplit_once('/') {
        Some((before, _)) if !before.is_empty() => before.into(),
        Some(_) | None => "/".into(),
    }
}

/// RFC 6265, section 5.1.4.
fn path_matches(request: &str, cookie: &str) -> bool {
    request
        .strip_prefix(cookie)
        .is_some_and(|rest| rest.is_empty() || cookie.ends_with('/') || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn jar(lines: &[&str]) -> Cookies {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(SET_COOKIE, HeaderValue::from_str(line).unwrap());
        }
        let mut cookies = Cookies::default();
        cookies.take_from(&headers, "/realms/acme/auth");
        cookies
    }

    #[test]
    fn cookies_go_back_to_the_paths_they_were_set_for() {
        let table: [(&[&str], &str, Option<&str>); 11] = [
            (
                &["a=1; Path=/realms/acme/; Secure; HttpOnly"],
                "/realms/acme/login",
                Some("a=1"),
            ),
            (&["a=1; Path=/realms/acme"], "/realms/acmeX", None),
            (&["a=1; Path=/realms/acme"], "/realms/acme", Some("a=1")),
            (&["a=1"], "/realms/acme/other", Some("a=1")),
            (&["a=1"], "/realms/other", None),
            (
                &[r#"h="quoted value"; Max-Age=60"#],
                "/realms/acme/x",
                Some(r#"h="quoted value""#),
            ),
            (
                &["a=1; Path=/", "b=2; Path=/realms/acme/"],
                "/realms/acme/x",
                Some("b=2; a=1"),
            ),
            (&["a=1; Path=/", "a=; Path=/; Max-Age=0"], "/", None),
            (
                &["a=1; Path=/", "a=; Path=/; Expires=Thu, 01 Jan 1970 00:00:10 GMT"],
                "/",
                None,
            ),
            (&["a=1; Path=/", "a=2; Path=/"], "/", Some("a=2")),
            (&["no pair", "=x; Path=/"], "/", None),
        ];
        for (lines, path, expected) in table {
            assert_eq!(jar(lines).header_for(path).as_deref(), expected, "{lines:?} {path}");
        }
    }

    #[test]
    fn a_server_cannot_fill_the_memory_with_cookies() {
        let lines: Vec<String> = (0..200).map(|n| format!("c{n}=1; Path=/")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        assert_eq!(jar(&lines).jar.len(), MAX_COOKIES);
    }

    proptest::proptest! {
        #[test]
        fn no_set_cookie_line_breaks_a_request(line in "[ -~]{0,60}") {
            if let Some(header) = jar(&[&line]).header_for("/realms/acme/x") {
                proptest::prop_assert!(http::HeaderValue::from_str(&header).is_ok());
            }
        }
    }
}
