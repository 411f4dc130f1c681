//! Making the best chain the active one.

use super::block_access::damaged;
use super::connect::{Connection, check_connect, disconnect};
use super::outcome::CheckedBlock;
use super::{BlockEntry, Branch, Chain, ChainError, Phase, Validity};
use chaincore_consensus::check::{CheckOptions, check_block};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::{Block, BlockHash, TxRef};
use chaincore_plugin::AppliedBlock;
use std::collections::VecDeque;
use std::sync::Arc;

/// Bytes of transactions of disconnected blocks that are kept for the mempool; the oldest blocks' are dropped
/// first (as Core's `MAX_DISCONNECTED_TX_POOL_BYTES`, which drops the most recent block's last too).
const MAX_DISCONNECTED_BYTES: usize = 20_000_000;

/// What came of an activation.
#[derive(Debug, Default)]
pub(super) struct Activation {
    /// Blocks that left the active chain, over all attempts.
    pub(super) disconnected: u32,
    /// Blocks that turned out invalid.
    pub(super) failures: Vec<(BlockHash, RejectReason)>,
}

/// The way from one tip to another.
#[derive(Debug)]
struct ReorgPlan {
    /// Blocks to take off, the tip first.
    disconnect: Vec<Arc<BlockEntry>>,
    /// The new tip; the blocks below it down to `fork` are to be put on.
    target: Arc<BlockEntry>,
    fork: Arc<BlockEntry>,
}

impl ReorgPlan {
    fn new(tip: &Arc<BlockEntry>, target: &Arc<BlockEntry>) -> Self {
        let fork = tip.fork_with(target).clone();
        let mut disconnect = vec![];
        let mut at = tip;
        while !Arc::ptr_eq(at, &fork) {
            disconnect.push(at.clone());
            at = at.parent().expect("the fork lies below");
        }
        Self { disconnect, target: target.clone(), fork }
    }

    /// The blocks to put on, lowest first.
    fn connect(&self) -> Vec<Arc<BlockEntry>> {
        let mut entries = vec![];
        let mut at = &self.target;
        while !Arc::ptr_eq(at, &self.fork) {
            entries.push(at.clone());
            at = at.parent().expect("the fork lies below");
        }
        entries.reverse();
        entries
    }
}

/// Transactions of disconnected blocks, in the order in which the mempool can take them back.
#[derive(Debug, Default)]
pub(super) struct Disconnected {
    blocks: VecDeque<(Arc<Block>, usize)>,
    bytes: usize,
}

impl FromIterator<Arc<Block>> for Disconnected {
    fn from_iter<I: IntoIterator<Item = Arc<Block>>>(blocks: I) -> Self {
        let mut disconnected = Self::default();
        blocks.into_iter().for_each(|block| disconnected.push(block));
        disconnected
    }
}

impl Disconnected {
    fn push(&mut self, block: Arc<Block>) {
        let bytes = block.total_size();
        self.bytes += bytes;
        self.blocks.push_back((block, bytes));
        while self.bytes > MAX_DISCONNECTED_BYTES {
            // The block disconnected last is the lowest; its transactions are the ones that others need.
            let Some((_, bytes)) = self.blocks.pop_front() else { break };
            self.bytes -= bytes;
        }
    }

    /// The transactions but coinbases, parents before children.
    fn into_transactions(self) -> Vec<TxRef> {
        let blocks = self.blocks.into_iter().rev();
        blocks.flat_map(|(block, _)| block.transactions.iter().skip(1).cloned().collect::<Vec<_>>()).collect()
    }
}

impl Chain {
    /// Connects blocks until no valid candidate is better than the tip. `fresh` is a block that need not be
    /// read from the files.
    pub(super) fn activate(&mut self, fresh: Option<&CheckedBlock>) -> Result<Activation, ChainError> {
        let mut activation = Activation::default();
        let mut disconnected = Disconnected::default();
        let shared = self.shared.clone();
        let start_work = self.tip.chain_work();
        let start = self.tip.clone();
        let mut gate = None;
        while let Some(target) = self.tree.best_candidate() {
            if Arc::ptr_eq(&target, &self.tip) {
                break;
            }
            let plan = ReorgPlan::new(&self.tip, &target);
            if !plan.disconnect.is_empty() {
                // Readers of coins wait until the new branch is at least as good as what they saw before.
                gate.get_or_insert_with(|| shared.change_coins());
            }
            for entry in &plan.disconnect {
                let block = self.disconnect_tip(entry)?;
                activation.disconnected += 1;
                disconnected.push(block);
            }
            for entry in plan.connect() {
                let fresh = fresh.filter(|fresh| fresh.hash() == entry.hash());
                match self.connect_tip(&entry, fresh, gate.is_some())? {
                    Ok(()) => {
                        if gate.is_some() && self.tip.chain_work() > start_work {
                            self.revision += 1;
                            self.publish();
                            gate = None;
                        }
                    }
                    Err(reason) => {
                        self.mark_failed(&entry, &reason);
                        activation.failures.push((entry.hash(), reason));
                        break;
                    }
                }
                self.flush_if_due()?;
            }
        }
        self.tree.prune_candidates(&self.tip);
        if !disconnected.blocks.is_empty() {
            self.readd_to_mempool(disconnected)?;
        }
        if !Arc::ptr_eq(&start, &self.tip) && self.tip.chain_work() <= start_work {
            self.revision += 1;
        }
        drop(gate);
        self.publish();
        Ok(activation)
    }

    /// Takes the tip off.
    pub(super) fn disconnect_tip(&mut self, entry: &Arc<BlockEntry>) -> Result<Arc<Block>, ChainError> {
        let block = self.shared.read_block(entry)?;
        let undo = self.shared.read_undo(entry)?;
        disconnect(&block, entry, undo, &self.shared.coins)?;
        self.tip = entry.parent().expect("the genesis block is never disconnected").clone();
        self.blocks_since_flush += 1;
        self.flush_if_due()?;
        Ok(block)
    }

    fn body(
        &self,
        entry: &BlockEntry,
        fresh: Option<&CheckedBlock>,
    ) -> Result<(Arc<Block>, usize), ChainError> {
        if let Some(fresh) = fresh {
            return Ok((fresh.block().clone(), fresh.bytes().len()));
        }
        let block = self.shared.read_block(entry)?;
        let size = block.total_size();
        // It was checked when it arrived: now this only tells whether the disk kept it.
        check_block(&block, &self.params, CheckOptions::ALL)
            .map_err(|reason| damaged(entry, &format!("the stored body is not valid: {reason}")))?;
        Ok((block, size))
    }

    fn connect_tip(
        &mut self,
        entry: &Arc<BlockEntry>,
        fresh: Option<&CheckedBlock>,
        gated: bool,
    ) -> Result<Result<(), RejectReason>, ChainError> {
        let (block, size) = self.body(entry, fresh)?;
        let parent = Branch(self.tip.clone());
        let checked = check_connect(&block, &parent, &*self.shared.coins, &self.params, &self.scripts)?;
        let connection = match checked {
            Ok(connection) => connection,
            Err(reason) => return Ok(Err(reason)),
        };
        if !entry.has_undo() {
            let file = entry.data_pos().ok_or_else(|| damaged(entry, "it has no position"))?.file;
            let undo = connection.undo.to_bytes();
            let pos = self.shared.store.block_files().append_undo(file, &undo, &self.tip.hash())?;
            entry.set_undo(pos);
        }
        entry.raise_validity(Validity::Scripts);
        self.tree.mark_dirty(entry);
        {
            let shared = self.shared.clone();
            let _gate = (!gated).then(|| shared.change_coins());
            let mempool = self.mempool.clone();
            let mut mempool = mempool.write().expect("no one panics while holding the mempool");
            connection.apply(&self.shared.coins)?;
            mempool.remove_for_block(&block, self.shared.clock.now());
            self.tip = entry.clone();
            if !gated {
                self.revision += 1;
                self.publish();
            }
        }
        self.blocks_since_flush += 1;
        self.after_connect(entry, block, size, connection);
        Ok(Ok(()))
    }

    fn after_connect(&self, entry: &Arc<BlockEntry>, block: Arc<Block>, size: usize, connection: Connection) {
        tracing::debug!(
            hash = %entry.hash(),
            height = entry.height(),
            transactions = entry.n_tx(),
            fees = %connection.summary.fees,
            "connected"
        );
        if self.shared.status.is_replaying()
            && let Phase::Replaying { target, .. } = self.shared.status.phase()
        {
            self.shared.status.set(Phase::Replaying { height: entry.height(), target });
        }
        if !self.shared.status.is_importing() && !self.shared.status.is_replaying() {
            let prev = block.header.previous;
            let spent = connection.undo.txs.into_iter().flatten().collect();
            // A decoded block and its coins take a few times the bytes of the block.
            self.shared.remember(AppliedBlock { at: entry.at_ref(), prev, block, spent }, size * 4);
        }
    }

    /// Gives the mempool what disconnected blocks had confirmed.
    pub(super) fn readd_to_mempool(&mut self, disconnected: Disconnected) -> Result<(), ChainError> {
        let transactions = disconnected.into_transactions();
        self.with_mempool(|mempool, view| mempool.readd_after_reorg(&transactions, view))?;
        Ok(())
    }
}
