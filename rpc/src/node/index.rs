//! What a node's indexes tell its interfaces.

use super::Tip;
use chaincore_consensus::filter::BasicFilter;
use chaincore_consensus::hash::sha256;
use chaincore_consensus::{Amount, BlockHash, Hash256, OutPoint, TxRef, Txid};

/// A transaction and where it was mined.
#[derive(Debug, Clone)]
pub struct ConfirmedTx {
    /// The transaction.
    pub tx: TxRef,
    /// The block it is in.
    pub block: BlockHash,
    /// Its position there.
    pub tx_index: u32,
}

/// By what the address index knows an output script: the SHA-256 of its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ScriptId(pub [u8; 32]);

impl ScriptId {
    /// That of a script.
    pub fn of(script: &[u8]) -> Self {
        Self(sha256(script))
    }
}

/// The input that spends an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spender {
    /// The transaction.
    pub txid: Txid,
    /// The number of the input.
    pub vin: u32,
    /// The height that the transaction was mined at.
    pub height: u32,
}

/// A place in the chain: a transaction by its block's height and its position there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct TxPlace {
    /// The height.
    pub height: u32,
    /// The position.
    pub tx_index: u32,
}

/// A follower of the chain that answers questions by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexStatus {
    /// Its name as Core's or ours: `txindex`, `addressindex`.
    pub name: String,
    /// Whether it is at the tip.
    pub synced: bool,
    /// The height it has reached.
    pub best_height: u32,
}

/// The compact filter of a block, by the block filter index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockFilter {
    /// The basic filter.
    pub filter: BasicFilter,
    /// The header that commits to it and to those of all blocks below.
    pub header: Hash256,
}

/// What the chain holds for one script.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptTotals {
    /// The block up to which this counts.
    pub at: Tip,
    /// All that was ever paid to it.
    pub received: Amount,
    /// What of that is unspent.
    pub unspent: Amount,
    /// What of the unspent is coinbase that may not be spent in the next block yet.
    pub immature: Amount,
    /// How many outputs were ever paid to it.
    pub funded_count: u64,
    /// How many outputs are unspent.
    pub unspent_count: u64,
    /// How many transactions pay it or spend from it.
    pub tx_count: u64,
}

/// An unspent output of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptUnspent {
    /// Where it is.
    pub outpoint: OutPoint,
    /// What it is worth.
    pub value: Amount,
    /// The height it was mined at.
    pub height: u32,
    /// Whether a coinbase made it.
    pub coinbase: bool,
}

/// A transaction that paid a script or spent from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ScriptEvent {
    /// The transaction.
    pub txid: Txid,
    /// The height it was mined at.
    pub height: u32,
    /// Its place in that block.
    pub tx_index: u32,
}
