//! Reading stored blocks and their undo data.

use super::shared::Shared;
use super::{BlockEntry, ChainError};
use chaincore_consensus::codec::{Decode, Encode};
use chaincore_consensus::undo::BlockUndo;
use chaincore_consensus::{Block, BlockHash};
use chaincore_plugin::AppliedBlock;
use std::sync::Arc;

impl Shared {
    /// The wire form of a stored block. Its header is checked, so it is this block and no other.
    pub(super) fn block_bytes(&self, entry: &BlockEntry) -> Result<Vec<u8>, ChainError> {
        if entry.height() == 0 {
            // Known without being stored, which it is not yet while everything is rebuilt.
            return Ok(self.params.genesis.to_bytes());
        }
        let pos = entry.data_pos().ok_or(ChainError::Unavailable(entry.hash()))?;
        let bytes = self.store.block_files().read_block(pos)?;
        if bytes.get(..80) != Some(&entry.header().to_array()[..]) {
            return Err(damaged(entry, "another block is stored in its place"));
        }
        Ok(bytes)
    }

    /// A stored block.
    pub(super) fn read_block(&self, entry: &BlockEntry) -> Result<Arc<Block>, ChainError> {
        if let Some(recent) = self.recall(&entry.hash()) {
            return Ok(recent.block);
        }
        let bytes = self.block_bytes(entry)?;
        let block = Block::decode_exact(&bytes).map_err(|error| damaged(entry, &error.to_string()))?;
        Ok(Arc::new(block))
    }

    /// What a block spent; empty for the genesis block.
    pub(super) fn read_undo(&self, entry: &BlockEntry) -> Result<BlockUndo, ChainError> {
        let Some(parent) = entry.parent() else { return Ok(BlockUndo::default()) };
        let pos = entry.undo_pos().ok_or(ChainError::Unavailable(entry.hash()))?;
        let bytes = self.store.block_files().read_undo(pos, &parent.hash())?;
        BlockUndo::decode_exact(&bytes).map_err(|error| damaged(entry, &error.to_string()))
    }

    /// A block that was connected at some time, with what it spent.
    pub(super) fn applied_block(&self, entry: &BlockEntry) -> Result<AppliedBlock, ChainError> {
        if let Some(recent) = self.recall(&entry.hash()) {
            return Ok(recent);
        }
        let undo = self.read_undo(entry)?;
        let prev = entry.parent().map_or(BlockHash::ZERO, |parent| parent.hash());
        let spent = undo.txs.into_iter().flatten().collect();
        Ok(AppliedBlock { at: entry.at_ref(), prev, block: self.read_block(entry)?, spent })
    }
}

/// The error of stored bytes that are not what they were.
pub(super) fn damaged(entry: &BlockEntry, what: &str) -> ChainError {
    ChainError::Damaged(format!("block {} at height {}: {what}", entry.hash(), entry.height()))
}
