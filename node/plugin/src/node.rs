//! What a plugin may ask of the node beside its chain. Calls may read a disk or wait for a lock: from async code make
//! them where blocking is allowed.

use crate::{BlockRef, ReadError};
use chaincore_consensus::coin::Coin;
use chaincore_consensus::{Amount, OutPoint, Txid, Wtxid};

/// Who the node is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct NodeIdentity {
    /// What it calls itself to people (`--node-id`).
    pub node_id: String,
    /// ChainCore's version.
    pub version: String,
    /// What it calls itself to peers.
    pub user_agent: String,
    /// Where its REST and RPC interface is, if it is on.
    pub endpoint: Option<String>,
}

/// How the node is.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct NodeVitals {
    /// The height of the best header known.
    pub headers: u32,
    /// Connected peers.
    pub peers: usize,
    /// Bytes received from peers since the start.
    pub bytes_received: u64,
    /// Bytes sent to peers since the start.
    pub bytes_sent: u64,
    /// Transactions in the mempool.
    pub mempool_txs: usize,
    /// Their virtual size in bytes.
    pub mempool_vsize: u64,
    /// The rate below which the mempool takes nothing now, in satoshis per 1000 virtual bytes.
    pub mempool_min_fee: Amount,
    /// Whether the node is still reading in block files or the first download goes on.
    pub is_syncing: bool,
}

/// A transaction of the mempool.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PooledTx {
    /// Its identifier.
    pub txid: Txid,
    /// Its identifier with witness.
    pub wtxid: Wtxid,
    /// What it pays.
    pub fee: Amount,
    /// Its virtual size in bytes.
    pub vsize: u64,
    /// When it came, in seconds since 1970.
    pub time: i64,
}

/// The mempool at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MempoolSnapshot {
    /// The mempool's sequence: that of the next event. All events of smaller ones are in it.
    pub sequence: u64,
    /// Its transactions, in any order.
    pub txs: Vec<PooledTx>,
}

/// The node beside its chain.
pub trait NodeReader: Send + Sync {
    /// Who it is.
    fn identity(&self) -> NodeIdentity;
    /// How it is.
    fn vitals(&self) -> NodeVitals;
    /// The mempool as it is now.
    fn mempool(&self) -> MempoolSnapshot;
    /// Shows every coin of one state of the chain, in any order, until `visit` says `false`; gives the block after
    /// which that state is. The chain goes on meanwhile.
    fn scan_coins(&self, visit: &mut dyn FnMut(&OutPoint, &Coin) -> bool) -> Result<BlockRef, ReadError>;
}
