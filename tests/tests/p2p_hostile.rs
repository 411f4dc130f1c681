//! Peers that lie, flood and dawdle: each costs the node bounded memory and is dropped or ignored as Bitcoin Core drops
//! or ignores it, and all the while the node gets new blocks from an honest peer.

use bitcoin::consensus::encode::serialize;
use bitcoin::hashes::Hash;
use bitcoin::p2p::ServiceFlags;
use bitcoin::p2p::address::{AddrV2, AddrV2Message, Address};
use bitcoin::p2p::message::NetworkMessage;
use bitcoin::p2p::message_blockdata::{GetBlocksMessage, GetHeadersMessage, Inventory};
use bitcoin::p2p::message_filter::GetCFilters;
use bitcoin::{
    Amount, BlockHash, OutPoint, ScriptBuf, Sequence, Transaction, TxIn, TxMerkleNode, TxOut, Txid, Witness,
    absolute, transaction,
};
use chaincore_tests::peer::{Hello, encode, frame};
use chaincore_tests::{Pair, Peer, TestNode, mining};
use serde_json::{Value, json};
use std::net::{SocketAddr, TcpListener};
use std::time::{SystemTime, UNIX_EPOCH};

const MB: u64 = 1_000_000;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

#[test]
fn false_headers_and_blocks() {
    let pair = Pair::start(10, &["-debug=validation"]);
    let tip = pair.tip();
    let dropped = |message: NetworkMessage, why: &str| {
        let mut liar = pair.attacker();
        liar.send(message);
        liar.wait_closed();
        pair.wait_for_log(why);
        pair.goes_on();
    };

    // Headers.
    let good = mining::headers(tip.hash, tip.time, 3, 1);
    let mut spoiled = good.clone();
    mining::spoil(&mut spoiled[2]);
    dropped(NetworkMessage::Headers(spoiled), "header with invalid proof of work");
    dropped(NetworkMessage::Headers(vec![good[0], good[2]]), "non-continuous headers sequence");
    let mut late = good[0];
    late.time = u32::try_from(now()).expect("before 2106") + 3 * 60 * 60;
    mining::solve(&mut late);
    let mut liar = pair.attacker();
    liar.send(NetworkMessage::Headers(vec![late]));
    assert!(liar.try_sync().is_some(), "a header of the future may come too early: Core drops nobody for it");
    let mut early = good[0];
    early.time = 1;
    mining::solve(&mut early);
    dropped(NetworkMessage::Headers(vec![early]), "invalid header received");

    // Blocks whose contents are not those of their header.
    let mut false_root = pair.next_block(0, vec![]);
    false_root.header.merkle_root = TxMerkleNode::all_zeros();
    mining::solve(&mut false_root.header);
    dropped(NetworkMessage::Block(false_root), "mutated block");
    let mut no_work = pair.next_block(0, vec![]);
    mining::spoil(&mut no_work.header);
    dropped(NetworkMessage::Block(no_work), "high-hash");

    // A block that breaks a rule, and one on top of it.
    let mut greedy = pair.next_block(0, vec![]);
    greedy.txdata[0].output[0].value = Amount::from_sat(50_0000_0001);
    greedy.header.merkle_root = greedy.compute_merkle_root().expect("a coinbase");
    mining::solve(&mut greedy.header);
    let above = mining::headers(greedy.block_hash(), greedy.header.time, 1, 0);
    dropped(NetworkMessage::Block(greedy), "bad-cb-amount");
    dropped(NetworkMessage::Headers(above), "has prev block invalid");

    // What only may be false is not punished: a header whose parent nobody knows.
    let mut honest = pair.attacker();
    honest.send(NetworkMessage::Headers(mining::headers(BlockHash::all_zeros(), tip.time, 1, 2)));
    let answer = honest.sync();
    assert!(answer.iter().any(|message| matches!(message, NetworkMessage::GetHeaders(_))), "{answer:?}");
    pair.has_grown_by_less_than(20 * MB, "false headers and blocks");
}

fn inventory(count: u32) -> Vec<Inventory> {
    (0..count)
        .map(|n| {
            let mut hash = [0x5a; 32];
            hash[..4].copy_from_slice(&n.to_le_bytes());
            Inventory::Transaction(Txid::from_byte_array(hash))
        })
        .collect()
}

fn addresses(count: u32, from: u32) -> Vec<(u32, Address)> {
    let time = u32::try_from(now()).expect("before 2106");
    (from..from + count)
        .map(|n| {
            let [_, a, b, c] = n.to_be_bytes();
            let socket = SocketAddr::from(([1 + (n % 200) as u8, a, b, c], 8333));
            (time, Address::new(&socket, ServiceFlags::NETWORK | ServiceFlags::WITNESS))
        })
        .collect()
}

#[test]
fn every_limit() {
    // What is no hello would be the beginning of an encrypted connection.
    let pair = Pair::start(3, &["-v2transport=0"]);
    let tip = pair.tip();
    let v2 = |count: u8| {
        let one = |n| AddrV2Message {
            time: 1_700_000_000,
            services: ServiceFlags::NETWORK,
            addr: AddrV2::Ipv4([8, 8, 8, n].into()),
            port: 8333,
        };
        NetworkMessage::AddrV2((0..1001u16).map(|n| one((n % u16::from(count)) as u8)).collect())
    };
    let locator = vec![tip.hash; 102];
    let mut other_magic = encode(NetworkMessage::Ping(1));
    other_magic[0] ^= 1;
    let mut too_long = frame("tx", &[]);
    too_long[16..20].copy_from_slice(&4_000_001u32.to_le_bytes());
    let cases = [
        (encode(NetworkMessage::Inv(inventory(50_001))), "inv message size = 50001"),
        (encode(NetworkMessage::GetData(inventory(50_001))), "getdata message size = 50001"),
        (
            encode(NetworkMessage::Headers(mining::headers(tip.hash, tip.time, 2001, 0))),
            "headers message size = 2001",
        ),
        (encode(NetworkMessage::Addr(addresses(1001, 0))), "addr message size = 1001"),
        (encode(v2(200)), "addrv2 message size = 1001"),
        (
            encode(NetworkMessage::GetHeaders(GetHeadersMessage::new(
                locator.clone(),
                BlockHash::all_zeros(),
            ))),
            "getheaders locator size 102 > 101",
        ),
        (
            encode(NetworkMessage::GetBlocks(GetBlocksMessage::new(locator, BlockHash::all_zeros()))),
            "getblocks locator size 102 > 101",
        ),
        (other_magic, "Wrong MessageStart"),
        (too_long, "Size too large (tx, 4000001 bytes)"),
        (frame("sendcmpct", &[2, 2, 0, 0, 0, 0, 0, 0, 0]), "invalid sendcmpct announce field"),
        (encode(NetworkMessage::MemPool), "mempool request with bloom filters disabled"),
        (encode(NetworkMessage::FilterClear), "filterclear received despite not offering bloom services"),
        (
            encode(NetworkMessage::GetCFilters(GetCFilters {
                filter_type: 0,
                start_height: 0,
                stop_hash: tip.hash,
            })),
            "requested unsupported block filter type: 0",
        ),
        (encode(NetworkMessage::WtxidRelay), "wtxidrelay received after verack"),
        (encode(NetworkMessage::SendAddrV2), "sendaddrv2 received after verack"),
    ];
    for (bytes, why) in cases {
        let mut peer = pair.attacker();
        peer.send_bytes(&bytes).expect("the node reads it");
        peer.wait_closed();
        pair.wait_for_log(why);
    }

    // What is only ignored.
    let mut peer = pair.attacker();
    let mut other_checksum = encode(NetworkMessage::Ping(7));
    other_checksum[20] ^= 1;
    let mut no_command = frame("ping", &[0; 8]);
    no_command[15] = b'x';
    for (bytes, what) in [
        (other_checksum, "Wrong checksum (ping, 8 bytes)"),
        (no_command, "Invalid message type"),
        (frame("nonsense", &[1; 1000]), "Unknown message type \"nonsense\""),
        (frame("inv", &[0xfd, 0xff]), "ProcessMessages(inv, 2 bytes)"),
        (frame("headers", &[0xff; 9]), "ProcessMessages(headers, 9 bytes)"),
        (encode(NetworkMessage::Inv(inventory(50_000))), "received: inv (1800003 bytes)"),
        (encode(NetworkMessage::Version(Peer::version(&Hello::default()))), "redundant version message"),
        (encode(NetworkMessage::Verack), "ignoring redundant verack"),
    ] {
        peer.send_bytes(&bytes).expect("the node reads it");
        let answers = peer.sync();
        assert!(!answers.contains(&NetworkMessage::Pong(7)), "{what}");
        pair.wait_for_log(what);
    }
    // Before hello, nothing else is listened to.
    let mut hasty = Peer::connect(pair.address());
    hasty.send(NetworkMessage::Ping(9));
    hasty.send(NetworkMessage::Verack);
    pair.wait_for_log("non-version message before version handshake. Message \"ping\"");
    hasty.say_hello(&Hello::default());
    assert!(!hasty.sync().contains(&NetworkMessage::Pong(9)));
    pair.goes_on();
    pair.has_grown_by_less_than(40 * MB, "messages at and above their limits");
}

#[test]
fn slow_loris() {
    let pair = Pair::start(3, &["-maxconnections=125"]);
    let start = now();
    pair.victim.rpc("setmocktime", json!([start]));
    // Each says that a block of nearly 4 MB comes, after hello or as a hello, and then sends it byte by byte.
    let mut header = frame("block", &[]);
    header[16..20].copy_from_slice(&3_999_999u32.to_le_bytes());
    let mut slow: Vec<Peer> = (0..150)
        .map(|n| {
            let mut peer = Peer::connect(pair.address());
            if n % 3 == 0 {
                // Whoever is one too many is hung up on.
                let _ = peer.try_send(NetworkMessage::Version(Peer::version(&Hello::default())));
            }
            peer
        })
        .collect();
    for round in 0..60 {
        for peer in &mut slow {
            let byte = header.get(round).copied().unwrap_or(0x77);
            let _ = peer.send_bytes(&[byte]);
        }
        if round % 20 == 0 {
            pair.goes_on();
        }
    }
    let open = slow.iter_mut().filter_map(|peer| (!peer.is_closed()).then_some(())).count();
    // 125 less the 11 that are kept for calls of one's own.
    assert!((1..=114).contains(&open), "{open} connections");
    pair.has_grown_by_less_than(80 * MB, "150 slow peers that announce 600 MB");
    pair.victim.rpc("setmocktime", json!([start + 61]));
    for peer in &mut slow {
        peer.wait_closed();
    }
    // Those that said a hello in the open and no more, and those whose bytes may be the beginning of a key.
    pair.wait_for_log("version handshake timeout");
    pair.wait_for_log("V2 handshake timeout");
    pair.goes_on();
}

#[test]
fn blocks_that_never_come() {
    let pair = Pair::start(3, &[]);
    pair.victim.rpc("setmocktime", json!([now()]));
    let hello = Hello { height: 4, ..Hello::default() };
    let mut liar = Peer::greet_as(pair.address(), &hello);
    liar.sync();
    let block = pair.next_block(0, vec![]);
    liar.send(NetworkMessage::Headers(vec![block.header]));
    liar.wait_for("getdata", |message| match message {
        NetworkMessage::GetData(wanted) => {
            assert_eq!(wanted.len(), 1);
            Some(())
        }
        _ => None,
    });
    // Others' blocks are fetched all the same.
    pair.goes_on();
    pair.goes_on();
    pair.victim.rpc("setmocktime", json!([now() + 16 * 60]));
    liar.wait_closed();
    pair.wait_for_log(&format!("Timeout downloading block {}", block.block_hash()));
    pair.goes_on();
}

/// A peer that the node called answers all questions about headers and none about blocks.
fn withhold(listener: &TcpListener, headers: &[bitcoin::block::Header]) {
    let mut peer = Peer::accept(listener);
    peer.say_hello(&Hello { height: i32::try_from(headers.len()).expect("few"), ..Hello::default() });
    while let Some(message) = peer.receive() {
        if let NetworkMessage::GetHeaders(question) = message {
            let known =
                |header: &bitcoin::block::Header| question.locator_hashes.contains(&header.block_hash());
            let from = headers.iter().rposition(known).map_or(0, |at| at + 1);
            let answer = headers[from..].iter().take(2000).copied().collect();
            let _ = peer.try_send(NetworkMessage::Headers(answer));
        }
    }
}

#[test]
fn whoever_stalls_the_download_is_replaced() {
    let honest = TestNode::start(&["-regtest", "-bind=127.0.0.1", "-listen=1", "-connect=0"]);
    honest.rpc("generatetoaddress", json!([1500, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z"]));
    let mut source = Peer::greet(honest.p2p_address());
    let question = GetHeadersMessage::new(
        vec![bitcoin::constants::genesis_block(bitcoin::Network::Regtest).block_hash()],
        BlockHash::all_zeros(),
    );
    source.send(NetworkMessage::GetHeaders(question));
    let headers = source.wait_for("headers", |message| match message {
        NetworkMessage::Headers(headers) if !headers.is_empty() => Some(headers.clone()),
        _ => None,
    });
    assert_eq!(headers.len(), 1500);

    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let liar = format!("-connect={}", listener.local_addr().expect("it is bound"));
    let good = format!("-connect={}", honest.p2p_address());
    // Once it has been dropped it is gone: near the tip it could hold the last blocks back for ten minutes.
    std::thread::spawn(move || withhold(&listener, &headers));
    let victim = TestNode::start(&["-regtest", "-debug=net", &liar, &good]);
    let tip = honest.rpc("getbestblockhash", json!([]));
    victim.wait_until("the chain is there", |node| node.rpc("getbestblockhash", json!([])) == tip);
    assert!(victim.log().contains("Peer is stalling block download, disconnecting"), "{}", victim.log_tail());
}

#[test]
fn headers_of_little_work() {
    let pair = Pair::start(2400, &[]);
    let genesis = bitcoin::constants::genesis_block(bitcoin::Network::Regtest).header;
    let mut peers: Vec<Peer> = (0..4).map(|_| pair.attacker()).collect();
    let mut sent = 0;
    for salt in 0..40u32 {
        // Less work than the chain has, so none of it is worth keeping.
        let headers = mining::headers(genesis.block_hash(), genesis.time, 2000, salt);
        sent += headers.len();
        let peer = &mut peers[salt as usize % 4];
        peer.send(NetworkMessage::Headers(headers));
        peer.sync();
        // It ends with too little.
        peer.send(NetworkMessage::Headers(vec![]));
        if salt % 20 == 19 {
            pair.goes_on();
        }
    }
    peers.iter_mut().for_each(|peer| drop(peer.sync()));
    pair.wait_for_log("Initial headers sync started with peer=");
    let tips = pair.victim.rpc("getchaintips", json!([]));
    assert_eq!(tips.as_array().map(Vec::len), Some(1), "no header of {sent} is kept: {tips}");
    pair.has_grown_by_less_than(24 * MB, &format!("{sent} headers of little work"));
    pair.goes_on();
}

#[test]
fn endless_headers_before_the_first_block() {
    // Of a chain that must have the work of a million blocks nobody has proved anything.
    let work = format!("-minimumchainwork={:064x}", 2_000_000u64);
    let node = TestNode::start(&["-regtest", "-bind=127.0.0.1", "-connect=0", "-debug=net", &work]);
    let before = chaincore_tests::resident(node.pid());
    let genesis = bitcoin::constants::genesis_block(bitcoin::Network::Regtest).header;
    let (mut hash, mut time) = (genesis.block_hash(), genesis.time);
    let mut peer = Peer::greet(node.p2p_address());
    for _ in 0..40 {
        let headers = mining::headers(hash, time, 2000, 3);
        let last = headers[1999];
        (hash, time) = (last.block_hash(), last.time);
        peer.send(NetworkMessage::Headers(headers));
        peer.wait_for("more getheaders", |message| match message {
            NetworkMessage::GetHeaders(question) => (question.locator_hashes[0] == hash).then_some(()),
            _ => None,
        });
    }
    let grown = chaincore_tests::resident(node.pid()).saturating_sub(before);
    println!("80,000 headers looked at: {:.1} MB more memory", grown as f64 / 1e6);
    assert!(grown < 16 * MB, "{grown}");
    assert_eq!(node.rpc("getblockchaininfo", json!([]))["headers"], 0);
}

#[test]
fn headers_without_blocks_where_work_says_nothing() {
    let honest = TestNode::start(&["-regtest", "-bind=127.0.0.1", "-listen=1", "-connect=0"]);
    honest.rpc("generatetoaddress", json!([2100, "mjTkW3DjgyZck4KbiRusZsqTgaYTxdSz6z"]));
    // Without a block, and nothing is known of the work that the chain should have.
    let victim = TestNode::start(&["-regtest", "-bind=127.0.0.1", "-listen=1", "-connect=0", "-debug=net"]);
    let before = chaincore_tests::resident(victim.pid());
    let genesis = bitcoin::constants::genesis_block(bitcoin::Network::Regtest).header;
    let mut sent = 0;
    let mut liars: Vec<Peer> = (0..4).map(|_| Peer::greet(victim.p2p_address())).collect();
    for (salt, liar) in (10..).zip(&mut liars) {
        let (mut hash, mut time) = (genesis.block_hash(), genesis.time);
        // More than the honest chain has, in one chain each, whether the node asks for more or not.
        for _ in 0..18 {
            let headers = mining::headers(hash, time, 2000, salt);
            let last = headers[1999];
            (hash, time) = (last.block_hash(), last.time);
            sent += headers.len();
            liar.send(NetworkMessage::Headers(headers));
            liar.sync();
        }
    }
    let mut twigs = Peer::greet(victim.p2p_address());
    for salt in 100..110 {
        // Many short ones.
        let headers = mining::headers(genesis.block_hash(), genesis.time, 2000, salt);
        sent += headers.len();
        twigs.send(NetworkMessage::Headers(headers));
        twigs.sync();
    }
    assert!(victim.log().contains("Too many headers without blocks"), "{}", victim.log_tail());
    let grown = chaincore_tests::resident(victim.pid()).saturating_sub(before);
    println!("{sent} headers without blocks: {:.1} MB more memory", grown as f64 / 1e6);
    assert!(grown < 110 * MB, "{grown}");
    // They keep nobody's blocks out. (One peer at a time is asked for an old chain: that one goes; the liars, who are
    // far ahead of their blocks, only wait.)
    drop(twigs);
    victim.rpc("addnode", json!([honest.p2p_address().to_string(), "onetry"]));
    let tip = honest.rpc("getbestblockhash", json!([]));
    victim.wait_until("the chain is there", |node| node.rpc("getbestblockhash", json!([])) == tip);
}

/// A transaction of about `size` bytes that spends what nobody knows.
fn orphan(n: u32, size: usize) -> Transaction {
    let mut hash = [0x0f; 32];
    hash[..4].copy_from_slice(&n.to_le_bytes());
    Transaction {
        version: transaction::Version::TWO,
        lock_time: absolute::LockTime::ZERO,
        input: vec![TxIn {
            previous_output: OutPoint::new(Txid::from_byte_array(hash), 0),
            script_sig: ScriptBuf::new(),
            sequence: Sequence::MAX,
            witness: Witness::from_slice(&[vec![0x33; size]]),
        }],
        output: vec![TxOut {
            value: Amount::from_sat(10_000),
            script_pubkey: ScriptBuf::from_bytes([&[0x00, 0x14][..], &[7; 20]].concat()),
        }],
    }
}

#[test]
fn ten_thousand_orphans() {
    let pair = Pair::start(3, &[]);
    let mut peer = pair.attacker();
    for n in 0..10_000 {
        peer.send(NetworkMessage::Tx(orphan(n, 100)));
        if n % 500 == 0 {
            peer.sync();
        }
    }
    peer.sync();
    pair.goes_on();
    // Large ones: 60 MB.
    for n in 10_000..10_600 {
        peer.send(NetworkMessage::Tx(orphan(n, 99_000)));
        peer.sync();
    }
    pair.goes_on();
    pair.has_grown_by_less_than(60 * MB, "10,600 orphans");
    assert_eq!(pair.victim.rpc("getrawmempool", json!([])), json!([]));
    let orphans = pair.victim.rpc("getorphantxs", json!([]));
    let count = orphans.as_array().map_or(0, Vec::len);
    assert!((1..=3000).contains(&count), "{count} orphans are kept");
}

#[test]
fn announcements_and_addresses_without_end() {
    let pair = Pair::start(3, &[]);
    let mut peer = pair.attacker();
    for round in 0..20u32 {
        let mut items = inventory(50_000);
        for item in &mut items {
            if let Inventory::Transaction(txid) = item {
                let mut hash = txid.to_byte_array();
                hash[8..12].copy_from_slice(&round.to_le_bytes());
                *item = Inventory::Transaction(Txid::from_byte_array(hash));
            }
        }
        peer.send(NetworkMessage::Inv(items));
        peer.sync();
        if round % 10 == 0 {
            pair.goes_on();
        }
    }
    pair.has_grown_by_less_than(40 * MB, "1,000,000 announced transactions");
    for round in 0..100 {
        peer.send(NetworkMessage::Addr(addresses(1000, round * 1000)));
    }
    peer.sync();
    pair.goes_on();
    pair.has_grown_by_less_than(60 * MB, "100,000 addresses");
    if let Ok(Value::Array(known)) = pair.victim.try_rpc("getnodeaddresses", json!([0])) {
        assert!(
            known.len() <= 1100,
            "a peer may send 1000 addresses at once and one in 10 s: {}",
            known.len()
        );
    }
}

#[test]
fn questions_whose_answers_nobody_reads() {
    let pair = Pair::start(3, &[]);
    let big = pair.next_block(900_000, vec![]);
    let hex: String = serialize(&big).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(pair.honest.rpc("submitblock", json!([hex])), Value::Null);
    let best = json!(big.block_hash().to_string());
    pair.victim.wait_until("it has the big block", |node| node.rpc("getbestblockhash", json!([])) == best);
    let mut deaf: Vec<Peer> = (0..5).map(|_| pair.attacker()).collect();
    for peer in &mut deaf {
        // 9 GB of answers.
        for _ in 0..200 {
            let question = vec![Inventory::WitnessBlock(big.block_hash()); 10];
            peer.send(NetworkMessage::GetData(question));
        }
    }
    pair.goes_on();
    pair.goes_on();
    pair.has_grown_by_less_than(60 * MB, "9 GB asked for by 5 peers that do not read");
    // Whoever begins to read gets what it asked for.
    let listener = &mut deaf[0];
    for _ in 0..20 {
        let block = listener.wait_for("a block", |message| match message {
            NetworkMessage::Block(block) => Some(block.block_hash()),
            _ => None,
        });
        assert_eq!(block, big.block_hash());
    }
    drop(deaf);
    pair.goes_on();
}

#[test]
fn peers_that_come_and_go() {
    let pair = Pair::start(3, &[]);
    for round in 0..4 {
        for _ in 0..250 {
            let mut peer = pair.attacker();
            peer.send(NetworkMessage::Tx(orphan(round, 100)));
            peer.sync();
        }
        pair.goes_on();
        pair.has_grown_by_less_than(12 * MB, &format!("{} peers that came and went", 250 * (round + 1)));
    }
    pair.victim.wait_until("all are gone", |node| node.rpc("getconnectioncount", json!([])) == 1);
}
