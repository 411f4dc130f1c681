//! Block headers and blocks.

use crate::codec::{Decode, DecodeError, Encode, Reader, Sink, compact_size_len, put_compact_size};
use crate::hash::{BlockHash, Hash256, sha256d};
use crate::transaction::{Tx, TxRef, WITNESS_SCALE_FACTOR};
use std::sync::Arc;

/// The 80 bytes that proof of work is done on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Header {
    /// Version bits (BIP9).
    pub version: i32,
    /// The block built upon.
    pub previous: BlockHash,
    /// The root of the transactions' merkle tree.
    pub merkle_root: Hash256,
    /// Seconds since 1970, as the miner claims.
    pub time: u32,
    /// The target in compact form.
    pub bits: u32,
    /// What the miner varies.
    pub nonce: u32,
}

impl Header {
    /// The size of every header.
    pub const LEN: usize = 80;

    /// The header's bytes.
    pub fn to_array(&self) -> [u8; Self::LEN] {
        let mut bytes = [0; Self::LEN];
        bytes[..4].copy_from_slice(&self.version.to_le_bytes());
        bytes[4..36].copy_from_slice(&self.previous.0);
        bytes[36..68].copy_from_slice(&self.merkle_root.0);
        bytes[68..72].copy_from_slice(&self.time.to_le_bytes());
        bytes[72..76].copy_from_slice(&self.bits.to_le_bytes());
        bytes[76..].copy_from_slice(&self.nonce.to_le_bytes());
        bytes
    }

    /// The block's identifier.
    pub fn hash(&self) -> BlockHash {
        BlockHash(sha256d(&self.to_array()))
    }
}

impl Encode for Header {
    fn encode(&self, sink: &mut impl Sink) {
        sink.put(&self.to_array());
    }
}

impl Decode for Header {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            version: reader.i32()?,
            previous: BlockHash::decode(reader)?,
            merkle_root: Hash256::decode(reader)?,
            time: reader.u32()?,
            bits: reader.u32()?,
            nonce: reader.u32()?,
        })
    }
}

/// A header and its transactions, the coinbase first.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Block {
    /// The proof-of-work header.
    pub header: Header,
    /// The transactions in block order.
    pub transactions: Vec<TxRef>,
}

impl Block {
    /// The block's identifier.
    pub fn hash(&self) -> BlockHash {
        self.header.hash()
    }

    /// Bytes without witnesses.
    pub fn stripped_size(&self) -> usize {
        self.size_by(Tx::stripped_size)
    }

    /// Bytes with witnesses.
    pub fn total_size(&self) -> usize {
        self.size_by(Tx::total_size)
    }

    /// Weight units (BIP141).
    pub fn weight(&self) -> usize {
        self.stripped_size() * (WITNESS_SCALE_FACTOR - 1) + self.total_size()
    }

    fn size_by(&self, size: impl Fn(&Tx) -> usize) -> usize {
        let count = compact_size_len(self.transactions.len() as u64);
        Header::LEN + count + self.transactions.iter().map(|tx| size(tx)).sum::<usize>()
    }
}

impl Encode for Block {
    fn encode(&self, sink: &mut impl Sink) {
        self.header.encode(sink);
        put_compact_size(sink, self.transactions.len() as u64);
        for tx in &self.transactions {
            tx.encode(sink);
        }
    }
}

impl Decode for Block {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            header: Header::decode(reader)?,
            transactions: reader.vec(10, |reader| Tx::decode(reader).map(Arc::new))?,
        })
    }
}
