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

use crate::network::Network;
use crate::peering::Peering;
use chaincore_consensus::ancestry::Ancestry;
use chaincore_consensus::coin::Coin;
use chaincore_consensus::filter::BasicFilter;
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::pow::Work;
use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::undo::BlockUndo;
use chaincore_consensus::{Amount, Block, BlockHash, Hash256, Header, OutPoint, Script, TxRef, Txid, Wtxid};
use chaincore_plugin::MempoolEvent;
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
    /// Anything else, in words.
    #[error("{0}")]
    Other(String),
}

impl From<NodeError> for crate::error::RpcError {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Stopping => Self::shutting_down(),
            NodeError::Storage(_) => Self::new(crate::error::code::INTERNAL_ERROR, error.to_string()),
            NodeError::IndexOff(_) | NodeError::Other(_) => Self::misc(error.to_string()),
        }
    }
}

/// The answer of a call that can fail.
pub type NodeResult<T> = Result<T, NodeError>;

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

/// Totals over a set of mempool transactions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Relatives {
    /// How many, itself included.
    pub count: u64,
    /// Their virtual size in bytes.
    pub vsize: u64,
    /// Their modified fees (see [`MempoolEntry::modified_fee`]).
    pub fees: Amount,
}

/// One transaction of the mempool.
#[derive(Debug, Clone)]
pub struct MempoolEntry {
    /// The transaction.
    pub tx: TxRef,
    /// What it pays.
    pub fee: Amount,
    /// What it pays for selection's purposes: with the delta of `prioritisetransaction`.
    pub modified_fee: Amount,
    /// Its virtual size in bytes, adjusted for sigops.
    pub vsize: u64,
    /// Its weight.
    pub weight: u64,
    /// When it came, in seconds since 1970.
    pub time: i64,
    /// The chain's height when it came.
    pub height: u32,
    /// Itself and all it needs.
    pub ancestors: Relatives,
    /// Itself and all that needs it.
    pub descendants: Relatives,
    /// The modified fee of the chunk it would be mined in.
    pub chunk_fee: Amount,
    /// The weight of that chunk.
    pub chunk_weight: u64,
    /// The mempool transactions that it spends from directly.
    pub depends: Vec<Txid>,
    /// The mempool transactions that spend it directly.
    pub spent_by: Vec<Txid>,
    /// Whether no peer has asked for it since it was submitted here.
    pub unbroadcast: bool,
}

/// The mempool as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MempoolInfo {
    /// Whether what was saved at the last stop has been taken in.
    pub loaded: bool,
    /// How many transactions.
    pub count: u64,
    /// The sum of their virtual sizes.
    pub vsize: u64,
    /// The memory they take, in bytes.
    pub usage: u64,
    /// What they pay together.
    pub total_fee: Amount,
    /// The memory they may take, in bytes.
    pub max_usage: u64,
    /// The fee rate below which nothing is taken now, per 1000 virtual bytes.
    pub min_fee_rate: Amount,
    /// The fee rate below which nothing is ever relayed, per 1000 virtual bytes.
    pub min_relay_fee_rate: Amount,
    /// By how much a replacement's fee rate must be higher, per 1000 virtual bytes.
    pub incremental_fee_rate: Amount,
    /// How many transactions no peer has asked for yet.
    pub unbroadcast: u64,
    /// Whether bare multisig outputs are relayed.
    pub permit_bare_multisig: bool,
    /// How many bytes of `OP_RETURN` outputs a transaction may have; `None`: none at all.
    pub max_data_carrier: Option<u64>,
    /// How many transactions a cluster may have.
    pub cluster_count_limit: u64,
    /// How many virtual bytes a cluster may have.
    pub cluster_size_limit: u64,
    /// Whether transactions are in the best order known.
    pub optimal: bool,
    /// Counts every arrival and departure (Core's mempool sequence).
    pub sequence: u64,
    /// Counts what changes a template: arrivals, departures and priorities (Core's `GetTransactionsUpdated`).
    pub updates: u64,
}

/// Transactions of the mempool that would be mined together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MempoolChunk {
    /// The transactions, parents first.
    pub txids: Vec<Txid>,
    /// What they pay, priorities included.
    pub fee: Amount,
    /// Their weight, adjusted for sigops.
    pub weight: u64,
}

/// How a saved mempool is taken in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ImportMempool {
    /// Its transactions count as new, whenever they came.
    pub use_current_time: bool,
    /// Its priorities are added to those there are.
    pub apply_fee_deltas: bool,
    /// What no peer had asked for is announced again.
    pub apply_unbroadcast: bool,
}

/// What the mempool would do with a transaction.
#[derive(Debug, Clone)]
pub struct TxTest {
    /// Its identifier.
    pub txid: Txid,
    /// Its identifier with witnesses.
    pub wtxid: Wtxid,
    /// The verdict; `None` when the package failed before this transaction was looked at.
    pub verdict: Option<Result<TxAccepted, RejectReason>>,
}

/// Facts of a transaction that the mempool takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TxAccepted {
    /// Virtual size in bytes, adjusted for sigops.
    pub vsize: u64,
    /// What it pays.
    pub fee: Amount,
    /// The fee rate it was judged by, per 1000 virtual bytes, priorities included.
    pub effective_fee_rate: Amount,
    /// The transactions whose fees and sizes are in that rate.
    pub effective_includes: Vec<Wtxid>,
}

/// The answer to a package test.
#[derive(Debug, Clone)]
pub struct PackageTest {
    /// Why the package as such was refused (`package-not-sorted`, ...).
    pub package_error: Option<String>,
    /// One per transaction, in the order given.
    pub transactions: Vec<TxTest>,
}

/// What became of one transaction of a package that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PackagedTx {
    /// The mempool took it.
    Accepted {
        /// Facts of it.
        accepted: TxAccepted,
        /// What it pushed out.
        replaced: Vec<Txid>,
    },
    /// It was in the mempool before.
    InMempool {
        /// Virtual size in bytes, adjusted for sigops.
        vsize: u64,
        /// What it pays.
        fee: Amount,
    },
    /// The same transaction with another witness, of this identifier, was in the mempool before.
    DifferentWitness(Wtxid),
    /// It was refused.
    Refused(RejectReason),
}

/// The answer to a package that was handed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageSubmission {
    /// Why not all of it is in the mempool now; `None` if it is.
    pub error: Option<String>,
    /// One per transaction, in the order given; `None` for those that were not looked at.
    pub transactions: Vec<Option<PackagedTx>>,
}

/// A fee delta made by `prioritisetransaction`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Priority {
    /// The transaction.
    pub txid: Txid,
    /// What was added to its fee.
    pub delta: Amount,
    /// Its fee with the delta, if it is in the mempool.
    pub modified_fee: Option<Amount>,
}

/// A transaction and where it was mined.
#[derive(Debug, Clone)]
pub struct ConfirmedTx {
    /// The transaction.
    pub tx: TxRef,
    /// The block it is in.
    pub block: BlockHash,
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

/// A transaction whose inputs are not known.
#[derive(Debug, Clone)]
pub struct Orphan {
    /// The transaction.
    pub tx: TxRef,
    /// The numbers of the peers that have announced it.
    pub from: Vec<u64>,
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
pub trait Node: Peering + Send + Sync + 'static {
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

    /// A block to work on, on the tip as it is. `use_mempool` off leaves it with its coinbase alone.
    fn build_template(&self, coinbase_script: Script, use_mempool: bool) -> NodeResult<BlockTemplate>;
    /// Makes the header's merkle root and the coinbase's witness commitment right for the block's transactions.
    fn finish_template(&self, block: &mut Block) -> NodeResult<()>;
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
    /// What the chain holds for a script, by the address index.
    fn script_totals(&self, script: &Script) -> NodeResult<ScriptTotals>;
    /// A script's unspent outputs in the order of height, the first `skip` left out, at most `limit` of them.
    fn script_unspent(&self, script: &Script, skip: usize, limit: usize) -> NodeResult<Vec<ScriptUnspent>>;
    /// A script's transactions, the newest first, the first `skip` left out, at most `limit` of them.
    fn script_history(&self, script: &Script, skip: usize, limit: usize) -> NodeResult<Vec<ScriptEvent>>;
}

/// Checks that [`Node`] stays usable as a trait object and names what handlers hold.
pub type NodeRef = Arc<dyn Node>;
