//! A server's own words, cut down to a hint.

use alloc::string::String;
use core::fmt;

/// Longest part of a server's own words that reaches an error, in characters.
pub const MAX_HINT_CHARS: usize = 200;

/// A server's or system's own words, as a hint for an operator and never for a decision: at most 200 printable
/// characters.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Hint(String);

impl Hint {
    /// Takes what is printable of `words`, at most [`MAX_HINT_CHARS`] characters.
    #[must_use]
    pub fn new(words: &str) -> Self {
        Self(
            words
                .chars()
                .filter(|&c| is_printable(c))
                .take(MAX_HINT_CHARS)
                .collect(),
        )
    }

    /// The words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Hint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            Ok(())
        } else {
            write!(f, " ({})", self.0)
        }
    }
}

/// Neither a control character nor one that hides, splits or reorders what stands around it.
fn is_printable(c: char) -> bool {
    let disturbs = matches!(
        c,
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}'
            | '\u{e0000}'..='\u{e007f}'
    );
    !(c.is_control() || disturbs)
}

#[cfg(test)]
mod tests {
    use alloc::format;

    use super::*;

    #[test]
    fn a_hint_holds_two_hundred_printable_characters_at_most() {
        assert_eq!(Hint::new(&"\u{e4}".repeat(300)).as_str(), "\u{e4}".repeat(200));
        assert_eq!(Hint::new(&format!("{}b", "\n".repeat(300))).as_str(), "b");
    }

    #[test]
    fn what_would_steer_a_terminal_or_reorder_a_line_is_dropped() {
        let words = "a\u{1b}[31m\r\n\0\u{7f}\u{85}\u{ad}\u{200b}\u{202e}\u{2028}\u{2066}\u{feff}\u{e0041}\u{e9} z";
        assert_eq!(Hint::new(words).as_str(), "a[31m\u{e9} z");
    }

    #[test]
    fn an_empty_hint_leaves_no_trace_in_a_sentence() {
        assert_eq!(format!("no code{}", Hint::default()), "no code");
        assert_eq!(
            format!("no code{}", Hint::new("Client not found.")),
            "no code (Client not found.)"
        );
    }
}
