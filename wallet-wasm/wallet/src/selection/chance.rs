//! Chance that can be repeated.

/// Repeatable chance for shuffling; not for secrets (splitmix64).
pub(crate) struct Chance(u64);

impl Chance {
    /// The same seed gives the same order.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Puts a list into an order that nobody can foresee.
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for last in (1..list.len()).rev() {
            let other = self.next() % (u64::try_from(last).expect("a length fits") + 1);
            list.swap(last, usize::try_from(other).expect("it is at most a length"));
        }
    }
}
