//! What the light client tells the ledger.

use crate::text;
use bitcoin::{BlockHash, Transaction, TxOut, Txid};
use serde::{Deserialize, Serialize};

/// Everything that changed since the last update. Applying the same update twice changes nothing more.
#[derive(Debug, Clone)]
pub struct Update {
    /// The height and hash of the best block.
    pub tip: (u32, BlockHash),
    /// After a reorganisation: the height of the lowest block that is no longer part of the chain. Transactions that
    /// were confirmed at it or above wait in the mempool again, unless this update says something else of them.
    pub reorg_from: Option<u32>,
    /// Transactions that are new or whose state may have changed. Those that touch no script of the wallet are harmless,
    /// but are kept as long as the others.
    pub txs: Vec<TxUpdate>,
    /// Transactions that are in neither chain nor mempool any more.
    pub gone: Vec<Txid>,
}

impl Update {
    /// Nothing but a new tip.
    pub fn new(tip: (u32, BlockHash)) -> Self {
        Self { tip, reorg_from: None, txs: Vec::new(), gone: Vec::new() }
    }
}

/// A transaction and what is known of it.
#[derive(Debug, Clone)]
pub struct TxUpdate {
    /// The transaction.
    pub tx: Transaction,
    /// Where it is.
    pub state: TxState,
    /// The outputs that its inputs spend, as far as they are known; empty, or as many as there are inputs. Needed for
    /// fees of transactions whose inputs the ledger does not know otherwise. They are what the server says: what the
    /// ledger knows from a transaction itself is used in their place.
    pub prevouts: Vec<Option<TxOut>>,
}

/// Where a transaction is, and how sure that is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum TxState {
    /// In a block of the checked header chain: a merkle branch or the block itself proves it.
    Proven {
        /// The block's height.
        height: u32,
        /// The block's hash.
        #[serde(with = "text::shown")]
        block: BlockHash,
        /// The block's time, in seconds since 1970.
        time: u32,
        /// The transaction's place in the block; 0 is the coinbase.
        index: u32,
    },
    /// In a block, says the server; nothing proves it yet.
    Reported {
        /// The block's height.
        height: u32,
        /// The block's time as the server says it, in seconds since 1970.
        time: Option<u32>,
    },
    /// Unconfirmed.
    Mempool {
        /// When this wallet first heard of it, in seconds since 1970.
        seen: u64,
    },
}

impl TxState {
    /// The height of its block, if it has one.
    pub fn height(&self) -> Option<u32> {
        match *self {
            Self::Proven { height, .. } | Self::Reported { height, .. } => Some(height),
            Self::Mempool { .. } => None,
        }
    }

    /// The time of its block or when it was first seen, in seconds since 1970.
    pub fn time(&self) -> Option<u64> {
        match *self {
            Self::Proven { time, .. } => Some(time.into()),
            Self::Reported { time, .. } => time.map(u64::from),
            Self::Mempool { seen } => Some(seen),
        }
    }

    /// `proven`, `reported` or `mempool`.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Proven { .. } => "proven",
            Self::Reported { .. } => "reported",
            Self::Mempool { .. } => "mempool",
        }
    }
}
