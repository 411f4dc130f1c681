//! A set that remembers what was inserted last, in memory that never grows.
//!
//! Elements belong to generations of half the capacity. Three generations are kept: when the newest is full, the
//! oldest makes room for the next one. So the last `capacity` elements are always found, up to half as many older
//! ones may be, and what was never inserted is found at the given rate at most (Core's `CRollingBloomFilter`).
//! The hashes are keyed by the process: nobody outside can aim at a position.

use std::hash::{BuildHasher, RandomState};

/// Positions of one word, and how many generations are told apart with two bits.
const WORD_BITS: usize = 64;
const GENERATIONS: u64 = 3;
/// More hash functions than this are never worth their time.
const MAX_HASHES: f64 = 50.0;

/// A set of the last elements that were inserted.
#[derive(Debug, Clone)]
pub struct RollingBloom {
    /// How many elements a generation takes, and how many the newest has.
    per_generation: usize,
    in_generation: usize,
    /// The newest generation's number, 1 to 3.
    generation: u64,
    /// The generation that last set each position, 0 for none: its low bits, then its high bits.
    words: Vec<[u64; 2]>,
    hashes: u64,
    keys: RandomState,
}

impl RollingBloom {
    /// A set of the last `capacity` elements (at least 1) in which others are found at a rate of at most
    /// `false_positives` (above 0, below 1). Takes about 0.43 · ln(1 / `false_positives`) bytes per element.
    pub fn new(capacity: usize, false_positives: f64) -> Self {
        let rate = false_positives.clamp(f64::MIN_POSITIVE, 0.999).ln();
        let hashes = (rate / 0.5_f64.ln()).round().clamp(1.0, MAX_HASHES);
        let per_generation = capacity.max(1).div_ceil(2);
        // All generations are full just before the oldest goes.
        let most = per_generation as f64 * GENERATIONS as f64;
        let bits = (-hashes * most / (1.0 - (rate / hashes).exp()).ln()).ceil();
        Self {
            per_generation,
            in_generation: 0,
            generation: 1,
            words: vec![[0; 2]; (bits as usize).div_ceil(WORD_BITS)],
            hashes: hashes as u64,
            keys: RandomState::new(),
        }
    }

    /// Inserts an element, and forgets the oldest ones where it must.
    pub fn insert(&mut self, element: &[u8]) {
        if self.in_generation == self.per_generation {
            self.in_generation = 0;
            self.generation = self.generation % GENERATIONS + 1;
            self.forget_generation();
        }
        self.in_generation += 1;
        let [low, high] = [self.generation & 1, self.generation >> 1];
        for (word, bit) in self.positions(element) {
            let [lows, highs] = &mut self.words[word];
            *lows = *lows & !(1 << bit) | low << bit;
            *highs = *highs & !(1 << bit) | high << bit;
        }
    }

    /// Whether the element was inserted lately, or looks as if.
    pub fn contains(&self, element: &[u8]) -> bool {
        self.positions(element).all(|(word, bit)| {
            let [lows, highs] = self.words[word];
            (lows | highs) >> bit & 1 == 1
        })
    }

    /// Forgets everything, and is wrong about other elements from now on.
    pub fn clear(&mut self) {
        self.keys = RandomState::new();
        self.in_generation = 0;
        self.generation = 1;
        self.words.fill([0; 2]);
    }

    /// Frees the positions of whichever elements had the number that the newest generation has now.
    fn forget_generation(&mut self) {
        let [low, high] =
            [self.generation & 1, self.generation >> 1].map(|bit| if bit == 1 { u64::MAX } else { 0 });
        for [lows, highs] in &mut self.words {
            let others = (*lows ^ low) | (*highs ^ high);
            *lows &= others;
            *highs &= others;
        }
    }

    /// The word and the bit of each of an element's positions: an arithmetic sequence from two hashes.
    fn positions(&self, element: &[u8]) -> impl Iterator<Item = (usize, usize)> + use<> {
        let start = self.keys.hash_one(element);
        let step = self.keys.hash_one((element, 0u8)) | 1;
        let total = (self.words.len() * WORD_BITS) as u128;
        (0..self.hashes).map(move |n| {
            let hash = start.wrapping_add(step.wrapping_mul(n));
            let position = ((u128::from(hash) * total) >> 64) as usize;
            (position / WORD_BITS, position % WORD_BITS)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(n: u32) -> [u8; 32] {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&n.to_le_bytes());
        bytes
    }

    #[test]
    fn the_last_elements_are_always_found() {
        let mut filter = RollingBloom::new(100, 0.01);
        for n in 0..1_000 {
            filter.insert(&element(n));
            for last in n.saturating_sub(99)..=n {
                assert!(filter.contains(&element(last)), "{last} of {n}");
            }
        }
    }

    #[test]
    fn older_elements_are_forgotten() {
        let mut filter = RollingBloom::new(100, 0.000_001);
        for n in 0..400 {
            filter.insert(&element(n));
        }
        // At most one and a half capacities are remembered, but for one in a million.
        let remembered = (0..250).filter(|n| filter.contains(&element(*n))).count();
        assert!(remembered <= 1, "{remembered} of 250 old elements");
    }

    #[test]
    fn others_are_rarely_found() {
        let mut filter = RollingBloom::new(1_000, 0.01);
        for n in 0..10_000 {
            filter.insert(&element(n));
        }
        let wrong = (10_000..110_000).filter(|n| filter.contains(&element(*n))).count();
        // 1000 of 100000 are expected when three generations are full; a sixth more has no chance to be luck.
        assert!(wrong < 1_200, "{wrong} of 100000");
        assert!(wrong > 100, "{wrong} of 100000: the filter is larger than it should be");
    }

    #[test]
    fn memory_is_set_by_capacity_and_rate() {
        let before = RollingBloom::new(5_000, 0.001);
        // Core's estimate: 3 / (ln 256 · ln 2) · ln(1 / rate) bytes per element.
        assert!((20_000..30_000).contains(&(before.words.len() * 16)), "{}", before.words.len());
        let mut after = before.clone();
        for n in 0..50_000 {
            after.insert(&element(n));
        }
        assert_eq!(after.words.len(), before.words.len());
        assert_eq!(RollingBloom::new(0, 1.0).hashes, 1);
        assert_eq!(RollingBloom::new(1, 1e-300).hashes, 50);
    }

    #[test]
    fn clearing_forgets_everything() {
        let mut filter = RollingBloom::new(10, 0.000_001);
        filter.insert(b"one");
        assert!(filter.contains(b"one") && !filter.contains(b"two"));
        filter.clear();
        assert!(!filter.contains(b"one"));
        filter.insert(b"two");
        assert!(filter.contains(b"two"));
    }
}
