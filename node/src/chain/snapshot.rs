//! One state of the chain, for readers.

use super::entry::{BlockEntry, Branch, Validity};
use super::tree::TreeIndex;
use chaincore_consensus::BlockHash;
use chaincore_plugin::BlockRef;
use std::sync::{Arc, RwLock};

/// What a branch's end is to the node, with the words of `getchaintips`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TipKind {
    /// The tip of the active chain.
    Active,
    /// The branch contains an invalid block.
    Invalid,
    /// Not all bodies of the branch are known.
    HeadersOnly,
    /// All bodies are known, but the branch has never been connected.
    ValidHeaders,
    /// The branch was connected once and is valid.
    ValidFork,
}

impl TipKind {
    /// Core's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Invalid => "invalid",
            Self::HeadersOnly => "headers-only",
            Self::ValidHeaders => "valid-headers",
            Self::ValidFork => "valid-fork",
        }
    }
}

/// The end of a branch.
#[derive(Debug, Clone)]
pub struct ChainTip {
    /// The branch's highest block.
    pub entry: Arc<BlockEntry>,
    /// The number of blocks between it and the active chain.
    pub branch_len: u32,
    /// What it is to the node.
    pub kind: TipKind,
}

/// One state of the chain. It does not change while someone holds it, and costs nothing to take: a request that
/// reads through one snapshot sees one chain.
///
/// (What is *known about* a block, such as its status, is always the newest.)
#[derive(Debug, Clone)]
pub struct Snapshot {
    tip: Arc<BlockEntry>,
    best_header: Arc<BlockEntry>,
    tree: Arc<RwLock<TreeIndex>>,
    /// The number of the tree's next entry: younger ones do not exist here.
    upto: u64,
    waiting: usize,
    revision: u64,
}

impl Snapshot {
    pub(super) fn new(
        tip: Arc<BlockEntry>,
        best_header: Arc<BlockEntry>,
        tree: Arc<RwLock<TreeIndex>>,
        [upto, revision]: [u64; 2],
        waiting: usize,
    ) -> Self {
        Self { tip, best_header, tree, upto, waiting, revision }
    }

    /// The number of the tree's next entry.
    pub(super) fn upto(&self) -> u64 {
        self.upto
    }

    /// How many headers are known, on all branches, whose block or a block below is not here.
    pub fn waiting_headers(&self) -> usize {
        self.waiting
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, TreeIndex> {
        self.tree.read().expect("no one panics while holding the tree")
    }

    /// The highest block of the active chain.
    pub fn tip(&self) -> &Arc<BlockEntry> {
        &self.tip
    }

    /// Its height.
    pub fn height(&self) -> u32 {
        self.tip.height()
    }

    /// The valid header with the most work.
    pub fn best_header(&self) -> &Arc<BlockEntry> {
        &self.best_header
    }

    /// The number of chain states before this one.
    pub fn revision(&self) -> u64 {
        self.revision
    }

    /// The active chain as the consensus rules want it.
    pub fn branch(&self) -> Branch {
        Branch(self.tip.clone())
    }

    /// The active chain's block at `height`; `None` above the tip. O(log height).
    pub fn block_at(&self, height: u32) -> Option<&Arc<BlockEntry>> {
        self.tip.ancestor(height)
    }

    /// The active chain's blocks of a range of heights, in order, as far as it goes. O(blocks).
    pub fn blocks(&self, from: u32, count: usize) -> Vec<Arc<BlockEntry>> {
        let Some(last) = u32::try_from(count).ok().and_then(|count| count.checked_sub(1)) else {
            return vec![];
        };
        let last = from.saturating_add(last).min(self.height());
        let mut blocks = vec![];
        let mut at = self.block_at(last);
        while let Some(entry) = at.filter(|entry| entry.height() >= from) {
            blocks.push(entry.clone());
            at = entry.parent();
        }
        blocks.reverse();
        blocks
    }

    /// A block of any branch.
    pub fn entry(&self, hash: &BlockHash) -> Option<Arc<BlockEntry>> {
        self.read().get(hash, self.upto)
    }

    /// Whether a block is in the active chain.
    pub fn is_active(&self, entry: &BlockEntry) -> bool {
        self.block_at(entry.height()).is_some_and(|at| at.hash() == entry.hash())
    }

    /// Whether a block is in the active chain.
    pub fn contains(&self, block: &BlockRef) -> bool {
        self.block_at(block.height).is_some_and(|at| at.hash() == block.hash)
    }

    /// The active chain's block above `entry`.
    pub fn next(&self, entry: &BlockEntry) -> Option<&Arc<BlockEntry>> {
        self.is_active(entry).then(|| self.block_at(entry.height() + 1))?
    }

    /// Confirmations of a block: 1 for the tip, -1 off the active chain, as Core counts them.
    pub fn confirmations(&self, entry: &BlockEntry) -> i64 {
        if self.is_active(entry) { i64::from(self.height() - entry.height()) + 1 } else { -1 }
    }

    /// The ends of all branches, the highest first.
    pub fn tips(&self) -> Vec<ChainTip> {
        let mut ends = self.read().tips(self.upto);
        if !ends.iter().any(|entry| entry.hash() == self.tip.hash()) {
            ends.push(self.tip.clone());
        }
        let mut tips: Vec<ChainTip> = ends.into_iter().map(|entry| self.describe(entry)).collect();
        tips.sort_by_key(|tip| (std::cmp::Reverse(tip.entry.height()), tip.entry.hash()));
        tips
    }

    fn describe(&self, entry: Arc<BlockEntry>) -> ChainTip {
        let branch_len = entry.height() - entry.fork_with(&self.tip).height();
        let kind = if self.is_active(&entry) {
            TipKind::Active
        } else if entry.is_failed() {
            TipKind::Invalid
        } else if entry.chain_tx() == 0 {
            TipKind::HeadersOnly
        } else if entry.is_valid(Validity::Scripts) {
            TipKind::ValidFork
        } else {
            TipKind::ValidHeaders
        };
        ChainTip { entry, branch_len, kind }
    }
}
