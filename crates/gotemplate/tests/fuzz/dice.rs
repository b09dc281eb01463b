//! What cases are made of: bytes, read as choices by `arbitrary`. They come from a seed and the number of the case, so that it can be had
//! again, and could as well come from a fuzzer.

use arbitrary::Unstructured;

/// More than a case reads; behind the end every choice is the first one.
const BYTES: usize = 64 << 10;

/// Splitmix64: noise without an end.
pub(crate) struct Noise(u64);

impl Noise {
    pub(crate) const fn new(seed: u64, number: u64) -> Self {
        Self(seed ^ number.wrapping_mul(0xd134_2543_de82_ef95))
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn fill(&mut self, buffer: &mut [u8]) {
        for chunk in buffer.chunks_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes()[..chunk.len()]);
        }
    }

    /// The bytes of one case.
    pub(crate) fn case(mut self) -> Vec<u8> {
        let mut bytes = vec![0; BYTES];
        self.fill(&mut bytes);
        bytes
    }
}

/// Choices.
pub(crate) struct Dice<'b>(Unstructured<'b>);

impl<'b> Dice<'b> {
    pub(crate) fn new(bytes: &'b [u8]) -> Self {
        Self(Unstructured::new(bytes))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0.arbitrary().unwrap()
    }

    /// A number below another one; 0 below 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0.int_in_range(0..=end.max(1) - 1).unwrap()
    }

    /// Whether a thing happens that happens once in so many times.
    pub(crate) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }

    pub(crate) fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        self.0.choose(among).unwrap()
    }

    /// A length: mostly small, at times as large as that.
    pub(crate) fn length(&mut self, most: usize) -> usize {
        let bits = self.below(64 - most.max(1).leading_zeros() as usize);
        self.below((2 << bits).min(most + 1))
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.fill_buffer(&mut bytes).unwrap();
        bytes
    }
}
