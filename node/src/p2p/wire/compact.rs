//! Compact blocks and what completes them (BIP152).

use chaincore_consensus::codec::{Decode, DecodeError, Encode, Reader, Sink, put_compact_size};
use chaincore_consensus::hash::HashWriter;
use chaincore_consensus::{Block, BlockHash, Header, Tx, TxRef, Wtxid};
use siphasher::sip::SipHasher24;
use std::sync::Arc;

/// How many bytes a short id has on the wire.
const SHORT_ID_LEN: usize = 6;
/// The least bytes of a transaction.
const LEAST_TX_LEN: usize = 10;

/// A transaction that the sender believes the receiver lacks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PrefilledTx {
    /// How many transactions are between the one prefilled before, or the block's beginning, and this.
    pub offset: u16,
    /// The transaction.
    pub tx: TxRef,
}

/// A block by short ids.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CompactBlock {
    /// The block's header.
    pub header: Header,
    /// What the short ids are salted with.
    pub nonce: u64,
    /// The ids of the transactions that are not prefilled, in block order, 48 bits each.
    pub short_ids: Vec<u64>,
    /// The transactions that are given whole, in block order.
    pub prefilled: Vec<PrefilledTx>,
}

impl CompactBlock {
    /// The compact form of a block that has a coinbase, which alone is prefilled. The nonce should be random.
    pub fn new(block: &Block, nonce: u64) -> Self {
        let ids = ShortIdHasher::new(&block.header, nonce);
        let coinbase = block.transactions.first().cloned();
        Self {
            header: block.header,
            nonce,
            short_ids: block.transactions.iter().skip(1).map(|tx| ids.short_id(&tx.wtxid())).collect(),
            prefilled: coinbase.into_iter().map(|tx| PrefilledTx { offset: 0, tx }).collect(),
        }
    }

    /// How many transactions the block has.
    pub fn tx_count(&self) -> usize {
        self.short_ids.len() + self.prefilled.len()
    }

    /// What the block's short ids are made with.
    pub fn short_id_hasher(&self) -> ShortIdHasher {
        ShortIdHasher::new(&self.header, self.nonce)
    }
}

impl Encode for CompactBlock {
    fn encode(&self, sink: &mut impl Sink) {
        self.header.encode(sink);
        sink.put(&self.nonce.to_le_bytes());
        put_compact_size(sink, self.short_ids.len() as u64);
        for id in &self.short_ids {
            sink.put(&id.to_le_bytes()[..SHORT_ID_LEN]);
        }
        put_compact_size(sink, self.prefilled.len() as u64);
        for PrefilledTx { offset, tx } in &self.prefilled {
            put_compact_size(sink, u64::from(*offset));
            tx.encode(sink);
        }
    }
}

impl Decode for CompactBlock {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let block = Self {
            header: Header::decode(reader)?,
            nonce: reader.u64()?,
            short_ids: reader.vec(SHORT_ID_LEN, |reader| {
                let mut bytes = [0; 8];
                bytes[..SHORT_ID_LEN].copy_from_slice(reader.bytes(SHORT_ID_LEN)?);
                Ok(u64::from_le_bytes(bytes))
            })?,
            prefilled: reader.vec(1 + LEAST_TX_LEN, |reader| {
                let offset = reader.compact_size()?;
                let offset = u16::try_from(offset)
                    .map_err(|_| DecodeError::Invalid("CompactSize exceeds limit of type".into()))?;
                Ok(PrefilledTx { offset, tx: Arc::new(Tx::decode(reader)?) })
            })?,
        };
        if block.tx_count() > usize::from(u16::MAX) {
            return Err(DecodeError::Invalid("indexes overflowed 16 bits".into()));
        }
        Ok(block)
    }
}

/// Makes the short ids of one compact block: SipHash-2-4, keyed by the header and the nonce.
#[derive(Clone, Copy, Debug)]
pub struct ShortIdHasher {
    hasher: SipHasher24,
}

impl ShortIdHasher {
    /// The hasher of a block and a nonce.
    pub fn new(header: &Header, nonce: u64) -> Self {
        let mut writer = HashWriter::default();
        header.encode(&mut writer);
        Sink::put(&mut writer, &nonce.to_le_bytes());
        let hash = writer.finish_single();
        let key = |at: usize| u64::from_le_bytes(hash[at..at + 8].try_into().expect("eight bytes"));
        Self { hasher: SipHasher24::new_with_keys(key(0), key(8)) }
    }

    /// A transaction's short id.
    pub fn short_id(&self, wtxid: &Wtxid) -> u64 {
        self.hasher.hash(&wtxid.0) & 0xffff_ffff_ffff
    }
}

/// Asks for transactions of a compact block.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockTxnRequest {
    /// The block.
    pub block: BlockHash,
    /// The transactions' places in the block; each must be greater than the one before.
    pub indexes: Vec<u16>,
}

impl Encode for BlockTxnRequest {
    fn encode(&self, sink: &mut impl Sink) {
        self.block.encode(sink);
        put_compact_size(sink, self.indexes.len() as u64);
        let mut least = 0;
        for index in &self.indexes {
            let index = u64::from(*index);
            debug_assert!(index >= least, "the indexes ascend");
            put_compact_size(sink, index.saturating_sub(least));
            least = index + 1;
        }
    }
}

impl Decode for BlockTxnRequest {
    /// Indexes are written as their distance from the one before, so that they can't but ascend.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let block = BlockHash::decode(reader)?;
        let mut least = 0;
        let indexes = reader.vec(1, |reader| {
            let index = least + reader.compact_size()?;
            least = index + 1;
            u16::try_from(index).map_err(|_| DecodeError::Invalid("differential value overflow".into()))
        })?;
        Ok(Self { block, indexes })
    }
}

/// The transactions that were asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BlockTxn {
    /// The block.
    pub block: BlockHash,
    /// The transactions, in the request's order.
    pub transactions: Vec<TxRef>,
}

impl BlockTxn {
    /// The answer to a request, `None` if it asks for transactions that the block hasn't got.
    pub fn answer(block: &Block, request: &BlockTxnRequest) -> Option<Self> {
        let tx = |index: &u16| block.transactions.get(usize::from(*index)).cloned();
        let transactions = request.indexes.iter().map(tx).collect::<Option<_>>()?;
        Some(Self { block: request.block, transactions })
    }
}

impl Encode for BlockTxn {
    fn encode(&self, sink: &mut impl Sink) {
        self.block.encode(sink);
        put_compact_size(sink, self.transactions.len() as u64);
        for tx in &self.transactions {
            tx.encode(sink);
        }
    }
}

impl Decode for BlockTxn {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            block: BlockHash::decode(reader)?,
            transactions: reader.vec(LEAST_TX_LEN, |reader| Tx::decode(reader).map(Arc::new))?,
        })
    }
}
