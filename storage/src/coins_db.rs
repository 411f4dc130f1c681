//! The coins on disk: the state of the last commit.

use crate::database::Database;
use crate::error::{Result, StorageError};
use crate::keys::{COINS, CoinKey};
use chaincore_consensus::OutPoint;
use chaincore_consensus::codec::Decode;
use chaincore_consensus::coin::Coin;
use std::ops::Bound;
use std::sync::Arc;

/// How many coins an iteration reads at a time.
const CHUNK: usize = 4096;

/// Reads the coins of the last commit. A cheap handle.
#[derive(Clone)]
pub struct CoinsDb {
    database: Arc<Database>,
}

impl CoinsDb {
    pub(crate) fn new(database: Arc<Database>) -> Self {
        Self { database }
    }

    fn corrupt(&self, what: String) -> StorageError {
        StorageError::corrupt(self.database.path(), what)
    }

    /// The coin, if it is unspent in the last commit.
    pub fn get(&self, outpoint: &OutPoint) -> Result<Option<Coin>> {
        let coin = self.database.get(COINS, CoinKey::new(outpoint).as_bytes(), Coin::decode_exact)?;
        coin.transpose().map_err(|error| self.corrupt(format!("coin {outpoint}: {error}")))
    }

    /// All coins in the order of (txid bytes, output number). Commits during the iteration may show in part: who
    /// needs one state iterates where no commit can happen.
    pub fn iter(&self) -> CoinsIter {
        CoinsIter { coins: self.clone(), after: Bound::Unbounded, chunk: Vec::new().into_iter(), done: false }
    }
}

/// The coins in key order, read a few thousand at a time.
pub struct CoinsIter {
    coins: CoinsDb,
    after: Bound<Vec<u8>>,
    chunk: std::vec::IntoIter<(Vec<u8>, Vec<u8>)>,
    done: bool,
}

impl CoinsIter {
    fn advance(&mut self) -> Result<Option<(OutPoint, Coin)>> {
        if self.chunk.as_slice().is_empty() && !self.done {
            let from = self.after.as_ref().map(Vec::as_slice);
            let chunk = self.coins.database.range(COINS, from, Bound::Unbounded, CHUNK, false)?;
            self.done = chunk.len() < CHUNK;
            if let Some((key, _)) = chunk.last() {
                self.after = Bound::Excluded(key.clone());
            }
            self.chunk = chunk.into_iter();
        }
        let Some((key, value)) = self.chunk.next() else { return Ok(None) };
        let outpoint =
            CoinKey::parse(&key).ok_or_else(|| self.coins.corrupt(format!("coin key {key:02x?}")))?;
        let coin = Coin::decode_exact(&value);
        Ok(Some((outpoint, coin.map_err(|error| self.coins.corrupt(format!("coin {outpoint}: {error}")))?)))
    }
}

impl Iterator for CoinsIter {
    type Item = Result<(OutPoint, Coin)>;

    fn next(&mut self) -> Option<Self::Item> {
        let next = self.advance();
        if next.is_err() {
            // Each error ends the iteration: the next step would only repeat it.
            self.done = true;
            self.chunk = Vec::new().into_iter();
        }
        next.transpose()
    }
}
