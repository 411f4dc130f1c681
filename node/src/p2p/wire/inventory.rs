//! What peers announce and ask for: inventory and locators.

use chaincore_consensus::codec::{Decode, DecodeError, Encode, Reader, Sink, put_compact_size};
use chaincore_consensus::{BlockHash, Hash256, Txid, Wtxid};
use std::fmt;

/// What asks for the form with witnesses (BIP144).
const WITNESS_FLAG: u32 = 1 << 30;

/// What a hash is the hash of, and in which form it is wanted.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum InvKind {
    /// A transaction by its txid, without witness.
    Tx,
    /// A block, without witnesses.
    Block,
    /// A block that passed a bloom filter (BIP37).
    FilteredBlock,
    /// A compact block (BIP152).
    CompactBlock,
    /// A transaction by its wtxid (BIP339).
    WtxId,
    /// A transaction by its txid, with witness.
    WitnessTx,
    /// A block, with witnesses.
    WitnessBlock,
    /// Anything else.
    Unknown(u32),
}

impl InvKind {
    /// The number on the wire.
    pub const fn number(self) -> u32 {
        match self {
            Self::Tx => 1,
            Self::Block => 2,
            Self::FilteredBlock => 3,
            Self::CompactBlock => 4,
            Self::WtxId => 5,
            Self::WitnessTx => 1 | WITNESS_FLAG,
            Self::WitnessBlock => 2 | WITNESS_FLAG,
            Self::Unknown(number) => number,
        }
    }

    /// The kind of a number on the wire.
    pub const fn from_number(number: u32) -> Self {
        const WITNESS_TX: u32 = InvKind::WitnessTx.number();
        const WITNESS_BLOCK: u32 = InvKind::WitnessBlock.number();
        match number {
            1 => Self::Tx,
            2 => Self::Block,
            3 => Self::FilteredBlock,
            4 => Self::CompactBlock,
            5 => Self::WtxId,
            WITNESS_TX => Self::WitnessTx,
            WITNESS_BLOCK => Self::WitnessBlock,
            other => Self::Unknown(other),
        }
    }

    /// Whether this is a transaction in any form (Core's `IsGenTxMsg`).
    pub const fn is_tx(self) -> bool {
        matches!(self, Self::Tx | Self::WtxId | Self::WitnessTx)
    }

    /// Whether this is a block in any form (Core's `IsGenBlkMsg`).
    pub const fn is_block(self) -> bool {
        matches!(self, Self::Block | Self::FilteredBlock | Self::CompactBlock | Self::WitnessBlock)
    }
}

/// Something that a peer has or wants.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Inventory {
    /// What it is.
    pub kind: InvKind,
    /// Its hash.
    pub hash: Hash256,
}

impl Inventory {
    /// The size of every entry.
    pub const LEN: usize = 36;

    /// A block in the form that `kind` says.
    pub const fn block(kind: InvKind, hash: BlockHash) -> Self {
        Self { kind, hash: Hash256(hash.0) }
    }

    /// A transaction by its txid.
    pub const fn txid(kind: InvKind, txid: Txid) -> Self {
        Self { kind, hash: Hash256(txid.0) }
    }

    /// A transaction by its wtxid.
    pub const fn wtxid(wtxid: Wtxid) -> Self {
        Self { kind: InvKind::WtxId, hash: Hash256(wtxid.0) }
    }

    /// The hash as a block's.
    pub const fn block_hash(&self) -> BlockHash {
        BlockHash(self.hash.0)
    }
}

impl fmt::Display for Inventory {
    /// Core's `CInv::ToString`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.kind.number();
        // The bits above the witness flag are no part of the kind.
        let name = match number & (u32::MAX >> 2) {
            1 => "tx",
            2 => "block",
            3 => "merkleblock",
            4 => "cmpctblock",
            5 => "wtx",
            _ => return write!(f, "0x{number:08x} {}", self.hash),
        };
        let witness = if number & WITNESS_FLAG == 0 { "" } else { "witness-" };
        write!(f, "{witness}{name} {}", self.hash)
    }
}

impl Encode for Inventory {
    fn encode(&self, sink: &mut impl Sink) {
        sink.put(&self.kind.number().to_le_bytes());
        self.hash.encode(sink);
    }
}

impl Decode for Inventory {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { kind: InvKind::from_number(reader.u32()?), hash: Hash256::decode(reader)? })
    }
}

/// Hashes of a branch, newest first and ever further apart, by which a peer finds where two branches part.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Locator {
    /// A number that nobody reads; Core puts [`Self::VERSION`].
    pub version: u32,
    /// At most [`super::MAX_LOCATOR`] hashes.
    pub hashes: Vec<BlockHash>,
}

impl Locator {
    /// What is put for the version.
    pub const VERSION: u32 = 70016;

    /// A locator of these hashes.
    pub const fn new(hashes: Vec<BlockHash>) -> Self {
        Self { version: Self::VERSION, hashes }
    }
}

impl Encode for Locator {
    fn encode(&self, sink: &mut impl Sink) {
        sink.put(&self.version.to_le_bytes());
        put_compact_size(sink, self.hashes.len() as u64);
        for hash in &self.hashes {
            hash.encode(sink);
        }
    }
}

impl Decode for Locator {
    /// Reads a locator of any length: see [`super::Message::decode`] for the cap.
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self { version: reader.u32()?, hashes: reader.vec(32, BlockHash::decode)? })
    }
}
