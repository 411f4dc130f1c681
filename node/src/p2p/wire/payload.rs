//! The payloads of messages, from and to bytes.

use super::{
    AuthChallenge, AuthProof, BlockTxn, BlockTxnRequest, Command, CompactBlock, Inventory, Locator,
    MAX_ADDRESSES, MAX_HEADERS, MAX_INVENTORY, MAX_LOCATOR, Message, PeerAddress, ReceivedBlock, Version,
    WireError,
};
use chaincore_consensus::codec::{
    Decode, DecodeError, Encode, Reader, Sink, put_compact_size, put_var_bytes,
};
use chaincore_consensus::{Block, BlockHash, Hash256, Header, Tx};
use std::sync::Arc;

/// The least and the most bytes of a feature's name, and the most of its data (BIP434).
const FEATURE_NAME: std::ops::RangeInclusive<usize> = 4..=80;
const MAX_FEATURE_DATA: usize = 512;

impl Message {
    /// Puts what goes behind the frame's header.
    pub(super) fn put_payload(&self, out: &mut Vec<u8>) {
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
