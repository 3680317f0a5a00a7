//! Passwords from standard input: one line each.

use tokio::sync::oneshot;
use vestibule::secret::Password;

use super::password_line::{EndOfInput, LineFault, read_password};

/// Reads this many passwords, or says which one is missing, from 0, and why.
///
/// It reads on a thread of its own, which is left alone when nobody waits any more: a read cannot be called off.
pub(super) async fn read_lines(count: usize) -> Result<Vec<Password>, (usize, LineFault)> {
    let (tell, told) = oneshot::channel();
    let reader = std::thread::Builder::new().name("standard input".into());
    let read = move || {
        let lines = (0..count).map(|line| read_password(next_byte, EndOfInput::EndsALine).map_err(|why| (line, why)));
        drop(tell.send(lines.collect()));
    };
    match reader.spawn(read) {
        Ok(_) => told.await.unwrap_or(Err((0, LineFault::Ended))),
        Err(error) => Err((0, LineFault::Unreadable(error.kind()))),
    }
}

/// Past the buffer of `std::io::stdin`, which would keep what goes through it.
fn next_byte() -> std::io::Result<Option<u8>> {
    let mut byte = [0];
    loop {
        match rustix::io::read(rustix::stdio::stdin(), &mut byte) {
            Ok(0) => return Ok(None),
            Ok(_) => return Ok(Some(byte[0])),
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
