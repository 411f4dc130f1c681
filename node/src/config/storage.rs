//! Databases, block files and verification.

use super::peers::BITCOIN_CHAINS;
use chaincore_rpc::conf::{Conf, ConfError};
use std::path::PathBuf;

/// Less memory than this makes no sense (Core's minimum, in MiB).
const MIN_CACHE_MIB: u64 = 4;

/// How the chain is stored and verified.
#[derive(Debug, Clone)]
pub struct StorageConfig {
    /// The folder with `blkNNNNN.dat` and `revNNNNN.dat`.
    pub blocks_dir: PathBuf,
    /// Memory for coins and databases, in MiB.
    pub cache_mib: u64,
    /// Memory for signatures known to be good, in MiB.
    pub signature_cache_mib: u64,
    /// Threads that verify scripts, at least 1.
    pub script_threads: usize,
    /// Rebuild every database from the block files.
    pub reindex: bool,
    /// Rebuild the coins from the block files.
    pub reindex_chainstate: bool,
    /// Blocks connected between two flushes at most, if that is not left to memory and time.
    pub flush_blocks: Option<u32>,
    /// Files with blocks to import.
    pub import: Vec<PathBuf>,
    /// Keep the index of transactions.
    pub tx_index: bool,
    /// Keep the index of addresses.
    pub address_index: bool,
    /// Keep the index of compact block filters.
    pub filter_index: bool,
    /// Age of the tip, in seconds, above which the node counts as catching up.
    pub max_tip_age: u32,
}

impl StorageConfig {
    pub(super) fn read(conf: &Conf) -> Result<Self, ConfError> {
        let settings = &conf.settings;
        let blocks_dir = match settings.text("blocksdir").filter(|name| !name.is_empty()) {
            None => conf.chain_path("blocks"),
            Some(name) => match std::path::absolute(&name) {
                Ok(path) if path.is_dir() => conf.chain.folder_in(&path).join("blocks"),
                _ => {
                    let text = format!("Specified blocks directory \"{name}\" does not exist.");
                    return Err(ConfError::Value(text));
                }
            },
        };
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let script_threads = match settings.number("par", -1024..=1024)?.unwrap_or(0i64) {
            wanted @ 1.. => wanted as usize,
            spared => cores.saturating_sub(spared.unsigned_abs() as usize).max(1),
        };
        check_prune(conf)?;
        let filter_index = filter_index(conf)?;
        if settings.switch_or("peerblockfilters", false)? && !filter_index {
            let text = "Cannot set -peerblockfilters without -blockfilterindex.";
            return Err(ConfError::Value(text.to_owned()));
        }
        Ok(Self {
            blocks_dir,
            cache_mib: settings.number("dbcache", 0..=1 << 24)?.unwrap_or(450).max(MIN_CACHE_MIB),
            signature_cache_mib: settings.number("maxsigcachesize", 0..=1 << 20)?.unwrap_or(32),
            script_threads,
            reindex: settings.switch_or("reindex", false)?,
            reindex_chainstate: settings.switch_or("reindex-chainstate", false)?,
            flush_blocks: settings.number("flushblocks", 1..=u32::MAX)?,
            import: settings.list("loadblock").into_iter().map(PathBuf::from).collect(),
            tx_index: settings.switch_or("txindex", indexes_transactions(conf))?,
            address_index: settings.switch_or("addressindex", true)?,
            filter_index,
            max_tip_age: settings.number("maxtipage", 0..=u32::MAX)?.unwrap_or(24 * 60 * 60),
        })
    }
}

/// The chains on which this node is what Core is, index by index.
const CORES_CHAINS: [&str; 4] = ["main", "testnet4", "signet", "regtest"];

/// Whether the filters are wanted: the option is a switch or names types, of which there is one.
///
/// Where nothing is said, a chain of ChainCore's own has them: wallets need them to keep their addresses to themselves,
/// and a block costs microseconds and about 130 bytes there. On Core's chains they are off as they are in Core: their
/// blocks are full, and the filters of all of them take hours and gigabytes.
fn filter_index(conf: &Conf) -> Result<bool, ConfError> {
    let Some(wanted) = conf.settings.text("blockfilterindex") else {
        return Ok(!CORES_CHAINS.contains(&conf.chain.params.name.as_str()));
    };
    match wanted.as_str() {
        "" | "1" => return Ok(true),
        "0" => return Ok(false),
        _ => {}
    }
    let names = conf.settings.list("blockfilterindex");
    match names.iter().find(|name| *name != "basic") {
        Some(name) => Err(ConfError::Value(format!("Unknown -blockfilterindex value {name}."))),
        None => Ok(!names.is_empty()),
    }
}

/// Whether transactions are indexed if nothing is said: the web app and wallets ask for them by their ids. On Bitcoin's
/// chains it is as Core has it.
fn indexes_transactions(conf: &Conf) -> bool {
    !BITCOIN_CHAINS.contains(&conf.chain.params.name.as_str())
}

/// The least space for block files that Core's pruning may be given, in MiB.
const MIN_PRUNE_MIB: i64 = 550;

/// Nothing is ever pruned here; but a value that Core refuses is a mistake all the same.
fn check_prune(conf: &Conf) -> Result<(), ConfError> {
    let wanted = conf.settings.number("prune", i64::MIN..=i64::MAX)?.unwrap_or(0);
    let wrong = if wanted < 0 {
        "Prune cannot be configured with a negative value."
    } else if wanted > 1 && wanted < MIN_PRUNE_MIB {
        "Prune configured below the minimum of 550 MiB.  Please use a higher number."
    } else if wanted != 0 && conf.settings.switch_or("txindex", false)? {
        "Prune mode is incompatible with -txindex."
    } else {
        return Ok(());
    };
    Err(ConfError::Value(wrong.to_owned()))
}
