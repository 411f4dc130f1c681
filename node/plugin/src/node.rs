//! What a plugin may ask of the node beside its chain. Calls may read a disk or wait for a lock: from async code make
//! them where blocking is allowed.

use crate::{BlockRef, ReadError};
use chaincore_consensus::coin::Coin;
use chaincore_consensus::{Amount, BlockHash, OutPoint, Txid, Wtxid};

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

/// What a miner did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MinerEventKind {
    /// It was given a template.
    Template,
    /// It handed in a block.
    Submit,
    /// Its block is the tip.
    Accepted,
    /// Its block breaks a rule.
    Rejected,
    /// Its block is right, but another came first.
    Stale,
    /// It told how it works.
    Report,
}

impl MinerEventKind {
    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Template => "template",
            Self::Submit => "submit",
            Self::Accepted => "accepted",
            Self::Rejected => "rejected",
            Self::Stale => "stale",
            Self::Report => "report",
        }
    }
}

/// Something that a miner did with the node: over RPC or REST, or the node's own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MinerEvent {
    /// Counts the events of the process, from 1.
    pub number: u64,
    /// When, in seconds since 1970.
    pub at: i64,
    /// What.
    pub kind: MinerEventKind,
    /// The height of the block that it is about, if known.
    pub height: Option<u32>,
    /// The block, if there is one.
    pub hash: Option<BlockHash>,
    /// How long the node took, in milliseconds.
    pub latency: Option<u32>,
    /// Why it was rejected.
    pub detail: Option<String>,
    /// What it told of itself.
    pub report: Option<MinerReport>,
}

/// By what way a miner works with the node.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum MinerVia {
    /// It fetches its work over HTTP and tells of it with `POST /mining_stats`.
    #[default]
    Rest,
    /// The node's Stratum server gives it work and counts its shares.
    Stratum,
    /// The node's template provider gives it templates.
    Sv2,
    /// It is the node's own miner.
    Node,
}

impl MinerVia {
    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rest => "rest",
            Self::Stratum => "stratum",
            Self::Sv2 => "sv2",
            Self::Node => "node",
        }
    }
}

/// What is known of a miner's work since it began. Where the miner itself tells it, the node takes its word for it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct MinerReport {
    /// What it calls itself.
    pub worker: String,
    /// The address that its blocks pay.
    pub address: String,
    /// Tells several processes or connections of one worker from each other.
    pub instance: Option<String>,
    /// By what way it works.
    pub via: MinerVia,
    /// Headers hashed: counted by the miner, or what its shares take on average.
    pub hashes: u64,
    /// Headers hashed in a second, on average.
    pub hashes_per_second: u64,
    /// What was accepted of it: blocks that became a tip, or shares where it hands those in.
    pub accepted: u64,
    /// What was not.
    pub rejected: u64,
    /// Blocks that became a tip.
    pub blocks: u64,
    /// For how many seconds it has been working.
    pub uptime: u64,
}

impl MinerEvent {
    /// An event with nothing but its kind.
    pub fn new(kind: MinerEventKind) -> Self {
        Self { number: 0, at: 0, kind, height: None, hash: None, latency: None, detail: None, report: None }
    }
}

/// The node beside its chain.
pub trait NodeReader: Send + Sync {
    /// Who it is.
    fn identity(&self) -> NodeIdentity;
    /// How it is.
    fn vitals(&self) -> NodeVitals;
    /// The mempool as it is now.
    fn mempool(&self) -> MempoolSnapshot;
    /// What miners did since the event of this number, the oldest first; the node keeps the last ones only.
    fn miner_events(&self, after: u64) -> Vec<MinerEvent>;
    /// Shows every coin of one state of the chain, in any order, until `visit` says `false`; gives the block after
    /// which that state is. The chain goes on meanwhile.
    fn scan_coins(&self, visit: &mut dyn FnMut(&OutPoint, &Coin) -> bool) -> Result<BlockRef, ReadError>;
}
