//! Randomness of the operating system.

use vestibule_ports::{Entropy, EntropyError};

/// The operating system's CSPRNG.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    #[expect(clippy::disallowed_methods, reason = "this is the adapter that the rule points to")]
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        getrandom::fill(buffer).map_err(|_| EntropyError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// So often a buffer is filled. A byte that was filled is 0 each time in one of 2^128 cases.
    const FILLS: usize = 16;

    #[test]
    fn every_byte_of_every_buffer_is_filled_and_no_two_are_alike() {
        for length in [1, 12, 16, 24, 32, 257, 1000] {
            let mut seen = vec![0; length];
            let mut last = Vec::new();
            for _ in 0..FILLS {
                let mut buffer = vec![0; length];
                SystemEntropy.fill(&mut buffer).unwrap();
                seen.iter_mut().zip(&buffer).for_each(|(seen, byte)| *seen |= byte);
                assert!(length < 16 || buffer != last, "{length} bytes repeat");
                last = buffer;
            }
            assert!(!seen.contains(&0), "{length} bytes: {seen:?}");
        }
    }
}
