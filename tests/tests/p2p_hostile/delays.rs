//! Peers that take their time, or never do what they have begun.

use crate::{MB, now};
use bitcoin::BlockHash;
use bitcoin::hashes::Hash;
use bitcoin::p2p::message::NetworkMessage;
use bitcoin::p2p::message_blockdata::GetHeadersMessage;
use chaincore_tests::peer::{Hello, frame};
use chaincore_tests::{Pair, Peer, TestNode};
use serde_json::json;
use std::net::TcpListener;

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
