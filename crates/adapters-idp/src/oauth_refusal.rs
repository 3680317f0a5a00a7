//! A server's refusal (RFC 6749, sections 4.1.2.1 and 5.2): the code decides, the description is a hint only.

use serde_json::Value;

use crate::strict_json::parse_object;

/// Most characters of a server's description that reach an error.
pub const MAX_HINT_CHARACTERS: usize = 200;
/// Most characters of an error code.
const MAX_CODE_CHARACTERS: usize = 64;
/// Shortest code or refresh token that is looked for in a description, in bytes: a shorter one guards nothing, and would
/// tear other words apart.
const SHORTEST_SECRET_BYTES: usize = 8;
/// What stands in a description where the server repeated a secret.
const REPEATED: &str = "(..)";

/// What a server answered instead of what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    /// The OAuth error code.
    pub(crate) code: String,
    /// The server's description, cut and cleaned.
    pub(crate) hint: Option<String>,
}

impl Refusal {
    /// A refusal with this code and description; `None` when the code is none.
    pub(crate) fn new(code: &str, description: Option<&str>) -> Option<Self> {
        let valid = !code.is_empty()
            && code.len() <= MAX_CODE_CHARACTERS
            && code
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\');
        let hint = description.map(hint).filter(|hint| !hint.is_empty());
        valid.then(|| Self {
            code: code.into(),
            hint,
        })
    }

    /// Reads the JSON body of an error answer.
    pub(crate) fn parse(body: &[u8]) -> Option<Self> {
        Self::parse_without(body, "")
    }

    /// The same for the answer to a request that carried this code or refresh token: some servers repeat it in their
    /// description, and no error may hold it.
    pub(crate) fn parse_without(body: &[u8], secret: &str) -> Option<Self> {
        let object = parse_object(body).ok()?;
        let text = |name: &str| object.get(name).and_then(Value::as_str);
        let description = text("error_description").map(|words| {
            if secret.len() < SHORTEST_SECRET_BYTES {
                words.to_owned()
            } else {
                words.replace(secret, REPEATED)
            }
        });
        Self::new(text("error")?, description.as_deref())
    }

    /// Whether the proof was refused because of its time. `invalid_dpop_proof` may also mean a faulty proof; only a
    /// server's clock that differs from ours, or its own words, make it a matter of time.
    pub(crate) fn may_be_a_stale_proof(&self) -> bool {
        match self.code.as_str() {
            "invalid_dpop_proof" => true,
            "invalid_request" | "invalid_grant" => self.hints_at("DPoP proof is not active"),
            _ => false,
        }
    }

    /// Whether the server itself says that the proof's time was wrong.
    pub(crate) fn says_stale_proof(&self) -> bool {
        let words = ["not active", "expired", "stale", "too old", "clock"];
        self.may_be_a_stale_proof() && (self.names_the_claim("iat") || words.iter().any(|words| self.hints_at(words)))
    }

    /// Whether the refusal concerns the proof, and so says nothing about the grant.
    pub(crate) fn is_about_the_proof(&self) -> bool {
        matches!(self.code.as_str(), "invalid_dpop_proof" | "use_dpop_nonce")
            || (matches!(
                self.code.as_str(),
                "invalid_grant" | "invalid_request" | "invalid_token"
            ) && self.hints_at("DPoP"))
    }

    /// As a word of its own: `iat` stands in `associated`, too.
    fn names_the_claim(&self, claim: &str) -> bool {
        self.hint.as_ref().is_some_and(|hint| {
            hint.split(|character: char| !character.is_ascii_alphanumeric())
                .any(|word| word.eq_ignore_ascii_case(claim))
        })
    }

    fn hints_at(&self, words: &str) -> bool {
        self.hint
            .as_ref()
            .is_some_and(|hint| hint.to_ascii_lowercase().contains(&words.to_ascii_lowercase()))
    }
}

/// The first 200 printable ASCII characters of a description.
pub(crate) fn hint(description: &str) -> String {
    description
        .chars()
        .map(|character| if character.is_ascii_graphic() { character } else { ' ' })
        .take(MAX_HINT_CHARACTERS)
        .collect::<String>()
        .trim()
        .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_decides_and_the_description_only_hints() {
        // code, description: may be stale, says stale, about the proof
        let table = [
            ("invalid_dpop_proof", "", (true, false, true)),
            ("invalid_dpop_proof", "iat is too old", (true, true, true)),
            ("invalid_dpop_proof", "wrong claim (iat)", (true, true, true)),
            ("invalid_dpop_proof", "no associated key", (true, false, true)),
            ("invalid_request", "DPoP proof is not active", (true, true, true)),
            (
                "invalid_request",
                "DPoP proof has already been used",
                (false, false, true),
            ),
            ("invalid_request", "Missing parameter: scope", (false, false, false)),
            ("invalid_grant", "DPoP proof is missing", (false, false, true)),
            (
                "invalid_grant",
                "DPoP confirmation doesn't match DPoP proof",
                (false, false, true),
            ),
            ("invalid_grant", "Session not active", (false, false, false)),
            ("invalid_grant", "Stale token", (false, false, false)),
            ("invalid_grant", "", (false, false, false)),
            ("use_dpop_nonce", "", (false, false, true)),
            ("invalid_scope", "DPoP", (false, false, false)),
            ("access_denied", "clock", (false, false, false)),
        ];
        for (code, description, expected) in table {
            let refusal = Refusal::new(code, Some(description)).unwrap();
            let is = (
                refusal.may_be_a_stale_proof(),
                refusal.says_stale_proof(),
                refusal.is_about_the_proof(),
            );
            assert_eq!(is, expected, "{code} {description}");
        }
    }

    #[test]
    fn a_hint_is_short_and_printable() {
        let table = [
            ("plain", "plain"),
            ("  a\nb\u{1b}[31m\u{7f}é ", "a b [31m"),
            ("\n\n", ""),
        ];
        for (description, expected) in table {
            assert_eq!(hint(description), expected);
        }
        assert_eq!(hint(&"x".repeat(5_000)).len(), MAX_HINT_CHARACTERS);
    }

    #[test]
    fn a_secret_that_the_server_repeats_is_taken_out_before_the_description_is_cut() {
        let long = "s".repeat(2 * MAX_HINT_CHARACTERS);
        let table = [
            ("secret-1 is unknown", "secret-1", "(..) is unknown"),
            ("secret-1, secret-1", "secret-1", "(..), (..)"),
            ("another one is unknown", "secret-1", "another one is unknown"),
            ("code c is unknown", "c", "code c is unknown"),
            (&format!("{long} is unknown"), &long, "(..) is unknown"),
        ];
        for (description, secret, expected) in table {
            let body = format!(r#"{{"error":"invalid_grant","error_description":"{description}"}}"#);
            let refusal = Refusal::parse_without(body.as_bytes(), secret).unwrap();
            assert_eq!(refusal.hint.as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_body_that_is_no_refusal_is_none() {
        let table = [
            (r#"{"error":"invalid_grant","error_description":"gone"}"#, true),
            (r#"{"error":"invalid_grant","error_description":7}"#, true),
            (r#"{"error":"a","error":"b"}"#, false),
            (r#"{"error":""}"#, false),
            (r#"{"error":"two words"}"#, false),
            (r#"{"error":{"code":1}}"#, false),
            ("<html>", false),
        ];
        for (body, is_refusal) in table {
            assert_eq!(Refusal::parse(body.as_bytes()).is_some(), is_refusal, "{body}");
        }
        assert!(Refusal::new(&"x".repeat(65), None).is_none());
    }
}
