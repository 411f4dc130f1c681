//! The chain as a node's interfaces see it: blocks, the tree they are in, and what is made of new ones.

use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::pow::Work;
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::{Amount, Block, BlockHash, Header, Script};

/// A block's place: what tip watchers and address indexes speak of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tip {
    /// The block.
    pub hash: BlockHash,
    /// Its height.
    pub height: u32,
}

/// How far a block has been checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum BlockValidity {
    /// The block or one it builds on broke a rule or was invalidated by hand.
    Failed,
    /// The header is right; the transactions have not been seen or not been checked.
    Header,
    /// The transactions are right as far as that shows without the coins they spend (Core's
    /// `BLOCK_VALID_TRANSACTIONS`).
    Transactions,
    /// The block has been connected, scripts and all (Core's `BLOCK_VALID_SCRIPTS`).
    Scripts,
}

/// One block of the header tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockInfo {
    /// The block's identifier.
    pub hash: BlockHash,
    /// Its header.
    pub header: Header,
    /// Its height; genesis is 0.
    pub height: u32,
    /// The work of the chain up to and including it.
    pub chain_work: Work,
    /// The number of its transactions, 0 while they are unknown.
    pub n_tx: u32,
    /// The number of transactions of the chain up to and including it, 0 while any of them is unknown.
    pub chain_tx: u64,
    /// The median time of it and the ten blocks before it, in seconds since 1970.
    pub median_time: u32,
    /// How far it has been checked.
    pub validity: BlockValidity,
    /// Whether its bytes are on disk.
    pub has_data: bool,
    /// Whether its undo data is on disk.
    pub has_undo: bool,
}

/// One state of the chain, which never changes under the reader.
pub trait ChainView: Send + Sync {
    /// The last block of the active chain.
    fn tip(&self) -> BlockInfo;
    /// The header of the most work that is not known to be invalid; its block may be missing.
    fn best_header(&self) -> BlockInfo;
    /// The active chain's block at a height.
    fn at_height(&self, height: u32) -> Option<BlockInfo>;
    /// Any known block.
    fn entry(&self, hash: &BlockHash) -> Option<BlockInfo>;
    /// Whether a block is in the active chain.
    fn is_active(&self, hash: &BlockHash) -> bool;
    /// The ancestor of a block at a height: the block itself at its own height, `None` above it or for an
    /// unknown block.
    fn ancestor(&self, hash: &BlockHash, height: u32) -> Option<BlockInfo>;
    /// Every block that nothing builds on, and the tip, in any order.
    fn tips(&self) -> Vec<BlockInfo>;
    /// A known block and its ancestors, as the consensus rules read them.
    fn ancestry(&self, hash: &BlockHash) -> Option<Box<dyn Ancestry + Send + Sync>>;
}

/// What became of a block that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BlockOutcome {
    /// It is the tip, or part of the active chain.
    Best,
    /// It is stored and not known to be wrong, but another chain has more work.
    SideChain,
    /// It was already stored, and is not known to be wrong.
    AlreadyKnown,
    /// It was already known to be wrong. (A new block on a wrong one is `Rejected` with `bad-prevblk`.)
    KnownInvalid,
    /// The block it builds on is unknown; it was not stored.
    MissingParent,
    /// It breaks a rule.
    Rejected(RejectReason),
}

/// A block to work on: the header lacks only the nonce, and its merkle root covers the coinbase given here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockTemplate {
    /// The block, the coinbase first.
    pub block: Block,
    /// The height it would have.
    pub height: u32,
    /// What each transaction after the coinbase pays.
    pub fees: Vec<Amount>,
    /// The sigop cost of each transaction after the coinbase.
    pub sigops: Vec<i64>,
    /// The earliest time that a header on this parent may have.
    pub min_time: u32,
    /// The coinbase's witness commitment output script, when there is one.
    pub witness_commitment: Option<Script>,
}

/// The last template that was built, as `getmininginfo` reports it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TemplateStats {
    /// Its weight, with what is reserved for the header and the coinbase.
    pub weight: u64,
    /// Its transactions, without the coinbase.
    pub transactions: u64,
}
