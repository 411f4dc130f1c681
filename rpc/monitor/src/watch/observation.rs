//! What was seen of the nodes at one moment. A recording is a list of these.

use crate::nodes::{Miner, RecentBlock};
use serde::{Deserialize, Serialize};

/// One look at all nodes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Observation {
    /// When, in milliseconds since 1970.
    pub at: u64,
    /// The nodes, always in the same order.
    pub nodes: Vec<NodeSeen>,
    /// Blocks that nobody had shown before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub blocks: Vec<BlockSeen>,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeSeen {
    /// Where it is.
    pub url: String,
    /// How long it took to answer, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub round_trip: Option<u32>,
    /// What it said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facts: Option<Facts>,
    /// Why it said nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// What a node said.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Its name.
    pub node_id: String,
    /// Its version.
    pub version: String,
    /// The chain's name.
    pub chain: String,
    /// The chain's first block.
    pub genesis_hash: String,
    /// The tip's height.
    pub height: u32,
    /// The tip.
    pub hash: String,
    /// The tip's time, in seconds since 1970.
    pub time: u32,
    /// The height of the best header.
    pub headers: u32,
    /// The hashes expected for the chain: 64 hex digits.
    pub chain_work: String,
    /// The tip's difficulty.
    pub difficulty: f64,
    /// Hashes per second, estimated by the node.
    pub hash_rate: f64,
    /// The mean spacing of the last blocks, in seconds.
    pub average_block_time: f64,
    /// The spacing aimed at, in seconds.
    pub target_block_time: u32,
    /// How many transactions the chain has.
    pub total_transactions: u64,
    /// How many transactions wait.
    pub mempool: u64,
    /// Their virtual bytes.
    pub mempool_vsize: u64,
    /// Peers that called, of those that are ready.
    pub inbound: u32,
    /// Peers that were called, of those that are ready.
    pub outbound: u32,
    /// Whether most of the chain is still missing.
    pub syncing: bool,
    /// Seconds.
    pub uptime: u64,
    /// A number of the process.
    pub instance: String,
    /// What the operator should know.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<String>,
    /// Blocks of its chain, the oldest first; in a recording only those that it had not shown before.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub recent: Vec<RecentBlock>,
}

/// A block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BlockSeen {
    /// Its hash.
    pub hash: String,
    /// Its height.
    pub height: u32,
    /// Its time, in seconds since 1970.
    pub time: u32,
    /// How many transactions it has.
    pub transactions: u32,
    /// Its bytes.
    pub size: u64,
    /// Who made it.
    pub miner: Miner,
}
