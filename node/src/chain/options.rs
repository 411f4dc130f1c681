//! How a chain is opened.

use crate::clock::Clock;
use chaincore_consensus::params::ChainParams;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What to make anew from what is below it, at the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Rebuild {
    /// Nothing: go on from the last durable state.
    #[default]
    Nothing,
    /// The coins, from the known blocks (`-reindex-chainstate`).
    Coins,
    /// Everything, from the block files (`-reindex`).
    Everything,
}

/// When the changes in memory are made durable. Whatever comes first does it.
#[derive(Debug, Clone, Copy)]
pub struct FlushPolicy {
    /// Bytes of memory that the coins cache may use.
    pub coins_bytes: usize,
    /// Blocks connected since the last flush.
    pub blocks: u32,
    /// Time since the last flush that had something to do. Ignored while blocks are imported.
    pub interval: Duration,
}

impl Default for FlushPolicy {
    fn default() -> Self {
        Self { coins_bytes: 450 << 20, blocks: 50_000, interval: Duration::from_secs(30) }
    }
}

/// How a chain is opened.
#[derive(Debug, Clone)]
pub struct ChainOptions {
    /// The chain.
    pub params: Arc<ChainParams>,
    /// The chain's own folder (for Core's chains the subfolder of `-datadir`).
    pub dir: PathBuf,
    /// Where its block files are; `None` for `blocks/` in that folder (Core's `-blocksdir`).
    pub blocks_dir: Option<PathBuf>,
    /// The node's clock.
    pub clock: Clock,
    /// When changes are made durable, and the memory for coins.
    pub flush: FlushPolicy,
    /// Bytes of memory for the database's own cache.
    pub database_cache_bytes: usize,
    /// When to begin a new block file.
    pub max_block_file_bytes: u32,
    /// Bytes of memory for verified signatures (Core's `-maxsigcachesize`).
    pub signature_cache_bytes: usize,
    /// Threads that verify scripts; 0 for one per core (Core's `-par`).
    pub script_threads: usize,
    /// What to make anew.
    pub rebuild: Rebuild,
    /// Seconds that the tip may lie back for the node to count as synced (Core's `-maxtipage`).
    pub max_tip_age: u32,
    /// The height from which on nothing more is connected once a block has been: the node is to stop then (Core's
    /// `-stopatheight`).
    pub stop_at_height: Option<u32>,
}

impl ChainOptions {
    /// The defaults, for a chain in a folder.
    pub fn new(params: Arc<ChainParams>, dir: PathBuf) -> Self {
        Self {
            params,
            dir,
            blocks_dir: None,
            clock: Clock::new(),
            flush: FlushPolicy::default(),
            database_cache_bytes: 32 << 20,
            max_block_file_bytes: chaincore_storage::MAX_FILE_BYTES,
            signature_cache_bytes: 32 << 20,
            script_threads: 0,
            rebuild: Rebuild::Nothing,
            max_tip_age: 24 * 60 * 60,
            stop_at_height: None,
        }
    }
}
