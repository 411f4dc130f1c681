//! What the RPC methods and the REST paths know of a node: the trait [`Node`] and its plain data.
//!
//! The node implements it over its chain thread, mempool and indexes; tests implement it in memory. Everything
//! here speaks the chain's own types and has no JSON in it.
//!
//! Rules for implementers:
//! - Calls may block (a disk read, the chain thread's queue) and are made from threads that may block. Those
//!   that read the chain's state ([`Node::chain`], [`Node::tip_watch`], mempool reads) must not wait for the
//!   writer.
//! - One [`ChainView`] never changes: a method that takes one sees one chain state for its whole answer.
//! - Verdicts on blocks and transactions are data ([`BlockOutcome`], [`RejectReason`]); [`NodeError`] means that
//!   no verdict could be reached.

mod chain;
mod index;
mod pool;

pub use chain::{BlockInfo, BlockOutcome, BlockTemplate, BlockValidity, ChainView, TemplateStats, Tip};
pub use index::{
    BlockFilter, ConfirmedTx, IndexStatus, ScriptEvent, ScriptId, ScriptTotals, ScriptUnspent, Spender,
    TxPlace,
};
pub use pool::{
    ImportMempool, MempoolChunk, MempoolEntry, MempoolInfo, Orphan, PackageSubmission, PackageTest,
    PackagedTx, Priority, Relatives, TxAccepted, TxTest,
};

use crate::network::Network;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::undo::BlockUndo;
use chaincore_consensus::{Amount, Block, BlockHash, Hash256, Header, OutPoint, Script, TxRef, Txid};
use chaincore_plugin::MempoolEvent;
use chaincore_plugin::node::MinerReport;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Why a node could not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NodeError {
    /// The node is stopping and takes no more work.
    #[error("Shutting down")]
    Stopping,
    /// The question needs an index that is switched off; its name.
    #[error("the index '{0}' is not enabled")]
    IndexOff(&'static str),
    /// Reading or writing failed, or what was read is not what was written.
    #[error("{0}")]
    Storage(String),
    /// No block that would be valid can be made at this time; why not. The clock is wrong, mostly.
    #[error("{0}")]
    NoTemplate(String),
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl From<NodeError> for crate::error::RpcError {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Stopping => Self::shutting_down(),
            NodeError::Storage(_) => Self::new(crate::error::code::INTERNAL_ERROR, error.to_string()),
            NodeError::IndexOff(_) | NodeError::NoTemplate(_) | NodeError::Other(_) => {
                Self::misc(error.to_string())
            }
        }
    }
}

/// The answer of a call that can fail.
pub type NodeResult<T> = Result<T, NodeError>;

/// Facts about the node that do not change while it runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeInfo {
    /// The name given by `--node-id`, or one the node made up.
    pub node_id: String,
    /// ChainCore's own version, `0.1.0`.
    pub version: String,
    /// The version of Core whose interface is spoken: 310000.
    pub core_version: u32,
    /// What the node calls itself to peers: `/Satoshi:31.0.0/ChainCore:0.1.0/`.
    pub subversion: String,
    /// The P2P protocol's version.
    pub protocol_version: u32,
    /// The P2P service bits offered.
    pub services: u64,
    /// The folder of the chain's data.
    pub data_dir: PathBuf,
    /// The debug log, if one is written.
    pub log_path: Option<PathBuf>,
}

/// How many peers there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Connections {
    /// Peers that called us.
    pub inbound: u32,
    /// Peers that we called.
    pub outbound: u32,
    /// Whether the node speaks P2P at all.
    pub enabled: bool,
}

/// A notification over ZeroMQ.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize)]
pub struct Notification {
    /// What is published: `pub` and the topic.
    #[serde(rename = "type")]
    pub kind: String,
    /// Where.
    pub address: String,
    /// How many messages may wait for a subscriber; 0 for any number.
    #[serde(rename = "hwm")]
    pub high_water_mark: u32,
}

/// One reader of what comes into the mempool and goes, in order. The mempool never waits for it.
pub trait MempoolEvents: Send {
    /// The mempool's sequence when the reading began: that of the first event.
    fn start(&self) -> u64;
    /// The next events, one at least and at most `max`; [`MempoolEvent::Gap`] stands for those that were lost because
    /// the reader was too slow. Empty once the node has stopped. Nothing is lost if the future is dropped.
    fn next(&mut self, max: usize) -> Pin<Box<dyn Future<Output = Vec<MempoolEvent>> + Send + '_>>;
}

/// A running node, as far as its interfaces need it.
pub trait Node: Send + Sync + 'static {
    /// The chain's rules and constants.
    fn params(&self) -> &ChainParams;
    /// Facts that do not change.
    fn info(&self) -> &NodeInfo;
    /// Seconds since 1970 by the node's clock, mocked or not.
    fn now(&self) -> i64;
    /// Stops the node's clock at a time, or lets it run again.
    fn set_mock_time(&self, time: Option<i64>);
    /// How long the node has been running, by the monotonic clock.
    fn uptime(&self) -> Duration;
    /// What the operator should know.
    fn warnings(&self) -> Vec<String>;
    /// Whether the node still waits for most of the chain; once `false` it stays so (Core's latch).
    fn initial_block_download(&self) -> bool;
    /// Bytes of block and undo files.
    fn blocks_disk_size(&self) -> u64;
    /// Bytes of the coins database.
    fn coins_disk_size(&self) -> u64;
    /// The P2P network.
    fn network(&self) -> &dyn Network;
    /// How many peers there are.
    fn connections(&self) -> Connections;
    /// The indexes that are switched on.
    fn indexes(&self) -> Vec<IndexStatus>;
    /// What is published over ZeroMQ.
    fn notifications(&self) -> Vec<Notification>;
    /// The log's categories by name, and whether they log details.
    fn log_categories(&self) -> Vec<(&'static str, bool)>;
    /// Switches the details of a category; `false` if there is no such category.
    fn set_log_category(&self, category: &str, on: bool) -> bool;
    /// Begins a clean stop; returns at once.
    fn request_shutdown(&self);
    /// Whether a stop has begun: long work gives up.
    fn is_stopping(&self) -> bool;

    /// The chain as it is now.
    fn chain(&self) -> Arc<dyn ChainView>;
    /// Changes whenever the active chain's tip does; closed when the node stops.
    fn tip_watch(&self) -> watch::Receiver<Tip>;
    /// The highest block that a crash of the node cannot take back, or one below it; in a reorganization it may be off the
    /// active chain. Closed when the node stops.
    fn durable_watch(&self) -> watch::Receiver<Tip>;
    /// Returns when all that was queued before has been done and told to every follower.
    fn sync(&self) -> NodeResult<()>;
    /// The bytes of a block; `None` if they are not on disk.
    fn block_bytes(&self, hash: &BlockHash) -> NodeResult<Option<Vec<u8>>>;
    /// A block; `None` if it is not on disk.
    fn block(&self, hash: &BlockHash) -> NodeResult<Option<Arc<Block>>>;
    /// The coins that a block spent; `None` if they are not on disk (genesis has none).
    fn undo(&self, hash: &BlockHash) -> NodeResult<Option<Arc<BlockUndo>>>;
    /// A coin that is unspent at the tip.
    fn coin(&self, outpoint: &OutPoint) -> NodeResult<Option<Coin>>;
    /// Shows every unspent coin of one chain state in the order of `txid bytes ‖ vout`, and returns the block of
    /// that state. Stops early when `visit` returns `false`.
    fn visit_coins(&self, visit: &mut dyn FnMut(&OutPoint, &Coin) -> bool) -> NodeResult<Tip>;

    /// Checks, stores and, if its work wins, connects a block.
    fn submit_block(&self, block: Arc<Block>) -> NodeResult<BlockOutcome>;
    /// Takes a header into the tree.
    fn submit_header(&self, header: Header) -> NodeResult<Result<(), RejectReason>>;
    /// Whether a block would be valid as the next one; nothing is stored. `check_pow` and `check_merkle_root`
    /// switch those two checks. A block on another parent is refused with `inconclusive-not-best-prevblk`.
    fn test_block(
        &self,
        block: Arc<Block>,
        check_pow: bool,
        check_merkle_root: bool,
    ) -> NodeResult<Result<(), RejectReason>>;
    /// Marks a block and all that build on it as invalid.
    fn invalidate_block(&self, hash: BlockHash) -> NodeResult<()>;
    /// Takes such marks back from a block, its ancestors and descendants.
    fn reconsider_block(&self, hash: BlockHash) -> NodeResult<()>;
    /// Treats a block as if it had come before others of the same work.
    fn precious_block(&self, hash: BlockHash) -> NodeResult<()>;

    /// A block to work on, on the tip as it is: valid but for its work, or [`NodeError::NoTemplate`]. `use_mempool` off
    /// leaves it with its coinbase alone.
    fn build_template(&self, coinbase_script: Script, use_mempool: bool) -> NodeResult<BlockTemplate>;
    /// Makes the header's merkle root and the coinbase's witness commitment right for the block's transactions.
    fn finish_template(&self, block: &mut Block) -> NodeResult<()>;
    /// Keeps what a miner tells of itself, for those who ask and for plugins.
    fn note_miner(&self, report: MinerReport);
    /// The last of each worker's reports with its time (seconds since 1970), the newest first, as far as they are kept.
    fn miner_reports(&self) -> Vec<(i64, MinerReport)>;
    /// The last template built by anyone; `None` before the first.
    fn template_stats(&self) -> Option<TemplateStats>;
    /// The lowest fee rate that gets into templates, per 1000 virtual bytes.
    fn block_min_fee_rate(&self) -> Amount;

    /// The mempool as a whole.
    fn mempool_info(&self) -> MempoolInfo;
    /// What comes into the mempool and goes from now on.
    fn mempool_events(&self) -> Box<dyn MempoolEvents>;
    /// The identifiers in the mempool, best first.
    fn mempool_txids(&self) -> Vec<Txid>;
    /// One transaction of the mempool.
    fn mempool_tx(&self, txid: &Txid) -> Option<TxRef>;
    /// One transaction of the mempool and its place there.
    fn mempool_entry(&self, txid: &Txid) -> Option<MempoolEntry>;
    /// All of them, best first.
    fn mempool_entries(&self) -> Vec<MempoolEntry>;
    /// All that a mempool transaction needs, without itself.
    fn mempool_ancestors(&self, txid: &Txid) -> Option<Vec<Txid>>;
    /// All that needs a mempool transaction, without itself.
    fn mempool_descendants(&self, txid: &Txid) -> Option<Vec<Txid>>;
    /// The mempool transaction that spends an output.
    fn mempool_spender(&self, outpoint: &OutPoint) -> Option<Txid>;
    /// The chunks of the cluster that a mempool transaction is in, best first.
    fn mempool_cluster(&self, txid: &Txid) -> Option<Vec<MempoolChunk>>;
    /// All chunks of the mempool, best first.
    fn mempool_chunks(&self) -> Vec<MempoolChunk>;
    /// Writes the mempool to its file, which is named.
    fn save_mempool(&self) -> NodeResult<PathBuf>;
    /// Takes in a saved mempool as far as it is valid; `false` if the file cannot be read.
    fn import_mempool(&self, path: &Path, how: ImportMempool) -> NodeResult<bool>;
    /// Puts a transaction into the mempool.
    fn submit_tx(&self, tx: TxRef) -> NodeResult<Result<TxAccepted, RejectReason>>;
    /// Has peers told of a transaction, if it is in the mempool; does not wait for them.
    fn announce_tx(&self, txid: &Txid);
    /// Transactions of peers whose inputs are not known, in the order of their wtxids.
    fn orphans(&self) -> Vec<Orphan>;
    /// Puts a child with its unconfirmed parents, which come first, into the mempool; what pays more than
    /// `max_fee_rate` per 1000 virtual bytes is refused.
    fn submit_package(&self, txs: Vec<TxRef>, max_fee_rate: Option<Amount>) -> NodeResult<PackageSubmission>;
    /// What the mempool would do with these, in this order, each seeing those before it; nothing is kept.
    fn test_txs(&self, txs: Vec<TxRef>) -> NodeResult<PackageTest>;
    /// Adds to a transaction's fee for selection's purposes. `false`, and nothing done, if the transaction is in
    /// the mempool and has dust outputs, which policy forbids to have a fee.
    fn prioritise(&self, txid: Txid, delta: Amount) -> NodeResult<bool>;
    /// All such deltas.
    fn priorities(&self) -> Vec<Priority>;

    /// A mined transaction, by the transaction index.
    fn find_tx(&self, txid: &Txid) -> NodeResult<Option<ConfirmedTx>>;
    /// A block's filter, by the block filter index; `None` if the block was never in the active chain or the index
    /// has not come that far.
    fn block_filter(&self, hash: &BlockHash) -> NodeResult<Option<BlockFilter>>;
    /// The filters of the blocks from height `start` up to the block `stop` on its branch, in the order of height, by
    /// the block filter index; `None` if it has not come that far.
    fn filters(&self, stop: &BlockHash, start: u32) -> NodeResult<Option<Vec<Vec<u8>>>> {
        let filters = filters_one_by_one(self, stop, start)?;
        Ok(filters.map(|filters| filters.into_iter().map(|filter| filter.filter.into_bytes()).collect()))
    }
    /// The filter headers of the same blocks.
    fn filter_headers(&self, stop: &BlockHash, start: u32) -> NodeResult<Option<Vec<Hash256>>> {
        let filters = filters_one_by_one(self, stop, start)?;
        Ok(filters.map(|filters| filters.into_iter().map(|filter| filter.header).collect()))
    }
    /// What the chain holds for a script, by the address index.
    fn script_totals(&self, script: &ScriptId) -> NodeResult<ScriptTotals>;
    /// A script's unspent outputs in the order of height, the first `skip` left out, at most `limit` of them.
    fn script_unspent(&self, script: &ScriptId, skip: usize, limit: usize) -> NodeResult<Vec<ScriptUnspent>>;
    /// A script's transactions before a place, the newest first, the first `skip` left out, at most `limit` of them.
    fn script_history(
        &self,
        script: &ScriptId,
        before: Option<TxPlace>,
        skip: usize,
        limit: usize,
    ) -> NodeResult<Vec<ScriptEvent>>;
    /// What in the chain spends an output of a script, by the address index.
    fn spender(&self, outpoint: &OutPoint, script: &ScriptId) -> NodeResult<Option<Spender>>;
}

fn filters_one_by_one<N: Node + ?Sized>(
    node: &N,
    stop: &BlockHash,
    start: u32,
) -> NodeResult<Option<Vec<BlockFilter>>> {
    let chain = node.chain();
    let Some(end) = chain.entry(stop).map(|block| block.height) else { return Ok(None) };
    let filter = |height| match chain.ancestor(stop, height) {
        Some(block) => node.block_filter(&block.hash),
        None => Ok(None),
    };
    (start..=end).map(filter).collect()
}

/// Checks that [`Node`] stays usable as a trait object and names what handlers hold.
pub type NodeRef = Arc<dyn Node>;
