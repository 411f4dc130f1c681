//! Looking up unspent outputs, wherever they are kept.

use chaincore_consensus::OutPoint;
use chaincore_consensus::coin::Coin;
use chaincore_storage::{CoinsCache, StorageError};

/// A set of unspent outputs that can be asked about one of them.
pub trait CoinsView {
    /// The unspent output at `outpoint`, `None` if there is none (never made, or spent).
    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StorageError>;
}

impl<V: CoinsView + ?Sized> CoinsView for &V {
    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StorageError> {
        (**self).coin(outpoint)
    }
}

impl CoinsView for CoinsCache {
    fn coin(&self, outpoint: &OutPoint) -> Result<Option<Coin>, StorageError> {
        self.get(outpoint)
    }
}
