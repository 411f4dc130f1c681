//! The chain as its followers see it.

use super::{ChainError, ChainHandle};
use chaincore_consensus::BlockHash;
use chaincore_plugin::{AppliedBlock, BlockRef, ChainReader, Path, ReadError};

impl ChainReader for ChainHandle {
    fn tip(&self) -> BlockRef {
        self.snapshot().tip().at_ref()
    }

    fn durable_tip(&self) -> BlockRef {
        self.shared().tip_state().borrow().durable
    }

    fn is_ancestor(&self, block: &BlockRef, of: &BlockRef) -> bool {
        let Some(of) = self.entry(&of.hash) else { return false };
        of.ancestor(block.height).is_some_and(|entry| entry.hash() == block.hash)
    }

    fn path(&self, known: &[BlockRef], limit: usize) -> Path {
        let snapshot = self.snapshot();
        let genesis = || snapshot.block_at(0).expect("every chain has a genesis block").at_ref();
        let fork = known.iter().find(|block| snapshot.contains(block)).copied().unwrap_or_else(genesis);
        let connect = snapshot.blocks(fork.height + 1, limit).iter().map(|entry| entry.at_ref()).collect();
        Path { fork, connect, tip: snapshot.tip().at_ref() }
    }

    fn parent(&self, block: &BlockRef) -> Option<BlockRef> {
        Some(self.entry(&block.hash)?.parent()?.at_ref())
    }

    fn applied_block(&self, hash: &BlockHash) -> Result<AppliedBlock, ReadError> {
        self.read_applied(hash).map_err(|error| match error {
            ChainError::UnknownBlock(hash) | ChainError::Unavailable(hash) => ReadError::Unavailable(hash),
            other => ReadError::Storage(Box::new(other)),
        })
    }
}
