//! A header made ready for the kernels: everything that its nonces share.

use crate::sha256::{Midstate, START, Tail, compress};
use chaincore_consensus::Header;
use chaincore_consensus::pow::Target;

/// A nonce that solves one of the headers that were searched.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Hit {
    /// Which of the versions given to [`Prepared::with_versions`].
    pub version: u32,
    /// The nonce.
    pub nonce: u32,
}

/// A header without its nonce, in one or several versions, and the target that its hash must not exceed.
///
/// Only the last 16 of a header's 80 bytes sit in SHA-256's second block, and of these only the nonce varies.
/// Versions differ in the first block alone, so what the second block's message schedule costs is paid once
/// for all of them: with sixteen versions a hash takes a sixth fewer instructions than with one.
#[derive(Clone, Debug)]
pub struct Prepared {
    pub(crate) versions: Vec<Midstate>,
    pub(crate) tail: Tail,
    last_bytes: [u8; 12],
    /// The target as a number: most significant word first.
    target: [u32; 8],
}

impl Prepared {
    /// The work on `header`; its nonce is ignored, and so are its bits.
    pub fn new(header: &Header, target: Target) -> Self {
        Self::with_versions(header, &[header.version], target)
    }

    /// The work on `header` with each of these versions instead of its own.
    ///
    /// # Panics
    /// If there are none.
    pub fn with_versions(header: &Header, versions: &[i32], target: Target) -> Self {
        assert!(!versions.is_empty(), "a header has a version");
        let bytes = header.to_array();
        let midstate = |version: &i32| {
            let mut bytes = bytes;
            bytes[..4].copy_from_slice(&version.to_le_bytes());
            Midstate::new(&bytes)
        };
        let mut words = [0; 8];
        for (word, bytes) in words.iter_mut().zip(target.to_be_bytes().chunks_exact(4)) {
            *word = u32::from_be_bytes(bytes.try_into().expect("chunks of four"));
        }
        Self {
            versions: versions.iter().map(midstate).collect(),
            tail: Tail::new(&bytes),
            last_bytes: bytes[64..76].try_into().expect("a header has 80 bytes"),
            target: words,
        }
    }

    /// How many versions of the header are searched: so many hashes are made of each nonce.
    pub fn versions(&self) -> u32 {
        u32::try_from(self.versions.len()).expect("far fewer versions than numbers")
    }

    /// The most that a hash's first four bytes, read as it is printed, may be.
    pub(crate) fn limit(&self) -> u32 {
        self.target[0]
    }

    /// Whether this header hashes to the target or below it: the whole hash, computed plainly.
    ///
    /// # Panics
    /// If there is no such version.
    pub fn solves(&self, hit: Hit) -> bool {
        let mut block = [0u8; 64];
        block[..12].copy_from_slice(&self.last_bytes);
        block[12..16].copy_from_slice(&hit.nonce.to_le_bytes());
        block[16] = 0x80;
        block[56..].copy_from_slice(&(80 * 8u64).to_be_bytes());
        let mut state = self.versions[hit.version as usize].start;
        compress(&mut state, &block);
        // The second hash is over one block: the first hash, then its padding.
        let mut block = [0u8; 64];
        for (bytes, word) in block.chunks_exact_mut(4).zip(state) {
            bytes.copy_from_slice(&word.to_be_bytes());
        }
        block[32] = 0x80;
        block[56..].copy_from_slice(&(32 * 8u64).to_be_bytes());
        let mut state = START;
        compress(&mut state, &block);
        state.iter().rev().map(|word| word.swap_bytes()).le(self.target.iter().copied())
    }
}
