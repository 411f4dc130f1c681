//! Making the best chain the active one.

use super::block_access::damaged;
use super::connect::{Connection, check_connect, disconnect};
use super::outcome::CheckedBlock;
use super::shared::Shared;
use super::{BlockEntry, Branch, Chain, ChainError, Phase, Validity};
use crate::mempool::Mempool;
use chaincore_consensus::check::{CheckOptions, check_block};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::{Block, BlockHash, TxRef};
use chaincore_plugin::AppliedBlock;
use std::collections::VecDeque;
use std::sync::{Arc, RwLock, RwLockWriteGuard};

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

/// What readers are kept from while the chain is between two states. The mempool comes first: readers that hold
/// it may ask for coins.
pub(super) struct Held<'a> {
    mempool: RwLockWriteGuard<'a, Mempool>,
    _coins: RwLockWriteGuard<'a, ()>,
}

impl<'a> Held<'a> {
    pub(super) fn new(shared: &'a Shared, mempool: &'a RwLock<Mempool>) -> Self {
        let mempool = mempool.write().expect("no one panics while holding the mempool");
        Self { mempool, _coins: shared.change_coins() }
    }
}

impl Chain {
    /// Connects blocks until no valid candidate is better than the tip. `fresh` is a block that need not be
    /// read from the files.
    ///
    /// While blocks leave the active chain, readers of coins and of the mempool wait: they would see a chain that
    /// was never anyone's. When only new blocks come, each is a state of its own.
    pub(super) fn activate(&mut self, fresh: Option<&CheckedBlock>) -> Result<Activation, ChainError> {
        let mut activation = Activation::default();
        let mut disconnected = Disconnected::default();
        let (shared, mempool) = (self.shared.clone(), self.mempool.clone());
        let start = self.tip.clone();
        let mut held: Option<Held<'_>> = None;
        while let Some(target) = self.tree.best_candidate() {
            if Arc::ptr_eq(&target, &self.tip) || shared.status.is_interrupted() {
                break;
            }
            let plan = ReorgPlan::new(&self.tip, &target);
            if !plan.disconnect.is_empty() {
                held.get_or_insert_with(|| Held::new(&shared, &mempool));
            }
            for entry in &plan.disconnect {
                let block = self.disconnect_tip(entry)?;
                activation.disconnected += 1;
                disconnected.push(block);
            }
            for entry in plan.connect() {
                let fresh = fresh.filter(|fresh| fresh.hash() == entry.hash());
                if let Err(reason) = self.connect_tip(&entry, fresh, held.as_mut())? {
                    self.mark_failed(&entry, &reason);
                    activation.failures.push((entry.hash(), reason));
                    break;
                }
                self.flush_if_due()?;
                // A reorganization is not left half done: its readers wait.
                if held.is_none() && shared.status.is_interrupted() {
                    break;
                }
            }
        }
        self.tree.prune_candidates(&self.tip);
        if let Some(held) = &mut held {
            self.readd_to_mempool(disconnected, held)?;
            self.revision += u64::from(!Arc::ptr_eq(&start, &self.tip));
        }
        self.publish();
        drop(held);
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
        held: Option<&mut Held<'_>>,
    ) -> Result<Result<(), RejectReason>, ChainError> {
        let (block, size) = self.body(entry, fresh)?;
        let parent = Branch(self.tip.clone());
        let catching_up = self.shared.is_initial_download();
        let scripts = if catching_up { self.scripts.without_cache() } else { self.scripts.clone() };
        let checked = check_connect(&block, &parent, &*self.shared.coins, &self.params, &scripts)?;
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

    /// Gives the mempool what disconnected blocks had confirmed.
    pub(super) fn readd_to_mempool(
        &self,
        disconnected: Disconnected,
        held: &mut Held<'_>,
    ) -> Result<(), ChainError> {
        let transactions = disconnected.into_transactions();
        let branch = Branch(self.tip.clone());
        held.mempool.readd_after_reorg(&transactions, &self.chain_view(&branch))?;
        Ok(())
    }
}
