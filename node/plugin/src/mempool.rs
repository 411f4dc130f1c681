//! What happens in the mempool.

use chaincore_consensus::{Amount, BlockHash, TxRef, Txid};

/// Why a transaction left the mempool. The words are those of Core's tracepoint `mempool:removed`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RemovalReason {
    /// It was too long in the pool.
    Expiry,
    /// The pool was full and it paid the least.
    SizeLimit,
    /// A reorganization made it invalid.
    Reorg,
    /// It is in a block.
    Block(BlockHash),
    /// It spends what a block's transaction spends.
    Conflict,
    /// Another transaction replaced it.
    Replaced(Txid),
}

impl RemovalReason {
    /// Core's word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Expiry => "expiry",
            Self::SizeLimit => "sizelimit",
            Self::Reorg => "reorg",
            Self::Block(_) => "block",
            Self::Conflict => "conflict",
            Self::Replaced(_) => "replaced",
        }
    }
}

/// One event. `sequence` is its place in the mempool's own count, without holes, as Core's `sequence` notifications have
/// it: a snapshot taken at a sequence (`mempool_sequence` of `getrawmempool false true`) holds the effect of all events
/// of smaller sequences, and of no others.
#[derive(Clone, Debug)]
pub enum MempoolEvent {
    /// A transaction came in.
    Added {
        /// The mempool's sequence.
        sequence: u64,
        /// When, in seconds since 1970.
        time: i64,
        /// The transaction.
        tx: TxRef,
        /// What it pays.
        fee: Amount,
        /// Its virtual size in bytes.
        vsize: u64,
    },
    /// A transaction went.
    Removed {
        /// The mempool's sequence.
        sequence: u64,
        /// When, in seconds since 1970.
        time: i64,
        /// The transaction.
        tx: TxRef,
        /// What it paid.
        fee: Amount,
        /// Its virtual size in bytes.
        vsize: u64,
        /// Why.
        reason: RemovalReason,
    },
    /// Events were lost because the reader was too slow.
    Gap {
        /// How many.
        lost: u64,
    },
}
