//! The view of the chain that followers have.
//!
//! A follower keeps a cursor, the last block it has taken in, and pulls: it asks for the [`Path`] from its
//! cursor to the tip, drops what lies above the fork, takes in the blocks above it, and asks again when the tip
//! moves. So no event can be missed, and a reorganization is nothing special. A follower that stores what it
//! makes of the blocks stores nothing past [`ChainReader::durable_tip`]: the node itself could forget those
//! blocks in a crash.

use chaincore_consensus::coin::Coin;
use chaincore_consensus::{Block, BlockHash};
use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// A block's height and hash. A cursor is always both.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct BlockRef {
    /// How many blocks lie below.
    pub height: u32,
    /// The block's hash.
    pub hash: BlockHash,
}

impl fmt::Display for BlockRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.hash, self.height)
    }
}

/// A block that the node has connected, with the coins it spent.
#[derive(Clone, Debug)]
pub struct AppliedBlock {
    /// The block's place.
    pub at: BlockRef,
    /// The block below; all zeros under the genesis block.
    pub prev: BlockHash,
    /// The block.
    pub block: Arc<Block>,
    /// The coins spent, in the order of the block's inputs, the coinbase left out.
    pub spent: Arc<[Coin]>,
}

impl AppliedBlock {
    /// The spent coins of each transaction, in block order; none for the coinbase.
    pub fn spent_by_tx(&self) -> impl Iterator<Item = &[Coin]> {
        let mut rest = &self.spent[..];
        self.block.transactions.iter().map(move |tx| {
            let count = if tx.is_coinbase() { 0 } else { tx.inputs.len() };
            let (of_tx, after) = rest.split_at(count.min(rest.len()));
            rest = after;
            of_tx
        })
    }
}

/// The way from what a follower knows to the active chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// The highest known block that is in the active chain, or the genesis block if none is.
    pub fork: BlockRef,
    /// The active chain's blocks right above it, in order, at most as many as asked for.
    pub connect: Vec<BlockRef>,
    /// The active chain's tip; the end of `connect` when that goes all the way.
    pub tip: BlockRef,
}

/// Why the chain could not be read.
#[derive(Debug)]
pub enum ReadError {
    /// No such block, or its body or undo data is not stored.
    Unavailable(BlockHash),
    /// The storage failed.
    Storage(Box<dyn Error + Send + Sync>),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable(hash) => write!(f, "block {hash} is not available"),
            Self::Storage(source) => write!(f, "{source}"),
        }
    }
}

impl Error for ReadError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unavailable(_) => None,
            Self::Storage(source) => Some(source.as_ref()),
        }
    }
}

/// The only view of the chain that a follower has. Every call sees one state of the chain; two calls may see
/// two, which is why a cursor is checked with every [`ChainReader::path`].
pub trait ChainReader: Send + Sync {
    /// The active chain's tip.
    fn tip(&self) -> BlockRef;

    /// The highest block that a crash of the node cannot take back. It need not be in the active chain: during
    /// a reorganization it is still on the old branch.
    fn durable_tip(&self) -> BlockRef;

    /// Whether `block` is `of` or below it on the same branch. False for unknown blocks.
    fn is_ancestor(&self, block: &BlockRef, of: &BlockRef) -> bool;

    /// The way from the first of `known` (best first) that is in the active chain to at most `limit` blocks
    /// above it.
    fn path(&self, known: &[BlockRef], limit: usize) -> Path;

    /// The block that `block` builds on, whatever branch it is in; `None` if unknown or the genesis block.
    fn parent(&self, block: &BlockRef) -> Option<BlockRef>;

    /// A block that has been connected at some time, with the coins it spent.
    fn applied_block(&self, hash: &BlockHash) -> Result<AppliedBlock, ReadError>;
}
