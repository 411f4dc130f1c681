//! Indexes that follow the chain: addresses and transactions.
//!
//! Each index is a set of [`Rules`] (what a block adds to its table) run by one [`Follower`], which keeps the
//! cursor, survives reorganizations, and never stores past the chain's durable tip.

mod address;
mod follower;
mod overlay;
mod transactions;

pub use address::{AddressIndex, Addresses, Balance, HistoryItem, Place, UnspentItem, script_hash};
pub use follower::{Follower, IndexStatus};
pub use transactions::{Transactions, TxIndex, TxLocation};

use chaincore_plugin::{AppliedBlock, ReadError};
use chaincore_storage::StorageError;

/// A key of an index's table.
pub type Key = Vec<u8>;

/// A key and its value.
pub type Row = (Key, Vec<u8>);

/// A change to an index's table: the new value of a key, `None` to remove it.
pub type Change = (Key, Option<Vec<u8>>);

/// Why an index could not answer or go on.
#[derive(Debug, thiserror::Error)]
pub enum IndexError {
    /// The storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The chain could not be read.
    #[error(transparent)]
    Chain(#[from] ReadError),
    /// A stored row is not what the index writes.
    #[error("the index {index} is damaged: {what}")]
    Damaged {
        /// The index.
        index: &'static str,
        /// What is wrong with it.
        what: String,
    },
}

/// The table as the rules see it while a block is taken in: with all blocks below it.
pub trait Table {
    /// The value of a key.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, IndexError>;
}

/// What an index makes of a block. Pure: the same block on the same table gives the same changes, and
/// `disconnect` undoes exactly what `connect` did.
pub trait Rules: Send + Sync + 'static {
    /// The index's name, which is its folder's.
    const NAME: &'static str;

    /// What the block adds.
    fn connect(&self, block: &AppliedBlock, table: &dyn Table) -> Result<Vec<Change>, IndexError>;

    /// What taking the block off changes.
    fn disconnect(&self, block: &AppliedBlock, table: &dyn Table) -> Result<Vec<Change>, IndexError>;
}
