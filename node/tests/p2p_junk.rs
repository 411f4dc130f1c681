//! What peers may send: no payload makes the decoder panic, or allocate much more than the payload's own size.
//!
//! The one test of this binary, because it counts all that is allocated.

use chaincore_consensus::codec::{Encode, put_compact_size};
use chaincore_consensus::params::ChainParams;
use chaincore_consensus::{
    Amount, Block, BlockHash, Hash256, OutPoint, Script, Transaction, Tx, TxIn, TxOut, Txid,
};
use chaincore_node::p2p::net_address::Host;
use chaincore_node::p2p::wire::{
    BlockTxn, BlockTxnRequest, Command, CompactBlock, FrameHeader, InvKind, Inventory, Locator, Message,
    PeerAddress, ServiceFlags, Version,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use std::alloc::System;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// A byte of a witness may be an item of its own, which takes 24 bytes; nothing grows more.
const MOST_GROWTH: usize = 32;
/// What errors and boxes may take whatever the payload.
const SMALL_CHANGE: usize = 1024;
const ROUNDS: usize = 30_000;

/// Numbers that look random and are the same in every run (SplitMix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }
}

fn tx(n: u8) -> Arc<Tx> {
    Arc::new(Tx::from(Transaction {
        version: 2,
        inputs: vec![TxIn {
            previous_output: OutPoint { txid: Txid([n; 32]), vout: 1 },
            script_sig: Script(vec![n; 5]),
            sequence: 0,
            witness: vec![vec![n; 3], vec![]],
        }],
        outputs: vec![TxOut { value: Amount(5), script_pubkey: Script(vec![0x51; 4]) }; 2],
        lock_time: 0,
    }))
}

/// One message of every kind with a payload.
fn samples() -> Vec<Message> {
    let header = ChainParams::regtest().genesis.header;
    let block = Block { header, transactions: (0..4).map(tx).collect() };
    let hash = BlockHash([1; 32]);
    let locator = Locator::new(vec![hash; 3]);
    let inventory = vec![Inventory { kind: InvKind::WtxId, hash: Hash256([2; 32]) }; 3];
    let hosts = [Host::Ipv4([1, 2, 3, 4]), Host::Ipv6([5; 16]), Host::Onion([6; 32]), Host::I2p([7; 32])];
    let peer = |host| PeerAddress {
        address: chaincore_node::p2p::net_address::NetAddress::new(host, 8333),
        services: ServiceFlags(0x409),
        time: 9,
    };
    let version = Version {
        version: 70016,
        services: ServiceFlags::NETWORK,
        time: 1,
        receiver_services: ServiceFlags::NONE,
        receiver: peer(hosts[0]).address,
        sender_services: ServiceFlags::NONE,
        sender: peer(hosts[1]).address,
        nonce: 2,
        user_agent: b"/chaincore:0/".to_vec(),
        start_height: 3,
        relay: true,
    };
    let mut compact = CompactBlock::new(&block, 7);
    compact.prefilled.push(compact.prefilled[0].clone());
    vec![
        Message::Version(Box::new(version)),
        Message::SendCmpct { high_bandwidth: true, version: 2 },
        Message::FeeFilter(1),
        Message::Ping(1),
        Message::Pong(1),
        Message::Addr(hosts[..2].iter().copied().map(peer).collect()),
        Message::AddrV2(hosts.iter().copied().map(peer).collect()),
        Message::Inv(inventory.clone()),
        Message::GetData(inventory.clone()),
        Message::NotFound(inventory),
        Message::GetHeaders { locator: locator.clone(), stop: hash },
        Message::GetBlocks { locator, stop: hash },
        Message::Headers(vec![header; 3]),
        Message::Block(Arc::new(block.clone()).into()),
        Message::Tx(tx(1)),
        Message::CmpctBlock(Box::new(compact)),
        Message::GetBlockTxn(BlockTxnRequest { block: hash, indexes: vec![0, 5, 6, 300] }),
        Message::BlockTxn(BlockTxn { block: hash, transactions: block.transactions }),
        Message::GetCFilters { filter_type: 0, start_height: 1, stop: hash },
        Message::CFilter { filter_type: 0, block: hash, filter: vec![3; 50] },
        Message::GetCFHeaders { filter_type: 0, start_height: 1, stop: hash },
        Message::CFHeaders {
            filter_type: 0,
            stop: hash,
            previous: Hash256::ZERO,
            hashes: vec![Hash256::ZERO; 3],
        },
        Message::GetCFCheckpt { filter_type: 0, stop: hash },
        Message::CFCheckpt { filter_type: 0, stop: hash, headers: vec![Hash256::ZERO; 3] },
        Message::SendTxRcncl { version: 1, salt: 2 },
        Message::Feature { name: b"test".to_vec(), data: vec![0; 9] },
    ]
}

/// Payloads that say they hold as much as they can.
fn greedy() -> Vec<(Command, Vec<u8>)> {
    let count = |count: u64| {
        let mut bytes = Vec::new();
        put_compact_size(&mut bytes, count);
        bytes
    };
    let most = || count(0x0200_0000);
    let mut payloads: Vec<(Command, Vec<u8>)> = Command::ALL
        .iter()
        .flat_map(|command| {
            [0, 1, 4, 32, 33, 36, 65, 80, 88]
                .map(|skip| (*command, [vec![0; skip], most(), vec![0; 5_000]].concat()))
        })
        .collect();
    // A witness of as many empty items as there are bytes, true and claimed.
    for items in [most(), count(2_000)] {
        let mut witness = vec![1, 0, 0, 0, 0, 1, 1];
        witness.extend([0; 36 + 1 + 4]);
        witness.push(0);
        witness.extend(&items);
        witness.extend([0; 2_004]);
        payloads.push((Command::TX, witness));
    }
    // A block of the smallest transactions that there are.
    let empty = Transaction { version: 1, inputs: vec![], outputs: vec![], lock_time: 0 }.to_bytes();
    let header = ChainParams::regtest().genesis.header;
    payloads.push((Command::BLOCK, [header.to_bytes(), count(1_000), empty.repeat(1_000)].concat()));
    payloads.push((Command::BLOCK_TXN, [vec![0; 32], count(1_000), empty.repeat(1_000)].concat()));
    payloads
}

/// What decoding allocates, and whether there was something to decode.
fn decode(command: &Command, payload: &[u8]) -> bool {
    let region = Region::new(ALLOCATOR);
    let read = Message::decode(command, payload);
    let allocated = region.change().bytes_allocated;
    assert!(
        allocated <= MOST_GROWTH * payload.len() + SMALL_CHANGE,
        "{command} of {} bytes took {allocated}",
        payload.len()
    );
    read.is_ok()
}

#[test]
fn junk_neither_panics_nor_takes_memory() {
    for (command, payload) in greedy() {
        decode(&command, &payload);
    }
    let payloads: Vec<(Command, Vec<u8>)> = samples()
        .iter()
        .map(|message| (message.command(), message.encode([0; 4])[FrameHeader::LEN..].to_vec()))
        .collect();
    for (command, payload) in &payloads {
        assert!(decode(command, payload), "{command}");
    }
    let mut numbers = Numbers(1);
    let mut decoded = 0;
    for _ in 0..ROUNDS {
        let (command, sample) = &payloads[numbers.below(payloads.len())];
        let mut payload = sample.clone();
        for _ in 0..=numbers.below(3) {
            let at = numbers.below(payload.len());
            match numbers.below(5) {
                0 => payload[at] = numbers.next() as u8,
                1 => payload[at] = [0, 1, 0xfc, 0xfd, 0xfe, 0xff][numbers.below(6)],
                2 => payload.truncate(at.max(1)),
                3 => {
                    let piece = payload[at..].to_vec();
                    payload.extend(piece);
                }
                _ => {
                    let mut size = Vec::new();
                    put_compact_size(&mut size, numbers.next() >> numbers.below(64));
                    payload.splice(at..at, size);
                }
            }
        }
        decoded += usize::from(decode(command, &payload));
    }
    // Damage that hardly ever leaves a message would show nothing.
    assert!((ROUNDS / 10..ROUNDS).contains(&decoded), "{decoded} of {ROUNDS}");
}
