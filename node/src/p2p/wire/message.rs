//! Every message of the protocol.

use super::{
    AuthChallenge, AuthProof, BlockTxn, BlockTxnRequest, Command, CompactBlock, Inventory, Locator,
    PeerAddress, Version, frame,
};
use chaincore_consensus::codec::{Encode, put_compact_size};
use chaincore_consensus::{Block, BlockHash, Hash256, Header, Tx, TxRef};
use std::sync::Arc;

/// A block with the bytes that it came as, so that nobody needs to make them again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReceivedBlock {
    /// The block.
    pub block: Arc<Block>,
    /// Its bytes, witnesses included.
    pub bytes: Vec<u8>,
}

impl From<Arc<Block>> for ReceivedBlock {
    fn from(block: Arc<Block>) -> Self {
        let bytes = block.to_bytes();
        Self { block, bytes }
    }
}

/// A message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// The first message of either side.
    Version(Box<Version>),
    /// The other side's version is accepted.
    Verack,
    /// Transactions are to be announced by wtxid (BIP339).
    WtxidRelay,
    /// Addresses are to be sent as `addrv2` (BIP155).
    SendAddrV2,
    /// Blocks are to be announced by their headers (BIP130).
    SendHeaders,
    /// Compact blocks are understood (BIP152).
    SendCmpct {
        /// Whether blocks are to be announced by them.
        high_bandwidth: bool,
        /// Which short ids are meant: [`super::COMPACT_BLOCKS_WITH_WITNESS`] or none that still matters.
        version: u64,
    },
    /// Transactions that pay less are not to be announced, in satoshi per 1000 virtual bytes (BIP133). Unchecked.
    FeeFilter(i64),
    /// Asks for a [`Self::Pong`] with the nonce (BIP31).
    Ping(u64),
    /// A ping that is never answered, of before BIP31: without a nonce. Peers of later versions may not send it.
    PingBare,
    /// Answers a ping.
    Pong(u64),
    /// A pong that answers nothing: of so many bytes, fewer than a nonce has.
    PongBare(usize),
    /// Asks for addresses.
    GetAddr,
    /// Addresses, of networks that fit 16 bytes.
    Addr(Vec<PeerAddress>),
    /// Addresses of any network (BIP155).
    AddrV2(Vec<PeerAddress>),
    /// What the sender has.
    Inv(Vec<Inventory>),
    /// What the sender wants.
    GetData(Vec<Inventory>),
    /// What the sender was asked for and hasn't got. As many as fit a message.
    NotFound(Vec<Inventory>),
    /// Asks for the headers behind the last block of the locator that is on the receiver's best branch.
    GetHeaders {
        /// Where the sender is.
        locator: Locator,
        /// The last block wanted; all zero bytes for as many as there are.
        stop: BlockHash,
    },
    /// As [`Self::GetHeaders`], for an inventory of blocks.
    GetBlocks {
        /// Where the sender is.
        locator: Locator,
        /// The last block wanted; all zero bytes for as many as there are.
        stop: BlockHash,
    },
    /// Headers.
    Headers(Vec<Header>),
    /// A block.
    Block(ReceivedBlock),
    /// A transaction.
    Tx(TxRef),
    /// Asks for an inventory of the mempool (BIP35).
    Mempool,
    /// A block by short ids (BIP152).
    CmpctBlock(Box<CompactBlock>),
    /// Asks for transactions of a compact block.
    GetBlockTxn(BlockTxnRequest),
    /// Transactions of a compact block.
    BlockTxn(BlockTxn),
    /// Asks for block filters (BIP157).
    GetCFilters {
        /// The filters' type.
        filter_type: u8,
        /// The height of the first block.
        start_height: u32,
        /// The last block.
        stop: BlockHash,
    },
    /// A block's filter (BIP157).
    CFilter {
        /// The filter's type.
        filter_type: u8,
        /// The block.
        block: BlockHash,
        /// The filter's bytes, with the count in front.
        filter: Vec<u8>,
    },
    /// Asks for the hashes of block filters (BIP157).
    GetCFHeaders {
        /// The filters' type.
        filter_type: u8,
        /// The height of the first block.
        start_height: u32,
        /// The last block.
        stop: BlockHash,
    },
    /// The hashes of block filters (BIP157).
    CFHeaders {
        /// The filters' type.
        filter_type: u8,
        /// The last block.
        stop: BlockHash,
        /// The filter header of the block before the first.
        previous: Hash256,
        /// The filters' hashes, first block first.
        hashes: Vec<Hash256>,
    },
    /// Asks for every thousandth filter header (BIP157).
    GetCFCheckpt {
        /// The filters' type.
        filter_type: u8,
        /// The last block.
        stop: BlockHash,
    },
    /// Every thousandth filter header (BIP157).
    CFCheckpt {
        /// The filters' type.
        filter_type: u8,
        /// The last block.
        stop: BlockHash,
        /// The filter headers at heights 1000, 2000 and so on.
        headers: Vec<Hash256>,
    },
    /// Transactions may be reconciled (BIP330).
    SendTxRcncl {
        /// The highest version of reconciliation that is understood.
        version: u32,
        /// The sender's half of the salt.
        salt: u64,
    },
    /// An optional part of the protocol is understood (BIP434).
    Feature {
        /// The part's name, 4 to 80 bytes.
        name: Vec<u8>,
        /// What the part's own document says, at most 512 bytes.
        data: Vec<u8>,
    },
    /// Sets a bloom filter (BIP37), which this node doesn't serve: what is in it is not read.
    FilterLoad,
    /// Adds to a bloom filter (BIP37); not read.
    FilterAdd,
    /// Removes a bloom filter (BIP37).
    FilterClear,
    /// A block that passed a bloom filter (BIP37); not read.
    MerkleBlock,
    /// Asks the other side to prove that it is of this private network (ChainCore's own).
    AuthChallenge(Box<AuthChallenge>),
    /// Proves that the sender is of this private network (ChainCore's own).
    AuthProof(Box<AuthProof>),
    /// A message of a type that this node doesn't know.
    Unknown {
        /// The type.
        command: Command,
        /// How many bytes its payload had.
        payload_len: usize,
    },
}

impl Message {
    /// The message's type.
    pub fn command(&self) -> Command {
        match self {
            Self::Version(_) => Command::VERSION,
            Self::Verack => Command::VERACK,
            Self::WtxidRelay => Command::WTXID_RELAY,
            Self::SendAddrV2 => Command::SEND_ADDR_V2,
            Self::SendHeaders => Command::SEND_HEADERS,
            Self::SendCmpct { .. } => Command::SEND_CMPCT,
            Self::FeeFilter(_) => Command::FEE_FILTER,
            Self::Ping(_) | Self::PingBare => Command::PING,
            Self::Pong(_) | Self::PongBare(_) => Command::PONG,
            Self::GetAddr => Command::GET_ADDR,
            Self::Addr(_) => Command::ADDR,
            Self::AddrV2(_) => Command::ADDR_V2,
            Self::Inv(_) => Command::INV,
            Self::GetData(_) => Command::GET_DATA,
            Self::NotFound(_) => Command::NOT_FOUND,
            Self::GetHeaders { .. } => Command::GET_HEADERS,
            Self::GetBlocks { .. } => Command::GET_BLOCKS,
            Self::Headers(_) => Command::HEADERS,
            Self::Block(_) => Command::BLOCK,
            Self::Tx(_) => Command::TX,
            Self::Mempool => Command::MEMPOOL,
            Self::CmpctBlock(_) => Command::CMPCT_BLOCK,
            Self::GetBlockTxn(_) => Command::GET_BLOCK_TXN,
            Self::BlockTxn(_) => Command::BLOCK_TXN,
            Self::GetCFilters { .. } => Command::GET_CFILTERS,
            Self::CFilter { .. } => Command::CFILTER,
            Self::GetCFHeaders { .. } => Command::GET_CFHEADERS,
            Self::CFHeaders { .. } => Command::CFHEADERS,
            Self::GetCFCheckpt { .. } => Command::GET_CFCHECKPT,
            Self::CFCheckpt { .. } => Command::CFCHECKPT,
            Self::SendTxRcncl { .. } => Command::SEND_TX_RCNCL,
            Self::Feature { .. } => Command::FEATURE,
            Self::FilterLoad => Command::FILTER_LOAD,
            Self::FilterAdd => Command::FILTER_ADD,
            Self::FilterClear => Command::FILTER_CLEAR,
            Self::MerkleBlock => Command::MERKLE_BLOCK,
            Self::AuthChallenge(_) => Command::AUTH_CHALLENGE,
            Self::AuthProof(_) => Command::AUTH_PROOF,
            Self::Unknown { command, .. } => *command,
        }
    }

    /// The message's whole frame. The messages whose payload is not kept ([`Self::FilterLoad`] and its like) are
    /// never sent; they come out empty.
    pub fn encode(&self, magic: [u8; 4]) -> Vec<u8> {
        frame(magic, self.command(), |payload| self.put_payload(payload))
    }

    /// The frame of a transaction without its witness, for peers that ask by txid.
    pub fn encode_stripped_tx(magic: [u8; 4], tx: &Tx) -> Vec<u8> {
        frame(magic, Command::TX, |payload| tx.encode_stripped(payload))
    }

    /// The frame of a block without witnesses, for peers that ask for that.
    pub fn encode_stripped_block(magic: [u8; 4], block: &Block) -> Vec<u8> {
        frame(magic, Command::BLOCK, |payload| {
            block.header.encode(payload);
            put_compact_size(payload, block.transactions.len() as u64);
            for tx in &block.transactions {
                tx.encode_stripped(payload);
            }
        })
    }
}
