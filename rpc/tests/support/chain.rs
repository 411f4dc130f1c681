//! The double's chain: blocks by height, and those beside it.

use super::{MemoryNode, key};
use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::pow::{Work, block_work, check_proof_of_work};
use chaincore_consensus::reject::{RejectKind, RejectReason};
use chaincore_consensus::undo::BlockUndo;
use chaincore_consensus::{Block, BlockHash, Header};
use chaincore_rpc::node::*;
use std::sync::Arc;

/// The chain as it was at one moment.
#[derive(Clone)]
pub struct View {
    pub(super) active: Vec<BlockInfo>,
    pub(super) side: Vec<BlockInfo>,
}

impl ChainView for View {
    fn tip(&self) -> BlockInfo {
        self.active.last().unwrap().clone()
    }

    fn best_header(&self) -> BlockInfo {
        self.tip()
    }

    fn at_height(&self, height: u32) -> Option<BlockInfo> {
        self.active.get(height as usize).cloned()
    }

    fn entry(&self, hash: &BlockHash) -> Option<BlockInfo> {
        self.active.iter().chain(&self.side).find(|block| block.hash == *hash).cloned()
    }

    fn is_active(&self, hash: &BlockHash) -> bool {
        self.active.iter().any(|block| block.hash == *hash)
    }

    fn ancestor(&self, hash: &BlockHash, height: u32) -> Option<BlockInfo> {
        let mut block = self.entry(hash)?;
        while block.height > height {
            block = self.entry(&block.header.previous)?;
        }
        (block.height == height).then_some(block)
    }

    fn tips(&self) -> Vec<BlockInfo> {
        let mut tips = self.side.clone();
        tips.push(self.tip());
        tips
    }

    fn ancestry(&self, hash: &BlockHash) -> Option<Box<dyn Ancestry + Send + Sync>> {
        let tip = self.entry(hash)?;
        let parent = self.active.iter().position(|block| block.hash == tip.header.previous);
        let shared = parent.map_or(0, |parent| parent + 1);
        let mut headers: Vec<Header> = self.active[..shared].iter().map(|block| block.header).collect();
        headers.push(tip.header);
        Some(Box::new(headers))
    }
}

pub(super) fn info_of(
    header: Header,
    height: u32,
    parent: Option<&BlockInfo>,
    n_tx: u32,
    median_time: u32,
) -> BlockInfo {
    BlockInfo {
        hash: header.hash(),
        header,
        height,
        chain_work: parent.map_or(Work::ZERO, |parent| parent.chain_work) + block_work(header.bits),
        n_tx,
        chain_tx: parent.map_or(0, |parent| parent.chain_tx) + u64::from(n_tx),
        median_time,
        validity: BlockValidity::Scripts,
        has_data: true,
        has_undo: true,
    }
}

impl MemoryNode {
    /// Puts a block behind the tip, or beside the chain.
    pub(super) fn connect(&self, block: Arc<Block>) -> BlockOutcome {
        let mut state = self.state();
        let hash = block.hash();
        if state.view.entry(&hash).is_some() {
            return BlockOutcome::AlreadyKnown;
        }
        if !check_proof_of_work(&hash, block.header.bits, self.params.pow_limit) {
            let reason = RejectReason::new(RejectKind::InvalidHeader, "high-hash");
            return BlockOutcome::Rejected(reason.with_debug("proof of work failed"));
        }
        let Some(parent) = state.view.entry(&block.header.previous) else {
            return BlockOutcome::MissingParent;
        };
        if block.transactions.iter().any(|tx| tx.is_coinbase() && !tx.has_witness()) {
            return BlockOutcome::Rejected(RejectReason::consensus("bad-witness-nonce-size"));
        }
        let mut headers: Vec<Header> = state.view.active.iter().map(|block| block.header).collect();
        headers.truncate(parent.height as usize + 1);
        headers.push(block.header);
        let count = u32::try_from(block.transactions.len()).unwrap();
        let height = parent.height + 1;
        let info = info_of(block.header, height, Some(&parent), count, headers.median_time_past());
        if parent.hash != state.view.tip().hash {
            state.view.side.push(BlockInfo { validity: BlockValidity::Transactions, ..info });
            state.blocks.insert(hash, (block, Arc::default()));
            return BlockOutcome::SideChain;
        }
        let mut undo = BlockUndo::default();
        for (at, tx) in block.transactions.iter().enumerate() {
            if !tx.is_coinbase() {
                let spent =
                    tx.inputs.iter().map(|input| state.coins.remove(&key(&input.previous_output)).unwrap());
                undo.txs.push(spent.collect());
            }
            for (vout, output) in tx.outputs.iter().enumerate() {
                if !output.script_pubkey.is_unspendable() {
                    let coin = Coin {
                        output: output.clone(),
                        height,
                        coinbase: tx.is_coinbase(),
                        tx_index: u32::try_from(at).unwrap(),
                    };
                    state.coins.insert((tx.txid().0, u32::try_from(vout).unwrap()), coin);
                }
            }
            state.pool.retain(|(pooled, _)| pooled.txid() != tx.txid());
        }
        state.view.active.push(info);
        state.blocks.insert(hash, (block, Arc::new(undo)));
        self.tips.send_replace(Tip { hash, height });
        BlockOutcome::Best
    }
}
