//! What this node's owner lets into the mempool: policy, not consensus.

use super::feerate::FeeRate;
use super::graph::ClusterLimits;

/// The mempool's settings, with Core's defaults.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MempoolOptions {
    /// Memory the pool may use, in bytes (`-maxmempool`, there in MB).
    pub max_bytes: usize,
    /// How long a transaction may wait, in seconds (`-mempoolexpiry`, there in hours).
    pub expiry: i64,
    /// What every transaction must pay (`-minrelaytxfee`).
    pub min_relay: FeeRate,
    /// What a replacement, or a transaction after others were dropped, must pay on top
    /// (`-incrementalrelayfee`).
    pub incremental_relay: FeeRate,
    /// The rate at which an output must be worth spending (`-dustrelayfee`).
    pub dust_relay: FeeRate,
    /// Bytes of `OP_RETURN` scripts in one transaction; `None` refuses them (`-datacarriersize`,
    /// `-datacarrier`).
    pub data_carrier: Option<usize>,
    /// Whether outputs may be bare multisig (`-permitbaremultisig`).
    pub permit_bare_multisig: bool,
    /// Whether transactions must be standard (`-acceptnonstdtxn` is the opposite).
    pub require_standard: bool,
    /// Virtual bytes that a signature operation counts at least (`-bytespersigop`).
    pub bytes_per_sigop: i64,
    /// The bounds on connected transactions (`-limitclustercount`, `-limitclustersize`).
    pub clusters: ClusterLimits,
}

impl Default for MempoolOptions {
    fn default() -> Self {
        Self {
            max_bytes: 300_000_000,
            expiry: 336 * 60 * 60,
            min_relay: FeeRate(100),
            incremental_relay: FeeRate(100),
            dust_relay: FeeRate(3000),
            data_carrier: Some(100_000),
            permit_bare_multisig: true,
            require_standard: true,
            bytes_per_sigop: 20,
            clusters: ClusterLimits::default(),
        }
    }
}

impl MempoolOptions {
    /// A transaction's weight, or what its signature operations count as if that is more (Core's
    /// `GetSigOpsAdjustedWeight`).
    pub fn adjusted_weight(&self, weight: usize, sigop_cost: i64) -> i64 {
        let weight = i64::try_from(weight).unwrap_or(i64::MAX);
        weight.max(sigop_cost.saturating_mul(self.bytes_per_sigop))
    }
}
