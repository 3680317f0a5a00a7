//! The scopes of every realm, and the audiences that they bring.

/// Asks for an ID token.
pub const OPENID: &str = "openid";
/// Every audience, each behind the optional scope `aud:<name>`.
pub const AUDIENCES: [&str; 2] = ["orders", "billing"];
/// What stands before an audience in its scope.
const AUDIENCE_PREFIX: &str = "aud:";

/// The names for `scopes_supported`.
pub(crate) fn supported() -> Vec<String> {
    let audiences = AUDIENCES.iter().map(|audience| format!("{AUDIENCE_PREFIX}{audience}"));
    std::iter::once(OPENID.to_owned()).chain(audiences).collect()
}

/// The words of a scope parameter; `None` when it is empty or one word is unknown, which spoils the whole request.
pub(crate) fn parse(scope: &str) -> Option<Vec<String>> {
    let known = supported();
    let mut words: Vec<String> = Vec::new();
    for word in scope.split_ascii_whitespace() {
        if !known.iter().any(|name| name == word) {
            return None;
        }
        if !words.iter().any(|name| name == word) {
            words.push(word.to_owned());
        }
    }
    (!words.is_empty()).then_some(words)
}

/// The audiences behind the granted words.
pub(crate) fn audiences(words: &[String]) -> Vec<&str> {
    words
        .iter()
        .filter_map(|word| word.strip_prefix(AUDIENCE_PREFIX))
        .collect()
}
