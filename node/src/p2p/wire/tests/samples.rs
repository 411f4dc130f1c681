//! Messages at random.

use super::super::*;
use crate::p2p::net_address::{Host, NetAddress};
use chaincore_consensus::{
    Amount, Block, BlockHash, Hash256, Header, OutPoint, Script, Transaction, Tx, TxIn, TxOut, TxRef, Txid,
};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::Arc;

prop_compose! {
    pub fn hash256()(bytes: [u8; 32]) -> Hash256 {
        Hash256(bytes)
    }
}

prop_compose! {
    pub fn block_hash()(bytes: [u8; 32]) -> BlockHash {
        BlockHash(bytes)
    }
}

prop_compose! {
    fn input()(
        txid: [u8; 32],
        vout: u32,
        script in vec(any::<u8>(), 0..20),
        sequence: u32,
        witness in vec(vec(any::<u8>(), 0..10), 0..3),
    ) -> TxIn {
        TxIn { previous_output: OutPoint { txid: Txid(txid), vout }, script_sig: Script(script), sequence, witness }
    }
}

prop_compose! {
    fn output()(value in 0..21_000_000 * 100_000_000i64, script in vec(any::<u8>(), 0..40)) -> TxOut {
        TxOut { value: Amount(value), script_pubkey: Script(script) }
    }
}

prop_compose! {
    pub fn tx()(
        version: u32,
        inputs in vec(input(), 1..4),
        outputs in vec(output(), 0..4),
        lock_time: u32,
    ) -> TxRef {
        Arc::new(Tx::from(Transaction { version, inputs, outputs, lock_time }))
    }
}

prop_compose! {
    pub fn header()(
        version: i32,
        previous in block_hash(),
        merkle_root in hash256(),
        time: u32,
        bits: u32,
        nonce: u32,
    ) -> Header {
        Header { version, previous, merkle_root, time, bits, nonce }
    }
}

prop_compose! {
    pub fn block()(header in header(), transactions in vec(tx(), 1..5)) -> Block {
        Block { header, transactions }
    }
}

/// Hosts that an `addr` message can hold.
fn plain_host() -> impl Strategy<Value = Host> {
    prop_oneof![any::<[u8; 4]>().prop_map(Host::Ipv4), any::<[u8; 16]>().prop_map(Host::from_legacy_ipv6),]
}

fn host() -> impl Strategy<Value = Host> {
    prop_oneof![
        plain_host(),
        any::<[u8; 32]>().prop_map(Host::Onion),
        any::<[u8; 32]>().prop_map(Host::I2p),
        any::<[u8; 16]>().prop_map(|mut bytes| {
            bytes[0] = 0xfc;
            Host::Cjdns(bytes)
        }),
    ]
}

fn address(host: impl Strategy<Value = Host>) -> impl Strategy<Value = NetAddress> {
    (host, any::<u16>()).prop_map(|(host, port)| NetAddress::new(host, port))
}

fn services() -> impl Strategy<Value = ServiceFlags> {
    any::<u64>().prop_map(ServiceFlags)
}

fn addresses(host: impl Strategy<Value = Host>) -> impl Strategy<Value = Vec<PeerAddress>> {
    let one = (address(host), services(), any::<u32>());
    vec(one.prop_map(|(address, services, time)| PeerAddress { address, services, time }), 0..5)
}

fn inventory() -> impl Strategy<Value = Vec<Inventory>> {
    let number = prop_oneof![0..7u32, 0x4000_0000..0x4000_0003u32, any::<u32>()];
    let one =
        (number, hash256()).prop_map(|(number, hash)| Inventory { kind: InvKind::from_number(number), hash });
    vec(one, 0..5)
}

fn locator() -> impl Strategy<Value = (Locator, BlockHash)> {
    let locator = (any::<u32>(), vec(block_hash(), 0..5));
    (locator.prop_map(|(version, hashes)| Locator { version, hashes }), block_hash())
}

prop_compose! {
    fn version()(
        (version, time, nonce, start_height, relay) in any::<(i32, i64, u64, i32, bool)>(),
        services in services(),
        receiver_services in services(),
        receiver in address(plain_host()),
        sender_services in services(),
        sender in address(plain_host()),
        user_agent in "[ -~]{0,256}",
    ) -> Message {
        let user_agent = user_agent.into_bytes();
        Message::Version(Box::new(Version {
            version, services, time, receiver_services, receiver, sender_services, sender, nonce, user_agent,
            start_height, relay,
        }))
    }
}

prop_compose! {
    fn compact_block()(
        header in header(),
        nonce: u64,
        short_ids in vec(0..1u64 << 48, 0..5),
        prefilled in vec((any::<u16>(), tx()), 0..3),
    ) -> CompactBlock {
        let prefilled = prefilled.into_iter().map(|(offset, tx)| PrefilledTx { offset, tx }).collect();
        CompactBlock { header, nonce, short_ids, prefilled }
    }
}

/// A message of any kind whose payload is kept.
pub fn message() -> impl Strategy<Value = Message> {
    let bare = prop::sample::select(vec![
        Message::Verack,
        Message::WtxidRelay,
        Message::SendAddrV2,
        Message::SendHeaders,
        Message::PingBare,
        Message::GetAddr,
        Message::Mempool,
        Message::FilterClear,
    ]);
    let numbers = prop_oneof![
        any::<(bool, u64)>()
            .prop_map(|(high_bandwidth, version)| Message::SendCmpct { high_bandwidth, version }),
        any::<i64>().prop_map(Message::FeeFilter),
        any::<u64>().prop_map(Message::Ping),
        any::<u64>().prop_map(Message::Pong),
        (0..8usize).prop_map(Message::PongBare),
        any::<(u32, u64)>().prop_map(|(version, salt)| Message::SendTxRcncl { version, salt }),
        (vec(any::<u8>(), 4..81), vec(any::<u8>(), 0..20))
            .prop_map(|(name, data)| Message::Feature { name, data }),
        any::<(u8, [u8; 32], [u8; 32])>().prop_map(|(methods, nonce, key)| {
            Message::AuthChallenge(Box::new(AuthChallenge { methods: AuthMethods(methods), nonce, key }))
        }),
        any::<(Option<[u8; 32]>, bool, [u8; 32], [u8; 32])>().prop_map(|(secret, signed, r, s)| {
            let signature = signed.then(|| [r, s].concat().try_into().expect("32 and 32 bytes"));
            Message::AuthProof(Box::new(AuthProof { secret, signature }))
        }),
    ];
    let gossip = prop_oneof![
        addresses(plain_host()).prop_map(Message::Addr),
        addresses(host()).prop_map(Message::AddrV2),
        inventory().prop_map(Message::Inv),
        inventory().prop_map(Message::GetData),
        inventory().prop_map(Message::NotFound),
    ];
    let chain = prop_oneof![
        locator().prop_map(|(locator, stop)| Message::GetHeaders { locator, stop }),
        locator().prop_map(|(locator, stop)| Message::GetBlocks { locator, stop }),
        vec(header(), 0..5).prop_map(Message::Headers),
        block().prop_map(|block| Message::Block(Arc::new(block).into())),
        tx().prop_map(Message::Tx),
        compact_block().prop_map(|block| Message::CmpctBlock(Box::new(block))),
        (block_hash(), prop::collection::btree_set(any::<u16>(), 0..5)).prop_map(|(block, indexes)| {
            Message::GetBlockTxn(BlockTxnRequest { block, indexes: indexes.into_iter().collect() })
        }),
        (block_hash(), vec(tx(), 0..3))
            .prop_map(|(block, transactions)| Message::BlockTxn(BlockTxn { block, transactions })),
    ];
    let filters = prop_oneof![
        (any::<(u8, u32)>(), block_hash()).prop_map(|((filter_type, start_height), stop)| {
            Message::GetCFilters { filter_type, start_height, stop }
        }),
        (any::<(u8, u32)>(), block_hash()).prop_map(|((filter_type, start_height), stop)| {
            Message::GetCFHeaders { filter_type, start_height, stop }
        }),
        (any::<u8>(), block_hash())
            .prop_map(|(filter_type, stop)| Message::GetCFCheckpt { filter_type, stop }),
        (any::<u8>(), block_hash(), vec(any::<u8>(), 0..300))
            .prop_map(|(filter_type, block, filter)| Message::CFilter { filter_type, block, filter }),
        (any::<u8>(), block_hash(), hash256(), vec(hash256(), 0..5)).prop_map(
            |(filter_type, stop, previous, hashes)| Message::CFHeaders {
                filter_type,
                stop,
                previous,
                hashes
            }
        ),
        (any::<u8>(), block_hash(), vec(hash256(), 0..5))
            .prop_map(|(filter_type, stop, headers)| Message::CFCheckpt { filter_type, stop, headers }),
    ];
    prop_oneof![1 => version(), 1 => bare, 2 => numbers, 2 => gossip, 3 => chain, 2 => filters]
}
