//! What the block index keeps of every header, and its stored form.

use chaincore_consensus::Header;
use chaincore_consensus::codec::{Decode, DecodeError, Encode, Reader, Sink};
use chaincore_consensus::coin::{put_varint, read_varint, read_varint_u32};

/// A place in the block or undo files: of the payload, behind its magic and length.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FilePos {
    /// The number in `blkNNNNN.dat` or `revNNNNN.dat`.
    pub file: u32,
    /// The payload's first byte.
    pub offset: u32,
}

/// How far a block has been checked and what is stored of it; the bits of Core's `BlockStatus`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Debug)]
pub struct BlockStatus(pub u32);

impl BlockStatus {
    /// The header's parents are known and its work and time are right.
    pub const VALID_TREE: u32 = 2;
    /// The block has been received and its transactions make sense by themselves.
    pub const VALID_TRANSACTIONS: u32 = 3;
    /// Its coins and amounts are right given its ancestors.
    pub const VALID_CHAIN: u32 = 4;
    /// Its scripts are right.
    pub const VALID_SCRIPTS: u32 = 5;
    /// The bits of the level.
    pub const LEVEL_MASK: u32 = 7;
    /// The block is in a block file.
    pub const HAVE_DATA: u32 = 8;
    /// Its undo data is in an undo file.
    pub const HAVE_UNDO: u32 = 16;
    /// It failed a check beyond those of its level, or the user said so.
    pub const FAILED: u32 = 32;
    /// It descends from a failed block.
    pub const FAILED_CHILD: u32 = 64;

    /// The level reached: one of the `VALID_` constants, or 0.
    pub fn level(self) -> u32 {
        self.0 & Self::LEVEL_MASK
    }

    /// Raises the level; never lowers it.
    pub fn raise(&mut self, level: u32) {
        if self.level() < level {
            self.0 = self.0 & !Self::LEVEL_MASK | level;
        }
    }

    /// Whether any of `bits` is set.
    pub fn has(self, bits: u32) -> bool {
        self.0 & bits != 0
    }

    /// Sets `bits`.
    pub fn set(&mut self, bits: u32) {
        self.0 |= bits;
    }

    /// Clears `bits`.
    pub fn clear(&mut self, bits: u32) {
        self.0 &= !bits;
    }
}

/// A block as the index keeps it, by its hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct BlockRecord {
    /// The header.
    pub header: Header,
    /// Its height.
    pub height: u32,
    /// What is known and stored of the block.
    pub status: BlockStatus,
    /// How many transactions it has; 0 until the block has been received.
    pub n_tx: u32,
    /// Where the block is.
    pub data_pos: Option<FilePos>,
    /// Where its undo data is.
    pub undo_pos: Option<FilePos>,
    /// When it was received, as a count: of two blocks with equal work the lower one was first.
    pub sequence: u64,
}

fn put_pos(sink: &mut impl Sink, pos: Option<FilePos>) {
    put_varint(sink, pos.map_or(0, |pos| u64::from(pos.file) + 1));
    if let Some(pos) = pos {
        put_varint(sink, pos.offset.into());
    }
}

fn read_pos(reader: &mut Reader<'_>) -> Result<Option<FilePos>, DecodeError> {
    let Some(file) = read_varint(reader)?.checked_sub(1) else { return Ok(None) };
    let file = u32::try_from(file).map_err(|_| DecodeError::Invalid(format!("block file number {file}")))?;
    Ok(Some(FilePos { file, offset: read_varint_u32(reader)? }))
}

impl Encode for BlockRecord {
    fn encode(&self, sink: &mut impl Sink) {
        self.header.encode(sink);
        put_varint(sink, self.height.into());
        put_varint(sink, self.status.0.into());
        put_varint(sink, self.n_tx.into());
        put_pos(sink, self.data_pos);
        put_pos(sink, self.undo_pos);
        put_varint(sink, self.sequence);
    }
}

impl Decode for BlockRecord {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            header: Header::decode(reader)?,
            height: read_varint_u32(reader)?,
            status: BlockStatus(read_varint_u32(reader)?),
            n_tx: read_varint_u32(reader)?,
            data_pos: read_pos(reader)?,
            undo_pos: read_pos(reader)?,
            sequence: read_varint(reader)?,
        })
    }
}

/// How far a pair of block and undo files has been filled.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct FileInfo {
    /// Blocks in the block file.
    pub blocks: u32,
    /// Bytes of the block file in use.
    pub size: u32,
    /// Bytes of the undo file in use.
    pub undo_size: u32,
}

impl Encode for FileInfo {
    fn encode(&self, sink: &mut impl Sink) {
        for value in [self.blocks, self.size, self.undo_size] {
            put_varint(sink, value.into());
        }
    }
}

impl Decode for FileInfo {
    fn decode(reader: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            blocks: read_varint_u32(reader)?,
            size: read_varint_u32(reader)?,
            undo_size: read_varint_u32(reader)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaincore_consensus::{BlockHash, Hash256};

    #[test]
    fn records_round_trip() {
        let header = Header {
            version: -1,
            previous: BlockHash([1; 32]),
            merkle_root: Hash256([2; 32]),
            time: 3,
            bits: 4,
            nonce: 5,
        };
        for (data_pos, undo_pos) in [
            (None, None),
            (Some(FilePos { file: 0, offset: 8 }), None),
            (Some(FilePos { file: u32::MAX, offset: u32::MAX }), Some(FilePos { file: 7, offset: 0 })),
        ] {
            let record = BlockRecord {
                header,
                height: 900_000,
                status: BlockStatus(BlockStatus::VALID_SCRIPTS | BlockStatus::HAVE_DATA),
                n_tx: 5000,
                data_pos,
                undo_pos,
                sequence: u64::MAX,
            };
            assert_eq!(BlockRecord::decode_exact(&record.to_bytes()), Ok(record));
        }
    }

    #[test]
    fn levels_only_rise() {
        let mut status = BlockStatus::default();
        status.raise(BlockStatus::VALID_SCRIPTS);
        status.set(BlockStatus::HAVE_DATA | BlockStatus::FAILED);
        status.raise(BlockStatus::VALID_TREE);
        status.clear(BlockStatus::FAILED);
        assert_eq!(status, BlockStatus(BlockStatus::VALID_SCRIPTS | BlockStatus::HAVE_DATA));
        assert!(status.has(BlockStatus::HAVE_DATA) && !status.has(BlockStatus::FAILED));
    }
}
