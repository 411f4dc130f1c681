//! BIP157/158 filters: files of them checked against filter headers, and filter headers checked against other nodes.
//!
//! Nothing in a block commits to its filter. What binds a node is that each filter header covers the filter and all
//! those before it, so that two nodes can be compared by one hash. Where they differ, the block settles it: its filter
//! is computed from the block and from the outputs that it spends ([`Settlement`]), all of which prove themselves by
//! their hashes.

use chaincore_consensus::codec::Reader;
use chaincore_consensus::filter::{BasicFilter, FilterError, HEADER_BEFORE_GENESIS, basic_elements};
use chaincore_consensus::merkle::block_merkle_root;
use chaincore_consensus::{Block, BlockHash, Hash256, Header, OutPoint, Script, Transaction, Txid, codec};
use codec::Decode;
use std::collections::{BTreeSet, HashMap};

/// How many filters a file has, when it is full.
pub const FILE: u32 = 1000;

/// How many filter headers a file has, when it is full.
pub const HEADERS_FILE: u32 = 2000;

/// No filter is larger than this: not even of a block that were all outputs of one byte scripts.
const MAX_FILTER: usize = 1 << 20;

/// The most transactions that are asked for to settle a dispute about one block.
pub const MAX_SETTLEMENT: usize = 2000;

/// Why filters or filter headers are not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterFault {
    /// The file is not in the form that it should have.
    #[error("not a file of filters: {0}")]
    Malformed(&'static str),
    /// The filter does not have the hash that its filter header commits to.
    #[error("the filter of block {0} does not fit its filter header")]
    OtherFilter(u32),
    /// The filter has the right hash, and is none.
    #[error("the filter of block {0} is malformed: {1}")]
    NoFilter(u32, FilterError),
    /// The block is another one, or its transactions are not what its header commits to.
    #[error("the block is not block {0}")]
    OtherBlock(BlockHash),
}

/// The filters of a file, as the node serves it: a length in four little-endian bytes, then the filter, repeated.
pub fn parse_file(bytes: &[u8]) -> Result<Vec<&[u8]>, FilterFault> {
    let mut reader = Reader::new(bytes);
    let mut filters = Vec::new();
    while reader.remaining() > 0 {
        if filters.len() == FILE as usize {
            return Err(FilterFault::Malformed("more filters than a file has"));
        }
        let len = reader.u32().map_err(|_| FilterFault::Malformed("the last length is cut off"))? as usize;
        if len > MAX_FILTER {
            return Err(FilterFault::Malformed("a filter is too long"));
        }
        filters.push(reader.bytes(len).map_err(|_| FilterFault::Malformed("the last filter is cut off"))?);
    }
    Ok(filters)
}

/// The filter headers of a file, as the node serves it: 32 bytes each.
pub fn parse_header_file(bytes: &[u8]) -> Result<Vec<Hash256>, FilterFault> {
    let (headers, rest) = bytes.as_chunks::<32>();
    if !rest.is_empty() || headers.len() > HEADERS_FILE as usize {
        return Err(FilterFault::Malformed("not a whole number of filter headers"));
    }
    Ok(headers.iter().map(|header| Hash256(*header)).collect())
}

/// The filter of a block, if its bytes are those that its filter header commits to.
pub fn check_filter(
    height: u32,
    block: BlockHash,
    bytes: &[u8],
    below: &Hash256,
    header: &Hash256,
) -> Result<BasicFilter, FilterFault> {
    let hash = chaincore_consensus::filter::filter_hash(bytes);
    if chaincore_consensus::filter::filter_header(&hash, below) != *header {
        return Err(FilterFault::OtherFilter(height));
    }
    BasicFilter::decode(block, bytes.to_vec()).map_err(|error| FilterFault::NoFilter(height, error))
}

/// The block with that hash. Its transactions are those that its header commits to; its witnesses are not looked at.
pub fn read_block(hash: &BlockHash, bytes: &[u8]) -> Result<Block, FilterFault> {
    let other = FilterFault::OtherBlock(*hash);
    let header = Header::decode_first(bytes).map_err(|_| other.clone())?;
    if header.hash() != *hash {
        return Err(other);
    }
    let block = Block::decode_exact(bytes).map_err(|_| other.clone())?;
    let (root, mutated) = block_merkle_root(&block);
    if root != block.header.merkle_root || mutated {
        return Err(other);
    }
    // A tree of inner nodes passed off as transactions.
    if block.transactions.iter().any(|tx| tx.stripped_size() == 64)
        && !block.transactions.first().is_some_and(|tx| tx.is_coinbase())
    {
        return Err(other);
    }
    Ok(block)
}

/// Whether a filter lacks a script that the block pays to, which no true filter does. Needs the block alone.
pub fn lacks_an_output(filter: &BasicFilter, block: &Block) -> bool {
    basic_elements(block, []).any(|script| !filter.matches(script))
}

/// The first height at which two lists of filter headers, both from height `first` on, differ; a list that is shorter
/// says nothing about the rest.
pub fn first_difference(first: u32, one: &[Hash256], other: &[Hash256]) -> Option<u32> {
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    (same < one.len().min(other.len())).then(|| first + same as u32)
}

/// Computes the true filter of a block, for which the transactions that it spends from are needed.
#[derive(Debug, Clone)]
pub struct Settlement {
    height: u32,
    block: Block,
    /// What is spent and whose script is not known yet.
    missing: BTreeSet<Txid>,
    spent: HashMap<OutPoint, Script>,
}

impl Settlement {
    /// For a block that [`read_block`] has read; nothing if it spends from more transactions than is reasonable to
    /// ask for.
    pub fn new(height: u32, block: Block) -> Option<Self> {
        let inputs = || block.transactions.iter().skip(1).flat_map(|tx| &tx.inputs);
        let mut missing: BTreeSet<Txid> = inputs().map(|input| input.previous_output.txid).collect();
        let mut spent = HashMap::new();
        for tx in &block.transactions {
            if missing.remove(&tx.txid()) {
                put_outputs(&mut spent, tx.txid(), tx);
            }
        }
        (missing.len() <= MAX_SETTLEMENT).then_some(Self { height, block, missing, spent })
    }

    /// The block's height.
    pub fn height(&self) -> u32 {
        self.height
    }

    /// The block.
    pub fn block(&self) -> &Block {
        &self.block
    }

    /// The transactions that are still needed.
    pub fn missing(&self) -> impl Iterator<Item = &Txid> {
        self.missing.iter()
    }

    /// Takes a transaction; whether it is one that was needed.
    pub fn put(&mut self, tx: &Transaction) -> bool {
        let txid = tx.compute_txid();
        let wanted = self.missing.remove(&txid);
        if wanted {
            put_outputs(&mut self.spent, txid, tx);
        }
        wanted
    }

    /// The true filter, once nothing is missing. Nothing, too, if the block spends what its parents do not have, which
    /// no valid block does.
    pub fn filter(&self) -> Option<BasicFilter> {
        if !self.missing.is_empty() {
            return None;
        }
        let inputs = self.block.transactions.iter().skip(1).flat_map(|tx| &tx.inputs);
        let spent: Vec<&[u8]> = inputs
            .map(|input| self.spent.get(&input.previous_output).map(|script| &script[..]))
            .collect::<Option<_>>()?;
        Some(BasicFilter::of_block(&self.block, spent))
    }

    /// The true filter header on top of one that nobody disputes.
    pub fn header(&self, below: Option<&Hash256>) -> Option<Hash256> {
        let below = below.copied().unwrap_or(HEADER_BEFORE_GENESIS);
        self.filter().map(|filter| filter.header(&below))
    }
}

fn put_outputs(spent: &mut HashMap<OutPoint, Script>, txid: Txid, tx: &Transaction) {
    for (vout, output) in (0..).zip(&tx.outputs) {
        spent.insert(OutPoint { txid, vout }, output.script_pubkey.clone());
    }
}

#[cfg(test)]
#[path = "filters/tests.rs"]
mod tests;
