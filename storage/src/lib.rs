//! The storage of one chain: blocks in append-only files, the block index and the coins in sled, databases for
//! followers, and the commit that moves all of it from one durable state to the next.
//!
//! ```text
//! <data folder>/.lock                    held while the store is open
//! <data folder>/blocks/blk00000.dat …    blocks, in Core's framing
//! <data folder>/blocks/rev00000.dat …    undo data
//! <data folder>/chainstate/format        version and chain, as text
//! <data folder>/chainstate/db/           sled: coins, block index, marks
//! <data folder>/chainstate/journal       a commit that is decided but not wholly applied
//! <data folder>/indexes/<name>/          sled: a follower's data
//! <data folder>/indexes/<name>.dat       what of it is too large for a database, append-only
//! ```
//!
//! Nothing in there is an absolute path: the folder can be copied while no process has it open.
//!
//! The durable state is that of the last [`Store::commit`] that returned, or of the one that was interrupted, if that
//! had been decided. A process can be killed, or the power fail, at any moment.
//!
//! - [`Store`]: opening, the commit, the block index.
//! - [`BlockFiles`]: raw blocks and undo data; [`BlockScan`] reads such files from anywhere, Core's too.
//! - [`CoinsCache`] over [`CoinsDb`]: the hot path of validation.
//! - [`IndexDb`] and [`AppendFile`]: for what follows the chain with a cursor.

mod append_file;
mod block_files;
mod coins_cache;
mod coins_db;
mod database;
mod error;
mod files;
mod index_db;
mod journal;
mod keys;
mod lock;
mod packed;
mod record;
mod store;

pub use append_file::AppendFile;
pub use block_files::{BlockFiles, BlockScan, FoundFrame, MAX_BLOCK_BYTES, MAX_FILE_BYTES, ScannedBlock};
pub use coins_cache::{CoinsCache, CoinsCacheUsage};
pub use coins_db::{CoinsDb, CoinsIter};
pub use error::{Result, StorageError};
pub use index_db::{Cursor, IndexBatch, IndexDb};
pub use lock::FolderLock;
pub use record::{BlockRecord, BlockStatus, FileInfo, FilePos};
pub use store::{Commit, Store, StoreOptions, Wipe};
