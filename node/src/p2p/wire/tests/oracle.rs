//! The codec against rust-bitcoin's, in both directions.

use super::super::*;
use super::{MAGIC, samples};
use crate::p2p::net_address::{Host, NetAddress};
use bitcoin::bip152;
use bitcoin::consensus::encode::{deserialize, serialize};
use bitcoin::hashes::Hash;
use bitcoin::p2p::address::{AddrV2, AddrV2Message, Address};
use bitcoin::p2p::message::{CommandString, NetworkMessage, RawNetworkMessage};
use bitcoin::p2p::{self, message_blockdata, message_compact_blocks, message_filter, message_network};
use chaincore_consensus::codec::Encode;
use chaincore_consensus::{Amount, BlockHash, Hash256, Header, Tx};
use proptest::prelude::*;

fn block_hash(hash: &BlockHash) -> bitcoin::BlockHash {
    bitcoin::BlockHash::from_byte_array(hash.0)
}

fn tx(tx: &Tx) -> bitcoin::Transaction {
    deserialize(&tx.to_bytes()).unwrap()
}

fn header(header: &Header) -> bitcoin::block::Header {
    bitcoin::block::Header {
        version: bitcoin::block::Version::from_consensus(header.version),
        prev_blockhash: block_hash(&header.previous),
        merkle_root: bitcoin::TxMerkleNode::from_byte_array(header.merkle_root.0),
        time: header.time,
        bits: bitcoin::CompactTarget::from_consensus(header.bits),
        nonce: header.nonce,
    }
}

fn address(services: ServiceFlags, address: &NetAddress) -> Address {
    let mut words = [0; 8];
    for (word, bytes) in words.iter_mut().zip(address.host().to_v1_bytes().chunks(2)) {
        *word = u16::from_be_bytes([bytes[0], bytes[1]]);
    }
    Address { services: p2p::ServiceFlags::from(services.0), address: words, port: address.port() }
}

fn address_v2(host: Host) -> AddrV2 {
    match host {
        Host::Ipv4(bytes) => AddrV2::Ipv4(bytes.into()),
        Host::Ipv6(bytes) => AddrV2::Ipv6(bytes.into()),
        Host::Onion(key) => AddrV2::TorV3(key),
        Host::I2p(hash) => AddrV2::I2p(hash),
        Host::Cjdns(bytes) => AddrV2::Cjdns(bytes.into()),
        Host::Internal(_) => unreachable!("no sample is internal"),
    }
}

fn inventory(entries: &[Inventory]) -> Vec<message_blockdata::Inventory> {
    use message_blockdata::Inventory as Theirs;
    let one = |entry: &Inventory| {
        let hash = entry.hash.0;
        match entry.kind {
            InvKind::Tx => Theirs::Transaction(bitcoin::Txid::from_byte_array(hash)),
            InvKind::Block => Theirs::Block(bitcoin::BlockHash::from_byte_array(hash)),
            InvKind::CompactBlock => Theirs::CompactBlock(bitcoin::BlockHash::from_byte_array(hash)),
            InvKind::WtxId => Theirs::WTx(bitcoin::Wtxid::from_byte_array(hash)),
            InvKind::WitnessTx => Theirs::WitnessTransaction(bitcoin::Txid::from_byte_array(hash)),
            InvKind::WitnessBlock => Theirs::WitnessBlock(bitcoin::BlockHash::from_byte_array(hash)),
            kind => Theirs::Unknown { inv_type: kind.number(), hash },
        }
    };
    entries.iter().map(one).collect()
}

fn filter_headers(hashes: &[Hash256]) -> Vec<bitcoin::bip158::FilterHeader> {
    hashes.iter().map(|hash| bitcoin::bip158::FilterHeader::from_byte_array(hash.0)).collect()
}

fn compact_block(block: &CompactBlock) -> bip152::HeaderAndShortIds {
    let short_id = |id: &u64| -> bip152::ShortId {
        let bytes: [u8; 6] = id.to_le_bytes()[..6].try_into().unwrap();
        bytes.into()
    };
    let prefilled = |prefilled: &PrefilledTx| bip152::PrefilledTransaction {
        idx: prefilled.offset,
        tx: tx(&prefilled.tx),
    };
    bip152::HeaderAndShortIds {
        header: header(&block.header),
        nonce: block.nonce,
        short_ids: block.short_ids.iter().map(short_id).collect(),
        prefilled_txs: block.prefilled.iter().map(prefilled).collect(),
    }
}

/// The same message in the other implementation's types, field by field; `None` for what it can't say.
fn theirs(message: &Message) -> Option<NetworkMessage> {
    let unknown = |payload: Vec<u8>| NetworkMessage::Unknown {
        command: CommandString::try_from(message.command().to_string()).unwrap(),
        payload,
    };
    Some(match message {
        Message::Version(version) => NetworkMessage::Version(message_network::VersionMessage {
            version: version.version as u32,
            services: version.services.0.into(),
            timestamp: version.time,
            receiver: address(version.receiver_services, &version.receiver),
            sender: address(version.sender_services, &version.sender),
            nonce: version.nonce,
            user_agent: String::from_utf8(version.user_agent.clone()).unwrap(),
            start_height: version.start_height,
            relay: version.relay,
        }),
        Message::Verack => NetworkMessage::Verack,
        Message::WtxidRelay => NetworkMessage::WtxidRelay,
        Message::SendAddrV2 => NetworkMessage::SendAddrV2,
        Message::SendHeaders => NetworkMessage::SendHeaders,
        Message::SendCmpct { high_bandwidth, version } => {
            NetworkMessage::SendCmpct(message_compact_blocks::SendCmpct {
                send_compact: *high_bandwidth,
                version: *version,
            })
        }
        // Whether an amount is in range is not the codec's business here.
        Message::FeeFilter(rate) if !Amount(*rate).in_range() => return None,
        Message::FeeFilter(rate) => NetworkMessage::FeeFilter(*rate),
        Message::Ping(nonce) => NetworkMessage::Ping(*nonce),
        Message::Pong(nonce) => NetworkMessage::Pong(*nonce),
        Message::GetAddr => NetworkMessage::GetAddr,
        Message::Addr(addresses) => NetworkMessage::Addr(
            addresses.iter().map(|peer| (peer.time, address(peer.services, &peer.address))).collect(),
        ),
        Message::AddrV2(addresses) => NetworkMessage::AddrV2(
            addresses
                .iter()
                .map(|peer| AddrV2Message {
                    time: peer.time,
                    services: peer.services.0.into(),
                    addr: address_v2(peer.address.host()),
                    port: peer.address.port(),
                })
                .collect(),
        ),
        Message::Inv(entries) => NetworkMessage::Inv(inventory(entries)),
        Message::GetData(entries) => NetworkMessage::GetData(inventory(entries)),
        Message::NotFound(entries) => NetworkMessage::NotFound(inventory(entries)),
        Message::GetHeaders { locator, stop } => {
            NetworkMessage::GetHeaders(message_blockdata::GetHeadersMessage {
                version: locator.version,
                locator_hashes: locator.hashes.iter().map(block_hash).collect(),
                stop_hash: block_hash(stop),
            })
        }
        Message::GetBlocks { locator, stop } => {
            NetworkMessage::GetBlocks(message_blockdata::GetBlocksMessage {
                version: locator.version,
                locator_hashes: locator.hashes.iter().map(block_hash).collect(),
                stop_hash: block_hash(stop),
            })
        }
        Message::Headers(headers) => NetworkMessage::Headers(headers.iter().map(header).collect()),
        Message::Block(block) => NetworkMessage::Block(bitcoin::Block {
            header: header(&block.block.header),
            txdata: block.block.transactions.iter().map(|one| tx(one)).collect(),
        }),
        Message::Tx(one) => NetworkMessage::Tx(tx(one)),
        Message::Mempool => NetworkMessage::MemPool,
        Message::CmpctBlock(block) => NetworkMessage::CmpctBlock(message_compact_blocks::CmpctBlock {
            compact_block: compact_block(block),
        }),
        Message::GetBlockTxn(request) => NetworkMessage::GetBlockTxn(message_compact_blocks::GetBlockTxn {
            txs_request: bip152::BlockTransactionsRequest {
                block_hash: block_hash(&request.block),
                indexes: request.indexes.iter().map(|index| u64::from(*index)).collect(),
            },
        }),
        Message::BlockTxn(answer) => NetworkMessage::BlockTxn(message_compact_blocks::BlockTxn {
            transactions: bip152::BlockTransactions {
                block_hash: block_hash(&answer.block),
                transactions: answer.transactions.iter().map(|one| tx(one)).collect(),
            },
        }),
        Message::GetCFilters { filter_type, start_height, stop } => {
            NetworkMessage::GetCFilters(message_filter::GetCFilters {
                filter_type: *filter_type,
                start_height: *start_height,
                stop_hash: block_hash(stop),
            })
        }
        Message::CFilter { filter_type, block, filter } => NetworkMessage::CFilter(message_filter::CFilter {
            filter_type: *filter_type,
            block_hash: block_hash(block),
            filter: filter.clone(),
        }),
        Message::GetCFHeaders { filter_type, start_height, stop } => {
            NetworkMessage::GetCFHeaders(message_filter::GetCFHeaders {
                filter_type: *filter_type,
                start_height: *start_height,
                stop_hash: block_hash(stop),
            })
        }
        Message::CFHeaders { filter_type, stop, previous, hashes } => {
            let hash = |hash: &Hash256| bitcoin::bip158::FilterHash::from_byte_array(hash.0);
            NetworkMessage::CFHeaders(message_filter::CFHeaders {
                filter_type: *filter_type,
                stop_hash: block_hash(stop),
                previous_filter_header: bitcoin::bip158::FilterHeader::from_byte_array(previous.0),
                filter_hashes: hashes.iter().map(hash).collect(),
            })
        }
        Message::GetCFCheckpt { filter_type, stop } => {
            NetworkMessage::GetCFCheckpt(message_filter::GetCFCheckpt {
                filter_type: *filter_type,
                stop_hash: block_hash(stop),
            })
        }
        Message::CFCheckpt { filter_type, stop, headers } => {
            NetworkMessage::CFCheckpt(message_filter::CFCheckpt {
                filter_type: *filter_type,
                stop_hash: block_hash(stop),
                filter_headers: filter_headers(headers),
            })
        }
        Message::SendTxRcncl { version, salt } => {
            unknown([&version.to_le_bytes()[..], &salt.to_le_bytes()].concat())
        }
        Message::FilterClear => NetworkMessage::FilterClear,
        Message::PingBare
        | Message::PongBare(_)
        | Message::Feature { .. }
        | Message::FilterLoad
        | Message::FilterAdd
        | Message::MerkleBlock
        | Message::AuthChallenge(_)
        | Message::AuthProof(_)
        | Message::Unknown { .. } => return None,
    })
}

proptest! {
    #[test]
    fn frames_are_the_same_and_are_read_alike(message in samples::message()) {
        let Some(theirs) = theirs(&message) else { return Ok(()) };
        let ours = message.encode(MAGIC);
        let magic = p2p::Magic::from_bytes(MAGIC);
        let frame = RawNetworkMessage::new(magic, theirs);
        prop_assert_eq!(&serialize(&frame), &ours);
        prop_assert_eq!(deserialize::<RawNetworkMessage>(&ours).unwrap(), frame);
    }

    #[test]
    fn compact_blocks_are_made_alike(block in samples::block(), nonce: u64, picked: Vec<u16>) {
        let theirs: bitcoin::Block = deserialize(&block.to_bytes()).unwrap();
        let ours = CompactBlock::new(&block, nonce);
        let compact = bip152::HeaderAndShortIds::from_block(&theirs, nonce, 2, &[]).unwrap();
        prop_assert_eq!(serialize(&compact), ours.to_bytes());
        // And so are the answers to what was missing.
        let count = u16::try_from(block.transactions.len()).unwrap();
        let mut indexes: Vec<u16> = picked.into_iter().map(|index| index % (count + 1)).collect();
        indexes.sort_unstable();
        indexes.dedup();
        let request = BlockTxnRequest { block: block.hash(), indexes };
        let asked: bip152::BlockTransactionsRequest = deserialize(&request.to_bytes()).unwrap();
        let expected = bip152::BlockTransactions::from_request(&asked, &theirs);
        let answer = BlockTxn::answer(&block, &request);
        prop_assert_eq!(expected.ok().map(|answer| serialize(&answer)), answer.map(|answer| answer.to_bytes()));
    }

    #[test]
    fn junk_is_judged_alike(
        command in prop::sample::select(vec![
            Command::INV, Command::GET_HEADERS, Command::GET_BLOCK_TXN, Command::CFHEADERS, Command::CFCHECKPT,
            Command::CFILTER, Command::ADDR, Command::HEADERS,
        ]),
        payload in prop::collection::vec(prop_oneof![3 => Just(0u8), 2 => 0u8..4, 1 => any::<u8>()], 0..200),
    ) {
        let bytes = frame(MAGIC, command, |out| out.extend_from_slice(&payload));
        // The other implementation refuses bytes behind the end: what is read is sent to it again.
        let theirs = deserialize::<RawNetworkMessage>(&bytes);
        match Message::decode(&command, &payload) {
            Ok(message) => {
                let again = message.encode(MAGIC);
                let read = deserialize::<RawNetworkMessage>(&again).unwrap();
                prop_assert_eq!(serialize(&read), again);
            }
            Err(_) => prop_assert!(theirs.is_err()),
        }
    }
}
