//! Every message of the protocol, from and to bytes.

use super::{
    AuthChallenge, AuthProof, BlockTxn, BlockTxnRequest, Command, CompactBlock, Inventory, Locator, MAX_ADDRESSES, MAX_HEADERS,
    MAX_INVENTORY, MAX_LOCATOR, PeerAddress, Version, WireError, frame,
};
use chaincore_consensus::codec::{
    Decode, DecodeError, Encode, Reader, Sink, put_compact_size, put_var_bytes,
};
use chaincore_consensus::{Block, BlockHash, Hash256, Header, Tx, TxRef};
use std::sync::Arc;

/// The least and the most bytes of a feature's name, and the most of its data (BIP434).
const FEATURE_NAME: std::ops::RangeInclusive<usize> = 4..=80;
const MAX_FEATURE_DATA: usize = 512;

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

    fn put_payload(&self, out: &mut Vec<u8>) {
        match self {
            Self::Version(version) => version.encode(out),
            Self::SendCmpct { high_bandwidth, version } => {
                out.put(&[u8::from(*high_bandwidth)]);
                out.put(&version.to_le_bytes());
            }
            Self::FeeFilter(rate) => out.put(&rate.to_le_bytes()),
            Self::Ping(nonce) | Self::Pong(nonce) => out.put(&nonce.to_le_bytes()),
            Self::PongBare(len) => out.resize(out.len() + len, 0),
            Self::Addr(addresses) => put_vec(out, addresses, PeerAddress::encode_v1),
            Self::AddrV2(addresses) => put_vec(out, addresses, PeerAddress::encode_v2),
            Self::Inv(entries) | Self::GetData(entries) | Self::NotFound(entries) => {
                put_vec(out, entries, Inventory::encode);
            }
            Self::GetHeaders { locator, stop } | Self::GetBlocks { locator, stop } => {
                locator.encode(out);
                stop.encode(out);
            }
            Self::Headers(headers) => put_vec(out, headers, |header, out| {
                header.encode(out);
                // A header is sent as a block without transactions.
                out.put(&[0]);
            }),
            Self::Block(block) => out.put(&block.bytes),
            Self::Tx(tx) => tx.encode(out),
            Self::CmpctBlock(block) => block.encode(out),
            Self::GetBlockTxn(request) => request.encode(out),
            Self::BlockTxn(answer) => answer.encode(out),
            Self::GetCFilters { filter_type, start_height, stop }
            | Self::GetCFHeaders { filter_type, start_height, stop } => {
                out.put(&[*filter_type]);
                out.put(&start_height.to_le_bytes());
                stop.encode(out);
            }
            Self::CFilter { filter_type, block, filter } => {
                out.put(&[*filter_type]);
                block.encode(out);
                put_var_bytes(out, filter);
            }
            Self::CFHeaders { filter_type, stop, previous, hashes } => {
                out.put(&[*filter_type]);
                stop.encode(out);
                previous.encode(out);
                put_vec(out, hashes, Hash256::encode);
            }
            Self::GetCFCheckpt { filter_type, stop } => {
                out.put(&[*filter_type]);
                stop.encode(out);
            }
            Self::CFCheckpt { filter_type, stop, headers } => {
                out.put(&[*filter_type]);
                stop.encode(out);
                put_vec(out, headers, Hash256::encode);
            }
            Self::SendTxRcncl { version, salt } => {
                out.put(&version.to_le_bytes());
                out.put(&salt.to_le_bytes());
            }
            Self::Feature { name, data } => {
                put_var_bytes(out, name);
                put_var_bytes(out, data);
            }
            Self::AuthChallenge(challenge) => challenge.encode(out),
            Self::AuthProof(proof) => proof.encode(out),
            Self::Verack
            | Self::WtxidRelay
            | Self::SendAddrV2
            | Self::SendHeaders
            | Self::PingBare
            | Self::GetAddr
            | Self::Mempool
            | Self::FilterLoad
            | Self::FilterAdd
            | Self::FilterClear
            | Self::MerkleBlock
            | Self::Unknown { .. } => {}
        }
    }

    /// Reads a message's payload. Bytes behind the message's end are ignored, but for `feature`, as Core does.
    pub fn decode(command: &Command, payload: &[u8]) -> Result<Self, WireError> {
        let mut reader = Reader::new(payload);
        Self::read(*command, payload, &mut reader)
    }

    fn read(command: Command, payload: &[u8], reader: &mut Reader<'_>) -> Result<Self, WireError> {
        Ok(match command {
            Command::VERSION => Self::Version(Box::new(Version::decode(reader)?)),
            Command::VERACK => Self::Verack,
            Command::WTXID_RELAY => Self::WtxidRelay,
            Command::SEND_ADDR_V2 => Self::SendAddrV2,
            Command::SEND_HEADERS => Self::SendHeaders,
            Command::SEND_CMPCT => {
                let announce = reader.u8()?;
                let version = reader.u64()?;
                if announce > 1 {
                    return Err(WireError::BadAnnounceField(announce));
                }
                Self::SendCmpct { high_bandwidth: announce == 1, version }
            }
            Command::FEE_FILTER => Self::FeeFilter(reader.i64()?),
            Command::PING if payload.is_empty() => Self::PingBare,
            Command::PING => Self::Ping(reader.u64()?),
            Command::PONG if payload.len() < 8 => Self::PongBare(payload.len()),
            Command::PONG => Self::Pong(reader.u64()?),
            Command::GET_ADDR => Self::GetAddr,
            Command::ADDR => Self::Addr(read_capped(
                reader,
                "addr",
                MAX_ADDRESSES,
                PeerAddress::V1_LEN,
                PeerAddress::decode_v1,
            )?),
            Command::ADDR_V2 => Self::AddrV2(read_capped(
                reader,
                "addrv2",
                MAX_ADDRESSES,
                PeerAddress::V2_LEAST_LEN,
                PeerAddress::decode_v2,
            )?),
            Command::INV => {
                Self::Inv(read_capped(reader, "inv", MAX_INVENTORY, Inventory::LEN, Inventory::decode)?)
            }
            Command::GET_DATA => Self::GetData(read_capped(
                reader,
                "getdata",
                MAX_INVENTORY,
                Inventory::LEN,
                Inventory::decode,
            )?),
            Command::NOT_FOUND => Self::NotFound(reader.vec(Inventory::LEN, Inventory::decode)?),
            Command::GET_HEADERS => {
                let (locator, stop) = read_locator(reader, "getheaders")?;
                Self::GetHeaders { locator, stop }
            }
            Command::GET_BLOCKS => {
                let (locator, stop) = read_locator(reader, "getblocks")?;
                Self::GetBlocks { locator, stop }
            }
            Command::HEADERS => Self::Headers(read_headers(reader)?),
            Command::BLOCK => {
                let block = Arc::new(Block::decode(reader)?);
                Self::Block(ReceivedBlock { block, bytes: payload[..reader.position()].to_vec() })
            }
            Command::TX => Self::Tx(Arc::new(Tx::decode(reader)?)),
            Command::MEMPOOL => Self::Mempool,
            Command::CMPCT_BLOCK => Self::CmpctBlock(Box::new(CompactBlock::decode(reader)?)),
            Command::GET_BLOCK_TXN => Self::GetBlockTxn(BlockTxnRequest::decode(reader)?),
            Command::BLOCK_TXN => Self::BlockTxn(BlockTxn::decode(reader)?),
            Command::GET_CFILTERS => Self::GetCFilters {
                filter_type: reader.u8()?,
                start_height: reader.u32()?,
                stop: BlockHash::decode(reader)?,
            },
            Command::CFILTER => Self::CFilter {
                filter_type: reader.u8()?,
                block: BlockHash::decode(reader)?,
                filter: reader.var_bytes()?,
            },
            Command::GET_CFHEADERS => Self::GetCFHeaders {
                filter_type: reader.u8()?,
                start_height: reader.u32()?,
                stop: BlockHash::decode(reader)?,
            },
            Command::CFHEADERS => Self::CFHeaders {
                filter_type: reader.u8()?,
                stop: BlockHash::decode(reader)?,
                previous: Hash256::decode(reader)?,
                hashes: reader.vec(32, Hash256::decode)?,
            },
            Command::GET_CFCHECKPT => {
                Self::GetCFCheckpt { filter_type: reader.u8()?, stop: BlockHash::decode(reader)? }
            }
            Command::CFCHECKPT => Self::CFCheckpt {
                filter_type: reader.u8()?,
                stop: BlockHash::decode(reader)?,
                headers: reader.vec(32, Hash256::decode)?,
            },
            Command::SEND_TX_RCNCL => Self::SendTxRcncl { version: reader.u32()?, salt: reader.u64()? },
            Command::FEATURE => read_feature(reader).ok_or(WireError::BadFeature)?,
            Command::FILTER_LOAD => Self::FilterLoad,
            Command::FILTER_ADD => Self::FilterAdd,
            Command::FILTER_CLEAR => Self::FilterClear,
            Command::MERKLE_BLOCK => Self::MerkleBlock,
            Command::AUTH_CHALLENGE => Self::AuthChallenge(Box::new(AuthChallenge::decode(reader)?)),
            Command::AUTH_PROOF => Self::AuthProof(Box::new(AuthProof::decode(reader)?)),
            command => Self::Unknown { command, payload_len: payload.len() },
        })
    }
}

fn put_vec<T>(out: &mut Vec<u8>, values: &[T], put: impl Fn(&T, &mut Vec<u8>)) {
    put_compact_size(out, values.len() as u64);
    for value in values {
        put(value, out);
    }
}

/// Values behind their count. Too many are told apart from a message that is cut short, as Core does by reading
/// them all first; here the ones above the cap are read and dropped.
fn read_capped<T>(
    reader: &mut Reader<'_>,
    what: &'static str,
    cap: usize,
    least_size: usize,
    mut read: impl FnMut(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Vec<T>, WireError> {
    let count = reader.compact_size()?;
    let mut values = Vec::with_capacity(count.min(cap).min(reader.remaining() / least_size));
    for n in 0..count {
        let value = read(reader)?;
        if n < cap {
            values.push(value);
        }
    }
    if count > cap { Err(WireError::TooMany { what, count }) } else { Ok(values) }
}

fn read_locator(reader: &mut Reader<'_>, what: &'static str) -> Result<(Locator, BlockHash), WireError> {
    let locator = Locator::decode(reader)?;
    let stop = BlockHash::decode(reader)?;
    match locator.hashes.len() {
        count if count > MAX_LOCATOR => Err(WireError::LocatorTooLong { what, count }),
        _ => Ok((locator, stop)),
    }
}

/// Too many headers are refused before they are read, unlike everything else.
fn read_headers(reader: &mut Reader<'_>) -> Result<Vec<Header>, WireError> {
    let count = reader.compact_size()?;
    if count > MAX_HEADERS {
        return Err(WireError::TooMany { what: "headers", count });
    }
    let mut headers = Vec::with_capacity(count.min(reader.remaining() / (Header::LEN + 1)));
    for _ in 0..count {
        headers.push(Header::decode(reader)?);
        // The number of transactions: whatever it says, none follow.
        reader.compact_size()?;
    }
    Ok(headers)
}

fn read_feature(reader: &mut Reader<'_>) -> Option<Message> {
    let mut field = |most: usize| {
        let len = reader.compact_size().ok().filter(|len| *len <= most)?;
        Some(reader.bytes(len).ok()?.to_vec())
    };
    let name = field(*FEATURE_NAME.end())?;
    let data = field(MAX_FEATURE_DATA)?;
    let complete = FEATURE_NAME.contains(&name.len()) && reader.remaining() == 0;
    complete.then_some(Message::Feature { name, data })
}
