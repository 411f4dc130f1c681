//! A chain in memory that does what a test says.

use super::blocks::{Coins, Numbers, next_block};
use super::{NodeDouble, Notes};
use crate::{AppliedBlock, BlockRef, ChainReader, Context, Path, ReadError};
use chaincore_consensus::BlockHash;
use chaincore_consensus::params::ChainParams;
use std::collections::{HashMap, HashSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

struct Entry {
    applied: AppliedBlock,
    coins: Coins,
}

struct State {
    entries: HashMap<BlockHash, Entry>,
    /// The active chain by height.
    active: Vec<BlockRef>,
    durable: BlockRef,
    /// The blocks that a crash leaves.
    stored: HashSet<BlockHash>,
    /// Blocks whose reading fails.
    unreadable: HashSet<BlockHash>,
    numbers: Numbers,
}

impl State {
    fn tip(&self) -> BlockRef {
        *self.active.last().expect("the genesis block is always there")
    }

    fn entry(&self, hash: &BlockHash) -> Option<&Entry> {
        self.entries.get(hash)
    }

    fn parent(&self, block: &BlockRef) -> Option<BlockRef> {
        let applied = &self.entry(&block.hash)?.applied;
        let height = applied.at.height.checked_sub(1)?;
        Some(BlockRef { height, hash: applied.prev })
    }

    fn is_active(&self, block: &BlockRef) -> bool {
        self.active.get(block.height as usize) == Some(block)
    }

    fn extend(&mut self) {
        let tip = self.tip();
        let below = self.entry(&tip.hash).expect("the tip is known");
        let (header, coins) = (below.applied.block.header, below.coins.clone());
        let height = tip.height + 1;
        let (block, spent, coins) = next_block(&header, tip.hash, height, &coins, &mut self.numbers);
        let at = BlockRef { height, hash: block.hash() };
        let applied = AppliedBlock { at, prev: tip.hash, block: Arc::new(block), spent: spent.into() };
        self.entries.insert(at.hash, Entry { applied, coins });
        self.active.push(at);
    }

    /// Makes the chain of `tip` the active one.
    fn activate(&mut self, tip: BlockRef) {
        let mut chain = vec![tip];
        while let Some(below) = self.parent(chain.last().expect("it begins with the tip")) {
            chain.push(below);
        }
        chain.reverse();
        self.active = chain;
    }
}

/// A chain that a test extends, reorganizes and crashes. Clones are the same chain.
///
/// It starts with the genesis block, which is durable. Nothing else becomes durable before [`ScriptedChain::flush`].
#[derive(Clone)]
pub struct ScriptedChain {
    params: Arc<ChainParams>,
    state: Arc<Mutex<State>>,
}

impl ScriptedChain {
    /// A chain with the genesis block of regtest alone. The same seed and the same calls give the same blocks.
    pub fn new(seed: u64) -> Self {
        let params = Arc::new(ChainParams::regtest());
        let block = Arc::new(params.genesis.clone());
        let at = BlockRef { height: 0, hash: block.hash() };
        let applied = AppliedBlock { at, prev: BlockHash::ZERO, block, spent: Arc::new([]) };
        let state = State {
            entries: HashMap::from([(at.hash, Entry { applied, coins: Coins::new() })]),
            active: vec![at],
            durable: at,
            stored: HashSet::from([at.hash]),
            unreadable: HashSet::new(),
            numbers: Numbers(seed),
        };
        Self { params, state: Arc::new(Mutex::new(state)) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a plugin on this chain is given, with doubles of all else.
    pub fn context(&self, folder: impl Into<PathBuf>) -> Context {
        Context {
            chain: Arc::new(self.clone()),
            node: Arc::new(NodeDouble::default()),
            params: self.params.clone(),
            folder: folder.into(),
            report: Arc::new(Notes::default()),
        }
    }

    /// Puts `count` blocks on the tip.
    pub fn extend(&self, count: u32) {
        let mut state = self.state();
        (0..count).for_each(|_| state.extend());
    }

    /// Takes `depth` blocks off (never the genesis block) and puts one more than that on.
    pub fn reorganize(&self, depth: u32) {
        self.replace(depth, depth + 1);
    }

    /// Takes `depth` blocks off (never the genesis block) and puts `count` others on. With a count of 0 it is what
    /// `invalidateblock` does; the blocks taken off stay known.
    pub fn replace(&self, depth: u32, count: u32) {
        let mut state = self.state();
        let left = state.active.len().saturating_sub(depth as usize).max(1);
        state.active.truncate(left);
        (0..count).for_each(|_| state.extend());
    }

    /// Goes back to a branch that is known: `tip` and all below become the active chain.
    ///
    /// # Panics
    /// If the block is not known.
    pub fn activate(&self, tip: BlockRef) {
        let mut state = self.state();
        assert!(state.entries.contains_key(&tip.hash), "block {tip} is not known");
        state.activate(tip);
    }

    /// Makes everything durable.
    pub fn flush(&self) {
        let mut state = self.state();
        state.durable = state.tip();
        state.stored = state.entries.keys().copied().collect();
    }

    /// The node is killed and started again: all that was not durable is forgotten, and the tip is the durable one.
    pub fn crash(&self) {
        let mut state = self.state();
        let State { entries, stored, .. } = &mut *state;
        entries.retain(|hash, _| stored.contains(hash));
        let durable = state.durable;
        state.activate(durable);
    }

    /// The node is stopped and started again: all that was is durable.
    pub fn restart(&self) {
        self.flush();
    }

    /// Whether a block can be read; all can at first.
    pub fn set_readable(&self, block: &BlockRef, readable: bool) {
        let mut state = self.state();
        if readable {
            state.unreadable.remove(&block.hash)
        } else {
            state.unreadable.insert(block.hash)
        };
    }

    /// The active chain's block at a height.
    pub fn at(&self, height: u32) -> Option<BlockRef> {
        self.state().active.get(height as usize).copied()
    }

    /// The blocks from the genesis block to `tip`.
    pub fn branch(&self, tip: &BlockRef) -> Vec<AppliedBlock> {
        let state = self.state();
        let mut blocks = vec![];
        let mut next = Some(*tip);
        while let Some(entry) = next.and_then(|at| state.entry(&at.hash)) {
            blocks.push(entry.applied.clone());
            next = state.parent(&entry.applied.at);
        }
        blocks.reverse();
        blocks
    }
}

impl ChainReader for ScriptedChain {
    fn tip(&self) -> BlockRef {
        self.state().tip()
    }

    fn durable_tip(&self) -> BlockRef {
        self.state().durable
    }

    fn is_ancestor(&self, block: &BlockRef, of: &BlockRef) -> bool {
        let state = self.state();
        let known = |at: &BlockRef| state.entry(&at.hash).is_some_and(|entry| entry.applied.at == *at);
        if !known(block) || !state.entries.contains_key(&of.hash) {
            return false;
        }
        let mut at = *of;
        while at.height > block.height {
            let Some(below) = state.parent(&at) else { return false };
            at = below;
        }
        at == *block
    }

    fn path(&self, known: &[BlockRef], limit: usize) -> Path {
        let state = self.state();
        let fork = known.iter().find(|block| state.is_active(block)).copied().unwrap_or(state.active[0]);
        let above = state.active.iter().skip(fork.height as usize + 1);
        Path { fork, connect: above.take(limit).copied().collect(), tip: state.tip() }
    }

    fn parent(&self, block: &BlockRef) -> Option<BlockRef> {
        self.state().parent(block)
    }

    fn applied_block(&self, hash: &BlockHash) -> Result<AppliedBlock, ReadError> {
        let state = self.state();
        let entry = state.entry(hash).filter(|_| !state.unreadable.contains(hash));
        entry.map(|entry| entry.applied.clone()).ok_or(ReadError::Unavailable(*hash))
    }
}
