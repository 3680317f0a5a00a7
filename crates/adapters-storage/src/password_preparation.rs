//! From what a person typed to the bytes that are hashed: the profile OpaqueString (RFC 8265, section 4.2).
//!
//! What is mapped (spaces, NFC) is mapped at every entry. What is only *checked* (the classes of characters, the length) is
//! checked when a password is chosen: tables of a later Unicode must never lock anyone out of what he chose under this one.

use unicode_normalization::UnicodeNormalization;
use unicode_properties::{GeneralCategory, UnicodeGeneralCategory};
use vestibule_domain::identifiers::InvalidParameter;
use vestibule_domain::secret::Password;
use zeroize::Zeroizing;

/// Fewest characters of a new password, where the host sets no other number.
pub const DEFAULT_MIN_PASSWORD_CHARACTERS: usize = 8;
/// Longest password, in bytes of UTF-8, as it was typed and as it is hashed.
pub const MAX_PASSWORD_BYTES: usize = 1024;
/// NFC makes a text at most this many times longer (Unicode Standard Annex 15, section 9, maximum expansion in UTF-8).
const MAX_NFC_EXPANSION: usize = 3;

/// Maps a password to what is hashed.
///
/// # Errors
/// [`InvalidParameter`]: empty, or longer than [`MAX_PASSWORD_BYTES`]. No record was ever sealed under such a one.
pub(crate) fn prepare(password: &Password) -> Result<Zeroizing<String>, InvalidParameter> {
    let typed = password.expose();
    if typed.len() > MAX_PASSWORD_BYTES {
        return Err(TOO_LONG);
    }
    // Long enough from the start: growing would leave a copy behind.
    let mut prepared = Zeroizing::new(String::with_capacity(typed.len().saturating_mul(MAX_NFC_EXPANSION)));
    prepared.extend(typed.chars().map(ascii_space).nfc());
    if prepared.is_empty() {
        return Err(refused("is empty"));
    }
    if prepared.len() > MAX_PASSWORD_BYTES {
        return Err(TOO_LONG);
    }
    Ok(prepared)
}

/// Whether a prepared password may be chosen.
///
/// # Errors
/// [`InvalidParameter`]: too short, or it holds a character that the FreeformClass (RFC 8264, section 4.3) does not.
pub(crate) fn check_new(prepared: &str, min_characters: usize) -> Result<(), InvalidParameter> {
    if prepared.chars().count() < min_characters {
        return Err(refused(
            "is too short: choose a longer one (8 characters, if the app does not say otherwise)",
        ));
    }
    if prepared.chars().all(is_freeform) {
        Ok(())
    } else {
        Err(refused(
            "holds a character that cannot be seen or typed reliably: choose one without control and invisible characters",
        ))
    }
}

/// Any space becomes the ASCII one (RFC 8265, section 4.2.2, rule 2: general category Zs).
fn ascii_space(c: char) -> char {
    if c.general_category() == GeneralCategory::SpaceSeparator {
        ' '
    } else {
        c
    }
}

/// FreeformClass by general category (RFC 8264, sections 4.3 and 8). The joiners, which it allows in some contexts, are
/// refused everywhere; what is visible is allowed without its context.
fn is_freeform(c: char) -> bool {
    let hidden = matches!(
        c.general_category(),
        GeneralCategory::Control
            | GeneralCategory::Format
            | GeneralCategory::Surrogate
            | GeneralCategory::PrivateUse
            | GeneralCategory::Unassigned
            | GeneralCategory::LineSeparator
            | GeneralCategory::ParagraphSeparator
    );
    !hidden && !is_ignorable(c) && !is_old_hangul_jamo(c)
}

/// Default_Ignorable_Code_Point (RFC 8264, section 9.13), where the general category does not say it already.
const fn is_ignorable(c: char) -> bool {
    matches!(c,
        '\u{34f}' | '\u{17b4}'..='\u{17b5}' | '\u{180b}'..='\u{180f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{ffa0}'
        | '\u{e0100}'..='\u{e01ef}')
}

/// OldHangulJamo (RFC 8264, section 9.9): syllables that are typed as one and stored as three.
const fn is_old_hangul_jamo(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{a960}'..='\u{a97c}' | '\u{d7b0}'..='\u{d7c6}' | '\u{d7cb}'..='\u{d7fb}')
}

const TOO_LONG: InvalidParameter = refused("is longer than 1,024 bytes");

const fn refused(why: &'static str) -> InvalidParameter {
    InvalidParameter { field: "password", why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(text: &str) -> Result<String, &'static str> {
        let prepared = prepare(&Password::new(text.to_owned()));
        prepared.map(|text| text.to_string()).map_err(|refused| refused.why)
    }

    #[test]
    fn spaces_become_ascii_and_the_text_its_composed_form_and_nothing_else_is_changed() {
        let table = [
            ("correct horse", "correct horse"),
            ("a\u{a0}b\u{2003}c\u{3000}d\u{1680}e", "a b c d e"),
            (" leading and trailing ", " leading and trailing "),
            ("pa\u{308}ss", "p\u{e4}ss"),
            ("p\u{e4}ss", "p\u{e4}ss"),
            // RFC 8265, section 4.2.2: case and width stay, and NFC is not NFKC.
            (
                "Stra\u{df}e \u{ff21}\u{fb01}\u{2168}",
                "Stra\u{df}e \u{ff21}\u{fb01}\u{2168}",
            ),
            ("\u{212b}ngstr\u{f6}m", "\u{c5}ngstr\u{f6}m"),
            // Composition in canonical order.
            ("o\u{307}\u{323}", "\u{1ecd}\u{307}"),
            // Never checked here: what was chosen under other tables must open.
            ("\u{0}\u{200d}\u{e000}\u{10ffff}", "\u{0}\u{200d}\u{e000}\u{10ffff}"),
        ];
        for (typed, expected) in table {
            assert_eq!(prepared(typed).unwrap(), expected, "{typed:?}");
            assert_eq!(prepared(expected).unwrap(), expected, "once more: {typed:?}");
        }
    }

    #[test]
    fn an_empty_password_and_one_over_a_kibibyte_are_none() {
        assert_eq!(prepared(""), Err("is empty"));
        assert!(prepared(&"x".repeat(1024)).is_ok());
        assert_eq!(prepared(&"x".repeat(1025)), Err("is longer than 1,024 bytes"));
        // 340 characters of 3 bytes that become 9 each.
        assert_eq!(prepared(&"\u{fb2c}".repeat(341)), Err("is longer than 1,024 bytes"));
    }

    #[test]
    fn preparing_never_grows_its_buffer() {
        // The greatest expansion of NFC in UTF-8.
        for text in ["\u{fb2c}".repeat(170), "\u{1d160}".repeat(80), "\u{390}".repeat(300)] {
            let prepared = prepare(&Password::new(text.clone())).unwrap();
            assert!(
                prepared.capacity() <= text.len() * MAX_NFC_EXPANSION,
                "{}",
                prepared.capacity()
            );
        }
    }

    #[test]
    fn a_new_password_is_long_enough_in_characters_and_not_in_bytes() {
        for (password, fits) in [
            ("12345678", true),
            ("1234567", false),
            ("\u{1f98a}\u{e9}\u{4e2d}4567", false),
            ("\u{1f98a}\u{e9}\u{4e2d}45678", true),
        ] {
            assert_eq!(check_new(password, 8).is_ok(), fits, "{password}");
        }
        assert!(check_new("1234", 4).is_ok());
        assert_eq!(check_new("123", 4).unwrap_err().field, "password");
    }

    #[test]
    fn a_new_password_holds_what_can_be_seen_and_typed_again() {
        let allowed = [
            "\u{e4}\u{df}\u{f8}",
            "\u{4e2d}\u{6587}",
            "\u{639}\u{631}\u{628}\u{64a}",
            "\u{ac00}\u{d7a3}",
            "\u{1f98a}\u{1f914}\u{1fae0}",
            "!\"\u{a7}$%&/()=?`\u{b4}~\\",
            "\u{2168}\u{bd}\u{fb01}",
            "a b",
            "l\u{b7}l",
        ];
        for text in allowed {
            assert!(check_new(text, 1).is_ok(), "{text}");
        }
        let refused = [
            "\u{0}",
            "\t",
            "\n",
            "\u{7f}",
            "\u{85}",
            "\u{ad}",
            "\u{34f}",
            "\u{200b}",
            "\u{200d}",
            "\u{202e}",
            "\u{2028}",
            "\u{2029}",
            "\u{fe0f}",
            "\u{feff}",
            "\u{e000}",
            "\u{fdd0}",
            "\u{ffff}",
            "\u{378}",
            "\u{1100}",
            "\u{1160}",
            "\u{e0041}",
            "\u{e0100}",
            "\u{180b}",
            "\u{3164}",
        ];
        for text in refused {
            assert!(check_new(text, 1).is_err(), "{}", text.escape_unicode());
        }
    }
}
