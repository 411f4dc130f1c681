//! The mempool and what is relayed.

use std::time::Duration;

use chaincore_consensus::amount::Amount;
use chaincore_consensus::params::ChainParams;
use chaincore_rpc::conf::{Conf, ConfError};

/// How many of the largest clusters the mempool must have room for (Core's rule).
const CLUSTERS_AT_LEAST: usize = 40;

/// Limits and policy of the mempool. Fee rates are satoshis per 1000 virtual bytes.
#[derive(Debug, Clone)]
pub struct MempoolConfig {
    /// Memory it may use, in bytes.
    pub max_bytes: usize,
    /// How long a transaction is kept.
    pub expiry: Duration,
    /// Whether it outlives a restart.
    pub persist: bool,
    /// The lowest fee rate that is taken.
    pub min_relay_fee: Amount,
    /// What a replacement pays on top, and the step of the minimum when the mempool is full.
    pub incremental_relay_fee: Amount,
    /// The fee rate by which outputs are dust.
    pub dust_relay_fee: Amount,
    /// Most bytes of data-carrying output scripts in a transaction; `None` if there may be none.
    pub max_data_carrier_bytes: Option<u32>,
    /// Whether bare multisig outputs are standard.
    pub permit_bare_multisig: bool,
    /// Virtual bytes that a signature operation counts as.
    pub bytes_per_sigop: u32,
    /// Whether only standard transactions are taken.
    pub require_standard: bool,
    /// Most transactions in a cluster.
    pub cluster_count: u32,
    /// Most virtual bytes in a cluster.
    pub cluster_vbytes: u32,
    /// Most ancestors, itself included (only told to wallets).
    pub ancestor_count: u32,
    /// Most descendants, itself included (only told to wallets).
    pub descendant_count: u32,
}

impl MempoolConfig {
    pub(super) fn read(conf: &Conf, params: &ChainParams) -> Result<Self, ConfError> {
        let settings = &conf.settings;
        let incremental = fee_rate(conf, "incrementalrelayfee", 100)?;
        let data = settings.number("datacarriersize", 0..=u32::MAX)?.unwrap_or(100_000);
        let require_standard = !settings.switch_or("acceptnonstdtxn", false)?;
        if !require_standard && !params.is_test_chain() {
            return Err(ConfError::Value(
                "acceptnonstdtxn is not currently supported for main chain".to_owned(),
            ));
        }
        let cluster_count = settings.number("limitclustercount", 1..=u32::MAX)?.unwrap_or(64);
        if cluster_count > 64 {
            return Err(ConfError::Value("limitclustercount must be less than or equal to 64".to_owned()));
        }
        let cluster_vbytes: u32 = settings.number("limitclustersize", 1..=1 << 20)?.unwrap_or(101) * 1000;
        let max_bytes = settings.number("maxmempool", 0..=1 << 30)?.unwrap_or(300usize) * 1_000_000;
        // A pool that cannot hold some clusters of the largest size would forget what it just took.
        let least = CLUSTERS_AT_LEAST * cluster_vbytes as usize;
        if max_bytes > 0 && max_bytes < least {
            let megabytes = least.div_ceil(1_000_000);
            return Err(ConfError::Value(format!("-maxmempool must be at least {megabytes} MB")));
        }
        let hours: u64 = settings.number("mempoolexpiry", 0..=1 << 32)?.unwrap_or(336);
        Ok(Self {
            max_bytes,
            expiry: Duration::from_secs(hours * 3600),
            persist: settings.switch_or("persistmempool", true)?,
            // Where only the incremental rate is given, the lowest rate rises with it.
            min_relay_fee: fee_rate(conf, "minrelaytxfee", incremental.sat().max(100))?,
            incremental_relay_fee: incremental,
            dust_relay_fee: fee_rate(conf, "dustrelayfee", 3000)?,
            max_data_carrier_bytes: settings.switch_or("datacarrier", true)?.then_some(data),
            permit_bare_multisig: settings.switch_or("permitbaremultisig", true)?,
            bytes_per_sigop: settings.number("bytespersigop", 0..=1 << 20)?.unwrap_or(20),
            require_standard,
            cluster_count,
            cluster_vbytes,
            ancestor_count: settings.number("limitancestorcount", 0..=u32::MAX)?.unwrap_or(25),
            descendant_count: settings.number("limitdescendantcount", 0..=u32::MAX)?.unwrap_or(25),
        })
    }
}

/// A fee rate given in coins per 1000 virtual bytes. The error's text is Core's.
pub(super) fn fee_rate(conf: &Conf, name: &str, default_sat: i64) -> Result<Amount, ConfError> {
    let Some(text) = conf.settings.text(name) else { return Ok(Amount(default_sat)) };
    match Amount::from_coins_text(text.trim()) {
        Ok(rate) if rate.in_range() => Ok(rate),
        _ => Err(ConfError::Value(format!("Invalid amount for -{name}=<amount>: '{text}'"))),
    }
}
