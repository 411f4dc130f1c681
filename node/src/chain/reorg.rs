//! Going from one branch to another in steps, and what the mempool is told of it.
//!
//! Invariants: within a step readers of coins and mempool wait; between two steps coins, tip and mempool agree. A
//! change that fits one step is one for readers: they see the branch before or the branch after.

use super::shared::Shared;
use super::{BlockEntry, Branch, Chain, ChainError};
use crate::mempool::{Entry, Mempool, NodeEvent};
use chaincore_consensus::{Block, TxRef};
use chaincore_plugin::BlockRef;
use std::collections::VecDeque;
use std::sync::{Arc, RwLock, RwLockWriteGuard};
use std::time::Duration;

/// Blocks that leave or come within one step.
pub(super) const STEP_BLOCKS: u32 = 32;

/// How long readers are let in between two steps: long enough for those who wait to wake up.
pub(super) const PAUSE: Duration = Duration::from_millis(1);

/// Bytes of transactions of disconnected blocks that are kept for the mempool; the highest blocks' are dropped
/// first (as Core's `MAX_DISCONNECTED_TX_POOL_BYTES`).
const MAX_RETURNING_BYTES: usize = 20_000_000;

/// From how many disconnected blocks on an interrupted change does not give their transactions back to the mempool:
/// the node is to stop (Core draws the same line for deep invalidations).
const MAX_RETURNING_WHEN_INTERRUPTED: usize = 10;

/// The way from one tip to another.
#[derive(Debug)]
pub(super) struct ReorgPlan {
    /// Blocks to take off, the tip first.
    pub(super) disconnect: Vec<Arc<BlockEntry>>,
    /// The new tip; the blocks below it down to `fork` are to be put on.
    target: Arc<BlockEntry>,
    fork: Arc<BlockEntry>,
}

impl ReorgPlan {
    pub(super) fn new(tip: &Arc<BlockEntry>, target: &Arc<BlockEntry>) -> Self {
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
    pub(super) fn connect(&self) -> Vec<Arc<BlockEntry>> {
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

/// What the mempool gets back when the change is over.
#[derive(Debug, Default)]
struct Returning {
    /// Disconnected blocks, the highest first, with their sizes.
    blocks: VecDeque<(Arc<Block>, usize)>,
    bytes: usize,
    /// Entries that had to leave the mempool meanwhile; of each step's, parents come first.
    suspended: Vec<Vec<Entry>>,
}

impl Returning {
    fn push(&mut self, block: Arc<Block>) {
        let bytes = block.total_size();
        self.bytes += bytes;
        self.blocks.push_back((block, bytes));
    }

    fn is_too_large(&self) -> bool {
        self.bytes > MAX_RETURNING_BYTES
    }

    fn trim(&mut self) {
        while self.is_too_large() {
            // The block disconnected last is the lowest; its transactions are the ones that others need.
            let Some((_, bytes)) = self.blocks.pop_front() else { break };
            self.bytes -= bytes;
        }
    }

    /// The transactions of the blocks but coinbases, parents before children.
    fn transactions(&self) -> Vec<TxRef> {
        let blocks = self.blocks.iter().rev();
        blocks.flat_map(|(block, _)| block.transactions.iter().skip(1).cloned()).collect()
    }

    /// The entries that left, parents before children: what left later cannot depend on what had left already.
    fn entries(self) -> Vec<Entry> {
        self.suspended.into_iter().rev().flatten().collect()
    }
}

/// What readers are kept from while the chain is between two states. The mempool comes first: readers that hold
/// it may ask for coins.
pub(super) struct Held<'a> {
    pub(super) mempool: RwLockWriteGuard<'a, Mempool>,
    _coins: RwLockWriteGuard<'a, ()>,
}

impl<'a> Held<'a> {
    pub(super) fn new(shared: &'a Shared, mempool: &'a RwLock<Mempool>) -> Self {
        let mempool = mempool.write().expect("no one panics while holding the mempool");
        Self { mempool, _coins: shared.change_coins() }
    }
}

/// A change of branches under way.
pub(super) struct Change<'a> {
    shared: &'a Shared,
    mempool: &'a RwLock<Mempool>,
    held: Option<Held<'a>>,
    /// Blocks that left or came since the step began.
    step: u32,
    /// Whether blocks have left and the mempool has not got back what it can have of them.
    open: bool,
    /// The last of [`Returning::blocks`] that the mempool does not know to be gone.
    untold: Vec<Arc<Block>>,
    returning: Returning,
    /// The tip before the first block left.
    before: Option<Arc<BlockEntry>>,
    /// Blocks that came and that followers of the node's events have not been told of.
    connected: Vec<BlockRef>,
}

impl<'a> Change<'a> {
    pub(super) fn new(shared: &'a Shared, mempool: &'a RwLock<Mempool>) -> Self {
        let (untold, returning) = (vec![], Returning::default());
        let (before, connected) = (None, vec![]);
        Self { shared, mempool, held: None, step: 0, open: false, untold, returning, before, connected }
    }

    /// A block came, as part of the change.
    pub(super) fn note_connected(&mut self, entry: &BlockEntry) {
        self.connected.push(entry.at_ref());
    }

    /// Tells followers of the blocks that came, after what the step has done to the mempool, as Core does.
    fn tell_connected(&mut self) {
        for block in std::mem::take(&mut self.connected) {
            self.hold().mempool.note(NodeEvent::Connected(block));
        }
    }

    /// Whether blocks have left and [`Chain::end_change`] has not been called since.
    pub(super) fn is_open(&self) -> bool {
        self.open
    }

    /// What readers are kept from, if they are.
    pub(super) fn held(&mut self) -> Option<&mut Held<'a>> {
        self.held.as_mut()
    }

    fn hold(&mut self) -> &mut Held<'a> {
        self.held.get_or_insert_with(|| Held::new(self.shared, self.mempool))
    }
}

impl Chain {
    /// Makes sure that readers wait, for one block more to leave or come; lets them in before, if they have waited
    /// for a whole step.
    pub(super) fn step(&mut self, change: &mut Change<'_>) -> Result<(), ChainError> {
        if change.step >= STEP_BLOCKS {
            self.suspend(change)?;
            change.tell_connected();
            self.revision += 1;
            self.publish();
            change.held = None;
            change.step = 0;
            std::thread::sleep(PAUSE);
        }
        change.step += 1;
        change.hold();
        Ok(())
    }

    /// Takes the tip off, as part of a change.
    pub(super) fn disconnect_in(
        &mut self,
        entry: &Arc<BlockEntry>,
        change: &mut Change<'_>,
    ) -> Result<(), ChainError> {
        self.step(change)?;
        if !change.open {
            change.before = Some(entry.clone());
        }
        change.open = true;
        let block = self.disconnect_tip(entry)?;
        change.hold().mempool.note(NodeEvent::Disconnected(entry.at_ref()));
        change.untold.push(block.clone());
        change.returning.push(block);
        if change.returning.is_too_large() {
            self.suspend(change)?;
            change.returning.trim();
        }
        Ok(())
    }

    /// What followers are told of the tip as it is now, which has been published.
    pub(super) fn tip_event(&self) -> NodeEvent {
        let initial_download = self.shared.is_initial_download();
        NodeEvent::Tip { block: self.tip.at_ref(), initial_download }
    }

    /// Takes from the mempool what the blocks that left have made invalid, until the change is over.
    fn suspend(&self, change: &mut Change<'_>) -> Result<(), ChainError> {
        let untold = std::mem::take(&mut change.untold);
        let gone: Vec<TxRef> = untold.iter().flat_map(|block| block.transactions.iter().cloned()).collect();
        let branch = Branch(self.tip.clone());
        let suspended = change.hold().mempool.suspend_for_reorg(&gone, &self.chain_view(&branch))?;
        if !suspended.is_empty() {
            change.returning.suspended.push(suspended);
        }
        Ok(())
    }

    /// Makes the change end without giving anything back to the mempool: what depended on the blocks that left goes.
    pub(super) fn give_nothing_back(&self, change: &mut Change<'_>) -> Result<(), ChainError> {
        self.suspend(change)?;
        change.returning = Returning::default();
        Ok(())
    }

    /// Gives the mempool what blocks that left had confirmed, and lets readers in.
    pub(super) fn end_change(&mut self, change: &mut Change<'_>) -> Result<(), ChainError> {
        if change.open {
            let interrupted = self.shared.status.is_interrupted();
            if interrupted && change.returning.blocks.len() > MAX_RETURNING_WHEN_INTERRUPTED {
                self.suspend(change)?;
                change.returning.blocks.clear();
            }
            change.untold.clear();
            let returning = std::mem::take(&mut change.returning);
            let branch = Branch(self.tip.clone());
            let (transactions, entries) = (returning.transactions(), returning.entries());
            let view = self.chain_view(&branch);
            change.hold().mempool.readd_after_reorg(&transactions, entries, &view)?;
            change.open = false;
            change.tell_connected();
            self.revision += 1;
        }
        self.publish();
        if let Some(before) = change.before.take()
            && !before.ancestor(self.tip.height()).is_some_and(|entry| Arc::ptr_eq(entry, &self.tip))
        {
            change.hold().mempool.note(self.tip_event());
        }
        change.held = None;
        change.step = 0;
        Ok(())
    }
}
