//! One state of the chain, in the interfaces' terms.

use crate::chain::{BlockEntry, Branch, Snapshot, Validity};
use chaincore_consensus::BlockHash;
use chaincore_consensus::ancestry::Ancestry;
use chaincore_rpc::node::{BlockInfo, BlockValidity, ChainView};
use std::sync::Arc;

/// A snapshot as a [`ChainView`].
pub(super) struct View(pub(super) Arc<Snapshot>);

fn info(entry: &BlockEntry) -> BlockInfo {
    let validity = if entry.is_failed() {
        BlockValidity::Failed
    } else if entry.is_valid(Validity::Scripts) {
        BlockValidity::Scripts
    } else if entry.is_valid(Validity::Transactions) {
        BlockValidity::Transactions
    } else {
        BlockValidity::Header
    };
    BlockInfo {
        hash: entry.hash(),
        header: *entry.header(),
        height: entry.height(),
        chain_work: entry.chain_work(),
        n_tx: entry.n_tx(),
        chain_tx: entry.chain_tx(),
        median_time: entry.median_time_past(),
        validity,
        has_data: entry.has_data(),
        has_undo: entry.has_undo(),
    }
}

impl ChainView for View {
    fn tip(&self) -> BlockInfo {
        info(self.0.tip())
    }

    fn best_header(&self) -> BlockInfo {
        info(self.0.best_header())
    }

    fn at_height(&self, height: u32) -> Option<BlockInfo> {
        self.0.block_at(height).map(|entry| info(entry))
    }

    fn entry(&self, hash: &BlockHash) -> Option<BlockInfo> {
        self.0.entry(hash).map(|entry| info(&entry))
    }

    fn is_active(&self, hash: &BlockHash) -> bool {
        self.0.entry(hash).is_some_and(|entry| self.0.is_active(&entry))
    }

    fn ancestor(&self, hash: &BlockHash, height: u32) -> Option<BlockInfo> {
        self.0.entry(hash)?.ancestor(height).map(|entry| info(entry))
    }

    fn tips(&self) -> Vec<BlockInfo> {
        self.0.tips().iter().map(|tip| info(&tip.entry)).collect()
    }

    fn ancestry(&self, hash: &BlockHash) -> Option<Box<dyn Ancestry + Send + Sync>> {
        Some(Box::new(Branch(self.0.entry(hash)?)))
    }
}
