//! Randomness that repeats itself from run to run.

use std::sync::{Arc, Mutex};

use super::lock;
use crate::entropy::{Entropy, EntropyError};

/// An [`Entropy`] from a seed: SplitMix64 (Steele, Lea and Flood, OOPSLA 2014). For tests only: it is no CSPRNG.
///
/// A clone goes on in the same stream, so that no two handles ever give the same bytes.
#[derive(Clone, Debug)]
pub struct SeededEntropy(Arc<Mutex<SplitMix64>>);

impl SeededEntropy {
    /// The stream of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(SplitMix64::new(seed))))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, buffer: &mut [u8]) -> Result<(), EntropyError> {
        lock(&self.0).fill(buffer);
        Ok(())
    }
}

/// The generator behind every fake that names things.
#[derive(Clone, Debug)]
pub(super) struct SplitMix64(u64);

impl SplitMix64 {
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            for (byte, random) in chunk.iter_mut().zip(self.next().to_le_bytes()) {
                *byte = random;
            }
        }
    }

    pub(super) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.fill(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(entropy: &SeededEntropy) -> [u8; 20] {
        let mut bytes = [0; 20];
        entropy.fill(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn equal_seeds_give_equal_bytes_and_other_seeds_others() {
        let first = drawn(&SeededEntropy::new(1));
        assert_eq!(first, drawn(&SeededEntropy::new(1)));
        assert_ne!(first, drawn(&SeededEntropy::new(2)));
    }

    #[test]
    fn a_clone_goes_on_in_the_same_stream() {
        let entropy = SeededEntropy::new(1);
        assert_ne!(drawn(&entropy), drawn(&entropy.clone()));
    }

    #[test]
    fn the_stream_is_the_published_one() {
        // First outputs for seed 1234567, as other implementations of SplitMix64 print them.
        let mut generator = SplitMix64::new(1_234_567);
        assert_eq!(
            [generator.next(), generator.next(), generator.next()],
            [
                6_457_827_717_110_365_317,
                3_203_168_211_198_807_973,
                9_817_491_932_198_370_423
            ]
        );
    }
}
