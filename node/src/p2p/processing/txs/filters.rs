//! Transactions that need not be fetched, because what became of them is known.

use crate::p2p::rolling_bloom::RollingBloom;
use chaincore_consensus::{Block, Hash256, TxRef, Wtxid};

const FALSE_POSITIVES: f64 = 0.000_001;
/// What ten peers may announce in a few minutes at most.
const REJECTED: usize = 120_000;
/// About six blocks' txids and wtxids.
const CONFIRMED: usize = 48_000;

/// A rolling set that takes memory only once there is something in it.
#[derive(Debug)]
struct Recent {
    capacity: usize,
    set: Option<RollingBloom>,
}

impl Recent {
    fn new(capacity: usize) -> Self {
        Self { capacity, set: None }
    }

    fn insert(&mut self, element: &[u8]) {
        self.set.get_or_insert_with(|| RollingBloom::new(self.capacity, FALSE_POSITIVES)).insert(element);
    }

    fn contains(&self, element: &[u8]) -> bool {
        self.set.as_ref().is_some_and(|set| set.contains(element))
    }
}

/// What is remembered of transactions that came to an end: refused ones as long as the tip stays, confirmed ones while
/// they are recent. Each set may, at one in a million, know what it was never told.
#[derive(Debug)]
pub(super) struct Filters {
    rejected: Recent,
    reconsiderable: Recent,
    confirmed: Recent,
}

impl Default for Filters {
    fn default() -> Self {
        Self {
            rejected: Recent::new(REJECTED),
            reconsiderable: Recent::new(REJECTED),
            confirmed: Recent::new(CONFIRMED),
        }
    }
}

/// What a package is remembered by.
fn package_key(package: &[TxRef]) -> Vec<u8> {
    let mut wtxids: Vec<Wtxid> = package.iter().map(|tx| tx.wtxid()).collect();
    wtxids.sort_unstable();
    wtxids.iter().flat_map(|wtxid| wtxid.0).collect()
}

impl Filters {
    /// A transaction was refused, and will be whatever comes with it.
    pub(super) fn reject(&mut self, hash: &Hash256) {
        self.rejected.insert(&hash.0);
    }

    /// Whether it was.
    pub(super) fn is_rejected(&self, hash: &Hash256) -> bool {
        self.rejected.contains(&hash.0)
    }

    /// A transaction was refused, but might pass together with another one.
    pub(super) fn reject_alone(&mut self, wtxid: &Wtxid) {
        self.reconsiderable.insert(&wtxid.0);
    }

    /// Whether it was.
    pub(super) fn is_rejected_alone(&self, hash: &Hash256) -> bool {
        self.reconsiderable.contains(&hash.0)
    }

    /// Several transactions were refused together.
    pub(super) fn reject_package(&mut self, package: &[TxRef]) {
        self.reconsiderable.insert(&package_key(package));
    }

    /// Whether they were.
    pub(super) fn is_package_rejected(&self, package: &[TxRef]) -> bool {
        self.reconsiderable.contains(&package_key(package))
    }

    /// Whether a transaction was confirmed lately.
    pub(super) fn is_confirmed(&self, hash: &Hash256) -> bool {
        self.confirmed.contains(&hash.0)
    }

    /// The tip is another one: what was refused may be valid now.
    pub(super) fn tip_changed(&mut self) {
        self.rejected.set = None;
        self.reconsiderable.set = None;
    }

    /// A block came into the chain.
    pub(super) fn block_connected(&mut self, block: &Block) {
        for tx in &block.transactions {
            self.confirmed.insert(&tx.txid().0);
            if tx.has_witness() {
                self.confirmed.insert(&tx.wtxid().0);
            }
        }
    }

    /// A block left the chain: its transactions are wanted again.
    pub(super) fn block_disconnected(&mut self) {
        self.confirmed.set = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_counts_until_the_tip_changes() {
        let mut filters = Filters::default();
        let (refused, other) = (Hash256([1; 32]), Hash256([2; 32]));
        filters.reject(&refused);
        filters.reject_alone(&Wtxid(other.0));
        assert!(filters.is_rejected(&refused) && !filters.is_rejected(&other));
        assert!(filters.is_rejected_alone(&other) && !filters.is_rejected_alone(&refused));
        filters.tip_changed();
        assert!(!filters.is_rejected(&refused) && !filters.is_rejected_alone(&other));
    }
}
