//! Chance: when a miner finds a block, and how long it is under way.

use chaincore_consensus::pow::Target;
use chaincore_node::testkit::Numbers;

/// What is drawn from a seed.
pub struct Dice(pub Numbers);

impl Dice {
    /// Evenly in (0, 1].
    pub fn even(&mut self) -> f64 {
        ((self.0.next() >> 11) + 1) as f64 / (1u64 << 53) as f64
    }

    pub fn exponential(&mut self, mean: f64) -> f64 {
        -self.even().ln() * mean
    }
}

/// Hashes that a block with this target takes on average.
pub fn difficulty(bits: u32) -> f64 {
    Target::from_compact(bits).unwrap().work().to_f64()
}
