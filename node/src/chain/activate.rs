//! Making the best chain the active one.

use super::block_access::damaged;
use super::connect::{Connection, check_connect, disconnect};
use super::outcome::CheckedBlock;
use super::reorg::{Change, Held, ReorgPlan};
use super::{BlockEntry, BlockVerdict, Branch, Chain, ChainError, Phase, Validity};
use crate::mempool::NodeEvent;
use chaincore_consensus::check::{CheckOptions, check_block};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::{Block, BlockHash};
use chaincore_plugin::AppliedBlock;
use std::sync::Arc;

/// What came of an activation.
#[derive(Debug, Default)]
pub(super) struct Activation {
    /// Blocks that left the active chain, over all attempts.
    pub(super) disconnected: u32,
    /// Blocks that turned out invalid.
    pub(super) failures: Vec<(BlockHash, RejectReason)>,
}

impl Chain {
    /// Connects blocks until no valid candidate is better than the tip. `fresh` is a block that need not be
    /// read from the files.
    ///
    /// While blocks leave the active chain, readers of coins and of the mempool wait until a better chain is there,
    /// but no longer than for a step's blocks. When only new blocks come, each is a state of its own.
    ///
    /// An interruption ends this after a block, wherever it is: the tip may then be worse than before, and the next
    /// start goes on.
    pub(super) fn activate(&mut self, fresh: Option<&CheckedBlock>) -> Result<Activation, ChainError> {
        let mut activation = Activation::default();
        let (shared, mempool) = (self.shared.clone(), self.mempool.clone());
        let start = self.tip.clone();
        let mut change = Change::new(&shared, &mempool);
        while let Some(target) = self.tree.best_candidate() {
            if Arc::ptr_eq(&target, &self.tip) || shared.status.is_interrupted() {
                break;
            }
            let plan = ReorgPlan::new(&self.tip, &target);
            for entry in &plan.disconnect {
                if shared.status.is_interrupted() {
                    break;
                }
                self.disconnect_in(entry, &mut change)?;
                activation.disconnected += 1;
            }
            for entry in plan.connect() {
                if shared.status.is_interrupted() {
                    break;
                }
                if change.is_open() {
                    self.step(&mut change)?;
                }
                let fresh = fresh.filter(|fresh| fresh.hash() == entry.hash());
                let result = self.connect_tip(&entry, fresh, change.held())?;
                if result.is_ok() && change.is_open() {
                    change.note_connected(&entry);
                }
                self.shared.verdicts.push(BlockVerdict { hash: entry.hash(), result: result.clone() });
                if let Err(reason) = result {
                    self.mark_failed(&entry);
                    tracing::error!("ConnectTip: ConnectBlock {} failed, {reason}", entry.hash());
                    activation.failures.push((entry.hash(), reason));
                    break;
                }
                if change.is_open() && self.tip.chain_work() > start.chain_work() {
                    self.end_change(&mut change)?;
                }
                if !change.is_open() {
                    self.stop_if_high();
                }
                self.flush_if_due()?;
            }
        }
        if self.tip.chain_work() < start.chain_work() {
            // Interrupted on the way: blocks that were worse than the tip before are candidates now.
            self.tree.rebuild_candidates(&self.tip);
        } else {
            self.tree.prune_candidates(&self.tip);
        }
        let moved = change.is_open();
        self.end_change(&mut change)?;
        if moved {
            self.stop_if_high();
        }
        Ok(activation)
    }

    /// Lets nothing more be connected once the height is reached at which the node is to stop.
    fn stop_if_high(&self) {
        let status = &self.shared.status;
        if self.stop_at_height.is_some_and(|height| self.tip.height() >= height) && !status.is_interrupted() {
            tracing::info!("Stopping at height {}, as told", self.tip.height());
            status.interrupt();
        }
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
        held: Option<&mut Held<'_>>,
    ) -> Result<Result<(), RejectReason>, ChainError> {
        let (block, size) = self.body(entry, fresh)?;
        let parent = Branch(self.tip.clone());
        let catching_up = self.shared.is_initial_download();
        let scripts = if catching_up { self.scripts.without_cache() } else { self.scripts.clone() };
        let checked = check_connect(&block, &parent, &*self.shared.coins, &self.params, Some(&scripts))?;
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
        match held {
            Some(held) => self.apply(entry, &block, &connection, held)?,
            None => {
                let (shared, mempool) = (self.shared.clone(), self.mempool.clone());
                let mut held = Held::new(&shared, &mempool);
                self.apply(entry, &block, &connection, &mut held)?;
                self.revision += 1;
                self.publish();
                held.mempool.note(NodeEvent::Connected(entry.at_ref()));
                held.mempool.note(self.tip_event());
            }
        }
        self.blocks_since_flush += 1;
        self.after_connect(entry, block, size, connection);
        Ok(Ok(()))
    }

    fn apply(
        &mut self,
        entry: &Arc<BlockEntry>,
        block: &Block,
        connection: &Connection,
        held: &mut Held<'_>,
    ) -> Result<(), ChainError> {
        connection.apply(&self.shared.coins)?;
        held.mempool.remove_for_block(block, self.shared.clock.now());
        self.tip = entry.clone();
        Ok(())
    }

    fn after_connect(&self, entry: &Arc<BlockEntry>, block: Arc<Block>, size: usize, connection: Connection) {
        tracing::info!(
            "UpdateTip: new best={} height={} version=0x{:08x} tx={} fees={} time={}",
            entry.hash(),
            entry.height(),
            entry.header().version,
            entry.chain_tx(),
            connection.summary.fees,
            entry.header().time
        );
        if self.shared.status.is_replaying()
            && let Phase::Replaying { target, .. } = self.shared.status.phase()
        {
            self.shared.status.set(Phase::Replaying { height: entry.height(), target });
        }
        if !self.shared.status.is_importing() && !self.shared.status.is_replaying() {
            let prev = block.header.previous;
            let spent: Arc<[Coin]> = connection.undo.txs.into_iter().flatten().collect();
            // A decoded block and its coins take a few times the bytes of the block; long scripts come on top.
            let scripts: usize = spent.iter().map(|coin| coin.output.script_pubkey.len()).sum();
            self.shared.remember(AppliedBlock { at: entry.at_ref(), prev, block, spent }, size * 4 + scripts);
        }
    }
}
