//! `mempool.dat`: the pool between two runs, in Core's format, so that either program reads the other's file.
//!
//! Version 1 is written: version, count, then transaction, time and fee delta of each, the deltas of transactions that
//! are not in the pool, and what no peer has asked for yet. Version 2, which is read too, is the same behind a key that
//! everything after it is XORed with.

use super::Mempool;
use chaincore_consensus::codec::{Decode, DecodeError, Encode, Reader, Sink, put_compact_size};
use chaincore_consensus::{Transaction, Tx, Txid};
use std::io;
use std::path::Path;

const VERSION: u64 = 1;
const VERSION_WITH_KEY: u64 = 2;

/// A transaction of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SavedTx {
    /// The transaction.
    pub tx: Tx,
    /// When it entered the pool, in seconds since 1970.
    pub time: i64,
    /// What its owner added to its fee, in satoshis.
    pub fee_delta: i64,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SavedPool {
    /// The pool's transactions, parents before children.
    pub transactions: Vec<SavedTx>,
    /// Fee deltas of transactions that were not in the pool.
    pub deltas: Vec<(Txid, i64)>,
    /// Transactions that no peer had asked for.
    pub unbroadcast: Vec<Txid>,
}

impl SavedPool {
    /// The pool as it is now.
    pub fn of(mempool: &Mempool) -> Self {
        let mut entries: Vec<_> = mempool.entries().collect();
        entries.sort_by_key(|entry| entry.sequence);
        let transactions = entries.iter().map(|entry| SavedTx {
            tx: (*entry.tx).clone(),
            time: entry.time,
            fee_delta: entry.fee_delta,
        });
        let deltas = mempool.prioritised().filter(|delta| delta.modified_fee.is_none());
        Self {
            transactions: transactions.collect(),
            deltas: deltas.map(|delta| (delta.txid, delta.fee_delta)).collect(),
            unbroadcast: mempool.unbroadcast().copied().collect(),
        }
    }

    /// Writes the file beside its place and then moves it there: whoever reads it sees all of it or the last one.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        let beside = path.with_extension("dat.new");
        let written = std::fs::write(&beside, self.to_bytes())
            .and_then(|()| std::fs::File::open(&beside)?.sync_all())
            .and_then(|()| std::fs::rename(&beside, path));
        if written.is_err() {
            // The half that was written is of no use to anyone.
            let _ = std::fs::remove_file(&beside);
        }
        written
    }
}

impl Encode for SavedPool {
    fn encode(&self, sink: &mut impl Sink) {
        sink.put(&VERSION.to_le_bytes());
        sink.put(&(self.transactions.len() as u64).to_le_bytes());
        for saved in &self.transactions {
            saved.tx.encode(sink);
            sink.put(&saved.time.to_le_bytes());
            sink.put(&saved.fee_delta.to_le_bytes());
        }
        put_compact_size(sink, self.deltas.len() as u64);
        for (txid, delta) in &self.deltas {
            txid.encode(sink);
            sink.put(&delta.to_le_bytes());
        }
        put_compact_size(sink, self.unbroadcast.len() as u64);
        for txid in &self.unbroadcast {
            txid.encode(sink);
        }
    }
}

impl Decode for SavedPool {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        match reader.u64()? {
            VERSION => decode_body(reader),
            VERSION_WITH_KEY => {
                let key = reader.var_bytes()?;
                // The key counts from the beginning of the file.
                let offset = reader.position();
                let mut rest = reader.bytes(reader.remaining())?.to_vec();
                if !key.is_empty() {
                    for (at, byte) in rest.iter_mut().enumerate() {
                        *byte ^= key[(offset + at) % key.len()];
                    }
                }
                let mut rest = Reader::new(&rest);
                let pool = decode_body(&mut rest)?;
                match rest.remaining() {
                    0 => Ok(pool),
                    left => Err(DecodeError::TrailingBytes(left)),
                }
            }
            other => Err(DecodeError::Invalid(format!("mempool.dat has version {other}; 1 and 2 are known"))),
        }
    }
}

fn decode_body(reader: &mut Reader<'_>) -> Result<SavedPool, DecodeError> {
    let count = reader.u64()?;
    let mut transactions = Vec::new();
    for _ in 0..count {
        let tx = Tx::from(Transaction::decode(reader)?);
        transactions.push(SavedTx { tx, time: reader.i64()?, fee_delta: reader.i64()? });
    }
    let deltas = reader.vec(40, |reader| Ok((Txid::decode(reader)?, reader.i64()?)))?;
    let unbroadcast = reader.vec(32, Txid::decode)?;
    Ok(SavedPool { transactions, deltas, unbroadcast })
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::{Amount, OutPoint, Script, TxIn, TxOut};

    fn pool() -> SavedPool {
        let tx = Transaction {
            version: 2,
            inputs: vec![TxIn {
                previous_output: OutPoint { txid: Txid([1; 32]), vout: 0 },
                script_sig: Script(vec![0x51]),
                sequence: 0,
                witness: vec![vec![7; 9]],
            }],
            outputs: vec![TxOut { value: Amount(5), script_pubkey: Script(vec![0x51]) }],
            lock_time: 0,
        };
        SavedPool {
            transactions: vec![SavedTx { tx: tx.into(), time: 1_700_000_000, fee_delta: -3 }],
            deltas: vec![(Txid([2; 32]), 1_000)],
            unbroadcast: vec![Txid([3; 32])],
        }
    }

    #[test]
    fn both_versions_are_read_and_damage_is_named() {
        let bytes = pool().to_bytes();
        assert_eq!(SavedPool::decode_exact(&bytes), Ok(pool()));
        let key = [0x5a, 1, 2, 3, 4, 5, 6, 7];
        let mut keyed = VERSION_WITH_KEY.to_le_bytes().to_vec();
        keyed.push(8);
        keyed.extend(key);
        let offset = keyed.len();
        keyed.extend(bytes[8..].iter().enumerate().map(|(at, byte)| byte ^ key[(offset + at) % 8]));
        assert_eq!(SavedPool::decode_exact(&keyed), Ok(pool()));
        assert!(SavedPool::decode_exact(&bytes[..bytes.len() - 1]).is_err());
        let error = SavedPool::decode_exact(&9u64.to_le_bytes()).unwrap_err();
        assert!(error.to_string().contains("version 9"), "{error}");
    }

    #[test]
    fn a_file_is_replaced_as_a_whole() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mempool.dat");
        std::fs::write(&path, b"old").unwrap();
        pool().write(&path).unwrap();
        assert_eq!(SavedPool::decode_exact(&std::fs::read(&path).unwrap()), Ok(pool()));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
