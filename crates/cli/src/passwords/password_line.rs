//! A password is exactly one line: how it is read, byte by byte, so that nothing behind it is taken and no buffer keeps it.

use std::fmt;
use std::io;

use vestibule::secret::Password;
use zeroize::Zeroizing;

/// The longest password, in bytes of UTF-8. The end of its line does not count.
pub(crate) const MAX_PASSWORD_BYTES: usize = 1024;

/// Why a line is no password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LineFault {
    /// The input ended before it.
    Ended,
    /// There is nothing in it.
    Empty,
    /// It is longer than any password.
    TooLong,
    /// It is not UTF-8.
    NotUtf8,
    /// The input cannot be read.
    Unreadable(io::ErrorKind),
}

impl fmt::Display for LineFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the input ended"),
            Self::Empty => f.write_str("it is empty"),
            Self::TooLong => write!(f, "it is longer than {MAX_PASSWORD_BYTES} bytes"),
            Self::NotUtf8 => f.write_str("it is not UTF-8"),
            Self::Unreadable(kind) => write!(f, "the input cannot be read: {kind}"),
        }
    }
}

/// What ends the last line of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EndOfInput {
    /// The end of a file ends its last line, too.
    EndsALine,
    /// The end of what is typed (Ctrl-D) takes it back.
    TakesItBack,
}

/// Reads one line: to LF or CR LF. `next` gives the next byte, and nothing at the end of the input.
pub(super) fn read_password(
    mut next: impl FnMut() -> io::Result<Option<u8>>,
    at_end: EndOfInput,
) -> Result<Password, LineFault> {
    // It never grows, so that no copy of it is left behind: a password, a carriage return, and one byte too many.
    let mut line = Zeroizing::new(Vec::with_capacity(MAX_PASSWORD_BYTES + 2));
    let is_whole = loop {
        match next().map_err(|error| LineFault::Unreadable(error.kind()))? {
            Some(b'\n') => break true,
            None => break false,
            Some(_) if line.len() > MAX_PASSWORD_BYTES => return Err(LineFault::TooLong),
            Some(byte) => line.push(byte),
        }
    };
    if !is_whole && (at_end == EndOfInput::TakesItBack || line.is_empty()) {
        return Err(LineFault::Ended);
    }
    if is_whole && line.last() == Some(&b'\r') {
        line.pop();
    }
    match line.len() {
        0 => Err(LineFault::Empty),
        1..=MAX_PASSWORD_BYTES => into_password(line),
        _ => Err(LineFault::TooLong),
    }
}

/// The bytes move, they are not copied.
fn into_password(mut line: Zeroizing<Vec<u8>>) -> Result<Password, LineFault> {
    match String::from_utf8(std::mem::take(&mut *line)) {
        Ok(text) => Ok(Password::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            Err(LineFault::NotUtf8)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The password, and what is left of the input.
    fn read(input: &[u8], at_end: EndOfInput) -> (Result<String, LineFault>, Vec<u8>) {
        let mut rest = input.iter().copied();
        let read = read_password(|| Ok(rest.next()), at_end);
        (read.map(|password| password.expose().to_owned()), rest.collect())
    }

    #[test]
    fn one_line_is_one_password_and_what_follows_is_not_touched() {
        let longest = "p".repeat(MAX_PASSWORD_BYTES);
        let crlf = format!("{longest}\r\n");
        let too_long = format!("{longest}q\n");
        let far_too_long = format!("{longest}{longest}");
        /// What is read, the password in it, and what is left.
        type Row<'a> = (&'a [u8], Result<&'a str, LineFault>, &'a [u8]);
        let table: [Row<'_>; 16] = [
            (b"one\n", Ok("one"), b""),
            (b"one\ntwo\n", Ok("one"), b"two\n"),
            (b"one\r\ntwo", Ok("one"), b"two"),
            (b"one", Ok("one"), b""),
            (b"one\r", Ok("one\r"), b""),
            (b"o\rne\n", Ok("o\rne"), b""),
            (b" one \n", Ok(" one "), b""),
            ("pass\u{f6}rd\n".as_bytes(), Ok("pass\u{f6}rd"), b""),
            (crlf.as_bytes(), Ok(&longest), b""),
            (too_long.as_bytes(), Err(LineFault::TooLong), b""),
            (
                far_too_long.as_bytes(),
                Err(LineFault::TooLong),
                &longest.as_bytes()[2..],
            ),
            (b"", Err(LineFault::Ended), b""),
            (b"\ntwo", Err(LineFault::Empty), b"two"),
            (b"\r\n", Err(LineFault::Empty), b""),
            (b"\xff\xfe\n", Err(LineFault::NotUtf8), b""),
            (b"\xc3\n", Err(LineFault::NotUtf8), b""),
        ];
        for (input, expected, left) in table {
            let (read, rest) = read(input, EndOfInput::EndsALine);
            assert_eq!(read.as_deref().map_err(|fault| *fault), expected, "{input:?}");
            if expected != Err(LineFault::TooLong) || left.len() > 1 {
                assert_eq!(rest, left, "{input:?}");
            }
        }
    }

    #[test]
    fn what_was_typed_before_an_end_of_input_is_taken_back() {
        for input in [b"one" as &[u8], b""] {
            assert_eq!(read(input, EndOfInput::TakesItBack).0, Err(LineFault::Ended));
        }
        assert_eq!(read(b"one\n", EndOfInput::TakesItBack).0, Ok("one".into()));
    }

    #[test]
    fn an_input_that_cannot_be_read_is_told_by_its_kind() {
        let broken = || Err(io::Error::from(io::ErrorKind::PermissionDenied));
        let fault = read_password(broken, EndOfInput::EndsALine).unwrap_err();
        assert_eq!(fault, LineFault::Unreadable(io::ErrorKind::PermissionDenied));
    }
}
