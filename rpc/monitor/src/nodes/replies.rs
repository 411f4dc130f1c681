//! The parts of the REST answers that are used. What a node does not say (an older version, another program) is
//! missing, not an error, wherever the monitor can do without it.

use serde::{Deserialize, Serialize};

/// `GET /status`.
#[derive(Debug, Clone, Deserialize)]
pub struct Status {
    /// The node's name.
    pub node_id: String,
    /// Its version.
    #[serde(default)]
    pub version: String,
    /// The chain's name.
    #[serde(default)]
    pub chain: String,
    /// The chain's first block.
    pub genesis_hash: String,
    /// The tip's height.
    pub height: u32,
    /// The tip.
    pub best_block_hash: String,
    /// The tip's time, in seconds since 1970.
    #[serde(default)]
    pub best_block_time: u32,
    /// The height of the best header.
    #[serde(default)]
    pub headers: u32,
    /// Seconds.
    #[serde(default)]
    pub target_block_time: u32,
    /// Whether most of the chain is still missing.
    #[serde(default)]
    pub syncing: bool,
    /// How long it has been running.
    #[serde(default)]
    pub uptime_seconds: u64,
    /// A number of the process.
    #[serde(default)]
    pub instance: String,
    /// What the operator should know.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// One of the last blocks of `GET /stats`.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct RecentBlock {
    /// Its height.
    pub height: u32,
    /// Its hash; nodes before 0.2 do not say it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub hash: String,
    /// Its time, in seconds since 1970.
    pub time: u32,
    /// How many transactions it has.
    #[serde(default)]
    pub transactions: u32,
}

/// The mempool in `GET /stats`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct MempoolStats {
    /// How many transactions wait.
    #[serde(default)]
    pub transactions: u64,
    /// Their virtual bytes.
    #[serde(default)]
    pub virtual_size: u64,
}

/// `GET /stats`.
#[derive(Debug, Clone, Deserialize)]
pub struct Stats {
    /// The tip's height.
    pub height: u32,
    /// How many transactions the chain has.
    #[serde(default)]
    pub total_transactions: u64,
    /// The hashes expected for the chain: 64 hex digits.
    #[serde(default)]
    pub chain_work: String,
    /// The tip's difficulty.
    #[serde(default)]
    pub difficulty: f64,
    /// Estimated over the last blocks.
    #[serde(default)]
    pub network_hashes_per_second: f64,
    /// The mean spacing of the last blocks, in seconds.
    #[serde(default)]
    pub average_block_time: f64,
    /// The new coins of the next block, in satoshis.
    #[serde(default)]
    pub block_reward: i64,
    /// After how many blocks they halve.
    #[serde(default)]
    pub halving_interval: u32,
    /// The mempool.
    #[serde(default)]
    pub mempool: MempoolStats,
    /// The last blocks, the oldest first.
    #[serde(default)]
    pub recent_blocks: Vec<RecentBlock>,
}

/// A peer of `GET /peers`.
#[derive(Debug, Clone, Deserialize)]
pub struct Peer {
    /// `inbound` or `outbound`.
    #[serde(default)]
    pub direction: String,
    /// Whether both have said hello.
    #[serde(default)]
    pub ready: bool,
}

/// `GET /peers`.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct PeerList {
    /// The peers.
    #[serde(default)]
    pub peers: Vec<Peer>,
}

/// An input.
#[derive(Debug, Clone, Deserialize)]
pub struct InputReply {
    /// A coinbase's script.
    pub coinbase: Option<String>,
    /// What is spent.
    pub txid: Option<String>,
    /// Which output of it.
    pub vout: Option<u32>,
    /// The script, as hex.
    pub script_sig: Option<String>,
    /// The witness, as hex.
    #[serde(default)]
    pub witness: Vec<String>,
    /// The sequence number.
    pub sequence: u32,
}

/// An output.
#[derive(Debug, Clone, Deserialize)]
pub struct OutputReply {
    /// Satoshis.
    pub value: i64,
    /// Whom it pays, if there is an address for it.
    pub address: Option<String>,
    /// Its script, as hex.
    pub script_pubkey: String,
    /// Its kind.
    #[serde(rename = "type", default)]
    pub kind: String,
}

/// A transaction.
#[derive(Debug, Clone, Deserialize)]
pub struct TxReply {
    /// Its id.
    pub txid: String,
    /// Its version.
    pub version: u32,
    /// Its lock time.
    pub locktime: u32,
    /// Its inputs.
    pub inputs: Vec<InputReply>,
    /// Its outputs.
    pub outputs: Vec<OutputReply>,
}

/// A block.
#[derive(Debug, Clone, Deserialize)]
pub struct BlockReply {
    /// Its height.
    pub height: u32,
    /// Its hash.
    pub hash: String,
    /// The block before.
    pub previous_hash: String,
    /// The root of its transactions.
    pub merkle_root: String,
    /// Its version.
    pub version: i32,
    /// Its time, in seconds since 1970.
    pub time: u32,
    /// Its target in compact form, as hex.
    pub bits: String,
    /// Its nonce.
    pub nonce: u32,
    /// Its bytes.
    #[serde(default)]
    pub size: u64,
    /// Its weight.
    #[serde(default)]
    pub weight: u64,
    /// Its transactions.
    pub transactions: Vec<TxReply>,
}

/// `GET /blocks/range`.
#[derive(Debug, Clone, Deserialize)]
pub struct Blocks {
    /// The blocks.
    pub blocks: Vec<BlockReply>,
}
