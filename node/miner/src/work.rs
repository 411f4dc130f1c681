//! One header to be solved, and the hash kernel that tries its nonces.

use chaincore_consensus::Header;
use chaincore_consensus::pow::Target;
use sha2::block_api::compress256;

/// The state in which SHA-256 starts (FIPS 180-4, 5.3.3).
const SHA256_START: [u32; 8] =
    [0x6a09_e667, 0xbb67_ae85, 0x3c6e_f372, 0xa54f_f53a, 0x510e_527f, 0x9b05_688c, 0x1f83_d9ab, 0x5be0_cd19];

/// A header without its nonce, and the target its hash must not exceed.
///
/// Only the last 16 of a header's 80 bytes sit in SHA-256's second block, and of these only the nonce varies:
/// the first block is compressed once.
#[derive(Clone, Debug)]
pub struct Work {
    midstate: [u32; 8],
    /// The second block: end of the merkle root, time, bits, nonce, padding.
    tail: [u8; 64],
    /// The target as a number: most significant word first.
    target: [u32; 8],
}

impl Work {
    /// The work on `header`; its nonce is ignored, and so are its bits.
    pub fn new(header: &Header, target: Target) -> Self {
        let bytes = header.to_array();
        let mut midstate = SHA256_START;
        let first: [u8; 64] = bytes[..64].try_into().expect("a header has 80 bytes");
        compress256(&mut midstate, &[first]);
        let mut tail = [0; 64];
        tail[..16].copy_from_slice(&bytes[64..]);
        tail[16] = 0x80;
        tail[56..].copy_from_slice(&(80 * 8u64).to_be_bytes());
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(target.to_be_bytes().chunks_exact(4)) {
            *word = u32::from_be_bytes(bytes.try_into().expect("chunks of four"));
        }
        Self { midstate, tail, target: words }
    }

    /// Whether the header with this nonce hashes to the target or below it.
    pub fn solves(&self, nonce: u32) -> bool {
        self.first_in(nonce, 1).is_some()
    }

    /// The lowest nonce of the `count` nonces from `start` that solves the header. A range that would pass
    /// `u32::MAX` ends there.
    pub fn first_in(&self, start: u32, count: u32) -> Option<u32> {
        let mut second = self.tail;
        // The second hash is over one block: the first hash, then its padding.
        let mut outer = [0u8; 64];
        outer[32] = 0x80;
        outer[56..].copy_from_slice(&(32 * 8u64).to_be_bytes());
        let last = start.saturating_add(count.checked_sub(1)?);
        for nonce in start..=last {
            second[12..16].copy_from_slice(&nonce.to_le_bytes());
            let mut state = self.midstate;
            compress256(&mut state, &[second]);
            for (bytes, word) in outer.chunks_exact_mut(4).zip(state) {
                bytes.copy_from_slice(&word.to_be_bytes());
            }
            let mut state = SHA256_START;
            compress256(&mut state, &[outer]);
            // The hash's last word holds the number's most significant bytes: almost always enough to refuse.
            if state[7].swap_bytes() <= self.target[0] && self.is_within(&state) {
                return Some(nonce);
            }
        }
        None
    }

    fn is_within(&self, state: &[u32; 8]) -> bool {
        state.iter().rev().map(|word| word.swap_bytes()).le(self.target.iter().copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::hash::{BlockHash, Hash256};

    fn header(nonce: u32) -> Header {
        Header {
            version: 1,
            previous: BlockHash::ZERO,
            merkle_root: Hash256([7; 32]),
            time: 1_231_006_505,
            bits: 0x1d00_ffff,
            nonce,
        }
    }

    #[test]
    fn solves_bitcoins_genesis_block() {
        let genesis = Header {
            merkle_root: "4a5e1e4baab89f3a32518a88c31bc87f618f76673e2cc77ab2127b7afdeda33b".parse().unwrap(),
            ..header(2_083_236_893)
        };
        let work = Work::new(&genesis, Target::from_compact(genesis.bits).unwrap());
        assert!(work.solves(2_083_236_893));
        assert!(!work.solves(2_083_236_892));
        assert_eq!(work.first_in(2_083_236_800, 1000), Some(2_083_236_893));
    }

    #[test]
    fn the_verdict_is_the_hash_compared_as_a_number() {
        for nonce in 0..500 {
            let mut hash = header(nonce).hash().0;
            hash.reverse();
            let solves = |target| Work::new(&header(0), Target::from_be_bytes(target)).solves(nonce);
            assert!(solves(hash), "equal to the target is enough");
            let lowest = hash.iter().rposition(|byte| *byte > 0).unwrap();
            hash[lowest] -= 1;
            hash[lowest + 1..].fill(0xff);
            assert!(!solves(hash), "one below the hash is not");
        }
    }

    #[test]
    fn a_range_ends_at_the_last_nonce() {
        let mut nothing = Work::new(&header(0), Target::from_be_bytes([0; 32]));
        assert_eq!(nothing.first_in(u32::MAX - 5, 100), None);
        assert_eq!(nothing.first_in(0, 0), None);
        nothing.target = [u32::MAX; 8];
        assert_eq!(nothing.first_in(u32::MAX, 100), Some(u32::MAX));
    }
}
