//! True headers without end: of little work, and of no blocks.

use crate::MB;
use bitcoin::p2p::message::NetworkMessage;
use chaincore_tests::{Pair, Peer, TestNode, mining};
use serde_json::json;

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
