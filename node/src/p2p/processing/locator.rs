//! Locators: where a chain is, told in few hashes.

use crate::chain::{BlockEntry, Snapshot};
use crate::p2p::wire::Locator;
use chaincore_consensus::BlockHash;
use std::sync::Arc;

/// The last ten blocks, then ever fewer, then genesis (Core's `LocatorEntries`).
pub(super) fn locator(tip: &Arc<BlockEntry>) -> Locator {
    let mut hashes = Vec::with_capacity(32);
    let mut step = 1;
    let mut at = tip;
    loop {
        hashes.push(at.hash());
        if at.height() == 0 {
            break;
        }
        let height = at.height().saturating_sub(step);
        at = at.ancestor(height).expect("not above the block");
        if hashes.len() > 10 {
            step = step.saturating_mul(2);
        }
    }
    Locator::new(hashes)
}

/// The last block that a locator and the active chain share (Core's `FindForkInGlobalIndex`); genesis if none.
pub(super) fn find_fork(snapshot: &Snapshot, hashes: &[BlockHash]) -> Arc<BlockEntry> {
    for hash in hashes {
        let Some(entry) = snapshot.entry(hash) else { continue };
        if snapshot.is_active(&entry) {
            return entry;
        }
        if snapshot.tip().is_ancestor_of(&entry) {
            return snapshot.tip().clone();
        }
    }
    snapshot.block_at(0).expect("every chain has a genesis block").clone()
}
