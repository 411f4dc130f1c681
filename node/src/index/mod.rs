//! Indexes that follow the chain: addresses, transactions and block filters.
//!
//! Each index is a set of [`Rules`] (what a block adds to its table) run by an [`IndexPlugin`], which the host of plugins
//! leads along the chain. It keeps the changes above the chain's durable tip in memory and never stores past that.
//! Whoever asks an index holds an [`Index`].

mod address;
mod filters;
mod overlay;
mod plugin;
mod state;
mod transactions;

pub use address::{AddressIndex, Addresses, Balance, HistoryItem, Place, Spender, UnspentItem, script_hash};
pub use filters::{BasicFilters, BlockFilters, FilterBytes, FilterHashes, MAX_FILTERS, MAX_HASHES};
pub use plugin::IndexPlugin;
pub use state::{Index, IndexStatus, View};
pub use transactions::{Transactions, TxIndex, TxLocation};

use chaincore_plugin::{AppliedBlock, ReadError};
use chaincore_storage::{StorageError, Store};

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

/// The indexes that are switched on. Clones are the same indexes.
#[derive(Clone, Default)]
pub struct Indexes {
    /// What every script received and spent.
    pub addresses: Option<AddressIndex>,
    /// Where every transaction is.
    pub transactions: Option<TxIndex>,
    /// The compact filter of every block.
    pub filters: Option<BlockFilters>,
}

impl Indexes {
    /// How far each of them is.
    pub fn statuses(&self) -> Vec<IndexStatus> {
        let transactions = self.transactions.as_ref().map(Index::status);
        let addresses = self.addresses.as_ref().map(Index::status);
        let filters = self.filters.as_ref().map(Index::status);
        transactions.into_iter().chain(addresses).chain(filters).collect()
    }
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

    /// The name of the plugin that fills it.
    const ID: &'static str;

    /// What people call it.
    const LABEL: &'static str = Self::NAME;

    /// Whether rows stay true whatever becomes of the chain, because their key names a block. Such rows are kept
    /// when the node stops although its chain may not be durable that far; the cursor stays behind.
    const FACTS: bool = false;

    /// Whether it looks at the coins that blocks spent.
    const NEEDS_SPENT: bool = true;

    /// Opens what the index keeps beside its database; called before anything else, and again when all that was kept has
    /// been removed.
    fn open(&self, _store: &Store) -> Result<(), IndexError> {
        Ok(())
    }

    /// The form in which a value goes to the database, as it leaves memory. Parts of it may go elsewhere.
    fn store(&self, value: Vec<u8>) -> Result<Vec<u8>, IndexError> {
        Ok(value)
    }

    /// Makes durable what [`store`](Self::store) put elsewhere; called before the database names it.
    fn sync(&self) -> Result<(), IndexError> {
        Ok(())
    }

    /// What the block adds.
    fn connect(&self, block: &AppliedBlock, table: &dyn Table) -> Result<Vec<Change>, IndexError>;

    /// What taking the block off changes.
    fn disconnect(&self, block: &AppliedBlock, table: &dyn Table) -> Result<Vec<Change>, IndexError>;
}
