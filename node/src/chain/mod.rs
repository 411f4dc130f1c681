//! The chain: the tree of headers, the active branch and its coins, and the one thread that changes them.
//!
//! [`Chain`] is owned by the writer thread; everyone else holds a [`ChainHandle`]. Readers take a [`Snapshot`],
//! which never changes, and are woken by the one [`TipState`] watch.
//!
//! Invariants: the coins are exactly those of the active tip whenever the writer is not in the middle of a
//! command; what is on the disk is the coins of the durable tip, an earlier state of the same chain; every
//! block ever accepted is in the block files before anyone is told that it was accepted.

mod activate;
mod block_access;
mod coins_view;
mod connect;
mod entry;
mod follow;
mod handle;
mod import;
mod mining_log;
mod options;
mod outcome;
mod queries;
mod recover;
mod reorg;
mod scripts;
mod shared;
mod snapshot;
mod status;
mod tree;
mod verdicts;
mod writer;

pub use coins_view::CoinsView;
pub use entry::{BlockEntry, Branch, FIRST_SEQUENCE, Validity};
pub use handle::ChainHandle;
pub use import::{ImportReport, Importer};
pub use mining_log::MiningLog;
pub use options::{ChainOptions, FlushPolicy, Rebuild};
pub use outcome::{CheckedBlock, Origin, Outcome, is_block_mutated};
pub use scripts::ScriptVerifier;
pub use shared::{NewPowValidBlock, TipState};
pub use snapshot::{ChainTip, Snapshot, TipKind};
pub use status::{Phase, Status};
pub use verdicts::BlockVerdict;
pub use writer::Chain;

use chaincore_consensus::BlockHash;
use chaincore_storage::StorageError;
use std::sync::Arc;

/// Why the chain could not do what was asked. None of it says anything about a block's validity: that is an
/// [`Outcome`].
#[derive(Debug, Clone, thiserror::Error)]
pub enum ChainError {
    /// The storage failed; the writer stops after it.
    #[error(transparent)]
    Storage(Arc<StorageError>),
    /// What is stored contradicts itself; the writer stops after it.
    #[error("the chain's data is damaged ({0}): restart with -reindex")]
    Damaged(String),
    /// The chain could not be started.
    #[error("{0}")]
    Startup(String),
    /// The writer has stopped; the text says why.
    #[error("the chain is closed: {0}")]
    Stopped(String),
    /// No such block.
    #[error("block {0} not found")]
    UnknownBlock(BlockHash),
    /// The request makes no sense.
    #[error("{0}")]
    Refused(String),
    /// The block's body, or its undo data, is not stored.
    #[error("block {0} is not available")]
    Unavailable(BlockHash),
}

impl ChainError {
    /// Whether the writer cannot go on after this error.
    fn is_fatal(&self) -> bool {
        matches!(self, Self::Storage(_) | Self::Damaged(_) | Self::Stopped(_))
    }
}

impl From<StorageError> for ChainError {
    fn from(error: StorageError) -> Self {
        Self::Storage(Arc::new(error))
    }
}
