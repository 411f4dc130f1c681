//! The mempool as a node's interfaces see it: its transactions, and verdicts on new ones.

use chaincore_consensus::reject::RejectReason;
use chaincore_consensus::{Amount, TxRef, Txid, Wtxid};

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

/// A transaction whose inputs are not known.
#[derive(Debug, Clone)]
pub struct Orphan {
    /// The transaction.
    pub tx: TxRef,
    /// The numbers of the peers that have announced it.
    pub from: Vec<u64>,
}
