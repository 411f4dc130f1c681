//! The branch of headers that a new block builds on, as the rules see it.

use crate::block::Header;
use crate::hash::BlockHash;

/// How many blocks the median time past looks at.
const MEDIAN_TIME_SPAN: u32 = 11;

/// A branch from genesis to a tip. Whoever keeps blocks implements it on its tree; the rules only ever ask for
/// heights up to [`Ancestry::tip_height`].
pub trait Ancestry {
    /// The height of the branch's tip.
    fn tip_height(&self) -> u32;

    /// The branch's header at `height`, which is at most the tip's.
    fn header_at(&self, height: u32) -> Header;

    /// The hash of the branch's header at `height`. A tree that keeps hashes should answer from there.
    fn hash_at(&self, height: u32) -> BlockHash {
        self.header_at(height).hash()
    }

    /// The tip's header.
    fn tip(&self) -> Header {
        self.header_at(self.tip_height())
    }

    /// The tip's hash.
    fn tip_hash(&self) -> BlockHash {
        self.hash_at(self.tip_height())
    }

    /// The median of the times of the (up to) eleven blocks that end at `height`, in seconds since 1970.
    fn median_time_past_at(&self, height: u32) -> u32 {
        let first = height.saturating_sub(MEDIAN_TIME_SPAN - 1);
        let mut times = [0; MEDIAN_TIME_SPAN as usize];
        let mut count = 0;
        for height in first..=height {
            times[count] = self.header_at(height).time;
            count += 1;
        }
        times[..count].sort_unstable();
        times[count / 2]
    }

    /// The tip's median time past: a block on top must have a later time.
    fn median_time_past(&self) -> u32 {
        self.median_time_past_at(self.tip_height())
    }
}

/// A whole branch in memory, genesis first; not empty.
impl Ancestry for [Header] {
    fn tip_height(&self) -> u32 {
        u32::try_from(self.len() - 1).expect("fewer than 2^32 headers fit in memory")
    }

    fn header_at(&self, height: u32) -> Header {
        self[height as usize]
    }
}

/// A whole branch in memory, genesis first; not empty.
impl Ancestry for Vec<Header> {
    fn tip_height(&self) -> u32 {
        self.as_slice().tip_height()
    }

    fn header_at(&self, height: u32) -> Header {
        self[height as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::Hash256;

    #[test]
    fn the_median_is_of_at_most_eleven() {
        let header = |time| Header {
            version: 1,
            previous: BlockHash::ZERO,
            merkle_root: Hash256::ZERO,
            time,
            bits: 0,
            nonce: 0,
        };
        let branch: Vec<Header> = [5, 1, 9, 2, 8, 3, 7, 4, 6, 10, 12, 11, 30].map(header).to_vec();
        assert_eq!(branch.median_time_past_at(0), 5);
        assert_eq!(branch.median_time_past_at(1), 5);
        assert_eq!(branch.median_time_past_at(2), 5);
        assert_eq!(branch.median_time_past_at(3), 5);
        assert_eq!(branch.median_time_past_at(10), 6);
        assert_eq!(branch.median_time_past(), 8);
    }
}
