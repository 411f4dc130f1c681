//! The mempool: transactions that would be valid in the next block, ranked by what they pay.
//!
//! [`Mempool`] is plain data with the rules on top: the chain's writer thread owns it, calls
//! [`Mempool::accept`], [`Mempool::remove_for_block`] and [`Mempool::after_reorg`], and hands it what the rules
//! need to know of the chain as a [`ChainView`]. It reads no clock and no file of its own.
//!
//! Invariants, whenever no method runs: every input of every entry is unspent in the chain or made by another
//! entry, and spent by no other entry; no cluster exceeds the limits; the indexes agree with the entries.

mod accept;
mod entry;
mod ephemeral;
mod events;
pub mod feerate;
pub mod graph;
mod hooks;
pub mod linearize;
mod maintain;
pub mod options;
mod package;
mod persist;
pub mod policy;
mod pool;
mod precheck;
mod relay;
mod replacement;
mod rolling;
mod submit;
mod truc;
mod verify;

pub use accept::{AcceptError, Accepted};
pub use entry::{Entry, signals_replacement};
pub use events::{EventReader, LogEvent, MempoolEvents, NodeEvent, NodeEvents};
pub use feerate::FeeRate;
pub use hooks::PolicyHooks;
pub(crate) use hooks::candidate;
pub use options::MempoolOptions;
pub use package::PackageTest;
pub use persist::{SavedPool, SavedTx};
pub use pool::{Mempool, MempoolInfo, Prioritised, Sums};
pub use precheck::ChainView;
pub use relay::RelayInfo;
pub use submit::{PackageOutcome, PackagedTx, is_child_with_parents};

#[cfg(test)]
mod tests;
