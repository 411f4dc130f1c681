//! Mutated messages over a live connection: the node stays up, keeps its memory, answers, and gets new blocks from an
//! honest peer all the while.
//!
//! `CHAINCORE_FUZZ_SEED` and `CHAINCORE_FUZZ_MESSAGES` say which messages and how many.

use bip324::io::Protocol;
use bip324::{PacketType, Role};
use bitcoin::bip152::{BlockTransactions, BlockTransactionsRequest, HeaderAndShortIds};
use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::hashes::Hash;
use bitcoin::p2p::ServiceFlags;
use bitcoin::p2p::address::{AddrV2, AddrV2Message, Address};
use bitcoin::p2p::message::NetworkMessage;
use bitcoin::p2p::message_blockdata::{GetBlocksMessage, GetHeadersMessage, Inventory};
use bitcoin::p2p::message_compact_blocks::{BlockTxn, CmpctBlock, GetBlockTxn, SendCmpct};
use bitcoin::p2p::message_filter::{CFHeaders, CFilter, GetCFCheckpt, GetCFHeaders, GetCFilters};
use bitcoin::{Amount, Block, BlockHash, OutPoint, Txid, Wtxid};
use chaincore_tests::peer::{Hello, encode, frame};
use chaincore_tests::{Pair, Peer, mining};
use serde_json::json;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};

const MESSAGES: u64 = 6000;
/// Connections that may be encrypted.
const HANDSHAKES: usize = 240;
const HEADER: usize = 24;

/// A 64-bit xorshift* generator.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        ((self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16) % bound.max(1) as u64) as usize
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }

    fn bytes(&mut self, count: usize) -> Vec<u8> {
        (0..count).map(|_| self.below(256) as u8).collect()
    }
}

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |text| text.parse().unwrap_or_else(|_| panic!("{name}: a number")))
}

/// What the messages are about: some blocks of the chain.
struct World {
    blocks: Vec<Block>,
}

impl World {
    fn of(pair: &Pair) -> Self {
        let height = pair.tip().height;
        let blocks = (0..8).map(|n| {
            let hash = pair.victim.rpc("getblockhash", json!([height - n * 14]));
            let hex = pair.victim.rpc("getblock", json!([hash, 0]));
            deserialize_hex(hex.as_str().expect("hex")).expect("a block")
        });
        Self { blocks: blocks.collect() }
    }

    fn hash(&self, random: &mut Random) -> BlockHash {
        match random.below(4) {
            0 => BlockHash::from_byte_array(random.bytes(32).try_into().expect("32 bytes")),
            1 => BlockHash::all_zeros(),
            _ => random.pick(&self.blocks).block_hash(),
        }
    }

    fn inventory(&self, random: &mut Random) -> Vec<Inventory> {
        (0..random.below(40))
            .map(|_| {
                let hash = self.hash(random);
                let bytes = hash.to_byte_array();
                match random.below(7) {
                    0 => Inventory::Transaction(Txid::from_byte_array(bytes)),
                    1 => Inventory::WTx(Wtxid::from_byte_array(bytes)),
                    2 => Inventory::WitnessTransaction(Txid::from_byte_array(bytes)),
                    3 => Inventory::Block(hash),
                    4 => Inventory::CompactBlock(hash),
                    5 => Inventory::Unknown { inv_type: random.below(1 << 31) as u32, hash: bytes },
                    _ => Inventory::WitnessBlock(hash),
                }
            })
            .collect()
    }

    /// A message that is as it should be, about things that may be or not.
    fn message(&self, pair: &Pair, random: &mut Random) -> NetworkMessage {
        let (hash, start_height) = (self.hash(random), random.below(130) as u32);
        let locator: Vec<BlockHash> = (0..random.below(20)).map(|_| self.hash(random)).collect();
        match random.below(30) {
            0 => NetworkMessage::Ping(random.below(1 << 30) as u64),
            1 => NetworkMessage::Pong(random.below(1 << 30) as u64),
            2 | 3 => NetworkMessage::Inv(self.inventory(random)),
            4 => NetworkMessage::GetData(self.inventory(random)),
            5 => NetworkMessage::NotFound(self.inventory(random)),
            6 => NetworkMessage::GetHeaders(GetHeadersMessage::new(locator, hash)),
            7 => NetworkMessage::GetBlocks(GetBlocksMessage::new(locator, hash)),
            8 | 9 => {
                let parent = random.pick(&self.blocks);
                let count = random.below(20);
                NetworkMessage::Headers(mining::headers(
                    parent.block_hash(),
                    parent.header.time,
                    count,
                    random.below(1000) as u32,
                ))
            }
            10 => NetworkMessage::Headers(vec![]),
            11 => NetworkMessage::Block(random.pick(&self.blocks).clone()),
            12 => NetworkMessage::Block(pair.next_block(random.below(2000), vec![])),
            13 | 14 => NetworkMessage::Tx(self.transaction(random)),
            15 | 16 => {
                let block = match random.below(2) {
                    0 => random.pick(&self.blocks).clone(),
                    _ => pair.next_block(0, vec![self.transaction(random), self.transaction(random)]),
                };
                let nonce = random.below(1 << 30) as u64;
                let compact_block = HeaderAndShortIds::from_block(&block, nonce, 2, &[]).expect("a block");
                NetworkMessage::CmpctBlock(CmpctBlock { compact_block })
            }
            17 => NetworkMessage::GetBlockTxn(GetBlockTxn {
                txs_request: BlockTransactionsRequest {
                    block_hash: hash,
                    indexes: (0..random.below(5) as u64).collect(),
                },
            }),
            18 => NetworkMessage::BlockTxn(BlockTxn {
                transactions: BlockTransactions {
                    block_hash: hash,
                    transactions: (0..random.below(4)).map(|_| self.transaction(random)).collect(),
                },
            }),
            19 => NetworkMessage::SendCmpct(SendCmpct {
                send_compact: random.below(2) == 0,
                version: random.below(4) as u64,
            }),
            20 => NetworkMessage::FeeFilter(random.below(1 << 40) as i64 - (1 << 39)),
            21 => {
                let address = |n: usize| {
                    let socket = SocketAddr::from(([random.below(256) as u8, 2, 3, n as u8], 8333));
                    (random.below(1 << 32) as u32, Address::new(&socket, ServiceFlags::NETWORK))
                };
                NetworkMessage::Addr((0..20).map(address).collect())
            }
            22 => {
                let address = |n: u8| AddrV2Message {
                    time: random.below(1 << 32) as u32,
                    services: ServiceFlags::NETWORK,
                    addr: match n % 4 {
                        0 => AddrV2::Ipv4([9, 9, 9, n].into()),
                        1 => AddrV2::TorV3([n; 32]),
                        2 => AddrV2::I2p([n; 32]),
                        _ => AddrV2::Unknown(n, vec![n; n as usize]),
                    },
                    port: 8333,
                };
                NetworkMessage::AddrV2((0..20).map(address).collect())
            }
            23 => random.pick(&[NetworkMessage::GetAddr, NetworkMessage::SendHeaders]).clone(),
            24 => NetworkMessage::GetCFilters(GetCFilters { filter_type: 0, start_height, stop_hash: hash }),
            25 => {
                NetworkMessage::GetCFHeaders(GetCFHeaders { filter_type: 0, start_height, stop_hash: hash })
            }
            26 => NetworkMessage::GetCFCheckpt(GetCFCheckpt { filter_type: 0, stop_hash: hash }),
            27 => NetworkMessage::CFilter(CFilter {
                filter_type: 0,
                block_hash: hash,
                filter: random.bytes(100),
            }),
            28 => NetworkMessage::CFHeaders(CFHeaders {
                filter_type: 0,
                stop_hash: hash,
                previous_filter_header: Hash::all_zeros(),
                filter_hashes: vec![Hash::all_zeros(); random.below(20)],
            }),
            _ => random.pick(&[NetworkMessage::MemPool, NetworkMessage::FilterClear]).clone(),
        }
    }

    /// A transaction that is valid, or spends what is not there.
    fn transaction(&self, random: &mut Random) -> bitcoin::Transaction {
        let coinbase = &random.pick(&self.blocks).txdata[0];
        let outpoint = OutPoint::new(coinbase.compute_txid(), random.below(3) as u32 / 2);
        let fee = Amount::from_sat(random.below(100_000) as u64);
        mining::spend(outpoint, coinbase.output[0].value, fee, 1 + random.below(5) as u64)
    }
}

/// Changes a payload so that it is hardly a message any more.
fn mutate(payload: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..1 + random.below(4) {
        let at = random.below(payload.len());
        match random.below(8) {
            0 if !payload.is_empty() => payload[at] ^= 1 << random.below(8),
            1 if !payload.is_empty() => payload[at] = *random.pick(&[0x00, 0xff, 0xfd, 0xfe, 0x7f, 0x80]),
            2 => payload.truncate(at),
            3 => {
                let count = random.below(64);
                payload.extend(random.bytes(count));
            }
            // A count that is out of all proportion.
            4 => {
                let huge: &[u8] = match random.below(3) {
                    0 => &[0xfd, 0xff, 0xff],
                    1 => &[0xfe, 0xff, 0xff, 0xff, 0x7f],
                    _ => &[0xff; 9],
                };
                payload.splice(at..(at + 1).min(payload.len()), huge.iter().copied());
            }
            5 => {
                let end = (at + random.below(100)).min(payload.len());
                let part = payload[at..end].to_vec();
                payload.splice(at..at, part);
            }
            6 => drop(payload.drain(at..(at + random.below(40)).min(payload.len()))),
            _ => payload.reverse(),
        }
    }
}

/// The bytes of the next message.
fn next(world: &World, pair: &Pair, random: &mut Random) -> Vec<u8> {
    let bytes = encode(world.message(pair, random));
    if random.below(3) == 0 {
        return bytes;
    }
    let text = String::from_utf8_lossy(&bytes[4..16]).trim_end_matches('\0').to_owned();
    let mut payload = bytes[HEADER..].to_vec();
    mutate(&mut payload, random);
    // One message's contents under another's name, now and then.
    let names = ["block", "tx", "headers", "addrv2", "cmpctblock", "blocktxn", "version", "feature", "x"];
    let command = if random.below(12) == 0 { *random.pick(&names) } else { text.as_str() };
    let mut bytes = frame(command, &payload);
    if random.below(60) == 0 {
        let at = random.below(HEADER);
        // Not a length beyond what follows, for which the node would wait.
        if !(16..20).contains(&at) {
            bytes[at] ^= 1 << random.below(8);
        }
    }
    bytes
}

#[test]
fn nothing_that_a_peer_sends_brings_the_node_down() {
    let (seed, messages) = (number("CHAINCORE_FUZZ_SEED", 1), number("CHAINCORE_FUZZ_MESSAGES", MESSAGES));
    println!("CHAINCORE_FUZZ_SEED={seed} CHAINCORE_FUZZ_MESSAGES={messages}");
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let pair = Pair::start(8, &["-blockfilterindex", "-peerblockfilters"]);
    pair.honest.rpc("generatetoaddress", json!([110, mining::address()]));
    pair.goes_on();
    let world = World::of(&pair);
    let (mut peer, mut connections) = (pair.attacker(), 1);
    for sent in 0..messages {
        let bytes = next(&world, &pair, &mut random);
        let has_gone = peer.send_bytes(&bytes).is_err() || (sent % 20 == 0 && peer.try_sync().is_none());
        if has_gone || random.below(200) == 0 {
            connections += 1;
            peer = match random.below(4) {
                // A hello that is none.
                0 => {
                    let version = encode(NetworkMessage::Version(Peer::version(&Hello::default())));
                    let mut payload = version[HEADER..].to_vec();
                    mutate(&mut payload, &mut random);
                    let mut rude = Peer::connect(pair.address());
                    let _ = rude.send_bytes(&frame("version", &payload));
                    let _ = rude.try_send(NetworkMessage::Verack);
                    pair.attacker()
                }
                _ => pair.attacker(),
            };
        }
        if sent % 1000 == 999 {
            let _ = peer.try_sync();
            pair.goes_on();
            pair.has_grown_by_less_than(100_000_000, &format!("{} messages of seed {seed}", sent + 1));
        }
    }
    println!("{messages} messages over {connections} connections");
    pair.goes_on();
    assert!(!pair.victim.log().contains("panicked"), "seed {seed}");
    let mut victim = pair.victim;
    assert_eq!(victim.stop(), Some(0), "seed {seed}");
}

/// Bytes with which a connection may begin.
fn beginning(random: &mut Random) -> Vec<u8> {
    match random.below(3) {
        // Hardly a hello in the open.
        0 => {
            let mut bytes = encode(NetworkMessage::Version(Peer::version(&Hello::default())));
            let at = random.below(HEADER);
            bytes[at] ^= 1 << random.below(8);
            bytes
        }
        // A key, and garbage that need not end in time.
        1 => {
            let count = 64 + random.below(5000);
            random.bytes(count)
        }
        _ => {
            let count = random.below(64);
            random.bytes(count)
        }
    }
}

/// Makes an encrypted connection and says anything over it, for some packets. It stays open.
fn converse(world: &World, pair: &Pair, random: &mut Random) -> TcpStream {
    let stream = TcpStream::connect(pair.address()).expect("the node listens");
    let clone = || stream.try_clone().expect("a socket");
    let garbage = random.below(4096);
    let garbage = Some(random.bytes(garbage));
    let protocol = Protocol::new(bitcoin::Network::Regtest, Role::Initiator, garbage, None, clone(), clone());
    let (_, writer) = protocol.expect("the handshake succeeds").into_split();
    let (mut cipher, mut socket) = writer.into_inner();
    for number in 0..1 + random.below(30) {
        let mut contents = match random.below(3) {
            0 => {
                let count = random.below(100);
                random.bytes(count)
            }
            _ if number == 0 => {
                bip324::serde::serialize(NetworkMessage::Version(Peer::version(&Hello::default())))
            }
            _ => bip324::serde::serialize(world.message(pair, random)),
        };
        if random.below(2) == 0 {
            mutate(&mut contents, random);
        }
        let kind = if random.below(10) == 0 { PacketType::Decoy } else { PacketType::Genuine };
        let mut packet = cipher.encrypt_to_vec(&contents, kind, None);
        if random.below(20) == 0 {
            let at = random.below(packet.len());
            packet[at] ^= 1 << random.below(8);
        }
        if socket.write_all(&packet).is_err() {
            break;
        }
    }
    stream
}

#[test]
fn nothing_that_is_said_in_secret_brings_the_node_down() {
    let seed = number("CHAINCORE_FUZZ_SEED", 1);
    let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let pair = Pair::start(8, &[]);
    pair.honest.rpc("generatetoaddress", json!([110, mining::address()]));
    pair.goes_on();
    let world = World::of(&pair);
    let mut open = Vec::new();
    for _ in 0..HANDSHAKES {
        let stream = match random.below(2) {
            0 => converse(&world, &pair, &mut random),
            _ => {
                let mut stream = TcpStream::connect(pair.address()).expect("the node listens");
                // It may have been enough for the node before all was sent.
                let _ = stream.write_all(&beginning(&mut random));
                stream
            }
        };
        open.push(stream);
        // Those that are left hanging are as many as an attacker has.
        if open.len() > 60 {
            drop(open.swap_remove(random.below(60)));
        }
    }
    pair.goes_on();
    pair.has_grown_by_less_than(100_000_000, &format!("{HANDSHAKES} connections of seed {seed}"));
    drop(open);
    pair.goes_on();
    assert!(!pair.victim.log().contains("panicked"), "seed {seed}");
    let mut victim = pair.victim;
    assert_eq!(victim.stop(), Some(0), "seed {seed}");
}
