//! Finding secrets in a text, whatever they were turned into.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// This many bytes of a secret in a row are a leak.
const PIECE: usize = 9;

/// The pieces of a secret in every encoding that somebody might print.
fn shapes(secret: &[u8]) -> Vec<String> {
    let mut shapes = Vec::new();
    for piece in secret.chunks(PIECE).filter(|piece| piece.len() == PIECE) {
        let hex: String = piece.iter().map(|byte| format!("{byte:02x}")).collect();
        shapes.push(hex.to_uppercase());
        shapes.push(hex);
        let numbers = format!("{piece:?}");
        shapes.push(numbers.trim_matches(['[', ']']).to_owned());
        let escaped = piece.escape_ascii().to_string();
        shapes.push(escaped);
        if let Ok(text) = std::str::from_utf8(piece) {
            shapes.push(text.to_owned());
        }
    }
    // Base64 shows three bytes in four letters: where a secret begins within the three decides which letters.
    for offset in 0..3.min(secret.len()) {
        for piece in secret[offset..].chunks(PIECE).filter(|piece| piece.len() == PIECE) {
            shapes.push(STANDARD_NO_PAD.encode(piece));
            shapes.push(URL_SAFE_NO_PAD.encode(piece));
        }
    }
    shapes
}

/// The first shape of a secret that stands in the text.
pub(crate) fn find(secret: &[u8], text: &str) -> Option<String> {
    assert!(secret.len() >= PIECE, "too short to be told from chance");
    shapes(secret).into_iter().find(|shape| text.contains(shape.as_str()))
}

#[test]
fn a_secret_is_found_in_every_shape_and_at_every_place() {
    let secret = b"\x00canary-\xffof-thirty-two-bytes-and-more";
    let hex: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    let behind = |head: &[u8]| [head, secret].concat();
    for printed in [
        hex.clone(),
        hex.to_uppercase(),
        format!("{secret:?}"),
        secret.escape_ascii().to_string(),
        String::from_utf8_lossy(secret).into_owned(),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE_NO_PAD.encode(behind(b"a")),
        STANDARD_NO_PAD.encode(behind(b"ab")),
        format!("only a part: {}", hex.get(18..50).unwrap()),
    ] {
        assert!(find(secret, &format!("a line: {printed}.")).is_some(), "{printed}");
    }
    assert_eq!(find(secret, "Grant(..) EnrolmentKey(..) Payload(..)"), None);
}
