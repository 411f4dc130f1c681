//! BIP158's basic filters: a block's scripts as a compressed set that answers "certainly not" or "perhaps", and
//! the chain of filter headers that commits to all of them.
//!
//! A [`BasicFilter`] that exists is well formed: it was built here, or all of it has been decoded once.

mod golomb;

use crate::codec::{DecodeError, Reader, compact_size_len, put_compact_size};
use crate::hash::{sha256d, siphash24};
use crate::script::op;
use crate::{Block, BlockHash, Hash256};
use golomb::{BitReader, BitWriter};

/// The bits of a delta that are written as they are (BIP158's P).
pub const BASIC_P: u32 = 19;

/// One over the probability that a script that is not in the block matches (BIP158's M).
pub const BASIC_M: u32 = 784_931;

/// The number by which the protocol knows this kind of filter (BIP157).
pub const BASIC_TYPE: u8 = 0;

/// The filter header below the genesis block's.
pub const HEADER_BEFORE_GENESIS: Hash256 = Hash256::ZERO;

/// Why bytes are not a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The element count cannot be read.
    #[error("filter without its element count: {0}")]
    Count(#[from] DecodeError),
    /// There are more elements than filters can have.
    #[error("filter of {0} elements, more than 2^32-1")]
    TooMany(u64),
    /// The bytes end before the last element.
    #[error("filter of {count} elements ends in element {at}")]
    EndOfData {
        /// How many elements it says it has.
        count: u32,
        /// The first that is incomplete.
        at: u32,
    },
    /// An element is not below the range that the element count gives.
    #[error("element {0} of the filter is out of range")]
    OutOfRange(u32),
    /// Bytes are left behind the last element.
    #[error("filter with excess data behind its last element")]
    ExcessData,
}

/// The basic filter of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasicFilter {
    block: BlockHash,
    count: u32,
    bytes: Vec<u8>,
}

/// What SipHash is keyed with: the block hash's first 16 bytes.
fn key(block: &BlockHash) -> (u64, u64) {
    let half = |at: usize| u64::from_le_bytes(block.0[at..at + 8].try_into().expect("eight bytes"));
    (half(0), half(8))
}

/// A script's hash, brought into `0..count * M` evenly.
fn hash_to_range(key: (u64, u64), count: u32, element: &[u8]) -> u64 {
    let range = u128::from(count) * u128::from(BASIC_M);
    u64::try_from((u128::from(siphash24(key, element)) * range) >> 64)
        .expect("the product is shifted by 64 bits")
}

/// The scripts of a block that its basic filter holds, repeated as they come: what it spends and what it pays
/// to, but for empty scripts and outputs that begin with `OP_RETURN`. `spent` are the spent outputs' scripts.
pub fn basic_elements<'a>(
    block: &'a Block,
    spent: impl IntoIterator<Item = &'a [u8]>,
) -> impl Iterator<Item = &'a [u8]> {
    let outputs =
        block.transactions.iter().flat_map(|tx| &tx.outputs).map(|output| &output.script_pubkey[..]);
    let paid = outputs.filter(|script| script.first() != Some(&op::OP_RETURN));
    paid.chain(spent).filter(|script| !script.is_empty())
}

impl BasicFilter {
    /// The filter of a block, given the scripts of the outputs that it spends, in any order.
    pub fn of_block<'a>(block: &'a Block, spent: impl IntoIterator<Item = &'a [u8]>) -> Self {
        Self::build(block.hash(), basic_elements(block, spent))
    }

    /// A filter of these elements, repeated or not, keyed by a block.
    ///
    /// # Panics
    /// If there are 2^32 elements or more, for which no block has room.
    pub fn build<'a>(block: BlockHash, elements: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut elements: Vec<&[u8]> = elements.into_iter().collect();
        elements.sort_unstable();
        elements.dedup();
        let count = u32::try_from(elements.len()).expect("a block has fewer scripts than bytes");
        let key = key(&block);
        let mut hashes: Vec<u64> =
            elements.into_iter().map(|element| hash_to_range(key, count, element)).collect();
        hashes.sort_unstable();
        let mut bytes = Vec::with_capacity(compact_size_len(count.into()) + hashes.len() * 21 / 8 + 1);
        put_compact_size(&mut bytes, count.into());
        let mut writer = BitWriter::new(bytes);
        let mut last = 0;
        for hash in hashes {
            writer.put_golomb(hash - last, BASIC_P);
            last = hash;
        }
        Self { block, count, bytes: writer.finish() }
    }

    /// The filter of a block in the form that travels: element count, then the deltas. All of it is checked.
    pub fn decode(block: BlockHash, bytes: Vec<u8>) -> Result<Self, FilterError> {
        let mut reader = Reader::new(&bytes);
        let count = reader.compact_size_unbounded()?;
        let count = u32::try_from(count).map_err(|_| FilterError::TooMany(count))?;
        let range = u64::from(count) * u64::from(BASIC_M);
        let mut bits = BitReader::new(&bytes[reader.position()..]);
        let mut value = 0u64;
        for at in 0..count {
            let delta = bits.golomb(BASIC_P).ok_or(FilterError::EndOfData { count, at })?;
            value =
                value.checked_add(delta).filter(|value| *value < range).ok_or(FilterError::OutOfRange(at))?;
        }
        if bits.whole_bytes_left() > 0 {
            return Err(FilterError::ExcessData);
        }
        Ok(Self { block, count, bytes })
    }

    /// The block.
    pub fn block(&self) -> BlockHash {
        self.block
    }

    /// How many different elements it holds.
    pub fn len(&self) -> u32 {
        self.count
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The form that travels, is stored, and is hashed.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The form that travels, is stored, and is hashed.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// Whether a script is in the block: `true` is wrong once in [`BASIC_M`] times, `false` never.
    pub fn matches(&self, script: &[u8]) -> bool {
        self.matches_any([script])
    }

    /// Whether any of these scripts is in the block. One pass over the filter, whatever their number.
    pub fn matches_any<'a>(&self, scripts: impl IntoIterator<Item = &'a [u8]>) -> bool {
        let key = key(&self.block);
        let mut wanted: Vec<u64> =
            scripts.into_iter().map(|script| hash_to_range(key, self.count, script)).collect();
        wanted.sort_unstable();
        let mut wanted = wanted.into_iter().peekable();
        let mut value = 0;
        for element in self.deltas() {
            value += element;
            while wanted.next_if(|wanted| *wanted < value).is_some() {}
            match wanted.peek() {
                None => return false,
                Some(wanted) if *wanted == value => return true,
                Some(_) => {}
            }
        }
        false
    }

    /// The distances between the sorted hashes.
    fn deltas(&self) -> impl Iterator<Item = u64> {
        let mut bits = BitReader::new(&self.bytes[compact_size_len(self.count.into())..]);
        (0..self.count).map(move |_| bits.golomb(BASIC_P).expect("the whole filter has been decoded before"))
    }

    /// The filter's hash.
    pub fn hash(&self) -> Hash256 {
        filter_hash(&self.bytes)
    }

    /// The filter header, on top of the block below's.
    pub fn header(&self, previous: &Hash256) -> Hash256 {
        filter_header(&self.hash(), previous)
    }
}

/// The hash of a filter's bytes.
pub fn filter_hash(bytes: &[u8]) -> Hash256 {
    Hash256(sha256d(bytes))
}

/// The header of a filter with this hash, on top of the block below's (BIP157).
pub fn filter_header(hash: &Hash256, previous: &Hash256) -> Hash256 {
    Hash256(sha256d(&[hash.0, previous.0].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: BlockHash = BlockHash([9; 32]);

    #[test]
    fn an_empty_filter_is_one_byte_and_matches_nothing() {
        let filter = BasicFilter::build(BLOCK, []);
        assert_eq!((filter.as_bytes(), filter.len(), filter.is_empty()), (&[0][..], 0, true));
        assert!(!filter.matches(b"x") && !filter.matches_any([]));
        assert_eq!(BasicFilter::decode(BLOCK, vec![0]), Ok(filter));
        assert_eq!(BasicFilter::decode(BLOCK, vec![0, 0]), Err(FilterError::ExcessData));
    }

    #[test]
    fn what_is_no_filter_is_refused() {
        let decode = |bytes: &[u8]| BasicFilter::decode(BLOCK, bytes.to_vec());
        assert!(matches!(decode(&[]), Err(FilterError::Count(DecodeError::EndOfData { .. }))));
        assert!(matches!(decode(&[0xfd, 1, 0]), Err(FilterError::Count(DecodeError::NonCanonicalSize(1)))));
        let huge = [&[0xff][..], &(1u64 << 32).to_le_bytes()].concat();
        assert_eq!(decode(&huge), Err(FilterError::TooMany(1 << 32)));
        // Four billion elements in three bytes: the first already fails.
        let many = [&[0xfe][..], &u32::MAX.to_le_bytes(), &[0, 0, 0]].concat();
        assert_eq!(decode(&many), Err(FilterError::EndOfData { count: u32::MAX, at: 1 }));
        // A quotient that never ends.
        assert_eq!(decode(&[1, 0xff, 0xff, 0xff]), Err(FilterError::EndOfData { count: 1, at: 0 }));
        // One element of three: 1110 and 19 bits are 3 << 19, which is above M.
        assert_eq!(decode(&[1, 0xe0, 0, 0]), Err(FilterError::OutOfRange(0)));
        assert_eq!(decode(&[1, 0, 0, 0]).map(|filter| filter.len()), Ok(1));
        assert_eq!(decode(&[1, 0, 0, 0, 0]), Err(FilterError::ExcessData));
        assert_eq!(decode(&[1, 0, 0]), Err(FilterError::EndOfData { count: 1, at: 0 }));
    }

    #[test]
    fn repeated_elements_count_once() {
        let filter = BasicFilter::build(BLOCK, [&b"b"[..], b"a", b"b", b"a"]);
        assert_eq!(filter, BasicFilter::build(BLOCK, [&b"a"[..], b"b"]));
        assert_eq!(filter.len(), 2);
        assert!(filter.matches(b"a") && filter.matches_any([&b"zz"[..], b"b"]));
    }
}
