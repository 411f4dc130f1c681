//! The transaction index: in which block of the active chain a transaction is, and where in the block.
//!
//! Key: txid. Value: block hash, byte offset in the block, bytes, position in the block. The genesis block's
//! coinbase is left out, as Core leaves it out.

use super::{Change, Index, IndexError, Rules, Table};
use crate::chain::ChainError;
use chaincore_consensus::codec::{Decode, DecodeError, Reader, compact_size_len};
use chaincore_consensus::{BlockHash, Header, Tx, TxRef, Txid};
use chaincore_plugin::{AppliedBlock, ReadError};
use std::sync::Arc;

/// The index, following the chain.
pub type TxIndex = Index<Transactions>;

/// Where a transaction is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TxLocation {
    /// The block.
    pub block: BlockHash,
    /// The transaction's first byte in the block.
    pub offset: u32,
    /// Its bytes.
    pub len: u32,
    /// Its position among the block's transactions.
    pub tx_index: u32,
}

/// The rules of the index.
#[derive(Debug, Clone, Copy, Default)]
pub struct Transactions;

impl TxLocation {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = self.block.0.to_vec();
        [self.offset, self.len, self.tx_index].iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        Ok(Self {
            block: BlockHash(reader.array()?),
            offset: reader.u32()?,
            len: reader.u32()?,
            tx_index: reader.u32()?,
        })
    }
}

/// The transactions of a block and where they are.
fn locate(block: &AppliedBlock) -> Vec<(Txid, TxLocation)> {
    if block.at.height == 0 {
        return vec![];
    }
    let transactions = &block.block.transactions;
    let mut offset = Header::LEN + compact_size_len(transactions.len() as u64);
    let mut places = Vec::with_capacity(transactions.len());
    for (tx_index, tx) in (0u32..).zip(transactions) {
        let number = |n: usize| u32::try_from(n).expect("a block is smaller than 4 GiB");
        let len = tx.total_size();
        places.push((
            tx.txid(),
            TxLocation { block: block.at.hash, offset: number(offset), len: number(len), tx_index },
        ));
        offset += len;
    }
    places
}

impl Rules for Transactions {
    const NAME: &'static str = "txindex";
    const ID: &'static str = "txindex";
    const NEEDS_SPENT: bool = false;

    fn connect(&self, block: &AppliedBlock, _: &dyn Table) -> Result<Vec<Change>, IndexError> {
        let change = |(txid, place): (Txid, TxLocation)| (txid.0.to_vec(), Some(place.to_bytes()));
        Ok(locate(block).into_iter().map(change).collect())
    }

    fn disconnect(&self, block: &AppliedBlock, _: &dyn Table) -> Result<Vec<Change>, IndexError> {
        Ok(locate(block).into_iter().map(|(txid, _)| (txid.0.to_vec(), None)).collect())
    }
}

impl TxIndex {
    /// Where a transaction is; `None` if it is not in the active chain.
    pub fn locate(&self, txid: &Txid) -> Result<Option<TxLocation>, IndexError> {
        let damaged = |what: String| IndexError::Damaged { index: Transactions::NAME, what };
        let row = self.view().get(&txid.0)?;
        row.map(|row| TxLocation::from_bytes(&row).map_err(|error| damaged(error.to_string()))).transpose()
    }

    /// A transaction of the active chain and where it is.
    pub fn transaction(&self, txid: &Txid) -> Result<Option<(TxRef, TxLocation)>, IndexError> {
        let Some(place) = self.locate(txid)? else { return Ok(None) };
        let storage = |error: ChainError| ReadError::Storage(Box::new(error));
        let bytes = self.chain().read_block_part(&place.block, place.offset, place.len).map_err(storage)?;
        let tx = Tx::decode_exact(&bytes).ok().filter(|tx| tx.txid() == *txid);
        let tx = tx.ok_or_else(|| IndexError::Damaged {
            index: Transactions::NAME,
            what: format!("transaction {txid} is not where it should be"),
        })?;
        Ok(Some((Arc::new(tx), place)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_round_trip() {
        let place = TxLocation { block: BlockHash([7; 32]), offset: 81, len: 1_000_000, tx_index: 3 };
        assert_eq!(TxLocation::from_bytes(&place.to_bytes()), Ok(place));
        assert!(TxLocation::from_bytes(&place.to_bytes()[..40]).is_err());
    }
}
