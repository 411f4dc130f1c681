//! What a block's row needs to know of the blocks below.

use chaincore_consensus::Header;
use chaincore_consensus::pow::{Work, block_work};
use chaincore_plugin::BlockRef;

/// How many blocks the median time is taken over.
const MEDIAN_SPAN: usize = 11;

/// The state of a chain after some block.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lineage {
    tip: Option<BlockRef>,
    /// The times of the last blocks, the newest last; at most [`MEDIAN_SPAN`].
    times: Vec<u32>,
    chainwork: Work,
    utxo_acc: u64,
}

/// What is new with a block.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Grown {
    /// The median of the last 11 times, the block's included.
    pub median_time: u32,
    /// The work of the chain up to the block.
    pub chainwork: Work,
    /// The accumulator of the coins after the block.
    pub utxo_acc: u64,
}

impl Lineage {
    /// The state after `tip`, from what was stored of it. `times` are those of the last blocks, the newest last.
    pub fn at(tip: BlockRef, mut times: Vec<u32>, chainwork: [u8; 32], utxo_acc: i64) -> Self {
        times.drain(..times.len().saturating_sub(MEDIAN_SPAN));
        Self { tip: Some(tip), times, chainwork: Work::from_be_bytes(chainwork), utxo_acc: utxo_acc as u64 }
    }

    /// The last block; `None` before the genesis block.
    pub fn tip(&self) -> Option<BlockRef> {
        self.tip
    }

    /// Goes on by a block whose coins change the accumulator by `acc` (wrapping).
    pub(super) fn extend(&mut self, at: BlockRef, header: &Header, acc: u64) -> Grown {
        if self.times.len() == MEDIAN_SPAN {
            self.times.remove(0);
        }
        self.times.push(header.time);
        let mut sorted = self.times.clone();
        sorted.sort_unstable();
        self.chainwork += block_work(header.bits);
        self.utxo_acc = self.utxo_acc.wrapping_add(acc);
        self.tip = Some(at);
        Grown { median_time: sorted[sorted.len() / 2], chainwork: self.chainwork, utxo_acc: self.utxo_acc }
    }
}
